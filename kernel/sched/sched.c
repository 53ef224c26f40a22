/* SPDX-License-Identifier: GPL-2.0-only */
/* Queues, states, and what runs next; see kernel/sched.h for the rules. */
#include "kernel/heap.h"
#include "kernel/sched/queue.h"
#include "kernel/timer.h"

#define RELEASES 8 /* at once; the others a moment later */

struct run_queue *queues[MAX_CPUS];

/* The queue that c is in has its lock held on return. */
struct run_queue *lock_home(struct sched_ctx *c)
{
	struct run_queue *q;

	for (;;) {
		q = queues[atomic_load_relaxed(&c->cpu)];
		spin_lock(&q->lock);
		if (atomic_load_relaxed(&c->cpu) == q->cpu)
			return q;
		spin_unlock(&q->lock);
	}
}

/* What runs here has used the CPU until now. Another CPU's clock may be a little behind. */
void charge(struct run_queue *q, u64 now)
{
	struct sched_ctx *c = q->current;
	u64 ticks = before(c->started, now) ? now - c->started : 0;

	c->started += ticks;
	c->ran += ticks;
	c->left -= c->p.budget ? ticks : 0;
	if (c->counted)
		fair_ran(q, c, ticks);
}

void enqueue(struct run_queue *q, struct sched_ctx *c, u64 now)
{
	c->state = SCHED_QUEUED;
	c->since = now;
	if (c->p.budget && !before(now, c->deadline))
		server_renew(c, now);
	c->tree = c->p.budget && c->left <= 0 ? &q->later : c->p.reserved ? &q->reserved : &q->fair;
	if (c->tree != &q->fair) {
		if (c->counted)
			fair_leave(q, c);
		c->node.key = c->deadline;
	} else {
		if (!c->counted)
			fair_enter(q, c);
		fair_request(c);
		c->node.key = c->request;
	}
	tree_insert(c->tree, &c->node);
}

void dequeue(struct run_queue *q, struct sched_ctx *c, u64 now)
{
	if (c->tree != &q->later && before(c->since, now))
		c->waited += now - c->since;
	tree_remove(c->tree, &c->node);
	c->tree = NULL;
	q->next = q->next == c ? NULL : q->next;
	c->state = SCHED_BLOCKED;
	if (c->counted)
		fair_leave(q, c);
}

void migrate(struct run_queue *q, struct sched_ctx *c, u32 cpu)
{
	c->vtime += atomic_load_relaxed(&queues[cpu]->base) - q->base; /* as far ahead there */
	c->moved++;
	atomic_sub(&q->attached, 1);
	atomic_add(&queues[cpu]->attached, 1);
	atomic_store(&c->cpu, cpu);
}

/* --- waking and stopping --- */

static bool alone(const struct run_queue *q, const struct sched_ctx *c)
{
	return q->fair.root == &c->node && q->fair.end[0] == q->fair.end[1];
}

/* c is in a queue now: does its CPU run something else therefore, or need a timer that it has not? */
static bool matters(struct run_queue *q, const struct sched_ctx *c)
{
	const struct sched_ctx *now = q->current;

	if (!now)
		return true;
	if (c->tree == &q->later)
		return q->later.end[0] == &c->node;
	if (c->tree == &q->reserved)
		return !now->p.reserved || before(c->deadline, now->deadline);
	if (now->p.reserved)
		return false;
	return alone(q, c) || /* no slice is timed */
	       (!before(q->base, c->node.start) && before(c->request, now->request));
}

void sched_wake(struct sched_ctx *c)
{
	struct run_queue *q = lock_home(c);
	u64 now = time_now();
	u32 cpu = c->cpu;

	if (c->state == SCHED_BLOCKED)
		cpu = place_wake(c);
	if (cpu != q->cpu) {
		migrate(q, c, cpu);
		spin_unlock(&q->lock);
		cpu_request(cpu, CPU_RESCHED); /* it was idle, and is left alone by others: even if c is gone by now */
		q = lock_home(c);
	}
	if (c->state == SCHED_BLOCKED) {
		if (c->p.budget)
			server_wake(c, now);
		if (q->current)
			charge(q, now);
		enqueue(q, c, now);
		place_waiting(q);
		if (matters(q, c))
			cpu_request(q->cpu, CPU_RESCHED);
		if (q->current || !alone(q, c))
			place_offer(q);
	}
	spin_unlock(&q->lock);
}

