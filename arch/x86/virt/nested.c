/* SPDX-License-Identifier: GPL-2.0-only */
/* Nested page tables: APM vol. 2 §15.25 (NPT), SDM vol. 3 §28.3 (EPT). */
#include "arch/x86/virt/vcpu_x86.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define ENTRIES     512u
#define TOP_LEVEL   3u
#define LEVEL_BITS  9u
#define GPA_BITS    48u
#define ADDR_MASK   0x000ffffffffff000ULL
#define DEVICE      (1ULL << 52) /* no RAM; ignored by the hardware in both formats */

/* The nested walk is a user access of a writable table (APM vol. 2 §15.25.5); A and D are set
 * beforehand, since Dais never asks for them. */
const struct nested_format nested_npt = {
	.present = 1, .table = 0x7, .write = 0x2, .no_exec = 1ULL << 63, .leaf = 0x64,
	.large = 0x80, .has_1g = true,
};

const struct nested_format nested_ept = {
	.present = 1, .table = 0x7, .read = 0x1, .write = 0x2, .exec = 0x4, .large = 0x80,
	.memory_wb = 6 << 3, .memory_uc = 0, .has_1g = true,
};

static u32 level_shift(u32 level)
{
	return PAGE_SHIFT + LEVEL_BITS * level;
}

static u64 *slot_of(u64 *table, u64 gpa, u32 level)
{
	return &table[gpa >> level_shift(level) & (ENTRIES - 1)];
}

static u64 *table_of(u64 entry)
{
	return hpa_to_hva(hpa(entry & ADDR_MASK));
}

static bool is_present(const struct nested *n, u64 entry)
{
	return (entry & n->fmt->present) == n->fmt->present;
}

static bool is_leaf(const struct nested *n, u64 entry, u32 level)
{
	return level == 0 || (entry & n->fmt->large);
}

static u64 *table_alloc(struct nested *n)
{
	u64 *t = heap_pages(1);

	if (t)
		n->tables++;
	return t;
}

status_t nested_init(struct nested *n, const struct nested_format *fmt)
{
	u64 *t;

	*n = (struct nested){ .fmt = fmt };
	t = table_alloc(n);
	if (!t)
		return DAIS_NO_MEMORY;
	n->root = hva_to_hpa(t);
	return DAIS_OK;
}

/* Makes a table below *slot: empty, or the same mapping in smaller pages. */
static status_t table_grow(struct nested *n, u64 *slot, u32 level)
{
	u64 *t = table_alloc(n), old = *slot;
	u64 step = 1ULL << level_shift(level - 1);

	if (!t)
		return DAIS_NO_MEMORY;
	if (is_present(n, old)) {
		if (level == 1)
			old &= ~n->fmt->large;
		for (u32 i = 0; i < ENTRIES; i++)
			t[i] = old + i * step;
	}
	atomic_store(slot, hva_to_hpa(t).v | n->fmt->table);
	return DAIS_OK;
}

static bool table_empty(const struct nested *n, const u64 *t, u32 level)
{
	for (u32 i = 0; i < ENTRIES; i++) {
		if (!is_present(n, t[i]))
			continue;
		if (is_leaf(n, t[i], level) || !table_empty(n, table_of(t[i]), level - 1))
			return false;
	}
	return true;
}

/*
 * Unlinks an empty table and those below it. A processor may still hold the link in a
 * paging-structure cache: so the page keeps only non-present entries (the chain
 * pointer is page-aligned) until the flush.
 */
static void table_retire(struct nested *n, u64 *slot, u32 level)
{
	u64 *t = table_of(*slot);

	atomic_store(slot, 0);
	for (u32 i = 0; level > 1 && i < ENTRIES; i++)
		if (is_present(n, t[i]))
			table_retire(n, &t[i], level - 1);
	*(void **)t = n->retired;
	n->retired = t;
}

void nested_table_release(struct nested *n)
{
	while (n->retired) {
		void *t = n->retired;

		n->retired = *(void **)t;
		heap_pages_free(t, 1);
		n->tables--;
	}
}

status_t nested_table_prepare(struct nested *n, u64 gpa, u32 order)
{
	u64 *table = hpa_to_hva(n->root), *slot;
	u32 want = order / LEVEL_BITS;

	if (gpa >> GPA_BITS || order % LEVEL_BITS || want > 2 || (want == 2 && !n->fmt->has_1g))
		return DAIS_BAD_ARG;
	for (u32 level = TOP_LEVEL; level > want; level--) {
		slot = slot_of(table, gpa, level);
		if (!is_present(n, *slot) || (*slot & n->fmt->large)) {
			status_t s = table_grow(n, slot, level);

			if (s)
				return s;
		}
		table = table_of(*slot);
	}
	slot = slot_of(table, gpa, want);
	if (!is_present(n, *slot) || is_leaf(n, *slot, want))
		return DAIS_OK;
	if (!table_empty(n, table_of(*slot), want - 1))
		return DAIS_EXISTS;
	table_retire(n, slot, want);
	return DAIS_OK;
}

