/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/domain.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/mem.h"
#include "kernel/sched.h"
#include "kernel/string.h"
#include "kernel/trace.h"
#include "kernel/vcpu.h"

#define INFO_PAGES ((u32)(ALIGN_UP(sizeof(struct dais_info), PAGE_SIZE) / PAGE_SIZE))

static struct dais_info *info;

status_t info_init(u64 mem_total, u64 mem_control, u64 image_bytes, hpa_t log, u64 log_size,
		   u32 flags)
{
	info = heap_pages(INFO_PAGES);
	if (!info)
		return DAIS_NO_MEMORY;
	info->abi = DAIS_ABI_VERSION;
	info->size = sizeof(*info);
	format(info->version, sizeof(info->version), "%s", DAIS_VERSION);
	info->mem_total = mem_total;
	info->mem_control = mem_control;
	info->mem_dais_image = image_bytes;
	info->log_hpa = log.v;
	info->log_size = log_size;
	info->flags = flags;
	info->control_vcpus = control_domain->max_vcpus;
	return mem_show(control_domain, info, INFO_PAGES, false);
}

u64 info_image_frames(void)
{
	return ALIGN_UP(info->mem_dais_image, PAGE_SIZE) / PAGE_SIZE;
}

hpa_t info_refresh(void)
{
	struct frame_counts f = frames_count();

	info->cpus = cpu_count();
	info->tsc_hz = time_hz();
	info->mem_pool_total = frames_pool_total() * PAGE_SIZE;
	info->mem_pool_free = f.free * PAGE_SIZE;
	info->mem_guests = f.guests * PAGE_SIZE;
	info->mem_dais = f.dais * PAGE_SIZE;
	info->heap_used = heap_used();
	info->domains = domain_count();
	info->vcpus = (u32)vcpu_count();
	info->caps = (u32)cap_count();
	info->events = (u32)event_count();
	info->trace_hpa = trace_hpa().v;
	info->trace_cpu_size = trace_cpu_size();
	info->pending_hpa = events_pending_hpa().v;
	info->pending_count = control_msix_count();
	for (u32 i = 0; i < MIN(cpu_count(), ARRAY_SIZE(info->cpu_idle_tsc)); i++)
		info->cpu_idle_tsc[i] = sched_idle_time(i);
	arch_info(info);
	return hva_to_hpa(info);
}
