/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC's timer: SDM vol. 3 §11.5.4, on Dais's TSC timers. */
#include "arch/x86/virt/guest.h"
#include "arch/x86/virt/lapic_regs.h"
#include "kernel/arch.h"

enum { MODE_ONE_SHOT, MODE_PERIODIC, MODE_DEADLINE };
#define MODE(lvt) ((lvt) >> 17 & 3)

/* A guest's shortest period, as KVM's: shorter ones would only load the host. */
#define PERIOD_MIN_US 200u
#define US_PER_S      1000000u

static u32 divide_shift(u32 divide)
{
	return ((divide & 3) + (divide >> 1 & 4) + 1) & 7;
}

/* Counts of the emulated bus clock to TSC ticks and back; split so that 64 bits hold every step. */
static u64 to_tsc(u64 counts)
{
	return counts / LAPIC_TIMER_HZ * time_hz() +
	       counts % LAPIC_TIMER_HZ * time_hz() / LAPIC_TIMER_HZ;
}

static u64 from_tsc(u64 ticks)
{
	return ticks / time_hz() * LAPIC_TIMER_HZ + ticks % time_hz() * LAPIC_TIMER_HZ / time_hz();
}

static void arm(struct xvcpu *x, u64 due, u64 period)
{
	struct lapic *l = &x->lapic;

	spin_lock(&l->timer_lock);
	l->timer_armed = true;
	l->timer_due = due;
	l->timer_period = period;
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
	bool due;

	spin_lock(&l->timer_lock);
	due = l->timer_armed && now >= l->timer_due;
	if (due && l->timer_period) {
		l->timer_due += ((now - l->timer_due) / l->timer_period + 1) * l->timer_period;
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

static void start(struct xvcpu *x, u32 initial, u32 current)
{
	struct lapic *l = &x->lapic;
	u32 shift = divide_shift(l->timer_divide);
	u64 period = 0;

	if (MODE(l->lvt[LVT_TIMER]) == MODE_PERIODIC) {
		period = MAX(to_tsc((u64)initial << shift), time_hz() / US_PER_S * PERIOD_MIN_US);
		current = current ? current : initial;
	}
	if (current)
		arm(x, time_now() + to_tsc((u64)current << shift), period);
}

void lapic_timer_start(struct xvcpu *x, u32 initial)
{
	if (MODE(x->lapic.lvt[LVT_TIMER]) == MODE_DEADLINE)
		return;
	lapic_timer_stop(x);
	x->lapic.timer_initial = initial;
	if (initial)
		start(x, initial, initial);
}

void lapic_timer_restore(struct xvcpu *x, u32 initial, u32 current)
{
	x->lapic.timer_initial = initial;
	if (initial && MODE(x->lapic.lvt[LVT_TIMER]) != MODE_DEADLINE)
		start(x, initial, MIN(current, initial));
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
	return MIN(from_tsc(left) >> divide_shift(l->timer_divide), l->timer_initial);
}

void lapic_timer_mode(struct xvcpu *x, u32 lvt)
{
	struct lapic *l = &x->lapic;
	u32 old = MODE(l->lvt[LVT_TIMER]), new = MODE(lvt);

	if (old == new)
		return;
	if (old == MODE_DEADLINE || new == MODE_DEADLINE) {
		lapic_timer_stop(x);
		l->timer_initial = 0;
		l->deadline = 0;
		return;
	}
	spin_lock(&l->timer_lock);
	l->timer_period = new == MODE_ONE_SHOT ? 0 :
		MAX(to_tsc((u64)l->timer_initial << divide_shift(l->timer_divide)),
		    time_hz() / US_PER_S * PERIOD_MIN_US);
	spin_unlock(&l->timer_lock);
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
	arm(x, wait < ~now ? now + wait : ~0ULL, 0);
}