bool sched_block(struct sched_ctx *c, const u32 *word, u32 mask)
{
	struct run_queue *q = queues[cpu_id()];
	spin_guard(&q->lock);

	CHECK(q->current == c);
	if (atomic_load(word) & mask)
		return false;
	q->idle_since = time_now();
	charge(q, q->idle_since);
	if (c->counted)
		fair_leave(q, c);
	c->state = SCHED_BLOCKED;
	q->current = NULL;
	if (q->in_core)
		core_leave(q);
	return true;
}

bool sched_freeze(struct sched_ctx *c)
{
	struct run_queue *q = lock_home(c);
	bool runs = c->state == SCHED_RUNNING;

	if (c->state == SCHED_QUEUED)
		dequeue(q, c, time_now());
	if (!runs)
		c->state = SCHED_FROZEN;
	place_waiting(q);
	spin_unlock(&q->lock);
	return !runs;
}

void sched_thaw(struct sched_ctx *c)
{
	atomic_cas(&c->state, SCHED_FROZEN, SCHED_BLOCKED);
}

/* --- choosing --- */

/* What ran goes back; returned, when it may not stay on this CPU. */
static struct sched_ctx *put_back(struct run_queue *q, u64 now)
{
	struct sched_ctx *c = q->current;

	if (!c) {
		q->idle += now - q->idle_since;
		return NULL;
	}
	charge(q, now);
	q->current = NULL;
	if (q->in_core)
		core_leave(q);
	if (may_run(c, q->cpu)) {
		enqueue(q, c, now);
		return NULL;
	}
	if (c->counted)
		fair_leave(q, c);
	c->state = SCHED_BLOCKED;
	return c;
}

static void release(struct run_queue *q, u64 now)
{
	struct sched_ctx *c;

	for (u32 i = 0; i < RELEASES && (c = ctx_of(q->later.end[0])) && !before(now, c->deadline); i++) {
		dequeue(q, c, now);
		enqueue(q, c, now);
	}
}

/* Until when the choice holds, if nothing happens. */
static void set_timer(struct run_queue *q, u64 now)
{
	struct sched_ctx *c = q->current, *l = ctx_of(q->later.end[0]);
	u64 wait = ~0ULL;

	if (c && c->p.budget)
		wait = c->left > 0 ? c->left : 1;
	if (c && c->counted && q->fair.root)
		wait = MIN(wait, fair_left(c));
	if (l)
		wait = MIN(wait, before(now, l->deadline) ? l->deadline - now : 1);
	if (wait != ~0ULL)
		timer_look_at(now + wait);
}

static struct sched_ctx *choose(struct run_queue *q, u64 now)
{
	struct sched_ctx *c;

	release(q, now);
	c = ctx_of(q->reserved.end[0]);
	if (c && !before(now, c->deadline)) /* missed */
		server_renew(c, now);
	if (!c)
		c = q->next ? q->next : ctx_of(tree_first(&q->fair, q->base));
	if (unlikely(q->smt)) {
		q->held = !core_enter(q, c, now) && c;
		c = q->held ? core_join(q) : c;
		q->held &= !c;
	}
	q->idle_since = now;
	q->current = c;
	if (c) {
		tree_remove(c->tree, &c->node);
		c->tree = NULL;
		q->next = q->next == c ? NULL : q->next;
		c->state = SCHED_RUNNING;
		c->started = now;
		c->waited += before(c->since, now) ? now - c->since : 0;
	}
	set_timer(q, now);
	place_waiting(q);
	if (c || q->held)
		place_offer(q);
	return c;
}

struct sched_ctx *sched_pick(u64 now)
{
	struct run_queue *q = queues[cpu_id()];
	struct sched_ctx *c, *away;

	spin_lock(&q->lock);
	away = put_back(q, now);
	c = choose(q, now);
	spin_unlock(&q->lock);
	if (unlikely(away))
		sched_wake(away);
	while (!c && !q->held && place_steal(q)) {
		spin_guard(&q->lock);
		c = choose(q, now);
	}
	if (c || q->held)
		place_idle(q->cpu, false);
	if (c)
		place_balance(q, now);
	return c;
}

bool sched_yield_to(struct sched_ctx *to)
{
	struct run_queue *q = queues[cpu_id()];

	if (atomic_load_relaxed(&to->state) != SCHED_QUEUED || !place_fetch(q, to))
		return false;
	spin_guard(&q->lock);
	if (to->tree != &q->fair)
		return false;
	q->next = to;
	cpu_request(q->cpu, CPU_RESCHED);
	return true;
}

u64 sched_idle_time(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < cpu_count(); i++) {
		struct run_queue *q = queues[i];
		spin_guard(&q->lock);

		sum += q->idle + (q->current ? 0 : time_now() - q->idle_since);
	}
	return sum;
}
