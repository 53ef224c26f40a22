/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/emulate.c arch/x86/virt/access.c kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"

/* Random map, split, unmap and protect against a flat model of the same pages, in both formats. */
#define PAGES  (4 * 512u)
#define BASE   (0x7fffc0000000ULL)
#define HOST   0x200000000ULL

static struct { u64 to, prot; } model[PAGES];
static struct xdomain other;
static struct domain *d = &other.d;

static void check(void)
{
	for (u32 p = 0; p < PAGES; p++) {
		hpa_t to;
		u32 order;
		u64 prot = nested_get(d, gpa(BASE + p * PAGE_SIZE), &to, &order);
		bool there = prot != 0;

		assert_int_equal(there, model[p].prot != 0);
		if (there) {
			assert_int_equal(to.v, model[p].to);
			assert_int_equal(prot & 0xff, model[p].prot);
			continue;
		}
		/* the whole hole that it names must be one */
		u32 first = p & ~((1u << (order > 11 ? 11 : order)) - 1);

		for (u32 k = first; k < first + (1u << order) && k < PAGES; k++)
			assert_int_equal(model[k].prot, 0);
	}
}

static void set_model(u32 first, u32 count, u64 to, u64 prot)
{
	for (u32 k = 0; k < count; k++) {
		model[first + k].to = to + k * PAGE_SIZE;
		model[first + k].prot = prot;
	}
}

static void step(void)
{
	static const u64 prots[] = { 0, 1, 3, 5, 7 };
	u32 order = rand() % 3 ? ORDER_4K : ORDER_2M, count = 1u << order;
	u32 p = (u32)rand() % PAGES & ~(count - 1);
	u64 prot = prots[rand() % 5], to = HOST + ((u64)rand() % 64) * SIZE_2M + (order ? 0 : (p % 512) * PAGE_SIZE);
	status_t s = nested_prepare(d, gpa(BASE + p * PAGE_SIZE), order);

	assert_int_equal(s, DAIS_OK);
	nested_set(d, gpa(BASE + p * PAGE_SIZE), hpa(to), order, prot);
	set_model(p, count, to, prot);
}

static void random_both(void **state)
{
	const struct nested_format *formats[] = { &nested_npt, &nested_ept, &nested_ept };

	(void)state;
	for (u32 f = 0; f < 3; f++) {
		u32 before = fake.heap_used;

		control_domain = &fake_domain->d; /* which d is not */
		defences_used = f == 2 ? 1u << DAIS_DEFENCE_SMALL_CODE : 0;

		srand(7);
		set_model(0, PAGES, 0, 0);
		assert_int_equal(nested_init(d, formats[f]), DAIS_OK);
		for (u32 k = 0; k < 6000; k++) {
			step();
			if (k % 50 == 0)
				check();
		}
		check();
		assert_int_equal((fake.heap_used - before) * PAGE_SIZE, other.d.heap_bytes);
		nested_free(d);
		assert_int_equal(other.d.heap_bytes, 0);
		assert_int_equal(fake.heap_used, before);
	}
	defences_used = 0;
}

static u64 *entry_of(u64 at, u32 level)
{
	u64 *t = hpa_to_hva(other.nt.root);

	for (u32 l = 3; l > level; l--)
		t = hpa_to_hva(hpa(t[at >> (12 + 9 * l) & 511] & 0x000ffffffffff000ULL));
	return &t[at >> (12 + 9 * level) & 511];
}

/* A guest that changes the size of a page that it executes must not do so on a large one (CVE-2018-12207). */
static void code_in_small_pages(void **state)
{
	const u64 at = SIZE_1G;
	hpa_t to;
	u32 order;

	(void)state;
	control_domain = &fake_domain->d;
	defences_used = 1u << DAIS_DEFENCE_SMALL_CODE;
	assert_int_equal(nested_init(d, &nested_ept), DAIS_OK);
	assert_int_equal(nested_prepare(d, gpa(at), ORDER_1G), DAIS_OK);
	nested_set(d, gpa(at), hpa(SIZE_1G), ORDER_1G, DAIS_MAP_RWX);
	assert_int_equal(*entry_of(at, 2) & 7, DAIS_MAP_READ | DAIS_MAP_WRITE);
	assert_int_equal(nested_get(d, gpa(at), &to, &order), DAIS_MAP_RWX);
	assert_int_equal(nested_prepare(d, gpa(at), ORDER_2M), DAIS_OK);
	assert_int_equal(*entry_of(at, 1) & 7, DAIS_MAP_READ | DAIS_MAP_WRITE);
	assert_int_equal(nested_get(d, gpa(at), &to, &order), DAIS_MAP_RWX);
	nested_set(d, gpa(at + SIZE_2M), hpa(SIZE_2M), ORDER_2M, DAIS_MAP_READ);
	assert_int_equal(nested_prepare(d, gpa(at), ORDER_4K), DAIS_OK);
	assert_int_equal(*entry_of(at, 0) & 7, DAIS_MAP_RWX);
	assert_int_equal(nested_prepare(d, gpa(at + SIZE_2M), ORDER_4K), DAIS_OK);
	assert_int_equal(*entry_of(at + SIZE_2M, 0) & 7, DAIS_MAP_READ);
	nested_set(d, gpa(at), hpa(SIZE_2M), ORDER_4K, DAIS_MAP_READ | DAIS_MAP_EXEC);
	assert_int_equal(nested_get(d, gpa(at), &to, &order), DAIS_MAP_READ | DAIS_MAP_EXEC);
	nested_set(d, gpa(at), hpa(SIZE_2M), ORDER_4K, DAIS_MAP_READ);
	assert_int_equal(nested_get(d, gpa(at), &to, &order), DAIS_MAP_READ);
	nested_free(d);
	defences_used = 0;
}

