/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual time of the fair ones (after Stoica and Abdel-Wahab's earliest eligible virtual deadline first). A
 * context's runs slower the greater its weight; the average over those that want to run, by weight, is where each
 * would be on an ideal CPU. Who is not ahead of it is eligible; of these the one with the earliest deadline runs,
 * which is where its virtual time will be when it has had its slice. So nobody's lag exceeds a slice, whatever the others
 * do. Virtual time never goes back, so sleeping gains nothing: it saves up one slice at most, and what was had in advance stays owed.
 */
#include "kernel/sched/queue.h"

/* Virtual time of so many ticks of its own. Rounded up: to be charged too little would add up. */
static u64 virtual_of(const struct sched_ctx *c, u64 ticks)
{
	return (ticks * UNIT + c->p.weight - 1) / c->p.weight;
}

/* Makes base the average, rounded so that whoever has the least is eligible. */
void fair_rebase(struct run_queue *q)
{
	s64 d = q->load ? q->sum / q->load : 0;

	q->base += d;
	q->sum -= d * q->load;
}

static void count(struct run_queue *q, struct sched_ctx *c, s64 sign)
{
	q->load += sign * c->p.weight;
	q->sum += sign * c->p.weight * (s64)(c->vtime - q->base);
	c->counted = sign > 0;
}

void fair_request(struct sched_ctx *c)
{
	if (before(c->vtime, c->request))
		return;
	c->node.start = c->vtime;
	c->request = c->vtime + virtual_of(c, c->p.slice);
}

void fair_enter(struct run_queue *q, struct sched_ctx *c)
{
	u64 slice = virtual_of(c, c->p.slice);

	fair_rebase(q);
	if (before(c->vtime, q->base - slice))
		c->vtime = q->base - slice;
	if (before(q->base + 4 * slice, c->vtime)) /* never so far ahead, but in a virtual time that has changed */
		c->vtime = q->base + 4 * slice;
	count(q, c, 1);
	fair_rebase(q);
	c->request = c->vtime; /* a new one */
}

void fair_leave(struct run_queue *q, struct sched_ctx *c)
{
	count(q, c, -1);
	fair_rebase(q);
}

/* Alone it is the average itself: so the time that no tick has bounded does not matter. */
void fair_ran(struct run_queue *q, struct sched_ctx *c, u64 ticks)
{
	u64 v = virtual_of(c, MIN(ticks, time_hz()));

	c->vtime += v;
	q->sum += (s64)(v * c->p.weight);
	fair_rebase(q);
}

u64 fair_left(const struct sched_ctx *c)
{
	return before(c->vtime, c->request) ? ((c->request - c->vtime) * c->p.weight + UNIT - 1) / UNIT : 1;
}
