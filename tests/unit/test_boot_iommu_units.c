/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/dmar.c boot/ivrs.c boot/iommu.c boot/iommu_tables.c boot/acpi.c boot/text.c */
/* What the units can do, and the tables that the loader builds. */
#include "tests/unit/firmware_iommu.h"

#define SCOPE_1 64u /* in good_dmar() */

/* --- what units can do --- */
static uint64_t with(uint64_t cap_a, uint64_t ecap_a, uint64_t cap_b, uint64_t ecap_b)
{
	start(NULL);
	caps[0] = cap_a;
	ecaps[0] = ecap_a;
	caps[1] = cap_b;
	ecaps[1] = ecap_b;
	good_dmar();
	return find(true);
}

static void vtd_units(void **state)
{
	const uint64_t three = CAP & ~(1ULL << 10), four = CAP & ~(1ULL << 9);

	(void)state;
	assert_int_equal(with(three, ECAP, CAP, ECAP), 0);
	assert_int_equal(out.levels, 3);
	assert_int_equal(with(four, ECAP, CAP, ECAP), 0);
	assert_int_equal(out.levels, 4);
	assert_int_equal(with(three, ECAP, four, ECAP), DAIS_IOMMU_TOO_OLD);
	assert_int_equal(with(four, ECAP, three, ECAP), DAIS_IOMMU_TOO_OLD);
	assert_int_equal(with(CAP & ~(3ULL << 9), ECAP, CAP, ECAP), DAIS_IOMMU_TOO_OLD);
	assert_int_equal(with(CAP | 1 << 4, ECAP, CAP, ECAP), DAIS_IOMMU_TOO_OLD);       /* RWBF */
	assert_int_equal(with(CAP & ~7ULL, ECAP, CAP, ECAP), DAIS_IOMMU_TOO_OLD);        /* 16 domains */
	assert_int_equal(with(CAP, ECAP & ~2ULL, CAP, ECAP), DAIS_IOMMU_TOO_OLD);        /* no queue */
	assert_int_equal(with(~0ULL, ~0ULL, CAP, ECAP), DAIS_IOMMU_TOO_OLD);             /* nothing there */
	assert_int_equal(with(CAP, ECAP & ~1ULL, CAP, ECAP), 0);
	assert_true(out.incoherent && !out.snoop);
	assert_int_equal(with(CAP, ECAP | 1 << 7, CAP, ECAP | 1 << 7), 0);
	assert_true(out.snoop);
	assert_int_equal(with(CAP, ECAP | 1 << 7, CAP, ECAP), 0);
	assert_false(out.snoop);
	assert_int_equal(with(CAP, ECAP & ~8ULL, CAP, ECAP), 0);                         /* no remapping */
	assert_true(!out.remap && !out.guests);
	assert_int_equal(with(CAP & ~(3ULL << 34), ECAP, CAP, ECAP), 0);                 /* no large pages */
	assert_true(out.remap && !out.guests);
	assert_int_equal(with(CAP, ECAP & ~16ULL, CAP, ECAP), 0);
	assert_false(out.x2apic);
	assert_int_equal(with(CAP | 0xffULL << 40 | 0x200ULL << 24, ECAP, CAP, ECAP), 0);
	assert_int_equal(out.unit[1].size, 0x4000); /* fault records far behind */
	good_dmar();
	bytes[37] = 0; /* firmware says: no remapping */
	assert_int_equal(find(true), 0);
	assert_false(out.remap);
	good_dmar();
	bytes[37] = 3; /* and no x2APIC */
	assert_int_equal(find(true), 0);
	assert_true(out.remap && !out.x2apic);
	good_dmar();
	bytes[SCOPE_1 + 4] = 77; /* an IO-APIC that nobody names */
	assert_int_equal(find(true), 0);
	assert_true(!out.remap && !out.guests);
}

static void amd_units(void **state)
{
	(void)state;
	good_ivrs();
	efr = EFR & ~(1ULL << 7);
	assert_int_equal(find(false), 0);
	assert_true(!out.remap && !out.guests);
	efr = ~0ULL;
	assert_int_equal(find(false), DAIS_IOMMU_TOO_OLD);
	efr = 1ULL << 7;
	assert_int_equal(find(false), 0);
	assert_true(out.remap && !out.x2apic);
}

/* --- bus mastering --- */
static void put_config(uint32_t fn, uint32_t reg, uint32_t value)
{
	assert_int_equal(reg, 4);
	for (uint32_t i = 0; i < fn_count; i++)
		if (fns[i].fn == fn)
			fns[i].command = (fns[i].command & 0xffff0000) | (value & 0xffff);
}