static void huge_pages_split(void **state)
{
	hpa_t to;
	u32 order;
	u64 prot;

	(void)state;
	assert_int_equal(nested_init(d, &nested_ept), DAIS_OK);
	assert_int_equal(nested_prepare(d, gpa(SIZE_1G), ORDER_1G), DAIS_OK);
	nested_set(d, gpa(SIZE_1G), hpa(0x80000000), ORDER_1G, DAIS_MAP_RWX | NESTED_UC);
	prot = nested_get(d, gpa(SIZE_1G + 0x12345678), &to, &order);
	assert_true(prot);
	assert_int_equal(to.v, 0x80000000 + 0x12345000);
	assert_int_equal(order, ORDER_1G);
	assert_int_equal(prot, DAIS_MAP_RWX | NESTED_UC);
	assert_int_equal(nested_prepare(d, gpa(SIZE_1G + 0x5000), ORDER_4K), DAIS_OK);
	nested_set(d, gpa(SIZE_1G + 0x5000), hpa(0), ORDER_4K, 0);
	prot = nested_get(d, gpa(SIZE_1G + 0x5000), &to, &order);
	assert_false(prot);
	assert_int_equal(order, ORDER_4K);
	prot = nested_get(d, gpa(SIZE_1G + 0x6000), &to, &order);
	assert_true(prot);
	assert_int_equal(to.v, 0x80006000);
	assert_int_equal(prot, DAIS_MAP_RWX | NESTED_UC);
	prot = nested_get(d, gpa(2 * SIZE_1G - 1), &to, &order);
	assert_true(prot);
	assert_int_equal(to.v, 0xbffff000);
	assert_int_equal(order, ORDER_2M);
	nested_free(d);
}

#define ADDRESS 0x000ffffffffff000ULL
#define AMD_R (1ULL << 61)
#define AMD_W (1ULL << 62)
#define AMD_FC (1ULL << 60)

/* What hardware reads: APM vol. 2 §15.25.5, SDM vol. 3 table 28-6; AMD's IOMMU: 48882 §2.2.3 */
static void entry_bits(void **state)
{
	u64 *t;

	(void)state;
	assert_int_equal(nested_init(d, &nested_npt), DAIS_OK);
	assert_int_equal(nested_prepare(d, gpa(0), ORDER_4K), DAIS_OK);
	nested_set(d, gpa(0), hpa(0x5000), ORDER_4K, DAIS_MAP_READ);
	assert_int_equal(nested_root(d).v, other.nt.root.v);
	t = hpa_to_hva(other.nt.root);
	for (u32 k = 0; k < 3; k++) {
		assert_int_equal(t[0] & ~ADDRESS, 7 | AMD_R | AMD_W | (3 - k) << 9); /* the next table's level */
		t = hpa_to_hva(hpa(t[0] & ADDRESS));
	}
	assert_int_equal(t[0], 0x5000 | 1 | 4 | 0x60 | 1ULL << 63 | AMD_R | AMD_FC);
	nested_set(d, gpa(0), hpa(0x5000), ORDER_4K, DAIS_MAP_RWX);
	assert_int_equal(t[0], 0x5000 | 7 | 0x60 | AMD_R | AMD_W | AMD_FC);
	nested_set(d, gpa(0), hpa(0x5000), ORDER_4K, DAIS_MAP_RWX | NESTED_UC); /* device memory: no forced coherence */
	assert_int_equal(t[0], 0x5000 | 7 | 0x60 | AMD_R | AMD_W);
	nested_free(d);
	assert_int_equal(nested_init(d, &nested_ept), DAIS_OK);
	assert_int_equal(nested_prepare(d, gpa(0), ORDER_2M), DAIS_OK);
	nested_set(d, gpa(0), hpa(SIZE_2M), ORDER_2M, DAIS_MAP_RWX);
	t = hpa_to_hva(other.nt.root);
	for (u32 k = 0; k < 2; k++)
		t = hpa_to_hva(hpa(t[0] & ~0xfffULL));
	assert_int_equal(t[0], SIZE_2M | 7 | 6 << 3 | 0x80);
	/* a guest's device that passes the caches by would read what was there before the page was scrubbed */
	nested_snoop = true;
	nested_set(d, gpa(0), hpa(SIZE_2M), ORDER_2M, DAIS_MAP_RWX);
	assert_int_equal(t[0], SIZE_2M | 7 | 6 << 3 | 0x80 | 0x800);
	nested_set(d, gpa(0), hpa(SIZE_2M), ORDER_2M, DAIS_MAP_RWX | NESTED_UC);
	assert_int_equal(t[0], SIZE_2M | 7 | 0x80);
	nested_snoop = false;
	nested_free(d);
}

