/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/timer.h"

/* The root of a CPU's heap is its next timer. */
static struct timer_cpu {
	spinlock_t lock;
	struct timer *root;
} __aligned(64) cpus[MAX_CPUS];

/* Both are roots without siblings, or NULL. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->deadline < a->deadline) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	b->prev = a; /* of a first child: its parent */
	a->child = b;
	return a;
}

/* Makes one heap of a list of siblings: melds pairs, then those from the last to the first. */
static struct timer *meld_siblings(struct timer *t)
{
	struct timer *pairs = NULL, *all = NULL;

	while (t) {
		struct timer *a = t, *b = t->next, *pair;

		t = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct timer *p = pairs;

		pairs = p->next;
		p->next = NULL;
		all = meld(all, p);
	}
	return all;
}

static void remove(struct timer_cpu *c, struct timer *t)
{
	struct timer *rest = meld_siblings(t->child);

	if (c->root == t) {
		c->root = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		c->root = meld(c->root, rest);
	}
	t->child = t->next = t->prev = NULL;
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

	if (t->queued)
		remove(c, t);
	if (c != mine) {
		atomic_store(&t->cpu, cpu_id());
		spin_unlock(&c->lock);
		c = lock_of(t);
		/* Set by another CPU in between: nobody can say who was first. That stands. */
		if (t->queued || c != mine)
			goto out;
	}
	t->deadline = deadline;
	t->queued = true;
	c->root = meld(c->root, t);
	if (c->root == t)
		arch_timer_set(deadline);
out:
	spin_unlock(&c->lock);
}

/* A CPU whose next timer this was is interrupted for nothing once. */
void timer_cancel(struct timer *t)
{
	struct timer_cpu *c = lock_of(t);

	if (t->queued)
		remove(c, t);
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
	while (c->root && c->root->deadline <= now) {
		t = c->root;
		remove(c, t);
		atomic_add(&t->firing, 1);
		spin_unlock(&c->lock);
		t->fire(t);
		atomic_sub(&t->firing, 1); /* t may be gone now: timer_retire */
		spin_lock(&c->lock);
	}
	arch_timer_set(c->root ? c->root->deadline : ~0ULL);
	spin_unlock(&c->lock);
}
