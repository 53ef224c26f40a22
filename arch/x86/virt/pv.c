/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM's paravirtual interface for guests (Linux: Documentation/virt/kvm/x86/{msr,hypercalls}.rst):
 * clock, wake-ups, IPIs. */
#include "arch/x86/virt/guest.h"
#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"

#define NS_PER_S 1000000000ULL

#define MSR_OLD_WALL   0x11u
#define MSR_WALL       0x4b564d00u
#define MSR_STEAL      0x4b564d03u
#define PV_ENABLED     1ULL
#define YIELD_TRIES    8u

enum { HC_KICK_CPU = 5, HC_SEND_IPI = 10, HC_YIELD = 11 };
#define HC_ENOSYS (-1000ULL)

struct pv_clock {
	u32 version, pad0;
	u64 tsc, ns;
	u32 mul; signed char shift; u8 flags, pad1[2];
} __packed;
#define CLOCK_STABLE 1

struct pv_wall { u32 version, sec, nsec; } __packed;

/* A structure that the guest reads like a seqlock: its version, the first word, is odd while it
 * changes. Nothing happens where no RAM is, or beyond a page's end. */
static void publish(struct xvcpu *x, u64 gpa, void *body, u32 size)
{
	u32 *version = body;

	if (!guest_ram(x, gpa, version, sizeof(*version), false))
		return;
	*version |= 1;
	if (!guest_ram(x, gpa, body, size, true))
		return;
	++*version;
	(void)guest_ram(x, gpa, version, sizeof(*version), true); /* the same page as just now */
}

/*
 * The TSC is stable and the same everywhere: so one line from the domain's creation
 * on, which never has to be drawn anew. ns = ((ticks << shift) * mul) >> 32, with
 * mul's top bit set or nearly.
 */
void pv_clock_update(struct xvcpu *x)
{
	struct pv_clock c = { .flags = CLOCK_STABLE };
	u64 hz = time_hz();

	if (!(x->pv_clock & PV_ENABLED))
		return;
	c.tsc = xdomain(x->v.dom)->epoch_tsc + x->v.dom->tsc_offset + x->tsc_adjust;
	for (; hz > 2 * NS_PER_S; hz >>= 1)
		c.shift--;
	for (; hz <= NS_PER_S; hz <<= 1)
		c.shift++;
	c.mul = (NS_PER_S << 32) / hz;
	publish(x, x->pv_clock & ~PV_ENABLED, &c, sizeof(c));
}

/* The time of day at the clock's zero */
static void write_wall(struct xvcpu *x)
{
	u64 ticks = xdomain(x->v.dom)->epoch_tsc - boot->epoch_tsc, hz = time_hz();
	struct pv_wall w = { .sec = boot->epoch_seconds + ticks / hz, .nsec = ticks % hz * NS_PER_S / hz };

	publish(x, x->pv_wall, &w, sizeof(w));
}

/* One write: nobody reads it but its own vCPU, which does not run, and others the flag alone. */
void pv_steal_update(struct xvcpu *x, bool runs)
{
	const struct sched_ctx *c = &x->v.sc;
	struct { u64 ns; u32 version, flags; u8 preempted, pad[7]; } s = { .preempted = !runs };
	u64 hz = time_hz();

	if (!(x->pv_steal & PV_ENABLED))
		return;
	s.version = x->pv_version += 2;
	s.ns = c->waited / hz * NS_PER_S + c->waited % hz * NS_PER_S / hz;
	(void)guest_ram(x, x->pv_steal & ~PV_ENABLED, &s, sizeof(s), true);
}

bool pv_msr(struct xvcpu *x, u32 msr, u64 *value, bool write)
{
	bool wall = msr == MSR_WALL || msr == MSR_OLD_WALL, steal = msr == MSR_STEAL;
	u64 *at = wall ? &x->pv_wall : steal ? &x->pv_steal : &x->pv_clock;

	if (steal && (!pv_has_steal(x) || (write && (*value & 0x3e)))) /* 64-byte aligned */
		return false;
	if (!write) {
		*value = *at;
	} else if (steal) {
		*at = *value;
		pv_steal_update(x, true);
	} else {
		*at = *value;
		(wall ? write_wall : pv_clock_update)(x);
	}
	return true;
}

/* vCPU by APIC ID, or NULL */
static struct vcpu *vcpu_of(struct domain *d, u64 apic_id)
{
	return apic_id < d->max_vcpus ? atomic_load(&d->vcpu[apic_id]) : NULL;
}

static bool yield_to(struct xvcpu *x, u64 apic_id)
{
	struct vcpu *v = vcpu_of(x->v.dom, apic_id);

	return v && v != &x->v && x->v.autonomous && sched_yield_to(&v->sc);
}

void pv_yield(struct xvcpu *x)
{
	u32 n = x->v.dom->max_vcpus;

	for (u32 i = 0; i < MIN(n, YIELD_TRIES); i++) {
		x->yielded_to = (x->yielded_to + 1) % n;
		if (yield_to(x, x->yielded_to))
			return;
	}
}

/* Wakes a vCPU from HLT whatever its IF, or makes its next HLT return at once. */
static void kick(struct domain *d, u64 apic_id)
{
	struct vcpu *v = vcpu_of(d, apic_id);

	if (!v)
		return;
	atomic_store(&xvcpu(v)->pv_kicked, 1);
	vcpu_notify(v, VP_IRQ);
}

void pv_hypercall(struct xvcpu *x)
{
	u32 width = guest_mode(x) == INSN_64 ? 64 : 32;
	u64 mask = ~0ULL >> (64 - width), *r = x->gpr, result = HC_ENOSYS;

	if ((r[RAX] & mask) == HC_KICK_CPU) {
		kick(x->v.dom, r[RCX] & mask);
		result = 0;
	} else if ((r[RAX] & mask) == HC_YIELD) {
		yield_to(x, r[RBX] & mask);
		result = 0;
	} else if ((r[RAX] & mask) == HC_SEND_IPI) {
		u64 base = r[RDX] & mask;

		result = ipi_send_bitmap(x, r[RBX] & mask, base, r[RSI]) +
			 ipi_send_bitmap(x, r[RCX] & mask, base + width, r[RSI]);
	}
	r[RAX] = result & mask;
}
