/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/timer.h"

static struct timer_cpu {
	spinlock_t lock;
	struct list timers; /* ascending; zeroed until the first one */
} __aligned(64) cpus[MAX_CPUS];

static struct timer *first(struct timer_cpu *c)
{
	if (!c->timers.next)
		list_init(&c->timers);
	return list_empty(&c->timers) ? NULL : list_entry(c->timers.next, struct timer, link);
}

static void insert(struct timer_cpu *c, struct timer *t)
{
	struct list *l = first(c) ? c->timers.prev : &c->timers;

	/* From the end: a new one mostly comes after those that are set. */
	while (l != &c->timers && list_entry(l, struct timer, link)->deadline > t->deadline)
		l = l->prev;
	list_add(l, &t->link);
	t->queued = true;
}

static void remove(struct timer *t)
{
	if (t->queued)
		list_del(&t->link);
	t->queued = false;
}

/* The lock of the CPU where t is or was last; t->cpu changes only under it. */
static struct timer_cpu *lock_of(struct timer *t)
{
	for (;;) {
		struct timer_cpu *c = &cpus[atomic_load(&t->cpu)];

		spin_lock(&c->lock);
		if (c == &cpus[t->cpu])
			return c;
		spin_unlock(&c->lock);
	}
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
	*t = (struct timer){ .fire = fire, .cpu = cpu_id() };
}

void timer_set(struct timer *t, u64 deadline)
{
	struct timer_cpu *mine = &cpus[cpu_id()], *c = lock_of(t);

	remove(t);
	if (c != mine) {
		atomic_store(&t->cpu, cpu_id());
		spin_unlock(&c->lock);
		c = lock_of(t);
	}
	/* Set by another CPU in between: nobody can say who was first. That stands. */
	if (c == mine && !t->queued) {
		t->deadline = deadline;
		insert(c, t);
		if (first(c) == t)
			arch_timer_set(deadline);
	}
	spin_unlock(&c->lock);
}

/* A CPU whose next timer this was is interrupted for nothing once. */
void timer_cancel(struct timer *t)
{
	struct timer_cpu *c = lock_of(t);

	remove(t);
	spin_unlock(&c->lock);
}

void timer_retire(struct timer *t)
{
	do {
		timer_cancel(t);
		while (atomic_load(&t->firing))
			cpu_relax();
	} while (t->queued); /* fire() set it again */
}

void timers_run(u64 now)
{
	struct timer_cpu *c = &cpus[cpu_id()];
	struct timer *t;

	spin_lock(&c->lock);
	while ((t = first(c)) && t->deadline <= now) {
		remove(t);
		atomic_add(&t->firing, 1);
		spin_unlock(&c->lock);
		t->fire(t);
		atomic_sub(&t->firing, 1); /* t may be gone now: timer_retire */
		spin_lock(&c->lock);
	}
	arch_timer_set(t ? t->deadline : ~0ULL);
	spin_unlock(&c->lock);
}
