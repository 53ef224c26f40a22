/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * drivers/iommu/iommu.c on a model of each IOMMU, with 64 domains that have one page each: all but the two back ends in
 * one program, since each test starts with a fresh state.
 */
#ifndef IOMMU_MACHINE_H
#define IOMMU_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/model_iommu.h"

#include "drivers/iommu/iommu.c"

#define NIC    0x0010u
#define DISK   0x0118u
#define HAS_REGION 0x00a0u
#define ALIASED 0x0500u
#define ALIAS  0x0400u
#define NOWHERE 0x10010u  /* of a segment without IOMMU */
#define IOMMU  0x0002u
#define IOAPIC 0xf0f8u
#define PAGE   0x5000ULL
#define HOST(apic, vector) (0xfee00000ULL | (apic) << 12 | (u64)(vector) << 32)
#define BECOMES(apic, vector) ((u64)(apic) << 32 | (vector))

static struct boot_info info;
static struct boot_iommus description;
static struct domain guests[IDS + 1], control;
static u64 roots[IDS + 1], memory_left, written_back;
static char last_log[300];
static u32 logs;
static u8 vtd_entries[16384 * 16] __aligned(4096);
static void *blocks[4096];
static u32 block_count;
static u64 now;
static jmp_buf panicked;
static bool may_panic;

struct domain *control_domain = &control;
u64 facts[DAIS_STAT_FRAMES_TOTAL];
bool nested_write_back, nested_vtd, nested_snoop;

/* --- the machine --- */
void mmio_access(struct access *a)
{
	u32 reg = (u32)(a->at - MODEL_BASE);

	if (a->write)
		model_write(reg, a->size, a->value);
	else
		a->value = model_read(reg, a->size);
}

void *heap_alloc(size_t size)
{
	if (!memory_left)
		return NULL;
	memory_left--;
	if (size == sizeof(vtd_entries)) /* vtd.c keeps it for good */
		return vtd_entries;
	assert_true(block_count < ARRAY_SIZE(blocks));
	blocks[block_count] = aligned_alloc(PAGE_SIZE, ALIGN_UP(size, PAGE_SIZE));
	return memset(blocks[block_count++], 0, size);
}

void *hpa_to_hva(hpa_t a) { return (void *)a.v; }
hpa_t hva_to_hpa(const void *p) { return hpa((u64)p); }
void cache_write_back(const void *p) { (void)p; written_back++; }
u64 time_now(void) { return now += 1000; }
u64 time_hz(void) { return 1000000; }
void cpu_relax(void) { }
void trap_reserve(struct trap *t, u64 base) { t->base = base; }
void timer_set(struct timer *t, u64 deadline, u64 period) { (void)deadline; t->period = period; }
hpa_t nested_root(const struct domain *d) { return hpa(roots[d - guests]); }
status_t nested_prepare(struct domain *d, gpa_t a, u32 order) { (void)d; (void)a; (void)order; return memory_left ? DAIS_OK : DAIS_NO_MEMORY; }

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(last_log, sizeof(last_log), fmt, ap);
	va_end(ap);
	logs++;
}

void panic(const char *fmt, ...)
{
	(void)fmt;
	assert_true(may_panic);
	longjmp(panicked, 1);
}

/* --- tables of one page --- */
static u64 new_page(void) { memory_left++; return (u64)heap_alloc(PAGE_SIZE); }

static u64 *slot(u64 root, u64 at)
{
	for (u32 l = 3; l; l--) {
		u64 *e = (u64 *)root + (at >> (12 + 9 * l) & 511);

		if (!*e)
			*e = new_page() | (description.amd ? 3ULL << 61 | l << 9 | 7 : 7);
		root = *e & 0x000ffffffffff000ULL;
	}
	return (u64 *)root + (at >> 12 & 511);
}

static void map(u64 root, u64 at, u64 to, bool write)
{
	*slot(root, at) = to | (description.amd ? 1ULL << 61 | (u64)write << 62 | 5 | write << 1 : 5ULL | write << 1);
}

/* The target of domain n's page. */
static u64 page_of(u32 n) { return 0x100000ULL * (n + 1); }

static bool incoherent; /* the next machine */

static void boot(bool amd, u32 levels)
{
	description = (struct boot_iommus){ .amd = amd, .levels = levels, .remap = true, .guests = true, .unit_count = 1,
					    .incoherent = incoherent };
	description.unit[0] = (struct boot_iommu){ MODEL_BASE, 0x1000, amd ? 0 : new_page(), 0, 0, amd ? IOMMU : BOOT_NO_FN };
	description.scope[0] = (struct boot_iommu_scope){ 0, 0xffff, BOOT_NO_FN, 0, 0x30 };
	description.scope[1] = (struct boot_iommu_scope){ ALIASED, ALIASED + 0xff, ALIAS, 0, 0 };
	description.scope_count = 2;
	description.region[0] = (struct boot_iommu_region){ 0x7b000000, 1, HAS_REGION, HAS_REGION };
	description.region_count = 1;
	if (amd) {
		memory_left++;
		description.unit[0].table = (u64)heap_alloc(SIZE_2M);
	}
	description.control = new_page();
	map(description.control, PAGE, page_of(IDS), true);
	for (u32 i = 0; i <= IDS; i++) {
		roots[i] = new_page();
		map(roots[i], PAGE, page_of(i), i % 2);
	}
	info.iommus = (u64)&description;
	model_reset(&description);
	iommu_init(&info);
	iommu_attach_regions();
}

static int setup(void **state)
{
	(void)state;
	list_init(&sources);
	memset(ids, 0, sizeof(ids));
	memset(units, 0, sizeof(units));
	memset(facts, 0, sizeof(facts));
	iommus = NULL;
	strangers = 0;
	others = (struct source){ 0 };
	guests_with = 0;
	iommu_lock = (spinlock_t){ 0 };
	memory_left = 1000000;
	written_back = logs = 0;
	memset(vtd_entries, 0, sizeof(vtd_entries));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (block_count)
		free(blocks[--block_count]);
	nested_write_back = false;
	return 0;
}

static void reaches(u32 fn, u32 domain, bool may_write)
{
	assert_int_equal(model_dma(fn, PAGE + 0x10, false), page_of(domain) + 0x10);
	assert_int_equal(model_dma(fn, PAGE, true), may_write ? page_of(domain) : MODEL_REFUSED);
	assert_int_equal(model_dma(fn, PAGE + PAGE_SIZE, false), MODEL_REFUSED);
}

static void reaches_nothing(u32 fn)
{
	assert_int_equal(model_dma(fn, PAGE, false), MODEL_REFUSED);
	assert_int_equal(model_dma(fn, PAGE, true), MODEL_REFUSED);
}

#define BOTH(f) \
	static void f##_vtd(void **state) { (void)state; f(false); } \
	static void f##_amd(void **state) { (void)state; f(true); }
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T2(f) T(f##_vtd), T(f##_amd)

#endif
