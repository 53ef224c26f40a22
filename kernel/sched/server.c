/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Budgets: a constant-bandwidth server (Abeni and Buttazzo) of reserved contexts, and of capped fair ones. `left` may be
 * used until `deadline`; when it is gone the context waits until then. What runs too long is taken off the next budget.
 */
#include "kernel/sched/queue.h"

#define MILLION  1000000u
#define PROMISED 950000u /* of a CPU at most: the fair ones, the control domain's among them, are never shut out */

/* A sleeper may use what is left of its budget only if that is no more bandwidth than it has. */
void server_wake(struct sched_ctx *c, u64 now)
{
	if (before(now, c->deadline) &&
	    (c->left <= 0 || (__int128)c->left * c->p.period <= (__int128)(c->deadline - now) * c->p.budget))
		return;
	c->left = (s64)c->p.budget + MIN(c->left, 0);
	c->deadline = now + c->p.period;
}

void server_renew(struct sched_ctx *c, u64 now)
{
	if (c->left > 0 && c->p.reserved)
		c->missed++;
	c->left = (s64)c->p.budget + MIN(c->left, 0);
	c->deadline += c->p.period;
	if (!before(now, c->deadline))
		c->deadline = now + c->p.period;
}

u64 server_bandwidth(const struct sched_params *p)
{
	return p->reserved ? (p->budget * MILLION + p->period - 1) / p->period : 0;
}

bool server_admit(const struct sched_ctx *c, struct sched_params *p, u64 *left)
{
	u64 needs = server_bandwidth(p), best = ~0ULL, room;

	*left = 0;
	for (u32 i = 0; i < cpu_count(); i++) {
		if (!queues[i] || !mask_has(&p->cpus, i))
			continue;
		room = PROMISED - queues[i]->promised + (c->p.home == i ? server_bandwidth(&c->p) : 0);
		*left = MAX(*left, room);
		if (room < needs || room >= best)
			continue;
		best = room;
		p->home = i;
	}
	return best != ~0ULL;
}