static u64 leaf_entry(const struct nested_format *f, hpa_t to, u32 level, u64 prot)
{
	u64 e = to.v | f->present | f->leaf;

	if (!(prot & DAIS_MAP_RWX))
		return 0;
	e |= prot & DAIS_MAP_READ ? f->read : 0;
	e |= prot & DAIS_MAP_WRITE ? f->write : 0;
	e |= prot & DAIS_MAP_EXEC ? f->exec : f->no_exec;
	e |= prot & NESTED_UC ? f->memory_uc | DEVICE : f->memory_wb;
	return level ? e | f->large : e;
}

void nested_table_set(struct nested *n, u64 gpa, hpa_t to, u32 order, u64 prot)
{
	u64 *table = hpa_to_hva(n->root), *slot;
	u32 want = order / LEVEL_BITS;

	for (u32 level = TOP_LEVEL; level > want; level--) {
		slot = slot_of(table, gpa, level);
		CHECK(is_present(n, *slot) && !(*slot & n->fmt->large));
		table = table_of(*slot);
	}
	slot = slot_of(table, gpa, want);
	CHECK(!is_present(n, *slot) || is_leaf(n, *slot, want));
	atomic_store(slot, leaf_entry(n->fmt, to, want, prot));
}

static u64 entry_prot(const struct nested_format *f, u64 e)
{
	u64 prot = DAIS_MAP_READ;

	if (e & f->write)
		prot |= DAIS_MAP_WRITE;
	if (f->no_exec ? !(e & f->no_exec) : !!(e & f->exec))
		prot |= DAIS_MAP_EXEC;
	if (e & DEVICE)
		prot |= NESTED_UC;
	return prot;
}

bool nested_table_get(const struct nested *n, u64 gpa, hpa_t *to, u32 *order, u64 *prot)
{
	u64 *table = hpa_to_hva(n->root);

	*order = LEVEL_BITS * (TOP_LEVEL + 1);
	if (gpa >> GPA_BITS)
		return false;
	for (u32 level = TOP_LEVEL; ; level--) {
		/* Lock-free readers see the old entry or the new one, never half of it. */
		u64 e = atomic_load(slot_of(table, gpa, level));
		u64 span = 1ULL << level_shift(level);

		*order = LEVEL_BITS * level;
		if (!is_present(n, e))
			return false;
		if (is_leaf(n, e, level)) {
			*to = hpa(((e & ADDR_MASK) & ~(span - 1)) | (gpa & (span - 1) & PAGE_MASK));
			*prot = entry_prot(n->fmt, e);
			return true;
		}
		table = table_of(e);
	}
}

static void table_free(struct nested *n, u64 *t, u32 level)
{
	for (u32 i = 0; level && i < ENTRIES; i++)
		if (is_present(n, t[i]) && !is_leaf(n, t[i], level))
			table_free(n, table_of(t[i]), level - 1);
	heap_pages_free(t, 1);
	n->tables--;
}

void nested_table_free(struct nested *n)
{
	nested_table_release(n);
	if (!n->tables)
		return;
	table_free(n, hpa_to_hva(n->root), TOP_LEVEL);
}

/* --- kernel/arch.h: the tables of a domain --- */

static void account(struct domain *d, u64 tables_before)
{
	atomic_add(&d->heap_bytes, (xdomain(d)->nt.tables - tables_before) * PAGE_SIZE);
}

status_t nested_prepare(struct domain *d, gpa_t a, u32 order)
{
	struct nested *n = &xdomain(d)->nt;
	u64 before = n->tables;
	status_t s = nested_table_prepare(n, a.v, order);

	if (n->retired) {
		nested_flush(d);
		nested_table_release(n);
	}
	account(d, before);
	return s;
}

void nested_set(struct domain *d, gpa_t a, hpa_t to, u32 order, u64 prot)
{
	nested_table_set(&xdomain(d)->nt, a.v, to, order, prot);
}

bool nested_get(struct domain *d, gpa_t a, hpa_t *to, u32 *order, u64 *prot)
{
	return nested_table_get(&xdomain(d)->nt, a.v, to, order, prot);
}

void nested_free(struct domain *d)
{
	u64 before = xdomain(d)->nt.tables;

	nested_table_free(&xdomain(d)->nt);
	account(d, before);
}
