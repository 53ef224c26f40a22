/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested page tables (NPT and EPT): one builder behind kernel/arch.h's nested_*; a
 * vendor is a table of bits. Four levels, 4 KiB, 2 MiB and 1 GiB leaves. The
 * owner's mem lock is held by whoever changes them; hardware walks them meanwhile,
 * so each entry changes with one store, and a table is complete before it is
 * linked. A table stays until the domain goes.
 */
#ifndef DAIS_NESTED_H
#define DAIS_NESTED_H

#include "kernel/types.h"

struct nested_format {
	u64 present;         /* bits that make an entry of a table or leaf valid (NPT: P; EPT: R) */
	u64 table;           /* bits of a link to the next level (all permissions) */
	u64 write, exec, no_exec;         /* of a leaf; exec or no_exec is 0 */
	u64 leaf;            /* bits of every leaf (NPT: US, A, D; EPT: nothing) */
	u64 memory_wb;       /* memory type of RAM (EPT; NPT: 0, the host's MTRRs say it) */
};

struct nested {
	const struct nested_format *fmt;
	hpa_t root;          /* PML4, a heap page */
};

#define NESTED_UC 0x100ULL /* in prot: device memory */

extern const struct nested_format nested_npt, nested_ept;

struct domain;
status_t nested_init(struct domain *d, const struct nested_format *fmt) __must_check;

#endif
