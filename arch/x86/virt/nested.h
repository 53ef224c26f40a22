/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested page tables (NPT and EPT): one builder; a vendor is a table of bits.
 * Four levels, 4 KiB, 2 MiB and 1 GiB leaves. The owner's mem lock is held by
 * whoever changes them; hardware walks them meanwhile, so each entry changes
 * with one store, and a table is complete before it is linked.
 */
#ifndef DAIS_NESTED_H
#define DAIS_NESTED_H

#include "kernel/types.h"

struct nested_format {
	u64 present;         /* bits that make an entry of a table or leaf valid (NPT: P; EPT: R) */
	u64 table;           /* bits of a link to the next level (all permissions) */
	u64 read, write, exec, no_exec; /* of a leaf; exec or no_exec is 0 */
	u64 leaf;            /* bits of every leaf (NPT: US, A, D; EPT: nothing) */
	u64 large;           /* PS */
	u64 memory_wb, memory_uc; /* memory type bits of a leaf (EPT; NPT: 0, the host's MTRRs say it) */
	bool has_1g;
};

struct nested {
	const struct nested_format *fmt;
	hpa_t root;          /* PML4, a heap page */
	u64 tables;          /* heap pages in use */
	void *retired;       /* unlinked empty tables that walkers may still hold */
};

#define NESTED_UC 0x100ULL /* in prot: device memory */

extern const struct nested_format nested_npt, nested_ept;

status_t nested_init(struct nested *n, const struct nested_format *fmt) __must_check;
/* EXISTS: smaller pages are mapped in the leaf's place. After it, when n->retired: flush,
 * nested_table_release. */
status_t nested_table_prepare(struct nested *n, u64 gpa, u32 order) __must_check;
/* Frees what prepare unlinked (empty tables in the place of a larger leaf): after a flush. */
void nested_table_release(struct nested *n);
void nested_table_set(struct nested *n, u64 gpa, hpa_t to, u32 order, u64 prot);
/* As kernel/arch.h's nested_get: when false, *order is that of the largest empty aligned span
 * around gpa (0, 9, 18, 27; 36: beyond the table). */
bool nested_table_get(const struct nested *n, u64 gpa, hpa_t *to, u32 *order, u64 *prot);
void nested_table_free(struct nested *n);

#endif
