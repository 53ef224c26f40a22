/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: every mapping goes through the frame database, in two phases
 * (prepare: may fail; commit: may not). Locks: the guest's mem_lock, then the
 * control domain's.
 */
#ifndef DAIS_MEM_H
#define DAIS_MEM_H

#include "kernel/domain.h"

/* Guests' memory lies below, and not in the page of the local APIC. */
#define GPA_LIMIT (1ULL << 46)
#define GPA_APIC  0xfee00000ULL

typedef struct { struct domain *d; } mem_locked_t; /* only mem_lock returns it */
mem_locked_t mem_lock(struct domain *d);
void mem_unlock(mem_locked_t m);

/*
 * These three and mem_reclaim_some are called under mgmt_lock: it keeps a caller's
 * list and frames in place. They do a bounded amount of work and return AGAIN when
 * more is left; *done: frames done, whatever the status. BAD_ARG, BAD_STATE (dead),
 * DENIED (what only the control domain may; the control domain as target), EXISTS,
 * NO_MEMORY, NO_SPACE.
 */
struct mem_map_args { u64 source, gpa, frames, flags, list; };
status_t mem_map(struct domain *caller, struct domain *d, const struct mem_map_args *a, u64 *done) __must_check;
status_t mem_unmap(struct domain *d, u64 gpa, u64 frames, u64 *done) __must_check;
status_t mem_protect(struct domain *caller, struct domain *d, u64 gpa, u64 frames, u64 flags, u64 *done) __must_check;
/* Takes back up to 512 mappings of a dead, still domain; true when none is left. */
bool mem_reclaim_some(struct domain *d);
/* Shows pages of Dais's own memory to a domain at GPA = HPA (info, log, vCPU and domain pages); unshow flushes. `to` NULL: nobody.
 * EXISTS, NO_MEMORY: nothing is shown. */
status_t mem_show(struct domain *to, const void *page, u32 pages, bool writable) __must_check;
void mem_unshow(struct domain *to, const void *page, u32 pages);

#endif
