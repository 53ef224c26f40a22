/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/timer.h"

static struct timer_cpu {
	spinlock_t lock;
	struct timer *first;  /* ascending */
	struct timer *firing; /* atomic */
	u64 programmed;       /* only its own CPU's */
} __aligned(64) cpus[MAX_CPUS];

static void insert(struct timer_cpu *c, struct timer *t)
{
	struct timer **at = &c->first;

	while (*at && (*at)->deadline <= t->deadline)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

void timer_look_at(u64 deadline)
{
	struct timer_cpu *c = &cpus[cpu_id()];

	if (deadline >= c->programmed)
		return;
	c->programmed = deadline;
	arch_timer_set(deadline);
}

void timer_set(struct timer *t, u64 deadline, u64 period)
{
	struct timer_cpu *c = &cpus[cpu_id()];

	timer_cancel(t);
	t->cpu = cpu_id();
	t->deadline = deadline;
	t->period = period;
	spin_lock(&c->lock);
	insert(c, t);
	spin_unlock(&c->lock);
	timer_look_at(deadline);
}

/* A CPU whose next timer this was is interrupted for nothing once. */
void timer_cancel(struct timer *t)
{
	struct timer_cpu *c = &cpus[t->cpu];
	struct timer **at = &c->first;

	spin_lock(&c->lock);
	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	spin_unlock(&c->lock);
	while (t->cpu != cpu_id() && atomic_load(&c->firing) == t)
		cpu_relax();
}

void timers_run(u64 now)
{
	struct timer_cpu *c = &cpus[cpu_id()];
	struct timer *t;

	spin_lock(&c->lock);
	while ((t = c->first) && t->deadline <= now) {
		c->first = t->next;
		if (t->period) { /* those that were missed are one */
			t->deadline += ((now - t->deadline) / t->period + 1) * t->period;
			insert(c, t);
		}
		c->firing = t;
		spin_unlock(&c->lock);
		t->fire(t);
		atomic_store(&c->firing, NULL); /* t may be gone from here on */
		spin_lock(&c->lock);
	}
	c->programmed = t ? t->deadline : ~0ULL;
	spin_unlock(&c->lock);
	arch_timer_set(c->programmed);
}
