/* SPDX-License-Identifier: GPL-2.0-only */
/* From the core's trace entries to the trace-event format that Perfetto and Chrome's viewer read. Free of Dais's calls. */
#ifndef DAIS_COMMAND_SCHED_TRACE_H
#define DAIS_COMMAND_SCHED_TRACE_H

#include <dais/abi.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A domain's name; never NULL. */
typedef const char *trace_name(void *ctx, uint32_t domain);

/* Sorts the entries by time and writes them; hz: TSC ticks a second. 0, or -1: out of memory. */
int sched_trace_write(FILE *to, struct dais_trace_entry *entry, size_t count, uint64_t hz, uint64_t lost,
		      trace_name *name, void *ctx);

#endif
