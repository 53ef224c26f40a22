/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring of exits, hypercalls, switches, interrupts; one test when off. */
#pragma once

#include "kernel/types.h"

struct vcpu;

extern u32 trace_on; /* DAIS_DOM_TRACE's argument */
status_t trace_init(void) __must_check;
void trace_write(u16 kind, const struct vcpu *v, u64 a, u64 b);
/* For a panic: the newest n entries, newest first, to `line`. */
void trace_dump(u32 n, void (*line)(const struct dais_trace_entry *e));

static inline void trace(u16 kind, const struct vcpu *v, u64 a, u64 b)
{
	if (unlikely(trace_on))
		trace_write(kind, v, a, b);
}
