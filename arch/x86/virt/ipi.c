/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupt messages: from an ICR (SDM vol. 3 §11.6), a PCI device or monitor (§11.11), or KVM's
 * paravirtual IPI. */
#include "arch/x86/virt/lapic_regs.h"
#include "drivers/devices.h"
#include "kernel/arch.h"

enum delivery { FIXED, LOWEST, SMI, MODE3, NMI, INIT, SIPI, EXTINT };
enum shorthand { NO_SHORTHAND, SELF, ALL, OTHERS };

#define VECTOR_FIRST   16u
#define BROADCAST_8    0xffu
#define BROADCAST_32   0xffffffffu

struct message {
	u32 dest, broadcast;   /* broadcast: the value of dest that means everybody */
	u8 mode, vector;
	bool logical, level, one; /* one: the first that matches is enough */
};

static struct xvcpu *vcpu_at(struct domain *d, u64 index)
{
	if (index >= d->max_vcpus)
		return NULL;
	return xvcpu(atomic_load(&d->vcpu[index]));
}

void lapic_interrupt(struct xvcpu *to, u32 vector, bool level)
{
	if (lapic_post(&to->lapic, vector, level))
		vcpu_notify(&to->v, VP_IRQ);
}

void arch_vcpu_interrupt(struct vcpu *v, u32 vector)
{
	lapic_interrupt(xvcpu(v), vector, false);
}

static void deliver(struct xvcpu *to, const struct message *m)
{
	switch (m->mode) {
	case FIXED: case LOWEST:
		lapic_interrupt(to, m->vector, m->level);
		break;
	case NMI:
		vcpu_notify(&to->v, VP_NMI);
		break;
	case INIT:
		vcpu_notify(&to->v, VP_INIT);
		break;
	case SIPI:
		/* The vector before the bit: vcpu_notify is a full barrier. */
		atomic_store(&to->sipi_vector, m->vector);
		vcpu_notify(&to->v, VP_SIPI);
		break;
	}
	/* There is no SMM: an SMI is taken and does nothing. */
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

static bool matches(struct xvcpu *x, const struct message *m)
{
	if (!x || !lapic_enabled(&x->lapic))
		return false;
	if (m->dest == m->broadcast)
		return true;
	return m->logical ? logical_match(&x->lapic, m->dest) : x->lapic.id == m->dest;
}

/* The vCPUs with this message's destination, the first from *from on; NULL: no more. Physical: one
 * look-up. */
static struct xvcpu *next_target(struct domain *d, const struct message *m, u32 *from)
{
	if (!m->logical && m->dest != m->broadcast) {
		struct xvcpu *x = *from ? NULL : vcpu_at(d, m->dest);

		*from = 1;
		return matches(x, m) ? x : NULL;
	}
	while (*from < d->max_vcpus) {
		struct xvcpu *x = vcpu_at(d, (*from)++);

		if (matches(x, m))
			return x;
	}
	return NULL;
}

static u32 send(struct domain *d, const struct message *m)
{
	struct xvcpu *x;
	u32 from = 0, count = 0;

	while ((x = next_target(d, m, &from))) {
		deliver(x, m);
		count++;
		if (m->one)
			break;
	}
	return count;
}

static void send_shorthand(struct xvcpu *from, const struct message *m, u32 kind)
{
	struct domain *d = from->v.dom;

	if (kind == SELF) {
		deliver(from, m);
		return;
	}
	for (u32 n = 0; n < d->max_vcpus; n++) {
		struct xvcpu *x = vcpu_at(d, n);

		if (x && lapic_enabled(&x->lapic) && (x != from || kind == ALL))
			deliver(x, m);
	}
}

static struct message message_of_icr(u64 icr, bool x2)
{
	return (struct message){
		.dest = x2 ? icr >> 32 : icr >> 56, .broadcast = x2 ? BROADCAST_32 : BROADCAST_8,
		.mode = icr >> 8 & 7, .vector = icr, .logical = icr >> 11 & 1,
		.one = (icr >> 8 & 7) == LOWEST,
	};
}

bool ipi_send(struct xvcpu *from, u64 icr)
{
	struct message m = message_of_icr(icr, lapic_x2apic(&from->lapic));
	u32 kind = icr >> 18 & 3;

	if (m.mode == MODE3 || m.mode == EXTINT)
		return false;
	if (m.mode <= LOWEST && m.vector < VECTOR_FIRST) {
		lapic_send_error(from);
		return true;
	}
	/* INIT level de-assert: nothing since the Pentium (SDM vol. 3 §11.6.1) */
	if (m.mode == INIT && !(icr >> 14 & 1) && (icr >> 15 & 1))
		return true;
	if (kind)
		send_shorthand(from, &m, kind);
	else
		send(from->v.dom, &m);
	return true;
}

u32 ipi_send_bitmap(struct xvcpu *from, u64 bitmap, u64 base, u32 icr)
{
	struct message m = message_of_icr(icr, true);
	u32 count = 0;

	if ((m.mode != FIXED && m.mode != NMI) || (m.mode == FIXED && m.vector < VECTOR_FIRST))
		return 0;
	for (; bitmap; bitmap &= bitmap - 1) {
		struct xvcpu *x = vcpu_at(from->v.dom, base + __builtin_ctzll(bitmap));

		if (!x || !lapic_enabled(&x->lapic))
			continue;
		deliver(x, &m);
		count++;
	}
	return count;
}

/* --- messages of PCI devices and monitors --- */

/* Destination bits 8..14 are address bits 5..11: KVM_FEATURE_MSI_EXT_DEST_ID. */
static bool message_of_msi(struct domain *d, u64 address, u32 data, struct message *m)
{
	if (address >> 20 != LAPIC_BASE_DEFAULT >> 20)
		return false;
	*m = (struct message){
		.dest = (address >> 12 & 0xff) | (address >> 5 & 0x7f) << 8,
		.broadcast = d->max_vcpus > BROADCAST_8 ? BROADCAST_32 : BROADCAST_8,
		.mode = data >> 8 & 7, .vector = data, .logical = address >> 2 & 1,
		.level = data >> 15 & 1,
	};
	m->one = m->mode == LOWEST || (address >> 3 & 1);
	if (m->mode == NMI)
		return true;
	return m->mode <= LOWEST && m->vector >= VECTOR_FIRST;
}

status_t arch_msi(struct domain *d, u64 address, u32 data)
{
	struct message m;

	if (!message_of_msi(d, address, data, &m) || !send(d, &m))
		return DAIS_BAD_ARG;
	return DAIS_OK;
}

status_t control_deliver(u64 msi_address, u32 msi_data)
{
	if ((msi_data >> 8 & 7) > LOWEST)
		return DAIS_BAD_ARG;
	return arch_msi(control_domain, msi_address, msi_data);
}

u32 control_home_cpu(u64 msi_address)
{
	struct message m;
	struct xvcpu *x = NULL;
	u32 from = 0;

	if (message_of_msi(control_domain, msi_address, VECTOR_FIRST, &m))
		x = next_target(control_domain, &m, &from);
	return x ? atomic_load_relaxed(&x->v.sc.cpu) : 0;
}