/* Where IOMMUs read past the caches, each entry that is written, and each new table, reaches memory. */
static void written_back(void **state)
{
	u32 was;

	(void)state;
	assert_int_equal(nested_init(d, &nested_ept), DAIS_OK);
	was = fake.written_back;
	assert_int_equal(nested_prepare(d, gpa(0), ORDER_4K), DAIS_OK);
	assert_int_equal(fake.written_back, was);
	nested_write_back = true;
	assert_int_equal(nested_prepare(d, gpa(SIZE_2M), ORDER_4K), DAIS_OK);
	assert_int_equal(fake.written_back, was + 512 + 1);
	nested_set(d, gpa(SIZE_2M), hpa(0x5000), ORDER_4K, DAIS_MAP_RWX);
	assert_int_equal(fake.written_back, was + 512 + 2);
	nested_set(d, gpa(SIZE_2M), hpa(0), ORDER_2M, 0); /* all of the table below */
	assert_int_equal(fake.written_back, was + 512 + 2 + 512);
	nested_write_back = false;
	nested_free(d);
}

/* VT-d's reserved bits (spec. §9.8: 62; the top of addresses) are clear in an AMD CPU's tables where VT-d reads them. */
static void vtd_reads_npt(void **state)
{
	u64 *t;

	(void)state;
	for (u32 vtd = 0; vtd < 2; vtd++) {
		nested_vtd = vtd;
		assert_int_equal(nested_init(d, &nested_npt), DAIS_OK);
		nested_vtd = false;
		assert_int_equal(nested_prepare(d, gpa(SIZE_2M), ORDER_2M), DAIS_OK);
		nested_set(d, gpa(SIZE_2M), hpa(SIZE_2M), ORDER_2M, DAIS_MAP_RWX);
		t = hpa_to_hva(nested_root(d));
		for (u32 level = 0; level < 3; level++) {
			u64 e = t[level == 2];

			assert_int_equal(e >> 62 & 1, !vtd);
			if (level < 2)
				t = hpa_to_hva(hpa(e & 0x000ffffffffff000ULL));
		}
		nested_free(d);
	}
}

static void no_memory(void **state)
{

	(void)state;
	for (u32 have = 0; have < 5; have++) {
		u32 left = fake.heap_left;
		status_t s;

		fake.heap_left = have;
		s = nested_init(d, &nested_npt);
		if (s == DAIS_OK)
			s = nested_prepare(d, gpa(BASE), ORDER_4K);
		assert_int_equal(s, have < 4 ? DAIS_NO_MEMORY : DAIS_OK);
		fake.heap_left += left - have;
		nested_free(d);
		assert_int_equal(fake.heap_left, left);
	}
}

static void bad_arguments(void **state)
{
	hpa_t to;
	u32 order;
	u64 prot;

	(void)state;
	assert_int_equal(nested_init(d, &nested_npt), DAIS_OK);
	assert_int_equal(nested_prepare(d, gpa(1ULL << 48), ORDER_4K), DAIS_BAD_ARG);
	prot = nested_get(d, gpa(~0ULL), &to, &order);
	assert_false(prot);
	assert_int_equal(order, 36);
	prot = nested_get(d, gpa(0), &to, &order);
	assert_false(prot);
	assert_int_equal(order, 27);
	nested_free(d);
}

static int start(void **state) { (void)state; fake_start(1); return 0; }
static int stop(void **state) { (void)state; fake_stop(); return 0; }
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = { T(random_both), T(huge_pages_split), T(code_in_small_pages), T(entry_bits),
		T(written_back), T(vtd_reads_npt), T(no_memory), T(bad_arguments) };

	return fake_run_both(tests);
}
