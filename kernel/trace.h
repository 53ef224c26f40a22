/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-CPU rings of exits, hypercalls, switches, interrupts; one test when off. */
#ifndef DAIS_TRACE_H
#define DAIS_TRACE_H

#include "kernel/types.h"

extern bool trace_on;
status_t trace_init(u32 cpus) __must_check;   /* one page-sized ring or more per CPU, consecutive, from the heap */
void trace_write(u16 kind, u32 vcpu, u64 a, u64 b);
extern struct dais_trace *trace_rings;
extern u64 trace_ring_bytes;          /* of each */
/* For a panic: the newest n entries of this CPU, newest first, to `line`. */
void trace_dump(u32 n, void (*line)(const struct dais_trace_entry *e));

static inline void trace(u16 kind, u32 vcpu, u64 a, u64 b)
{
	if (unlikely(trace_on))
		trace_write(kind, vcpu, a, b);
}

#endif
