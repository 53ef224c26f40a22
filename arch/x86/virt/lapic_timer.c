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
static u64 period(const struct lapic *l)
{
	if (MODE(l->lvt[LVT_TIMER]) != MODE_PERIODIC)
		return 0;
	return MAX(to_tsc(l, l->timer_initial), time_hz() / US_PER_S * PERIOD_MIN_US);
}

static void arm(struct lapic *l, u64 due)
{
	spin_lock(&l->timer_lock);
	l->timer_armed = true;
	l->timer_due = due;
	timer_set(&l->timer, due);
	spin_unlock(&l->timer_lock);
}

void lapic_timer_stop(struct xvcpu *x)
{
	struct lapic *l = &x->lapic;

	spin_lock(&l->timer_lock);
	l->timer_armed = false;
	timer_cancel(&l->timer);
	spin_unlock(&l->timer_lock);
}

/* True: it is really due. Sets the next period; those that were missed are one. */
static bool expire(struct lapic *l, u64 now)
{
	u64 p = period(l);
	bool due;

	spin_lock(&l->timer_lock);
	due = l->timer_armed && now >= l->timer_due;
	if (due && p) {
		l->timer_due += ((now - l->timer_due) / p + 1) * p;
		timer_set(&l->timer, l->timer_due);
	} else if (due) {
		l->timer_armed = false;
		atomic_store_relaxed(&l->deadline, 0);
	}
	spin_unlock(&l->timer_lock);
	return due;
}

static void fire(struct timer *t)
{
	struct lapic *l = container_of(t, struct lapic, timer);
	struct xvcpu *x = container_of(l, struct xvcpu, lapic);
	u32 lvt = atomic_load_relaxed(&l->lvt[LVT_TIMER]);

	if (!expire(l, time_now()) || (lvt & LVT_MASKED))
		return;
	if (lapic_post(l, lvt & 0xff, false))
		vcpu_notify(&x->v, VP_IRQ);
}

void lapic_timer_init(struct xvcpu *x)
{
	timer_init(&x->lapic.timer, fire);
}

void lapic_timer_start(struct xvcpu *x, u32 initial)
{
	struct lapic *l = &x->lapic;

	if (MODE(l->lvt[LVT_TIMER]) == MODE_DEADLINE)
		return;
	lapic_timer_stop(x);
	l->timer_initial = initial;
	if (initial)
		arm(l, time_now() + MAX(to_tsc(l, initial), period(l)));
}

u32 lapic_timer_count(struct xvcpu *x)
{
	struct lapic *l = &x->lapic;
	u64 now = time_now(), left = 0;

	if (MODE(l->lvt[LVT_TIMER]) == MODE_DEADLINE)
		return 0;
	spin_lock(&l->timer_lock);
	if (l->timer_armed && now < l->timer_due)
		left = l->timer_due - now;
	spin_unlock(&l->timer_lock);
	left = left / time_hz() * LAPIC_TIMER_HZ + left % time_hz() * LAPIC_TIMER_HZ / time_hz();
	return MIN(left >> divide_shift(l), l->timer_initial);
}

void lapic_timer_mode(struct xvcpu *x, u32 lvt)
{
	struct lapic *l = &x->lapic;
	u32 old = MODE(l->lvt[LVT_TIMER]), new = MODE(lvt);

	if (old == new || (old != MODE_DEADLINE && new != MODE_DEADLINE))
		return;
	lapic_timer_stop(x);
	l->timer_initial = 0;
	l->deadline = 0;
}

u64 lapic_deadline_read(struct xvcpu *x)
{
	return atomic_load_relaxed(&x->lapic.deadline);
}

void lapic_deadline_write(struct xvcpu *x, u64 value)
{
	struct lapic *l = &x->lapic;
	u64 now = time_now(), guest_now = guest_tsc(x), wait;

	if (MODE(l->lvt[LVT_TIMER]) != MODE_DEADLINE)
		return;
	lapic_timer_stop(x);
	atomic_store_relaxed(&l->deadline, value);
	if (!value)
		return;
	wait = value > guest_now ? value - guest_now : 0;
	arm(l, wait < ~now ? now + wait : ~0ULL);
}
