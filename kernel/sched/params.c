/* SPDX-License-Identifier: GPL-2.0-only */
/* What the control domain sets: all under mgmt_lock, so that promises add up. */
#include "kernel/heap.h"
#include "kernel/sched/queue.h"

#define MICROSECOND (time_hz() / 1000000)
#define SLICE       (4000 * MICROSECOND)
#define SLICE_SOON  (1000 * MICROSECOND) /* the control domain's: others' devices hang on it */
#define CAP_PERIOD  (20000 * MICROSECOND)

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
		if (other && other->cache == cache) {
			atomic_or(&other->near.word[cpu / 64], 1ULL << cpu % 64);
			atomic_or(&q->near.word[i / 64], 1ULL << i % 64);
		}
	}
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
	p->weight = WEIGHT_DEFAULT;
	p->slice = control ? SLICE_SOON : SLICE;
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

static status_t set_server(struct sched_params *p, u64 budget, u64 period, bool reserved)
{
	p->budget = budget * MICROSECOND;
	p->period = period * MICROSECOND;
	p->reserved = reserved;
	return DAIS_OK;
}

static status_t set_reserve(struct sched_params *p, u64 value)
{
	u64 budget = value >> 32, period = value & 0xffffffff;

	if (value && (period < DAIS_SCHED_PERIOD_MIN || period > DAIS_SCHED_PERIOD_MAX || budget < DAIS_SCHED_BUDGET_MIN ||
		      budget > period))
		return DAIS_BAD_ARG;
	return set_server(p, budget, period, value);
}

static status_t set_cap(struct sched_params *p, u64 percent)
{
	u64 period = percent ? CAP_PERIOD / MICROSECOND : 0;

	return percent < 100 ? set_server(p, period * percent / 100, period, false) : DAIS_BAD_ARG;
}

static status_t set_cpus(struct sched_params *p, const struct cpu_mask *cpus)
{
	u64 any = 0;

	p->cpus = (struct cpu_mask){ { 0 } };
	for (u32 i = 0; i < cpu_count(); i++)
		p->cpus.word[i / 64] |= cpus->word[i / 64] & 1ULL << i % 64;
	for (u32 w = 0; w < ARRAY_SIZE(p->cpus.word); w++)
		any |= p->cpus.word[w];
	return any ? DAIS_OK : DAIS_BAD_ARG;
}

static status_t set_slice(struct sched_params *p, u64 us)
{
	p->slice = us * MICROSECOND;
	return us >= 100 && us <= 100000 ? DAIS_OK : DAIS_BAD_ARG;
}

static status_t set_number(u32 *field, u64 value, u64 least, u64 most)
{
	*field = (u32)value;
	return value >= least && value <= most ? DAIS_OK : DAIS_BAD_ARG;
}

static status_t apply(struct sched_params *p, u64 param, u64 value, const struct cpu_mask *cpus)
{
	switch (param) {
	case DAIS_SCHED_WEIGHT: return set_number(&p->weight, value, 1, WEIGHT_MAX);
	case DAIS_SCHED_CAP: return set_cap(p, value);
	case DAIS_SCHED_RESERVE: return set_reserve(p, value);
	case DAIS_SCHED_SLICE: return set_slice(p, value);
	case DAIS_SCHED_CPUS: return set_cpus(p, cpus);
	case DAIS_SCHED_CORE: return set_number(&p->core, value, 0, 1);
	}
	return DAIS_BAD_ARG;
}

status_t sched_set(struct sched_ctx *c, u64 param, u64 value, const struct cpu_mask *cpus, u64 *left)
{
	struct sched_params p = c->p;
	status_t s = apply(&p, param, value, cpus);

	if (s != DAIS_OK)
		return s;
	if (p.reserved && (param == DAIS_SCHED_RESERVE || param == DAIS_SCHED_CPUS) && !server_admit(c, &p, left))
		return DAIS_NO_SPACE;
	commit(c, &p);
	return DAIS_OK;
}

status_t sched_get(const struct sched_ctx *c, u64 param, u64 *value)
{
	const struct sched_params *p = &c->p;
	u64 budget = p->budget / MICROSECOND, period = p->period / MICROSECOND;

	switch (param) {
	case DAIS_SCHED_WEIGHT: *value = p->weight; return DAIS_OK;
	case DAIS_SCHED_CAP: *value = budget && !p->reserved ? 100 * budget / period : 0; return DAIS_OK;
	case DAIS_SCHED_RESERVE: *value = p->reserved ? budget << 32 | period : 0; return DAIS_OK;
	case DAIS_SCHED_SLICE: *value = p->slice / MICROSECOND; return DAIS_OK;
	case DAIS_SCHED_CORE: *value = p->core; return DAIS_OK;
	}
	param -= DAIS_STAT_VCPU_CPUS - DAIS_STAT_VCPU_SCHED;
	*value = param < ARRAY_SIZE(p->cpus.word) ? p->cpus.word[param] : 0;
	return param < ARRAY_SIZE(p->cpus.word) ? DAIS_OK : DAIS_BAD_ARG;
}