static void devices_are_quiet(void **state)
{
	(void)state;
	add_fn(2 << 3, 3);              /* has a region */
	add_bridge(3 << 3, 4, 6, PCIE_BRIDGE);
	add_fn(4 << 8, 1);
	add_fn(0 << 3, 6);              /* the host bridge */
	add_fn(7 << 3 | 3, 1);          /* not behind function 0: nobody is there */
	good_dmar();
	assert_int_equal(find(true), 0);
	iommu_quiet_devices(&out, &machine, put_config);
	assert_int_equal(fns[0].command, 0x100007);
	assert_int_equal(fns[1].command, 0x100007);
	assert_int_equal(fns[2].command, 0x100003);
	assert_int_equal(fns[3].command, 0x100007);
}

/* --- the control domain's tables --- */
#define MIB_2 (2 * MIB)

static const struct boot_mem memory[] = {
	{ 0x1000, 0x9e, BOOT_MEM_CONTROL, 0 },
	{ 0x9f000, 1, BOOT_MEM_DAIS, 0 },
	{ 0x100000, 0x1000, BOOT_MEM_CONTROL, 0 },
	{ 0x1100000, 0x1000, BOOT_MEM_POOL, 0 },
	{ 0x7b000000, 0x1000, BOOT_MEM_FIRMWARE, 0 },
	{ 0x7ffff000, 0x201, BOOT_MEM_CONTROL, 0 },
};
#define MEMS (sizeof(memory) / sizeof(memory[0]))

/* What the hardware finds at `at`; *leaf: the entry. */
static uint64_t walk(uint64_t at, uint64_t *leaf)
{
	uint64_t table = out.control, e;

	for (uint32_t l = 3; ; l--) {
		e = ((uint64_t *)table)[at >> (12 + 9 * l) & 511];
		*leaf = e;
		if (!(e & 1))
			return UINT64_MAX;
		if (out.amd) {
			assert_int_equal(e >> 61, 3); /* read and write, at each level */
			assert_true(!(e >> 9 & 7) || (e >> 9 & 7) == l);
		} else {
			assert_int_equal(e & 0xf7f, 3);
		}
		if (!l || (out.amd ? !(e >> 9 & 7) : e & 0x80))
			return (e & 0x000ffffffffff000ULL) | (at & ((1ULL << (12 + 9 * l)) - 1));
		table = e & 0x000ffffffffff000ULL;
	}
}

static void check_tables(bool large)
{
	uint64_t room = iommu_tables_size(&out, memory, MEMS), leaf;
	uint8_t *tables = aligned_alloc(PAGE_SIZE, room + PAGE_SIZE);

	memset(tables, 0, room);
	memset(tables + room, 0xaa, PAGE_SIZE);
	iommu_build(&out, memory, MEMS, (uintptr_t)tables);
	for (uint32_t i = 0; i < MEMS; i++)
		for (uint64_t a = memory[i].base; a < memory[i].base + memory[i].pages * PAGE_SIZE; a += PAGE_SIZE) {
			bool region = a - 0x7b000000 < 0x2000 || (!out.amd && a - 0x7b000000 < 0x800000);

			assert_int_equal(walk(a, &leaf), memory[i].kind == BOOT_MEM_CONTROL || region ? a : UINT64_MAX);
		}
	assert_int_equal(walk(0, &leaf), UINT64_MAX);
	assert_int_equal(walk(0xa0000, &leaf), UINT64_MAX);
	assert_int_equal(walk(1ULL << 40, &leaf), UINT64_MAX);
	walk(0x400000, &leaf);
	assert_int_equal(out.amd ? !(leaf & 0x200000) && large : leaf >> 7 & 1, large);
	for (uint32_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(tables[room + i], 0xaa);
	free(tables);
}

static void tables(void **state)
{
	(void)state;
	good_dmar();
	assert_int_equal(find(true), 0);
	check_tables(true);
	out.guests = false;
	check_tables(false);
	start(NULL);
	good_ivrs();
	assert_int_equal(find(false), 0);
	check_tables(true);
	assert_int_equal(out.unit[0].table % PAGE_SIZE, 0);
}

static void regions_and_reach(void **state)
{
	const struct boot_mem far[] = { { 0x7b000000, 0x1000, BOOT_MEM_FIRMWARE, 0 }, { 0x7fffffff000ULL, 1, BOOT_MEM_CONTROL, 0 } };

	(void)state;
	good_dmar();
	assert_int_equal(find(true), 0);
	assert_true(iommu_check_memory(&out, memory, MEMS, &why));
	out.region[0].base = 0x1200000; /* in the pool */
	assert_false(iommu_check_memory(&out, memory, MEMS, &why));
	out.region[0].base = 0x9f000 - 0x1000; /* its second page is Dais's */
	assert_false(iommu_check_memory(&out, memory, MEMS, &why));
	assert_non_null(strstr(why.text, "0x9f000"));
	out.region[0].base = 0xc0000000; /* no RAM: graphics' own */
	assert_true(iommu_check_memory(&out, memory, MEMS, &why));
	out.levels = 3;
	assert_false(iommu_check_memory(&out, far, 2, &why));
	out.levels = 4;
	assert_true(iommu_check_memory(&out, far, 2, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(vtd_units), T(amd_units), T(devices_are_quiet), T(tables), T(regions_and_reach) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
