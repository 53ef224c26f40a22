/* SPDX-License-Identifier: GPL-2.0-only */
/* Nested page tables: APM vol. 2 §15.25 (NPT), SDM vol. 3 §28.3 (EPT). */
#include "arch/x86/cpu.h"
#include "arch/x86/virt/vcpu_x86.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define ENTRIES    512u
#define TOP_LEVEL  3u
#define LEVEL_BITS 9u
#define GPA_BITS   48u
#define ADDR_MASK  0x000ffffffffff000ULL
#define PRESENT    0x1ULL
#define LINK       0x7ULL
#define LARGE      0x80ULL
#define VTD_SNP    0x800ULL /* spec. §9.8; EPT ignores it */
#define SMALL      51u /* shift: where the right to execute, of small pages alone, is kept */
#define SMALL_EXEC (DAIS_MAP_EXEC << SMALL)

_Static_assert(DAIS_MAP_READ == 1 && DAIS_MAP_WRITE == 2 && DAIS_MAP_EXEC == 4, "as in a leaf");

/* The nested walk is a user access of a writable table (APM vol. 2 §15.25.5); A and D are set
 * beforehand, since Dais never asks for them. */
const struct nested_format nested_npt = { .leaf = 0x64, .no_exec = 1ULL << 63, .read = 1ULL << 61, .write = 1ULL << 62,
					  .next = 9, .ram = 1ULL << 60 };
const struct nested_format nested_ept = { .ram = 6 << 3 };
/* Guests' on CPUs that one can hang by changing the size of a page that it executes (CVE-2018-12207); bit 53 is ignored */
static const struct nested_format nested_ept_small = { .ram = 6 << 3, .small = SMALL };
/* For VT-d bit 62 is reserved (spec. §9.8). An AMD CPU behind it: emulators have that pair. */
static const struct nested_format nested_npt_vtd = { .leaf = 0x64, .no_exec = 1ULL << 63, .read = 1ULL << 61, .next = 9,
						     .ram = 1ULL << 60 };

bool nested_write_back, nested_vtd, nested_snoop;

static void put(u64 *slot, u64 e)
{
	atomic_store(slot, e);
	if (unlikely(nested_write_back))
		cache_write_back(slot);
}

static u64 span_of(u32 level)
{
	return PAGE_SIZE << LEVEL_BITS * level;
}

static u64 *table_of(u64 entry)
{
	return hpa_to_hva(hpa(entry & ADDR_MASK));
}

static bool is_table(u64 entry, u32 level)
{
	return level && (entry & PRESENT) && !(entry & LARGE);
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
	fmt = fmt == &nested_npt && nested_vtd ? &nested_npt_vtd : fmt;
	if (fmt == &nested_ept && control_domain && defences_used >> DAIS_DEFENCE_SMALL_CODE & 1)
		fmt = &nested_ept_small;
	xdomain(d)->nt = (struct nested){ .fmt = fmt, .root = hva_to_hpa(t) };
	return DAIS_OK;
}

/* The slot for a at level `want`, or above it where no table is below; its entry, read once, in *e. */
static u64 *walk(struct domain *d, gpa_t a, u32 want, u32 *level, u64 *e)
{
	u64 *table = hpa_to_hva(xdomain(d)->nt.root), *slot, entry;
	u32 shift = PAGE_SHIFT + LEVEL_BITS * TOP_LEVEL, l = TOP_LEVEL;

	for (;; l--, shift -= LEVEL_BITS) {
		slot = &table[a.v >> shift & (ENTRIES - 1)];
		entry = atomic_load(slot);
		if (l == want || !is_table(entry, l))
			break;
		table = table_of(entry);
	}
	*level = l;
	*e = entry;
	return slot;
}

/* Where no table is, makes one: empty, or the same mapping in smaller pages. */
status_t nested_prepare(struct domain *d, gpa_t a, u32 order)
{
	const struct nested_format *f = xdomain(d)->nt.fmt;
	u64 *slot, *t, old;
	u32 level, want = order / LEVEL_BITS;

	if (a.v >> GPA_BITS)
		return DAIS_BAD_ARG;
	while (slot = walk(d, a, want, &level, &old), level > want) {
		t = table_alloc(d);
		if (!t)
			return DAIS_NO_MEMORY;
		if (level == 1)
			old = (old & ~LARGE) | (old & SMALL_EXEC) >> SMALL;
		for (u32 i = 0; (old || nested_write_back) && i < ENTRIES; i++)
			put(&t[i], old ? old + i * span_of(level - 1) : 0);
		put(slot, hva_to_hpa(t).v | LINK | (f->next ? f->read | f->write | (u64)level << f->next : 0));
	}
	return DAIS_OK;
}

/* Where tables for smaller pages are, all of theirs. */
static void slot_set(u64 *slot, u64 e, u32 level)
{
	if (!is_table(*slot, level)) {
		put(slot, e && level ? (e & ~((e & SMALL_EXEC) >> SMALL)) | LARGE : e);
		return;
	}
	for (u32 i = 0; i < ENTRIES; i++)
		slot_set(&table_of(*slot)[i], e ? e + i * span_of(level - 1) : 0, level - 1);
}

void nested_set(struct domain *d, gpa_t a, hpa_t to, u32 order, u64 prot)
{
	const struct nested_format *f = xdomain(d)->nt.fmt;
	u64 old, ram = prot & NESTED_UC ? 0 : f->ram | (nested_snoop ? VTD_SNP : 0);
	u64 e = to.v | f->leaf | ram | (prot & DAIS_MAP_RWX) | (prot & DAIS_MAP_EXEC) << f->small |
		(prot & DAIS_MAP_READ ? f->read : 0) | (prot & DAIS_MAP_WRITE ? f->write : 0);
	u32 level, want = order / LEVEL_BITS;
	u64 *slot = walk(d, a, want, &level, &old);

	CHECK(level == want);
	slot_set(slot, prot ? e | (prot & DAIS_MAP_EXEC ? 0 : f->no_exec) : 0, level);
}

/* When 0, *order is that of the largest empty aligned span around a (0, 9, 18, 27; 36: beyond
 * the table). Lock-free readers see an old entry or the new one, never half of it. */
u64 nested_get(struct domain *d, gpa_t a, hpa_t *to, u32 *order)
{
	const struct nested_format *f = xdomain(d)->nt.fmt;
	u64 e, in_span;
	u32 level;

	*order = LEVEL_BITS * (TOP_LEVEL + 1);
	if (a.v >> GPA_BITS)
		return 0;
	walk(d, a, 0, &level, &e);
	*order = LEVEL_BITS * level;
	in_span = span_of(level) - 1;
	*to = hpa((e & ADDR_MASK & ~in_span) | (a.v & in_span & PAGE_MASK));
	e |= (e & SMALL_EXEC) >> SMALL;
	return (e & DAIS_MAP_RWX & ~(e & f->no_exec ? DAIS_MAP_EXEC : 0)) | (e & PRESENT && !(e & f->ram) ? NESTED_UC : 0);
}

hpa_t nested_root(const struct domain *d)
{
	return ((const struct xdomain *)d)->nt.root;
}

static void table_free(struct domain *d, u64 *t, u32 level)
{
	for (u32 i = 0; i < ENTRIES; i++)
		if (is_table(t[i], level))
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
