/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls that read counters or set what the scheduler does. */
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"

#define CHECK_HEAP    16 /* what DAIS_STAT_CHECK adds to a broken invariant's number: whose it is */
#define CHECK_DOMAINS 32

status_t call_info(struct call *c)
{
	switch (c->arg[0]) {
	case DAIS_INFO_PAGE:
		if (c->dom != control_domain)
			return DAIS_DENIED;
		c->out[0] = info_refresh().v;
		return DAIS_OK;
	case DAIS_INFO_VERSION:
		c->out[0] = DAIS_ABI_VERSION;
		return DAIS_OK;
	case DAIS_INFO_TSC_HZ:
		c->out[0] = time_hz();
		return DAIS_OK;
	default:
		return DAIS_BAD_ARG;
	}
}

status_t call_sched_set(struct call *c)
{
	struct vcpu *v = container_of(c->cap[0].obj, struct vcpu, obj);

	if (!v->autonomous)
		return DAIS_BAD_STATE;
	return sched_set_param(&v->sc, c->arg[1], c->arg[2]);
}

static u64 check_all(mgmt_t m)
{
	u64 broken = frames_check();

	if (broken)
		return broken;
	broken = heap_check();
	if (broken)
		return CHECK_HEAP + broken;
	broken = domains_check(m);
	return broken ? CHECK_DOMAINS + broken : 0;
}

static u64 idle_total(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		sum += sched_idle_time(i);
	return sum;
}

static status_t stat_global(mgmt_t m, u64 what, u64 *value)
{
	struct frame_counts f = frames_count();
	const u64 counters[] = {
		[DAIS_STAT_FRAMES_TOTAL] = frames_pool_total(),
		[DAIS_STAT_FRAMES_FREE] = f.free,
		[DAIS_STAT_FRAMES_GUEST] = f.guests,
		[DAIS_STAT_FRAMES_DAIS] = f.dais - info_image_frames(),
		[DAIS_STAT_HEAP_USED] = heap_used(),
		[DAIS_STAT_DOMAINS] = domain_count(),
		[DAIS_STAT_VCPUS] = vcpu_count(),
		[DAIS_STAT_CAPS] = cap_count(),
		[DAIS_STAT_EVENTS] = event_count(),
		[DAIS_STAT_POOLS] = pool_count(),
		[DAIS_STAT_CHECK] = what == DAIS_STAT_CHECK ? check_all(m) : 0,
		[DAIS_STAT_CPU_IDLE_TSC] = what == DAIS_STAT_CPU_IDLE_TSC ? idle_total() : 0,
	};

	if (what >= ARRAY_SIZE(counters))
		return DAIS_BAD_ARG;
	*value = counters[what];
	return DAIS_OK;
}

static status_t stat_object(struct object *o, u64 what, u64 *value)
{
	const struct domain *d = container_of(o, struct domain, obj);
	const struct vcpu *v = container_of(o, struct vcpu, obj);

	if (o->type == DAIS_T_EVENT)
		return DAIS_BAD_TYPE;
	if (o->type == DAIS_T_DOMAIN && what == DAIS_STAT_DOM_FRAMES)
		*value = d->frames;
	else if (o->type == DAIS_T_DOMAIN && what == DAIS_STAT_DOM_STATE)
		*value = d->state;
	else if (o->type == DAIS_T_DOMAIN && what == DAIS_STAT_DOM_HEAP)
		*value = d->heap_bytes;
	else if (o->type == DAIS_T_VCPU && what == DAIS_STAT_VCPU_TSC)
		*value = v->guest_tsc;
	else if (o->type == DAIS_T_VCPU && what == DAIS_STAT_VCPU_EXITS)
		*value = v->exits;
	else if (o->type == DAIS_T_VCPU && what == DAIS_STAT_VCPU_ACTIVITY)
		*value = v->activity;
	else if (o->type == DAIS_T_VCPU && what == DAIS_STAT_VCPU_CPU)
		*value = v->last_cpu;
	else if (o->type == DAIS_T_POOL && what == DAIS_STAT_POOL_FREE)
		*value = pool_free_frames(container_of(o, struct pool, obj));
	else
		return DAIS_BAD_ARG;
	return DAIS_OK;
}

/* The counters of the whole machine are the control domain's; others would learn of each other. */
status_t call_stat(struct call *c)
{
	if (c->cap[0].obj)
		return stat_object(c->cap[0].obj, c->arg[1], &c->out[0]);
	return c->dom == control_domain ? stat_global(c->mgmt, c->arg[1], &c->out[0]) : DAIS_DENIED;
}
