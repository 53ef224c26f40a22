/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/trace.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/mem.h"
#include "kernel/vcpu.h"

#define PAGES (DAIS_TRACE_SIZE / PAGE_SIZE)

u32 trace_on;

static struct dais_trace *ring;

status_t trace_init(void)
{
	_Static_assert(sizeof(*ring) <= DAIS_TRACE_SIZE, "the ABI says so");
	ring = heap_pages(PAGES);
	if (!ring)
		return DAIS_NO_MEMORY;
	facts[DAIS_STAT_TRACE] = hva_to_hpa(ring).v;
	return mem_show(ring, PAGES, false);
}

void trace_write(u16 kind, const struct vcpu *v, u64 a, u64 b)
{
	bool scheduling = kind == DAIS_TRACE_SWITCH || kind >= DAIS_TRACE_OFF;
	struct dais_trace_entry *e;

	if (trace_on == 2 && !scheduling)
		return;
	e = &ring->entry[(atomic_add(&ring->head, 1) - 1) % ARRAY_SIZE(ring->entry)];
	atomic_xchg(&e->tsc, 0ULL);
	*e = (struct dais_trace_entry){ 0, kind, (u16)cpu_id(), v ? v->dom->id << 16 | v->index : 0, a, b };
	atomic_store(&e->tsc, time_now());
}

void trace_dump(u32 n, void (*line)(const struct dais_trace_entry *e))
{
	for (u64 i = 1; ring && i <= n && i <= ring->head; i++)
		line(&ring->entry[(ring->head - i) % ARRAY_SIZE(ring->entry)]);
}
