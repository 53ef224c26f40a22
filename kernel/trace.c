/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/domain.h"
#include "kernel/heap.h"
#include "kernel/mem.h"
#include "kernel/trace.h"

#define RING_PAGES  4   /* per CPU, on machines of few CPUs */
#define TOTAL_PAGES 256 /* of all */

bool trace_on;

struct dais_trace *trace_rings;
u64 trace_ring_bytes;

static struct dais_trace *ring_of(u32 cpu)
{
	return (struct dais_trace *)((char *)trace_rings + cpu * trace_ring_bytes);
}

status_t trace_init(u32 cpus)
{
	u64 each = MIN(RING_PAGES * PAGE_SIZE, ALIGN_DOWN(TOTAL_PAGES * PAGE_SIZE / cpus, 64));
	u32 pages = (u32)(ALIGN_UP(each * cpus, PAGE_SIZE) / PAGE_SIZE);
	struct dais_trace *at = heap_pages(pages);

	if (!at)
		return DAIS_NO_MEMORY;
	trace_ring_bytes = each;
	trace_rings = at;
	for (u32 i = 0; i < cpus; i++)
		ring_of(i)->count = (each - sizeof(*at)) / sizeof(at->entry[0]);
	return mem_show(control_domain, at, pages, false);
}

/* Each CPU writes its own ring only; readers see head after the entry. */
void trace_write(u16 kind, u32 vcpu, u64 a, u64 b)
{
	u32 cpu = cpu_id();
	struct dais_trace *r = ring_of(cpu);

	if (!trace_rings)
		return;
	r->entry[r->head % r->count] =
		(struct dais_trace_entry){ time_now(), kind, (u16)cpu, vcpu, a, b };
	atomic_store(&r->head, r->head + 1);
}

void trace_dump(u32 n, void (*line)(const struct dais_trace_entry *e))
{
	struct dais_trace *r = ring_of(cpu_id());

	if (!trace_rings)
		return;
	for (u64 i = 1; i <= n && i <= r->count && i <= r->head; i++)
		line(&r->entry[(r->head - i) % r->count]);
}
