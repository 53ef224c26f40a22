/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/string.h"

#define CHECK_HEAP    16 /* what DAIS_STAT_CHECK adds to a broken invariant's number: whose it is */
#define CHECK_DOMAINS 32

struct counters counters;
u64 facts[DAIS_STAT_FRAMES_TOTAL];

static u64 check_all(mgmt_t m)
{
	u64 frames = frames_check(), heap = heap_check(), domains = domains_check(m);

	return frames ? frames : heap ? CHECK_HEAP + heap : domains ? CHECK_DOMAINS + domains : 0;
}

static u64 idle_total(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		sum += sched_idle_time(i);
	return sum;
}

static status_t stat_machine(mgmt_t m, u64 what, u64 *value)
{
	struct frame_counts f = frames_count();
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
		[DAIS_STAT_CPU_IDLE_TSC] = what == DAIS_STAT_CPU_IDLE_TSC ? idle_total() : 0,
		[DAIS_STAT_CHECK] = what == DAIS_STAT_CHECK ? check_all(m) : 0,
	};

	if (what >= ARRAY_SIZE(values))
		return DAIS_BAD_ARG;
	*value = what < ARRAY_SIZE(facts) ? facts[what] : values[what];
	return DAIS_OK;
}

#define FIELD(t, w, s, m) { DAIS_T_##t, DAIS_STAT_##w, sizeof(((struct s *)NULL)->m), \
			    offsetof(struct s, m) - offsetof(struct s, obj) }
static const struct { u32 type, what; u64 size, offset; } fields[] = {
	FIELD(DOMAIN, DOM_FRAMES, domain, frames),
	FIELD(DOMAIN, DOM_STATE, domain, state),
	FIELD(DOMAIN, DOM_HEAP, domain, heap_bytes),
	FIELD(VCPU, VCPU_TSC, vcpu, guest_tsc),
	FIELD(VCPU, VCPU_EXITS, vcpu, exits),
	FIELD(VCPU, VCPU_ACTIVITY, vcpu, activity),
	FIELD(VCPU, VCPU_CPU, vcpu, last_cpu),
};

static status_t stat_object(struct object *o, u64 what, u64 *value)
{
	const struct pool *p = container_of(o, struct pool, obj);

	if (o->type == DAIS_T_EVENT)
		return DAIS_BAD_TYPE;
	if (o->type == DAIS_T_POOL && what == DAIS_STAT_POOL_FREE) {
		*value = p->free;
		return DAIS_OK;
	}
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].type != o->type || fields[i].what != what)
			continue;
		memcpy(value, (char *)o + fields[i].offset, fields[i].size);
		return DAIS_OK;
	}
	return DAIS_BAD_ARG;
}

/* The numbers of the whole machine are the control domain's; others would learn of each other. */
status_t call_stat(struct call *c)
{
	if (c->cap[0].obj)
		return stat_object(c->cap[0].obj, c->arg[1], &c->out[0]);
	return c->dom == control_domain ? stat_machine(c->mgmt, c->arg[1], &c->out[0]) : DAIS_DENIED;
}
