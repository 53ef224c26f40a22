/* SPDX-License-Identifier: GPL-2.0-only */
/* The information page and the counters. */
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/mem.h"
#include "kernel/string.h"
#include "kernel/trace.h"

#define INFO_PAGES    ((u32)(ALIGN_UP(sizeof(struct dais_info), PAGE_SIZE) / PAGE_SIZE))
#define CHECK_HEAP    16 /* what DAIS_STAT_CHECK adds to a broken invariant's number: whose it is */
#define CHECK_DOMAINS 32

struct counters counters;

static struct dais_info *info;

status_t info_init(u64 mem_total, u64 mem_control, u64 image_bytes, hpa_t log, u64 log_size,
		   u32 flags)
{
	info = heap_pages(INFO_PAGES);
	if (!info)
		return DAIS_NO_MEMORY;
	info->abi = DAIS_ABI_VERSION;
	info->size = sizeof(*info);
	memcpy(info->version, DAIS_VERSION, sizeof(DAIS_VERSION));
	info->mem_total = mem_total;
	info->mem_control = mem_control;
	info->mem_dais_image = image_bytes;
	info->log_hpa = log.v;
	info->log_size = log_size;
	info->flags = flags;
	info->cpus = cpu_count();
	info->tsc_hz = time_hz();
	info->control_vcpus = control_domain->max_vcpus;
	return mem_show(control_domain, info, INFO_PAGES, false);
}

static hpa_t info_refresh(void)
{
	struct frame_counts f = frames_count();

	info->mem_pool_total = f.pool * PAGE_SIZE;
	info->mem_pool_free = f.free * PAGE_SIZE;
	info->mem_guests = f.guests * PAGE_SIZE;
	info->mem_dais = f.dais * PAGE_SIZE;
	info->heap_used = counters.heap;
	info->domains = (u32)counters.domains;
	info->vcpus = (u32)counters.vcpus;
	info->caps = (u32)counters.caps;
	info->events = (u32)counters.events;
	info->trace_hpa = hva_to_hpa(trace_rings).v;
	info->trace_cpu_size = trace_ring_bytes;
	info->pending_hpa = hva_to_hpa(events_pending).v;
	info->pending_count = control_msix_count();
	for (u32 i = 0; i < cpu_count(); i++)
		info->cpu_idle_tsc[i] = sched_idle_time(i);
	arch_info(info);
	return hva_to_hpa(info);
}

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

static status_t stat_global(mgmt_t m, u64 what, u64 *value)
{
	struct frame_counts f = frames_count();
	u64 image = ALIGN_UP(info->mem_dais_image, PAGE_SIZE) / PAGE_SIZE;
	const u64 values[] = {
		[DAIS_STAT_FRAMES_TOTAL] = f.pool,
		[DAIS_STAT_FRAMES_FREE] = f.free,
		[DAIS_STAT_FRAMES_GUEST] = f.guests,
		[DAIS_STAT_FRAMES_DAIS] = f.dais - image,
		[DAIS_STAT_HEAP_USED] = counters.heap,
		[DAIS_STAT_DOMAINS] = counters.domains,
		[DAIS_STAT_VCPUS] = counters.vcpus,
		[DAIS_STAT_CAPS] = counters.caps,
		[DAIS_STAT_EVENTS] = counters.events,
		[DAIS_STAT_POOLS] = counters.pools,
		[DAIS_STAT_CHECK] = what == DAIS_STAT_CHECK ? check_all(m) : 0,
		[DAIS_STAT_CPU_IDLE_TSC] = what == DAIS_STAT_CPU_IDLE_TSC ? idle_total() : 0,
	};

	if (what >= ARRAY_SIZE(values))
		return DAIS_BAD_ARG;
	*value = values[what];
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

/* --- hypercalls --- */

/* The counters of the whole machine are the control domain's; others would learn of each other. */
status_t call_stat(struct call *c)
{
	if (c->cap[0].obj)
		return stat_object(c->cap[0].obj, c->arg[1], &c->out[0]);
	return c->dom == control_domain ? stat_global(c->mgmt, c->arg[1], &c->out[0]) : DAIS_DENIED;
}

status_t call_info(struct call *c)
{
	if (c->arg[0] > DAIS_INFO_TSC_HZ)
		return DAIS_BAD_ARG;
	if (c->arg[0] == DAIS_INFO_PAGE && c->dom != control_domain)
		return DAIS_DENIED;
	c->out[0] = c->arg[0] == DAIS_INFO_PAGE ? info_refresh().v :
		    c->arg[0] == DAIS_INFO_TSC_HZ ? time_hz() : DAIS_ABI_VERSION;
	return DAIS_OK;
}
