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
#define LARGE       0x80ULL      /* in both formats */
#define DEVICE      (1ULL << 52) /* no RAM; ignored by the hardware in both */

/* The nested walk is a user access of a writable table (APM vol. 2 §15.25.5); A and D are set
 * beforehand, since Dais never asks for them. */
const struct nested_format nested_npt = {
	.present = 1, .table = 0x7, .write = 0x2, .no_exec = 1ULL << 63, .leaf = 0x64,
};

const struct nested_format nested_ept = {
	.present = 1, .table = 0x7, .write = 0x2, .exec = 0x4, .memory_wb = 6 << 3,
};

static u64 span_of(u32 level)
{
	return PAGE_SIZE << LEVEL_BITS * level;
}

static u64 *slot_of(u64 *table, u64 gpa, u32 level)
{
	return &table[gpa / span_of(level) & (ENTRIES - 1)];
}

static u64 *table_of(u64 entry)
{
	return hpa_to_hva(hpa(entry & ADDR_MASK));
}

static const struct nested_format *format_of(const struct domain *d)
{
	return ((const struct xdomain *)d)->nt.fmt;
}

static bool is_present(const struct domain *d, u64 entry)
{
	return entry & format_of(d)->present;
}

static bool is_table(const struct domain *d, u64 entry, u32 level)
{
	return level && is_present(d, entry) && !(entry & LARGE);
}

static u64 *table_alloc(struct domain *d)
{
	u64 *t = heap_pages(1);

	if (t)
		atomic_add(&d->heap_bytes, PAGE_SIZE);
	return t;
}

status_t nested_init(struct domain *d, const struct nested_format *fmt)
{
	u64 *t = table_alloc(d);

	if (!t)
		return DAIS_NO_MEMORY;
	xdomain(d)->nt = (struct nested){ .fmt = fmt, .root = hva_to_hpa(t) };
	return DAIS_OK;
}

/* Makes a table below *slot: empty, or the same mapping in smaller pages. */
static status_t table_grow(struct domain *d, u64 *slot, u32 level)
{
	u64 *t = table_alloc(d), old = *slot;

	if (!t)
		return DAIS_NO_MEMORY;
	if (level == 1)
		old &= ~LARGE;
	for (u32 i = 0; is_present(d, old) && i < ENTRIES; i++)
		t[i] = old + i * span_of(level - 1);
	atomic_store(slot, hva_to_hpa(t).v | format_of(d)->table);
	return DAIS_OK;
}

status_t nested_prepare(struct domain *d, gpa_t a, u32 order)
{
	u64 *table = hpa_to_hva(xdomain(d)->nt.root);
	u32 want = order / LEVEL_BITS;

	if (a.v >> GPA_BITS || order % LEVEL_BITS || want > 2)
		return DAIS_BAD_ARG;
	for (u32 level = TOP_LEVEL; level > want; level--) {
		u64 *slot = slot_of(table, a.v, level);
		status_t s = is_table(d, *slot, level) ? DAIS_OK : table_grow(d, slot, level);

		if (s)
			return s;
		table = table_of(*slot);
	}
	return DAIS_OK;
}

static u64 leaf_entry(const struct nested_format *f, u64 to, u32 level, u64 prot)
{
	u64 e = to | f->present | f->leaf | (level ? LARGE : 0);

	if (!(prot & DAIS_MAP_RWX))
		return 0;
	e |= prot & DAIS_MAP_WRITE ? f->write : 0;
	e |= prot & DAIS_MAP_EXEC ? f->exec : f->no_exec;
	return e | (prot & NESTED_UC ? DEVICE : f->memory_wb);
}

/* Where tables for smaller pages are, all of theirs. */
static void slot_set(struct domain *d, u64 *slot, u64 to, u32 level, u64 prot)
{
	if (!is_table(d, *slot, level)) {
		atomic_store(slot, leaf_entry(format_of(d), to, level, prot));
		return;
	}
	for (u32 i = 0; i < ENTRIES; i++)
		slot_set(d, &table_of(*slot)[i], to + i * span_of(level - 1), level - 1, prot);
}

void nested_set(struct domain *d, gpa_t a, hpa_t to, u32 order, u64 prot)
{
	u64 *table = hpa_to_hva(xdomain(d)->nt.root);
	u32 want = order / LEVEL_BITS;

	for (u32 level = TOP_LEVEL; level > want; level--) {
		u64 *slot = slot_of(table, a.v, level);

		CHECK(is_table(d, *slot, level));
		table = table_of(*slot);
	}
	slot_set(d, slot_of(table, a.v, want), to.v, want, prot);
}

static u64 entry_prot(const struct nested_format *f, u64 e)
{
	u64 prot = DAIS_MAP_READ;

	prot |= e & f->write ? DAIS_MAP_WRITE : 0;
	prot |= e & DEVICE ? NESTED_UC : 0;
	/* exec: the bit that allows is set, or the one that forbids is not */
	return prot | ((e & (f->exec | f->no_exec)) == f->exec ? DAIS_MAP_EXEC : 0);
}

/* When false, *order is that of the largest empty aligned span around a (0, 9, 18, 27; 36: beyond
 * the table). Lock-free readers see an old entry or the new one, never half of it. */
bool nested_get(struct domain *d, gpa_t a, hpa_t *to, u32 *order, u64 *prot)
{
	u64 *table = hpa_to_hva(xdomain(d)->nt.root), e, in_span;
	u32 level = TOP_LEVEL;

	*order = LEVEL_BITS * (TOP_LEVEL + 1);
	if (a.v >> GPA_BITS)
		return false;
	e = atomic_load(slot_of(table, a.v, level));
	while (is_table(d, e, level)) {
		level--;
		e = atomic_load(slot_of(table_of(e), a.v, level));
	}
	*order = LEVEL_BITS * level;
	if (!is_present(d, e))
		return false;
	in_span = span_of(level) - 1;
	*to = hpa((e & ADDR_MASK & ~in_span) | (a.v & in_span & PAGE_MASK));
	*prot = entry_prot(format_of(d), e);
	return true;
}

static void table_free(struct domain *d, u64 *t, u32 level)
{
	for (u32 i = 0; i < ENTRIES; i++)
		if (is_table(d, t[i], level))
			table_free(d, table_of(t[i]), level - 1);
	heap_pages_free(t, 1);
	atomic_sub(&d->heap_bytes, PAGE_SIZE);
}

void nested_free(struct domain *d)
{
	struct nested *n = &xdomain(d)->nt;

	if (n->fmt)
		table_free(d, hpa_to_hva(n->root), TOP_LEVEL);
	n->fmt = NULL;
}
