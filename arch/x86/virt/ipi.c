/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupt messages: from an ICR (SDM vol. 3 §11.6), a PCI device or monitor (§11.11), or KVM's
 * paravirtual IPI. */
#include "arch/x86/cpu.h"
#include "arch/x86/virt/vcpu_x86.h"
#include "drivers/devices.h"
#include "kernel/arch.h"

enum delivery { FIXED, LOWEST, SMI, MODE3, NMI, INIT, SIPI, EXTINT };

#define BROADCAST_8    0xffu
#define BROADCAST_32   0xffffffffu

/* To one (PHYSICAL: index = APIC ID), to whom the logical destination means, to all but one at most. */
struct message {
	enum { PHYSICAL, LOGICAL, EVERYBODY } target;
	u32 dest;
	const struct xvcpu *except;
	u8 mode, vector;
	bool level, one;       /* one: the first that matches is enough */
};

static void deliver(struct xvcpu *to, const struct message *m)
{
	static const u32 pending[] = { [NMI] = VP_NMI, [INIT] = VP_INIT, [SIPI] = VP_SIPI };

	if (m->mode == SIPI) /* the vector before the bit: vcpu_notify is a full barrier */
		atomic_store(&to->sipi_vector, m->vector);
	/* there is no SMM: an SMI is taken and does nothing */
	if (m->mode > LOWEST && pending[m->mode])
		vcpu_notify(&to->v, pending[m->mode]);
	/* the one that runs here looks for interrupts before its next entry, or rest, anyway */
	else if (m->mode <= LOWEST && lapic_post(&to->lapic, m->vector, m->level) && this_cpu()->running != &to->v)
		vcpu_notify(&to->v, VP_IRQ);
}

void arch_vcpu_interrupt(struct vcpu *v, u32 vector)
{
	deliver(xvcpu(v), &(struct message){ .mode = FIXED, .vector = vector });
}

static bool logical_match(const struct lapic *l, u32 dest)
{
	u32 ldr = atomic_load_relaxed(&l->ldr) >> 24, d = dest & 0xff;

	if (lapic_x2apic(l))
		return dest >> 16 == l->id >> 4 && (dest >> (l->id & 15) & 1);
	if (atomic_load_relaxed(&l->dfr) >> 28 == 0xf)
		return ldr & d;
	return (ldr & 0xf0) == (d & 0xf0) && (ldr & d & 0xf);
}

/* The first from *n on that has this message's destination; NULL: no more. Physical: one look-up. */
static struct xvcpu *next_target(struct domain *d, const struct message *m, u32 *n)
{
	if (m->target == PHYSICAL)
		*n = MAX(*n, m->dest);
	while (*n < d->max_vcpus && (m->target != PHYSICAL || *n == m->dest)) {
		struct xvcpu *x = xvcpu(atomic_load(&d->vcpu[(*n)++]));

		if (x && lapic_enabled(&x->lapic) && x != m->except &&
		    (m->target != LOGICAL || logical_match(&x->lapic, m->dest)))
			return x;
	}
	return NULL;
}

/* Returns how many got it. */
static u32 send(struct domain *d, const struct message *m)
{
	struct xvcpu *x;
	u32 n = 0, count = 0;

	for (; !((m->one || m->target == PHYSICAL) && count) && (x = next_target(d, m, &n)); count++)
		deliver(x, m);
	return count;
}

bool ipi_send(struct xvcpu *from, u64 icr)
{
	bool x2 = lapic_x2apic(&from->lapic);
	u32 dest = x2 ? icr >> 32 : icr >> 56, shorthand = icr >> 18 & 3; /* none, self, all, others */
	bool all = shorthand >= 2 || (!shorthand && dest == (x2 ? BROADCAST_32 : BROADCAST_8));
	struct message m = {
		.target = all ? EVERYBODY : !shorthand && (icr >> 11 & 1) ? LOGICAL : PHYSICAL,
		.dest = shorthand == 1 ? from->lapic.id : dest, .except = shorthand == 3 ? from : NULL,
		.mode = icr >> 8 & 7, .vector = icr, .one = (icr >> 8 & 7) == LOWEST,
	};

	if (m.mode == MODE3 || m.mode == EXTINT)
		return false;
	if (m.mode <= LOWEST && m.vector < VECTOR_FIRST)
		lapic_error(&from->lapic, LAPIC_SEND_ERROR);
	/* INIT level de-assert: nothing since the Pentium (SDM vol. 3 §11.6.1) */
	else if (m.mode != INIT || (icr >> 14 & 1) || !(icr >> 15 & 1))
		send(from->v.dom, &m);
	return true;
}

u32 ipi_send_bitmap(struct xvcpu *from, u64 bitmap, u64 base, u32 icr)
{
	struct domain *d = from->v.dom;
	struct message m = { .mode = icr >> 8 & 7, .vector = icr };
	u32 count = 0;

	if (m.mode != NMI && (m.mode != FIXED || m.vector < VECTOR_FIRST))
		return 0;
	for (; bitmap && base < d->max_vcpus; bitmap &= bitmap - 1) {
		m.dest = base + __builtin_ctzll(bitmap);
		count += send(d, &m);
	}
	return count;
}

/* --- messages of PCI devices and monitors --- */

/* Destination bits 8..14 are address bits 5..11: KVM_FEATURE_MSI_EXT_DEST_ID. */
static bool message_of_msi(struct domain *d, u64 address, u32 data, struct message *m)
{
	u32 dest = (address >> 12 & 0xff) | (address >> 5 & 0x7f) << 8, mode = data >> 8 & 7;
	bool all = dest == BROADCAST_8 && d->max_vcpus <= BROADCAST_8;

	*m = (struct message){
		.target = all ? EVERYBODY : address >> 2 & 1 ? LOGICAL : PHYSICAL, .dest = dest,
		.mode = mode, .vector = data, .level = data >> 15 & 1, .one = mode == LOWEST || (address >> 3 & 1),
	};
	return address >> 20 == LAPIC_BASE_DEFAULT >> 20 &&
	       (mode == NMI || (mode <= LOWEST && m->vector >= VECTOR_FIRST));
}

/* The CPU may deliver it by itself, but its end has to exit: no vCPU goes on that was entered when nobody knew. */
static void note_level(struct domain *d, u32 vector)
{
	static spinlock_t lock; /* who finds the bit set knows that it was seen; innermost */
	u64 bit = 1ULL << vector % 64;

	spin_guard(&lock);
	if (!(atomic_or(&xdomain(d)->level[vector / 64], bit) & bit))
		x86_flush(d);
}

status_t arch_msi(struct domain *d, u64 address, u32 data)
{
	struct message m;

	if (!message_of_msi(d, address, data, &m))
		return DAIS_BAD_ARG;
	if (m.level)
		note_level(d, m.vector);
	return send(d, &m) ? DAIS_OK : DAIS_BAD_ARG;
}

status_t control_deliver(u64 msi_address, u32 msi_data)
{
	return (msi_data >> 8 & 7) > LOWEST ? DAIS_BAD_ARG : arch_msi(control_domain, msi_address, msi_data);
}

u32 irq_home_cpu(struct domain *d, u64 msi_address)
{
	struct message m;
	struct xvcpu *x = NULL;
	u32 n = 0;

	d = d ? d : control_domain;
	if (message_of_msi(d, msi_address, VECTOR_FIRST, &m))
		x = next_target(d, &m, &n);
	return x ? atomic_load_relaxed(&x->v.sc.cpu) : 0;
}
