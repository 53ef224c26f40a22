/* SPDX-License-Identifier: GPL-2.0-only */
/* What the control domain sets: all under mgmt_lock, so that promises add up. */
#include "kernel/heap.h"
#include "kernel/sched/queue.h"

#define MICROSECOND (time_hz() / 1000000)
#define SLICE       4000 /* us */
#define SLICE_SOON  1000 /* the control domain's: others' devices hang on it */
#define CAP_PERIOD  (20000 * MICROSECOND)

static void know(struct cpu_mask *mine, struct cpu_mask *other, u32 cpu, u32 i)
{
	atomic_or(&other->word[cpu / 64], 1ULL << cpu % 64);
	atomic_or(&mine->word[i / 64], 1ULL << i % 64);
}

void sched_init_cpu(u32 cpu, u32 core, u32 cache)
{
	struct run_queue *q = heap_alloc(sizeof(*q)), *other;

	CHECK(q);
	q->cpu = cpu;
	q->core = core;
	q->cache = cache;
	q->random = cpu;
	q->idle_since = time_now();
	atomic_store(&queues[cpu], q);
	atomic_fence(); /* of two that come at once, one sees the other */
	for (u32 i = 0; i < cpu_count(); i++) {
		other = atomic_load(&queues[i]);
		if (other && other->cache == cache)
			know(&q->near, &other->near, cpu, i);
		if (other && other->core == core) {
			know(&q->mates, &other->mates, cpu, i);
			q->smt |= other != q;
			atomic_store(&other->smt, q->smt);
			q->lead = q->lead ? q->lead : other;
			atomic_store(&other->lead, q->lead);
		}
	}
}

static const struct { u64 min, max; } range[DAIS_SCHED_PARAMS] = {
	[DAIS_SCHED_WEIGHT] = { 1, WEIGHT_MAX }, [DAIS_SCHED_CAP] = { 0, 99 }, [DAIS_SCHED_RESERVE] = { 0, ~0ULL },
	[DAIS_SCHED_SLICE] = { 100, 100000 }, [DAIS_SCHED_CORE] = { 0, 1 },
};

static bool reserve_valid(u64 budget, u64 period)
{
	return period >= DAIS_SCHED_PERIOD_MIN && period <= DAIS_SCHED_PERIOD_MAX && budget >= DAIS_SCHED_BUDGET_MIN &&
	       budget <= period;
}

static bool set_cpus(struct cpu_mask *m, const struct cpu_mask *cpus)
{
	u64 any = 0;

	*m = (struct cpu_mask){ { 0 } };
	for (u32 i = 0; i < cpu_count(); i++)
		any |= m->word[i / 64] |= cpus->word[i / 64] & 1ULL << i % 64;
	return any;
}

/* What follows from the values */
static void derive(struct sched_params *p)
{
	u64 reserve = p->set[DAIS_SCHED_RESERVE], cap = p->set[DAIS_SCHED_CAP];

	p->weight = p->set[DAIS_SCHED_WEIGHT];
	p->slice = p->set[DAIS_SCHED_SLICE] * MICROSECOND;
	p->reserved = reserve;
	p->budget = reserve ? (reserve >> 32) * MICROSECOND : CAP_PERIOD * cap / 100;
	p->period = reserve ? (u32)reserve * MICROSECOND : cap ? CAP_PERIOD : 0;
}

/* The change takes effect at once, wherever c is. */
static void commit(struct sched_ctx *c, const struct sched_params *p)
{
	struct run_queue *q = lock_home(c);
	bool queued = c->state == SCHED_QUEUED, runs = c->state == SCHED_RUNNING;
	u64 now = time_now();

	if (queued)
		dequeue(q, c, now);
	if (runs)
		charge(q, now);
	if (c->counted)
		fair_leave(q, c);
	queues[c->p.home]->promised -= server_bandwidth(&c->p);
	queues[p->home]->promised += server_bandwidth(p);
	if (p->budget != c->p.budget || p->period != c->p.period) {
		c->left = (s64)p->budget;
		c->deadline = now + p->period;
	}
	c->p = *p;
	c->node.where = place_fold(c);
	if (runs && !p->reserved)
		fair_enter(q, c);
	place_waiting(q);
	spin_unlock(&q->lock);
	if (runs)
		cpu_request(q->cpu, CPU_RESCHED);
	if (queued)
		sched_wake(c);
}

void sched_attach(struct sched_ctx *c, u32 group, bool control)
{
	struct sched_params *p = &c->p;

	for (u32 i = 0; i < cpu_count(); i++) {
		if (atomic_load_relaxed(&queues[i]->attached) < atomic_load_relaxed(&queues[c->cpu]->attached)) /* a guess */
			c->cpu = i;
		p->cpus.word[i / 64] |= 1ULL << i % 64;
	}
	if (control) {
		p->cpus = (struct cpu_mask){ { 0 } };
		p->cpus.word[c->cpu / 64] = 1ULL << c->cpu % 64;
	}
	c->group = group;
	p->set[DAIS_SCHED_WEIGHT] = WEIGHT_DEFAULT;
	p->set[DAIS_SCHED_SLICE] = control ? SLICE_SOON : SLICE;
	derive(p);
	c->node.where = place_fold(c);
	c->vtime = queues[c->cpu]->base;
	atomic_add(&queues[c->cpu]->attached, 1);
}

void sched_detach(struct sched_ctx *c)
{
	CHECK(c->state == SCHED_FROZEN);
	queues[c->p.home]->promised -= server_bandwidth(&c->p);
	atomic_sub(&queues[c->cpu]->attached, 1);
}

status_t sched_set(struct sched_ctx *c, u64 param, u64 value, const struct cpu_mask *cpus, u64 *left)
{
	struct sched_params p = c->p;

	if (param >= DAIS_SCHED_PARAMS || value < range[param].min || value > range[param].max ||
	    (param == DAIS_SCHED_CPUS && !set_cpus(&p.cpus, cpus)) ||
	    (param == DAIS_SCHED_RESERVE && value && !reserve_valid(value >> 32, (u32)value)))
		return DAIS_BAD_ARG;
	p.set[param] = value;
	if (param == DAIS_SCHED_CAP || param == DAIS_SCHED_RESERVE)
		p.set[DAIS_SCHED_CAP + DAIS_SCHED_RESERVE - param] = 0;
	derive(&p);
	if (p.reserved && (param == DAIS_SCHED_RESERVE || param == DAIS_SCHED_CPUS) && !server_admit(c, &p, left))
		return DAIS_NO_SPACE;
	commit(c, &p);
	return DAIS_OK;
}

status_t sched_get(const struct sched_ctx *c, u64 param, u64 *value)
{
	u64 w = param - (DAIS_STAT_VCPU_CPUS - DAIS_STAT_VCPU_SCHED);
	bool set = param < DAIS_SCHED_PARAMS;

	*value = set ? c->p.set[param] : w < ARRAY_SIZE(c->p.cpus.word) ? c->p.cpus.word[w] : 0;
	return set || w < ARRAY_SIZE(c->p.cpus.word) ? DAIS_OK : DAIS_BAD_ARG;
}
