/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls that read counters or set what the scheduler does. */
#include "kernel/arch.h"
#include "kernel/domain.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"

#define CHECK_HEAP    16 /* what DAIS_STAT_CHECK adds to a broken invariant's number: whose it is */
#define CHECK_DOMAINS 32

status_t call_info(struct call *c)
{
	mgmt_t m;

	switch (c->arg[0]) {
	case DAIS_INFO_PAGE:
		if (c->dom != control_domain)
			return DAIS_DENIED;
		m = mgmt_acquire();
		c->out[0] = info_refresh().v;
		mgmt_release(m);
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

	switch (what) {
	case DAIS_STAT_FRAMES_TOTAL:
		*value = frames_pool_total();
		break;
	case DAIS_STAT_FRAMES_FREE:
		*value = f.free;
		break;
	case DAIS_STAT_FRAMES_GUEST:
		*value = f.guests;
		break;
	case DAIS_STAT_FRAMES_DAIS:
		*value = f.dais - info_image_frames();
		break;
	case DAIS_STAT_HEAP_USED:
		*value = heap_used();
		break;
	case DAIS_STAT_DOMAINS:
		*value = domain_count();
		break;
	case DAIS_STAT_VCPUS:
		*value = vcpu_count();
		break;
	case DAIS_STAT_CAPS:
		*value = cap_count();
		break;
	case DAIS_STAT_EVENTS:
		*value = event_count();
		break;
	case DAIS_STAT_POOLS:
		*value = pool_count();
		break;
	case DAIS_STAT_CHECK:
		*value = check_all(m);
		break;
	case DAIS_STAT_CPU_IDLE_TSC:
		*value = idle_total();
		break;
	default:
		return DAIS_BAD_ARG;
	}
	return DAIS_OK;
}

static status_t stat_domain(struct domain *d, u64 what, u64 *value)
{
	if (what == DAIS_STAT_DOM_FRAMES)
		*value = d->frames;
	else if (what == DAIS_STAT_DOM_STATE)
		*value = d->state;
	else if (what == DAIS_STAT_DOM_HEAP)
		*value = d->heap_bytes;
	else
		return DAIS_BAD_ARG;
	return DAIS_OK;
}

static status_t stat_vcpu(struct vcpu *v, u64 what, u64 *value)
{
	if (what == DAIS_STAT_VCPU_TSC)
		*value = v->guest_tsc;
	else if (what == DAIS_STAT_VCPU_EXITS)
		*value = v->exits;
	else if (what == DAIS_STAT_VCPU_ACTIVITY)
		*value = v->activity;
	else if (what == DAIS_STAT_VCPU_CPU)
		*value = v->last_cpu;
	else
		return DAIS_BAD_ARG;
	return DAIS_OK;
}

static status_t stat_object(struct object *o, u64 what, u64 *value)
{
	if (o->type == DAIS_T_DOMAIN)
		return stat_domain(container_of(o, struct domain, obj), what, value);
	if (o->type == DAIS_T_VCPU)
		return stat_vcpu(container_of(o, struct vcpu, obj), what, value);
	if (o->type != DAIS_T_POOL)
		return DAIS_BAD_TYPE;
	if (what != DAIS_STAT_POOL_FREE)
		return DAIS_BAD_ARG;
	*value = pool_free_frames(container_of(o, struct pool, obj));
	return DAIS_OK;
}

/* The counters of the whole machine are the control domain's; others would learn of each other. */
status_t call_stat(struct call *c)
{
	mgmt_t m;
	status_t s;

	if (c->cap[0].obj)
		return stat_object(c->cap[0].obj, c->arg[1], &c->out[0]);
	if (c->dom != control_domain)
		return DAIS_DENIED;
	m = mgmt_acquire();
	s = stat_global(m, c->arg[1], &c->out[0]);
	mgmt_release(m);
	return s;
}
