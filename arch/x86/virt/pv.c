/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM's paravirtual interface for guests (Linux: Documentation/virt/kvm/x86/{msr,hypercalls}.rst):
 * clock, steal time, IPIs. */
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"

#define NS_PER_S 1000000000ULL

#define MSR_OLD_WALL   0x11u
#define MSR_OLD_CLOCK  0x12u
#define MSR_WALL       0x4b564d00u
#define MSR_CLOCK      0x4b564d01u
#define MSR_STEAL      0x4b564d03u
#define MSR_POLL       0x4b564d05u
#define PV_ENABLED     1ULL

enum { HC_VAPIC_POLL_IRQ = 1, HC_KICK_CPU = 5, HC_SEND_IPI = 10 };
#define HC_ENOSYS (-1000ULL)

struct pv_clock {
	u32 version, pad0;
	u64 tsc, ns;
	u32 mul; signed char shift; u8 flags, pad1[2];
} __packed;
#define CLOCK_STABLE 1

struct pv_wall { u32 version, sec, nsec; } __packed;

struct pv_steal { u64 ns; u32 version, flags; u8 preempted, pad0[3]; u32 pad1[11]; } __packed;

static u64 wall_seconds, wall_tsc;

void pv_init(u64 epoch_seconds, u64 epoch_tsc)
{
	wall_seconds = epoch_seconds;
	wall_tsc = epoch_tsc;
}

static u64 to_ns(u64 ticks)
{
	return ticks / time_hz() * NS_PER_S + ticks % time_hz() * NS_PER_S / time_hz();
}

/*
 * A structure that the guest reads like a seqlock: odd while it changes. `version`
 * is the offset of its version word, which the body carries too.
 */
static void publish(struct xvcpu *x, u64 gpa, void *body, u32 size, u32 version)
{
	u32 *in_body = (u32 *)((u8 *)body + version), v;

	if (!guest_ram_read(x, gpa + version, &v, sizeof(v)))
		return;
	v |= 1;
	*in_body = v;
	if (!guest_ram_write(x, gpa + version, &v, sizeof(v)))
		return;
	if (!guest_ram_write(x, gpa, body, size))
		return;
	v++;
	(void)guest_ram_write(x, gpa + version, &v, sizeof(v)); /* the same page as just now */
}

/* ns = ((ticks << shift) * mul) >> 32, with mul's top bit set or nearly */
static void scale(u64 hz, struct pv_clock *c)
{
	while (hz > 2 * NS_PER_S) {
		hz >>= 1;
		c->shift--;
	}
	while (hz <= NS_PER_S) {
		hz <<= 1;
		c->shift++;
	}
	c->mul = (NS_PER_S << 32) / hz;
}

/* The TSC is stable and the same everywhere: so one line from the domain's creation on, which never
 * has to be drawn anew. */
void pv_clock_update(struct xvcpu *x)
{
	struct pv_clock c = { .flags = CLOCK_STABLE };

	if (!(x->pv_clock & PV_ENABLED))
		return;
	c.tsc = xdomain(x->v.dom)->epoch_tsc + x->v.dom->tsc_offset + x->tsc_adjust;
	scale(time_hz(), &c);
	publish(x, x->pv_clock & ~PV_ENABLED, &c, sizeof(c), offsetof(struct pv_clock, version));
}

/* The time of day at the clock's zero */
static void write_wall(struct xvcpu *x, u64 gpa)
{
	u64 ns = to_ns(xdomain(x->v.dom)->epoch_tsc - wall_tsc);
	struct pv_wall w = { .sec = wall_seconds + ns / NS_PER_S, .nsec = ns % NS_PER_S };

	x->pv_wall = gpa;
	publish(x, gpa, &w, sizeof(w), offsetof(struct pv_wall, version));
}

bool pv_msr_write(struct xvcpu *x, u32 msr, u64 value)
{
	switch (msr) {
	case MSR_OLD_WALL: case MSR_WALL:
		write_wall(x, value);
		return true;
	case MSR_OLD_CLOCK: case MSR_CLOCK:
		x->pv_clock = value;
		pv_clock_update(x);
		return true;
	case MSR_STEAL:
		if (value & 0x3e)
			return false;
		x->pv_steal = value;
		x->pv_steal_tsc = 0;
		return true;
	case MSR_POLL: /* Dais never polls for a halted guest: on or off is the same */
		if (value & ~PV_ENABLED)
			return false;
		x->pv_poll = value;
		return true;
	}
	return false;
}

bool pv_msr_read(struct xvcpu *x, u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_OLD_WALL: case MSR_WALL: *value = x->pv_wall; return true;
	case MSR_OLD_CLOCK: case MSR_CLOCK: *value = x->pv_clock; return true;
	case MSR_STEAL: *value = x->pv_steal; return true;
	case MSR_POLL: *value = x->pv_poll; return true;
	}
	return false;
}

/* An autonomous vCPU that leaves its CPU while it could run waits for its turn from now on. */
void pv_leave(struct xvcpu *x)
{
	if (x->v.autonomous && x->v.activity == DAIS_ACT_RUNNABLE)
		x->pv_steal_tsc = time_now();
}

void pv_enter(struct xvcpu *x)
{
	u64 gpa = x->pv_steal & ~PV_ENABLED, since = x->pv_steal_tsc;
	struct pv_steal s;

	x->pv_steal_tsc = 0;
	if (!(x->pv_steal & PV_ENABLED) || !since || !guest_ram_read(x, gpa, &s, sizeof(s)))
		return;
	s.ns += to_ns(time_now() - since);
	publish(x, gpa, &s, sizeof(s), offsetof(struct pv_steal, version));
}

/* Wakes a vCPU from HLT whatever its IF, or makes its next HLT return at once. */
static u64 kick(struct xvcpu *x, u64 apic_id)
{
	struct domain *d = x->v.dom;
	struct vcpu *v = apic_id < d->max_vcpus ? atomic_load(&d->vcpu[apic_id]) : NULL;

	if (v) {
		atomic_store(&xvcpu(v)->pv_kicked, 1);
		vcpu_notify(v, VP_IRQ);
	}
	return 0;
}

static u64 send_ipi(struct xvcpu *x, bool m64, u64 low, u64 high, u64 base, u64 icr)
{
	u32 width = m64 ? 64 : 32;

	return ipi_send_bitmap(x, low, base, icr) + ipi_send_bitmap(x, high, base + width, icr);
}

void pv_hypercall(struct xvcpu *x)
{
	bool m64 = guest_mode(x) == INSN_64;
	u64 mask = m64 ? ~0ULL : 0xffffffff, *r = x->gpr;

	switch (r[RAX] & mask) {
	case HC_VAPIC_POLL_IRQ:
		r[RAX] = 0;
		break;
	case HC_KICK_CPU:
		r[RAX] = kick(x, r[RCX] & mask);
		break;
	case HC_SEND_IPI:
		r[RAX] = send_ipi(x, m64, r[RBX] & mask, r[RCX] & mask, r[RDX] & mask,
				  r[RSI] & mask);
		break;
	default:
		r[RAX] = HC_ENOSYS & mask;
	}
}
