/* SPDX-License-Identifier: GPL-2.0-only */
/* Round robin in virtual time; see kernel/sched.h for the rules. */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/timer.h"

#define WEIGHT_DEFAULT 100u
#define WEIGHT_MAX     10000u
#define SLICES_PER_S   200u

struct run_queue {
	spinlock_t lock;
	struct list ready;           /* by due() */
	struct sched_ctx *current;
	u64 vtime;                   /* the latest start of a slice of one that ran */
	u32 attached;                /* atomic: contexts whose home this is */
	u64 idle, idle_since;        /* TSC; idle_since 0: not idle */
};

static struct run_queue *queues[MAX_CPUS];

void sched_init_cpu(u32 cpu)
{
	struct run_queue *q = heap_alloc(sizeof(*q));

	CHECK(q);
	list_init(&q->ready);
	q->vtime = time_hz(); /* so that nothing below gets negative */
	q->idle_since = time_now();
	atomic_store(&queues[cpu], q);
}

static struct run_queue *lock_home(struct sched_ctx *c)
{
	for (;;) {
		u32 cpu = atomic_load(&c->cpu);

		spin_lock(&queues[cpu]->lock);
		if (cpu == c->cpu)
			return queues[cpu];
		spin_unlock(&queues[cpu]->lock);
	}
}

void sched_attach(struct sched_ctx *c)
{
	for (u32 i = 1; i < cpu_count(); i++) /* unlocked: a guess is good enough */
		if (queues[i] && queues[i]->attached < queues[c->cpu]->attached)
			c->cpu = i;
	c->weight = WEIGHT_DEFAULT;
	list_init(&c->link);
	atomic_add(&queues[c->cpu]->attached, 1);
}

void sched_detach(struct sched_ctx *c)
{
	CHECK(c->state == SCHED_FROZEN);
	atomic_sub(&queues[c->cpu]->attached, 1);
}

bool sched_freeze(struct sched_ctx *c)
{
	struct run_queue *q = lock_home(c);
	bool still = c->state != SCHED_RUNNING;

	if (still) {
		list_del(&c->link);
		c->state = SCHED_FROZEN;
	}
	spin_unlock(&q->lock);
	return still;
}

void sched_thaw(struct sched_ctx *c)
{
	atomic_cas(&c->state, SCHED_FROZEN, SCHED_BLOCKED);
}

static u64 slice(void)
{
	return time_hz() / SLICES_PER_S;
}

static u64 lead(const struct sched_ctx *c)
{
	return c->urgent ? slice() : 0;
}

static u64 due(const struct sched_ctx *c)
{
	return c->slice_end - lead(c);
}

static struct sched_ctx *first(struct run_queue *q)
{
	return list_empty(&q->ready) ? NULL : list_entry(q->ready.next, struct sched_ctx, link);
}

/* Behind those that are due when it is; before them when its slice goes on. */
static void enqueue(struct run_queue *q, struct sched_ctx *c, bool goes_on)
{
	struct list *l = q->ready.next;

	if (!goes_on)
		c->slice_end = c->vtime + slice();
	while (l != &q->ready && due(list_entry(l, struct sched_ctx, link)) + goes_on <= due(c))
		l = l->next;
	list_add_tail(l, &c->link);
	c->state = SCHED_QUEUED;
}

void sched_wake(struct sched_ctx *c)
{
	struct run_queue *q = lock_home(c);

	if (c->state == SCHED_BLOCKED) {
		c->vtime = MAX(c->vtime, q->vtime - lead(c)); /* sleep saves up no more */
		enqueue(q, c, false);
		/* It idles, runs what may be due later, or has no end of the slice set. */
		if (first(q) == c)
			cpu_request(c->cpu, CPU_RESCHED);
	}
	spin_unlock(&q->lock);
}

/* The running context has used the CPU until now. */
static void charge(struct sched_ctx *c, u64 now)
{
	c->vtime += (now - c->started) * WEIGHT_DEFAULT / c->weight;
	c->started = now;
}

bool sched_block(struct sched_ctx *c, const u32 *word, u32 mask)
{
	struct run_queue *q = queues[cpu_id()];
	spin_guard(&q->lock);

	CHECK(q->current == c);
	if (atomic_load(word) & mask)
		return false;
	q->idle_since = time_now();
	charge(c, q->idle_since);
	c->state = SCHED_BLOCKED;
	q->current = NULL;
	return true;
}

struct sched_ctx *sched_pick(u64 now)
{
	struct run_queue *q = queues[cpu_id()];
	spin_guard(&q->lock);
	struct sched_ctx *c = q->current;

	if (c) {
		charge(c, now);
		enqueue(q, c, c->vtime < c->slice_end);
	} else {
		q->idle += now - q->idle_since;
	}
	q->idle_since = now;
	c = q->current = first(q);
	if (!c)
		return NULL;
	list_del(&c->link);
	c->state = SCHED_RUNNING;
	c->started = now;
	q->vtime = MAX(q->vtime, c->slice_end - slice());
	if (first(q))
		timer_look_at(now + (c->slice_end - c->vtime) * c->weight / WEIGHT_DEFAULT);
	return c;
}

static status_t set_home(struct sched_ctx *c, u64 cpu)
{
	struct run_queue *q;
	status_t s = DAIS_BUSY;

	if (cpu >= cpu_count())
		return DAIS_BAD_ARG;
	q = lock_home(c);
	if (c->state < SCHED_QUEUED) {
		atomic_sub(&q->attached, 1);
		atomic_add(&queues[cpu]->attached, 1);
		atomic_store(&c->cpu, (u32)cpu);
		c->vtime = 0; /* the other queue's is another time */
		s = DAIS_OK;
	}
	spin_unlock(&q->lock);
	return s;
}

status_t sched_set_param(struct sched_ctx *c, u64 param, u64 value)
{
	if (param == DAIS_SCHED_CPU)
		return set_home(c, value);
	if (param != DAIS_SCHED_WEIGHT || !value || value > WEIGHT_MAX)
		return DAIS_BAD_ARG;
	atomic_store_relaxed(&c->weight, (u32)value);
	return DAIS_OK;
}

u64 sched_idle_time(u32 cpu)
{
	struct run_queue *q = queues[cpu];
	spin_guard(&q->lock);

	return q->idle + (q->current ? 0 : time_now() - q->idle_since);
}
