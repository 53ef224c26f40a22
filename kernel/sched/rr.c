/* SPDX-License-Identifier: GPL-2.0-only */
/* Round robin with time slices; see kernel/sched.h for the rules. */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/timer.h"

#define WEIGHT_DEFAULT 100u
#define WEIGHT_MAX     10000u
#define SLICE_US       5000u
#define SLICE_US_MIN   100u
#define SLICE_US_MAX   100000u

struct run_queue {
	spinlock_t lock;
	struct list urgent, normal;  /* urgent: woken, and with time left in the slice */
	struct sched_ctx *current;
	u32 attached;                /* atomic: contexts whose home this is */
	u64 idle, idle_since;        /* TSC; idle_since 0: not idle */
	struct timer slice;
};

static struct run_queue *queues[MAX_CPUS];

static void slice_over(struct timer *t)
{
	cpu_request(t->cpu, CPU_RESCHED);
}

void sched_init_cpu(u32 cpu)
{
	struct run_queue *q = heap_alloc(sizeof(*q));

	CHECK(q);
	list_init(&q->urgent);
	list_init(&q->normal);
	timer_init(&q->slice, slice_over);
	q->idle_since = time_now();
	atomic_store(&queues[cpu], q);
}

static u64 ticks(u64 us)
{
	return us * (time_hz() / 1000) / 1000;
}

static u64 slice_of(const struct sched_ctx *c)
{
	return MAX(c->slice * c->weight / WEIGHT_DEFAULT, ticks(SLICE_US_MIN));
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

static bool queue_empty(const struct run_queue *q)
{
	return list_empty(&q->urgent) && list_empty(&q->normal);
}

static u32 least_loaded(void)
{
	u32 best = 0;

	for (u32 i = 1; i < cpu_count(); i++) /* unlocked: a guess is good enough */
		if (queues[i] && queues[i]->attached < queues[best]->attached)
			best = i;
	return best;
}

void sched_attach(struct sched_ctx *c, u32 cpu)
{
	c->cpu = cpu == SCHED_ANY_CPU ? least_loaded() : cpu;
	c->weight = WEIGHT_DEFAULT;
	c->slice = c->left = ticks(SLICE_US);
	c->started = time_now();
	list_init(&c->link);
	atomic_add(&queues[c->cpu]->attached, 1);
	atomic_store(&c->state, SCHED_BLOCKED);
}

void sched_detach(struct sched_ctx *c)
{
	struct run_queue *q = lock_home(c);

	CHECK(c->state == SCHED_BLOCKED || c->state == SCHED_QUEUED);
	list_del(&c->link);
	c->state = SCHED_DETACHED;
	atomic_sub(&q->attached, 1);
	spin_unlock(&q->lock);
}

void sched_wake(struct sched_ctx *c)
{
	struct run_queue *q;
	bool first, preempts;

	/* Lock-free: what sleeps only after this sees what the waker wrote before (sched_block). */
	if (atomic_load(&c->state) != SCHED_BLOCKED && atomic_load(&c->state) != SCHED_RUNNING)
		return;
	q = lock_home(c);
	if (c->state == SCHED_BLOCKED) {
		c->left = MIN(c->left + (time_now() - c->started), slice_of(c));
		first = queue_empty(q);
		preempts = c->urgent && c->left;
		list_add_tail(preempts ? &q->urgent : &q->normal, &c->link);
		c->state = SCHED_QUEUED;
		/* It idles, runs something that can wait, or has no slice timer set. */
		if (first || preempts)
			cpu_request(c->cpu, CPU_RESCHED);
	}
	spin_unlock(&q->lock);
}

/* The running context has used the CPU until now. */
static void account(struct sched_ctx *c, u64 now)
{
	c->ran += now - c->started;
	c->started = now;
	c->left = now < c->slice_end ? c->slice_end - now : 0;
}

bool sched_block(struct sched_ctx *c, const u32 *word, u32 mask)
{
	struct run_queue *q = queues[cpu_id()];
	spin_guard(&q->lock);

	CHECK(q->current == c);
	if (atomic_load(word) & mask)
		return false;
	account(c, time_now());
	c->state = SCHED_BLOCKED;
	q->current = NULL;
	return true;
}

/* Puts the running context back when another's turn has come. */
static void put_back(struct run_queue *q, u64 now)
{
	struct sched_ctx *c = q->current;
	bool preempted = !c->urgent && !list_empty(&q->urgent);

	account(c, now);
	if (queue_empty(q))
		c->slice_end = c->left ? c->slice_end : now + slice_of(c);
	if (queue_empty(q) || (c->left && !preempted))
		return;
	q->current = NULL;
	c->state = SCHED_QUEUED;
	list_add_tail(c->left && preempted ? q->normal.next : &q->normal, &c->link);
}

static struct sched_ctx *take_next(struct run_queue *q, u64 now)
{
	struct list *from = !list_empty(&q->urgent) ? &q->urgent : &q->normal;
	struct sched_ctx *c;

	if (list_empty(from))
		return NULL;
	c = list_entry(from->next, struct sched_ctx, link);
	list_del(&c->link);
	c->state = SCHED_RUNNING;
	c->started = now;
	c->slice_end = now + (c->left ? c->left : slice_of(c));
	return c;
}

struct sched_ctx *sched_pick(u64 now)
{
	struct run_queue *q = queues[cpu_id()];
	spin_guard(&q->lock);

	if (q->current)
		put_back(q, now);
	else if (q->idle_since)
		q->idle += now - q->idle_since;
	if (!q->current)
		q->current = take_next(q, now);
	q->idle_since = q->current ? 0 : now;
	if (q->current && !queue_empty(q))
		timer_set(&q->slice, q->current->slice_end);
	return q->current;
}

static status_t set_home(struct sched_ctx *c, u64 cpu)
{
	struct run_queue *q;
	status_t s = DAIS_BUSY;

	if (cpu >= cpu_count() || !atomic_load(&queues[cpu]))
		return DAIS_BAD_ARG;
	q = lock_home(c);
	if (c->state == SCHED_BLOCKED) {
		atomic_sub(&q->attached, 1);
		atomic_add(&queues[cpu]->attached, 1);
		atomic_store(&c->cpu, (u32)cpu);
		s = DAIS_OK;
	}
	spin_unlock(&q->lock);
	return s;
}

status_t sched_set_param(struct sched_ctx *c, u64 param, u64 value)
{
	if (param == DAIS_SCHED_CPU)
		return set_home(c, value);
	if (param == DAIS_SCHED_WEIGHT && value && value <= WEIGHT_MAX)
		atomic_store_relaxed(&c->weight, (u32)value);
	else if (param == DAIS_SCHED_SLICE_US && value >= SLICE_US_MIN && value <= SLICE_US_MAX)
		atomic_store_relaxed(&c->slice, ticks(value));
	else
		return DAIS_BAD_ARG;
	return DAIS_OK;
}

u64 sched_idle_time(u32 cpu)
{
	struct run_queue *q = atomic_load(&queues[cpu]);
	u64 t = 0;

	if (q) {
		spin_lock(&q->lock);
		t = q->idle + (q->idle_since ? time_now() - q->idle_since : 0);
		spin_unlock(&q->lock);
	}
	return t;
}
