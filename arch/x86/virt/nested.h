/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested page tables (NPT and EPT): one builder behind kernel/arch.h's nested_*; a
 * vendor is a table of bits. Four levels, 4 KiB, 2 MiB and 1 GiB leaves. The
 * lock that arch.h names is held by whoever changes them; hardware walks them meanwhile,
 * so each entry changes with one store, and a table is complete before it is
 * linked. A table stays until the domain goes.
 */
#pragma once

#include "kernel/types.h"

/*
 * In both formats bits 0 and 1 of an entry let read and write, and all of 0-2 make a link. IOMMUs walk the same tables: what
 * AMD's want (48882 §2.2.3) stands where NPT ignores it, and VT-d's second-level format is EPT's.
 */
struct nested_format {
	u64 leaf;            /* bits of every leaf */
	u32 small;           /* shift: large pages keep the right to execute there, but have it not; 0: they have it */
	u64 no_exec;         /* of a leaf, where bit 2 does not let execute */
	u64 read, write;     /* of what may be read, written, by devices */
	u32 next;            /* shift: a link tells the level of what it leads to; 0: it does not */
	u64 ram;             /* bits of RAM: its memory type (EPT), or that devices cannot pass the caches by (AMD's IOMMU) */
};

struct nested {
	const struct nested_format *fmt;
	hpa_t root;          /* PML4, a heap page */
};

extern const struct nested_format nested_npt, nested_ept;

struct domain;
status_t nested_init(struct domain *d, const struct nested_format *fmt) __must_check;
