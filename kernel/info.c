/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/heap.h"
#include "kernel/hypercall.h"

#define CHECK_HEAP    16 /* what DAIS_STAT_CHECK adds to a broken invariant's number: whose it is */
#define CHECK_DOMAINS 32

struct counters counters;
u64 facts[DAIS_STAT_FRAMES_TOTAL];

static u64 check_all(mgmt_t m)
{
	u64 frames = frames_check(), heap = heap_check(), domains = domains_check(m);

	return frames ? frames : heap ? CHECK_HEAP + heap : domains ? CHECK_DOMAINS + domains : 0;
}

static status_t pick(u64 *value, u64 i, const u64 *list, u64 count)
{
	*value = i < count ? list[i] : 0;
	return i < count ? DAIS_OK : DAIS_BAD_ARG;
}

static status_t stat_machine(mgmt_t m, u64 what, u64 *value)
{
	const struct frame_counts f = frame_counts;
	const u64 values[] = {
		[DAIS_STAT_FRAMES_TOTAL] = f.pool,
		[DAIS_STAT_FRAMES_FREE] = f.free,
		[DAIS_STAT_FRAMES_GUEST] = f.guests,
		[DAIS_STAT_FRAMES_DAIS] = f.dais - facts[DAIS_STAT_MEM_IMAGE] / PAGE_SIZE,
		[DAIS_STAT_HEAP_USED] = counters.heap,
		[DAIS_STAT_DOMAINS] = counters.domains,
		[DAIS_STAT_VCPUS] = counters.vcpus,
		[DAIS_STAT_CAPS] = counters.caps,
		[DAIS_STAT_EVENTS] = counters.events,
		[DAIS_STAT_POOLS] = counters.pools,
		[DAIS_STAT_CPU_IDLE_TSC] = what == DAIS_STAT_CPU_IDLE_TSC ? sched_idle_time() : 0,
		[DAIS_STAT_CHECK] = what == DAIS_STAT_CHECK ? check_all(m) : 0,
	};

	if ((u32)what == DAIS_STAT_FN_STATE || (u32)what == DAIS_STAT_FN_FAULTS) {
		*value = device_stat((u32)(what >> 32), (u32)what == DAIS_STAT_FN_FAULTS);
		return DAIS_OK;
	}
	return what < ARRAY_SIZE(facts) ? pick(value, what, facts, ARRAY_SIZE(facts)) :
					  pick(value, what, values, ARRAY_SIZE(values));
}

#define PICK(value, i, ...) pick(value, i, (u64[]){ __VA_ARGS__ }, sizeof((u64[]){ __VA_ARGS__ }) / sizeof(u64))

/* In the order of enum dais_stat */
static status_t stat_object(struct object *o, u64 what, u64 *value)
{
	const struct domain *d = container_of(o, struct domain, obj);
	const struct vcpu *v = container_of(o, struct vcpu, obj);
	u64 time;

	switch (o->type) {
	case DAIS_T_DOMAIN:
		return PICK(value, what - DAIS_STAT_DOM_FRAMES, d->frames, d->state, d->heap_bytes);
	case DAIS_T_VCPU:
		if (what >= DAIS_STAT_VCPU_SCHED)
			return v->autonomous ? sched_get(&v->sc, what - DAIS_STAT_VCPU_SCHED, value) : DAIS_BAD_ARG;
		time = atomic_load_relaxed(&v->cpu_time); /* ever less than the TSC: its sign says whether it is being counted */
		return PICK(value, what - DAIS_STAT_VCPU_TSC, time >> 63 ? time + time_now() : time, v->exits, v->activity, v->last_cpu, v->sc.ran,
			    v->sc.waited, v->sc.moved, v->sc.missed);
	case DAIS_T_POOL:
		return PICK(value, what - DAIS_STAT_POOL_FREE, container_of(o, struct pool, obj)->free);
	}
	return DAIS_BAD_TYPE;
}

/* The numbers of the whole machine are the control domain's; others would learn of each other. */
status_t call_stat(struct call *c)
{
	if (c->cap[0].obj)
		return stat_object(c->cap[0].obj, c->arg[1], &c->out[0]);
	return c->dom == control_domain ? stat_machine(c->mgmt, c->arg[1], &c->out[0]) : DAIS_DENIED;
}
