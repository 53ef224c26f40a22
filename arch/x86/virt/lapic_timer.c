/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC's timer: SDM vol. 3 §11.5.4, on Dais's TSC timers. */
#include "arch/x86/virt/guest.h"
#include "kernel/arch.h"

enum { MODE_ONE_SHOT, MODE_PERIODIC, MODE_DEADLINE };
#define MODE(lvt) ((lvt) >> 17 & 3)

/* A guest's shortest period, as KVM's: shorter ones would only load the host. */
#define PERIOD_MIN_US 200u
#define US_PER_S      1000000u

static u32 divide_shift(const struct lapic *l)
{
	return ((l->timer_divide & 3) + (l->timer_divide >> 1 & 4) + 1) & 7;
}

/* Counts as ticks of the TSC; split so that 64 bits hold every step. */
static u64 to_tsc(const struct lapic *l, u32 counts)
{
	u64 n = (u64)counts << divide_shift(l);

	return n / LAPIC_TIMER_HZ * time_hz() + n % LAPIC_TIMER_HZ * time_hz() / LAPIC_TIMER_HZ;
}

/* 0: one shot */
static u64 period(const struct lapic *l, u32 lvt)
{
	if (MODE(lvt) != MODE_PERIODIC)
		return 0;
	return MAX(to_tsc(l, l->timer_initial), time_hz() / US_PER_S * PERIOD_MIN_US);
}

void lapic_timer_fire(struct timer *t)
{
	struct lapic *l = container_of(t, struct lapic, timer);
	u32 lvt = atomic_load_relaxed(&l->lvt[LVT_TIMER]);

	if (!t->period)
		atomic_store_relaxed(&l->deadline, 0);
	if (!(lvt & LVT_MASKED) && lapic_post(l, lvt & 0xff, false))
		vcpu_notify(&container_of(l, struct xvcpu, lapic)->v, VP_IRQ);
}

void lapic_timer_stop(struct lapic *l)
{
	timer_cancel(&l->timer);
	l->timer.deadline = l->timer.period = l->deadline = 0;
}

void lapic_timer_start(struct lapic *l, u32 initial)
{
	u32 lvt = l->lvt[LVT_TIMER];

	if (MODE(lvt) == MODE_DEADLINE)
		return;
	lapic_timer_stop(l);
	l->timer_initial = initial;
	if (initial)
		timer_set(&l->timer, time_now() + MAX(to_tsc(l, initial), period(l, lvt)), period(l, lvt));
}

u32 lapic_timer_count(const struct lapic *l)
{
	u64 now = time_now(), due = atomic_load_relaxed(&l->timer.deadline), left = due > now ? due - now : 0;

	if (MODE(l->lvt[LVT_TIMER]) == MODE_DEADLINE)
		return 0;
	left = left / time_hz() * LAPIC_TIMER_HZ + left % time_hz() * LAPIC_TIMER_HZ / time_hz();
	return MIN(left >> divide_shift(l), l->timer_initial);
}

void lapic_timer_mode(struct lapic *l, u32 lvt)
{
	bool was_deadline = MODE(l->lvt[LVT_TIMER]) == MODE_DEADLINE;

	if (was_deadline != (MODE(lvt) == MODE_DEADLINE)) {
		lapic_timer_stop(l);
		l->timer_initial = 0;
	} else if (!was_deadline) {
		atomic_store_relaxed(&l->timer.period, period(l, lvt));
	}
}

void lapic_deadline_write(struct xvcpu *x, u64 value)
{
	struct lapic *l = &x->lapic;
	u64 now = time_now(), guest_now = guest_tsc(x), wait = value > guest_now ? value - guest_now : 0;

	if (MODE(l->lvt[LVT_TIMER]) != MODE_DEADLINE)
		return;
	lapic_timer_stop(l);
	l->deadline = value;
	if (value && !wait)
		lapic_timer_fire(&l->timer);
	else if (value)
		timer_set(&l->timer, wait < ~now ? now + wait : ~0ULL, 0);
}
