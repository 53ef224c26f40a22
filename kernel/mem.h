/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: every mapping goes through the frame database, in two phases
 * (prepare: may fail; commit: may not). mgmt_lock is held: it guards guests' nested
 * tables, and keeps a caller's list and frames in place.
 */
#pragma once

#include "kernel/domain.h"

/* Guests' memory lies below, and not in the page of the local APIC. */
#define GPA_LIMIT (1ULL << 46)
#define GPA_APIC  0xfee00000ULL

extern spinlock_t view_lock; /* of the control domain's nested tables, which device memory enters when it is touched */

/* Takes back up to 512 mappings of a dead, still domain; true when none is left. */
bool mem_reclaim_some(struct domain *d);
/* A running guest could not execute what is there. True: it may, and can by now (from small pages, where it must not
 * from large ones), or is dead. Takes mgmt_lock. */
bool mem_execute(struct domain *d, u64 at);
/* Shows pages of Dais's own memory to the control domain at GPA = HPA (log, vCPU and domain pages …); unshow flushes.
 * NO_MEMORY: nothing is shown. */
status_t mem_show(const void *page, u32 pages, bool writable) __must_check;
void mem_unshow(const void *page, u32 pages);
