/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Core scheduling: a context that asks for it (DAIS_SCHED_CORE) shares its core's threads with its own domain's only,
 * all others share among themselves. Who may not join idles, and claims the core when those who have it had it for a
 * turn: then they leave, and do not come back before the claim is settled. A reservation waits less long.
 */
#include "kernel/sched/queue.h"
#include "kernel/timer.h"

#define TURN          (time_hz() / 250)
#define TURN_RESERVED (TURN / 16) /* when a reservation claims it: two must not drive each other out all the time */

static u64 group_of(const struct sched_ctx *c)
{
	return c->p.set[DAIS_SCHED_CORE] ? 1 + (u64)c->group : 0;
}

static void request_mates(const struct run_queue *q)
{
	for (u32 w = 0; w < ARRAY_SIZE(q->mates.word); w++)
		for (u64 bits = q->mates.word[w]; bits; bits &= bits - 1)
			if (w * 64 + __builtin_ctzll(bits) != q->cpu)
				cpu_request(w * 64 + __builtin_ctzll(bits), CPU_RESCHED);
}

void core_leave(struct run_queue *q)
{
	struct core *k = &q->lead->threads;

	spin_guard(&k->lock);
	q->in_core = false;
	if (!--k->running && k->claimed)
		request_mates(q);
}

/* Waits for the end of the turn, or asks the others to leave, and whoever claimed the core to take it. */
static bool claim(struct run_queue *q, struct core *k, const struct sched_ctx *c, u64 now)
{
	u64 turn = c->p.reserved ? TURN_RESERVED : TURN;

	if (!k->claimed) {
		k->claimed = true;
		k->claimant = q->cpu;
	}
	k->due |= !before(now, k->since + turn); /* another CPU may have begun it later than now */
	if (k->due)
		request_mates(q);
	else
		timer_look_at(k->since + turn);
	return false;
}

static bool fits(const struct node *n, u32 cpu)
{
	return queues[cpu]->lead->threads.group == group_of(container_of(n, struct sched_ctx, node));
}

/* The search is the one that is not O(log n): where core scheduling keeps apart what shares a queue. */
struct sched_ctx *core_join(struct run_queue *q)
{
	struct core *k = &q->lead->threads;
	struct sched_ctx *c;
	spin_guard(&k->lock);

	c = k->running && !k->due ? ctx_of(tree_for(q->fair.root, q->cpu, fits)) : NULL;
	q->in_core = c;
	k->running += q->in_core;
	return c;
}

bool core_enter(struct run_queue *q, const struct sched_ctx *c, u64 now)
{
	struct core *k = &q->lead->threads;
	bool settled;

	spin_guard(&k->lock);
	settled = k->claimed && k->claimant == q->cpu; /* or void, or made again below */
	if (settled)
		k->claimed = k->due = false;
	if (c && (k->due || (k->running && k->group != group_of(c)))) /* once it is due, the claimant's pick comes first */
		return claim(q, k, c, now);
	if (settled)
		request_mates(q); /* who was held up may claim it in turn */
	if (!c)
		return false;
	if (k->group != group_of(c) && !k->claimed)
		k->since = now;
	k->group = group_of(c);
	k->running++;
	q->in_core = true;
	return true;
}
