/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/memory.c boot/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "boot/memory.h"

#define MIBS(n) ((n) * MIB / PAGE_SIZE) /* pages of n MiB */
#define MAX 4096

static struct map_entry efi[MAX];
static struct e820_entry e820[MAX];
static struct boot_mem mem[MAX], own[MAX];
static struct plan plan = { .capacity = MAX, .efi = efi, .e820 = e820, .mem = mem, .own = own };
static struct error err;

/* Like OVMF on a q35 machine with 2 GiB */
static const struct map_entry ovmf[] = {
	{ MAP_BOOT_CODE, 0, 1, 0xf }, { MAP_CONVENTIONAL, 0x1000, 0x9f, 0xf },
	{ MAP_CONVENTIONAL, 0x100000, 0x706, 0xf }, { MAP_ACPI_NVS, 0x806000, 2, 0xf },
	{ MAP_CONVENTIONAL, 0x808000, 8, 0xf }, { MAP_ACPI_NVS, 0x810000, 0xf0, 0xf },
	{ MAP_BOOT_DATA, 0x900000, 0xe00, 0xf }, { MAP_CONVENTIONAL, 0x1700000, 0x7a000, 0xf },
	{ MAP_LOADER_DATA, 0x7b700000, 0x400, 0xf }, { MAP_CONVENTIONAL, 0x7bb00000, 0x2345, 0xf },
	{ MAP_BOOT_DATA, 0x7de45000, 0x1000, 0xf }, { MAP_RUNTIME_DATA, 0x7ee45000, 0x100, 0x800000000000000f },
	{ MAP_ACPI_RECLAIM, 0x7f000000, 0x20, 0xf }, { MAP_CONVENTIONAL, 0x7f100000, 0x300, 0xf },
	{ MAP_RESERVED, 0xb0000000, 0x10000, 1 }, { MAP_MMIO, 0xffc00000, 0x400, 0x8000000000000001 },
};

static const struct span none;
static const struct span registers[] = { { 0xc0000000, 0x10000 }, { 0xfed90000, 2 } };

static bool make(const struct map_entry *map, uint32_t count, const struct span *dais,
		 uint32_t dais_count, uint64_t control)
{
	struct plan_request r = { map, count, dais, dais_count, control, registers, 2 };

	memset(&err, 0, sizeof(err));
	return memory_plan(&r, &plan, &err);
}

static uint32_t kind_at(uint64_t address)
{
	for (uint32_t i = 0; i < plan.mem_count; i++) {
		if (address >= mem[i].base && address - mem[i].base < mem[i].pages * PAGE_SIZE)
			return mem[i].kind;
	}
	return 0;
}

static uint32_t e820_at(uint64_t address)
{
	for (uint32_t i = 0; i < plan.e820_count; i++) {
		if (address >= e820[i].base && address - e820[i].base < e820[i].size)
			return e820[i].type;
	}
	return 0;
}

static uint32_t efi_at(uint64_t address)
{
	for (uint32_t i = 0; i < plan.efi_count; i++) {
		if (address >= efi[i].base && address - efi[i].base < efi[i].pages * PAGE_SIZE)
			return efi[i].type;
	}
	return UINT32_MAX;
}

/* The control domain's ranges are those of its kinds, and no two of them touch. */
static void check_own(void)
{
	uint64_t in = 0, out = 0;

	for (uint32_t i = 0; i < plan.mem_count; i++)
		if (mem[i].kind == BOOT_MEM_CONTROL || mem[i].kind == BOOT_MEM_FIRMWARE)
			in += mem[i].pages;
	for (uint32_t i = 0; i < plan.own_count; i++) {
		uint32_t kind = kind_at(own[i].base), last = kind_at(own[i].base + (own[i].pages - 1) * PAGE_SIZE);

		out += own[i].pages;
		assert_true(kind == BOOT_MEM_CONTROL || kind == BOOT_MEM_FIRMWARE);
		assert_true(last == BOOT_MEM_CONTROL || last == BOOT_MEM_FIRMWARE);
		if (i > 0)
			assert_true(own[i].base > own[i - 1].base + own[i - 1].pages * PAGE_SIZE);
	}
	assert_int_equal(in, out);
}

/* What must hold for every plan. */
static void check_invariants(const struct map_entry *map, uint32_t count)
{
	uint64_t in = 0, out = 0;

	for (uint32_t i = 0; i < plan.mem_count; i++) {
		assert_true(mem[i].pages > 0);
		if (i > 0)
			assert_true(mem[i].base >= mem[i - 1].base + mem[i - 1].pages * PAGE_SIZE);
		if (mem[i].kind == BOOT_MEM_POOL) {
			assert_int_equal(mem[i].base % (2 * MIB), 0);
			assert_int_equal(mem[i].pages % 512, 0);
		}
		if (mem[i].kind == BOOT_MEM_POOL || mem[i].kind == BOOT_MEM_DAIS) {
			assert_int_equal(e820_at(mem[i].base), E820_RESERVED);
			assert_int_equal(efi_at(mem[i].base), MAP_RESERVED);
		}
		if (mem[i].kind == BOOT_MEM_CONTROL)
			assert_int_equal(e820_at(mem[i].base), E820_RAM);
	}
	check_own();
	for (uint32_t i = 1; i < plan.e820_count; i++)
		assert_true(e820[i].base >= e820[i - 1].base + e820[i - 1].size);
	for (uint32_t i = 0; i < count; i++)
		in += map[i].pages;
	for (uint32_t i = 0; i < plan.efi_count; i++)
		out += efi[i].pages;
	assert_int_equal(in, out);
	assert_int_equal(plan.control_bytes + plan.pool_bytes + plan.dais_bytes,
			 memory_total(map, count));
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_ovmf(void **state)
{
	const struct span dais[] = { { 0x7b800000, 0x100 }, { 0x7b700000, 4 } };

	(void)state;
	assert_true(make(ovmf, COUNT(ovmf), dais, 2, 768 * MIB));
	check_invariants(ovmf, COUNT(ovmf));
	assert_true(plan.control_bytes >= 768 * MIB && plan.control_bytes < 776 * MIB);
	assert_int_equal(kind_at(0x7b800000), BOOT_MEM_DAIS);
	assert_int_equal(kind_at(0x7b8fffff), BOOT_MEM_DAIS);
	assert_int_equal(kind_at(0x7b900000), BOOT_MEM_CONTROL);
	assert_int_equal(kind_at(0x7b703fff), BOOT_MEM_DAIS);
	assert_int_equal(kind_at(0x7b704000), BOOT_MEM_CONTROL);
	assert_int_equal(kind_at(0x1000), BOOT_MEM_CONTROL);
	assert_int_equal(kind_at(0x60000000), BOOT_MEM_POOL);
	assert_int_equal(kind_at(0x7ee45000), BOOT_MEM_FIRMWARE);
	assert_int_equal(kind_at(0x7f000000), BOOT_MEM_FIRMWARE);
	assert_int_equal(kind_at(0xb0000000), 0); /* registers, not RAM */
	assert_int_equal(e820_at(0xb0000000), E820_RESERVED);
	assert_int_equal(efi_at(0x7de45000), MAP_BOOT_DATA);
	assert_int_equal(kind_at(0x7de45000), BOOT_MEM_CONTROL);
	assert_int_equal(e820_at(0x7f000000), E820_ACPI);
	assert_int_equal(e820_at(0x806000), E820_NVS);
}

/* Firmware that says "write-back" of the ECAM and of an IOMMU: as memory they would be mapped, and trap no more. */
static void test_registers(void **state)
{
	static const struct map_entry map[] = {
		{ MAP_CONVENTIONAL, 0x100000, 0x50000, 0xf }, { MAP_RESERVED, 0x60000000, 0x10, 0xf },
		{ MAP_RESERVED, 0xbfff0000, 0x20000, 0xf }, { MAP_RESERVED, 0xfed91000, 1, 0xf },
		{ MAP_RESERVED, 0xfed92000, 1, 0xf },
	};

	(void)state;
	assert_true(make(map, COUNT(map), &none, 0, 512 * MIB));
	check_invariants(map, COUNT(map));
	assert_int_equal(kind_at(0x60000000), BOOT_MEM_FIRMWARE);
	assert_int_equal(kind_at(0xc0000000), 0);
	assert_int_equal(e820_at(0xc0000000), E820_RESERVED);
	assert_int_equal(kind_at(0xfed91000), 0);
	assert_int_equal(kind_at(0xfed92000), BOOT_MEM_FIRMWARE);
}

static void test_default_share(void **state)
{
	(void)state;
	assert_true(make(ovmf, COUNT(ovmf), &none, 0, 0));
	check_invariants(ovmf, COUNT(ovmf));
	assert_true(plan.control_bytes >= 512 * MIB && plan.control_bytes < 520 * MIB);
}

static void test_above_4g(void **state)
{
	const struct map_entry map[] = {
		{ MAP_CONVENTIONAL, 0x100000000, MIBS(8192), 0xf },
		{ MAP_CONVENTIONAL, 0x100000, MIBS(2047), 0xf },
	};

	(void)state;
	assert_true(make(map, COUNT(map), &none, 0, 0));
	check_invariants(map, COUNT(map));
	assert_int_equal(kind_at(0x100000), BOOT_MEM_CONTROL);
	assert_int_equal(kind_at(0x7fe00000), BOOT_MEM_CONTROL); /* a quarter of 10239 MiB */
	assert_int_equal(kind_at(0x128000000), BOOT_MEM_POOL);
	assert_int_equal(kind_at(0x2ffffffff), BOOT_MEM_POOL);
}

static void test_fragmented(void **state)
{
	struct map_entry map[400];

	(void)state;
	srand(7);
	for (int i = 0; i < 400; i++) {
		map[i] = (struct map_entry){
			i % 3 == 0 ? MAP_BOOT_DATA : MAP_CONVENTIONAL,
			0x100000 + (uint64_t)i * 8 * MIB, 1 + rand() % MIBS(8), 0xf,
		};
	}
	assert_true(make(map, COUNT(map), &none, 0, 600 * MIB));
	check_invariants(map, COUNT(map));
	assert_true(plan.control_bytes >= 600 * MIB);
}

static void test_random(void **state)
{
	struct map_entry map[64];
	struct span dais[4];
	uint64_t at;
	uint32_t n, d;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		srand(round);
		for (n = 0, d = 0, at = 0; n < 64; n++) {
			at += rand() % 4 ? 0 : (uint64_t)(rand() % 1000) * PAGE_SIZE;
			map[n] = (struct map_entry){ rand() % 15, at, 1 + rand() % 30000,
						     rand() % 2 ? 0xf : 1 };
			at += map[n].pages * PAGE_SIZE;
			if (d < 4 && map[n].type == MAP_LOADER_DATA)
				dais[d++] = (struct span){
					map[n].base + map[n].pages / 2 * PAGE_SIZE,
					map[n].pages - map[n].pages / 2,
				};
		}
		if (make(map, n, dais, d, (uint64_t)(rand() % 3000) * MIB))
			check_invariants(map, n);
		else
			assert_true(err.text[0] != '\0');
	}
}

static void test_refused(void **state)
{
	const struct map_entry tiny[] = { { MAP_CONVENTIONAL, 0x100000, MIBS(200), 0xf } };
	const struct map_entry overlap[] = {
		{ MAP_CONVENTIONAL, 0x100000, MIBS(2000), 0xf }, { MAP_BOOT_DATA, 0x200000, 1, 0xf },
	};
	const struct map_entry absurd[] = { { MAP_CONVENTIONAL, 0x100000, UINT64_MAX / 2, 0xf } };
	const struct span stray = { 0x900000000, 1 };

	(void)state;
	assert_false(make(tiny, 1, &none, 0, 0));
	assert_non_null(strstr(err.text, "control_memory"));
	assert_false(make(ovmf, COUNT(ovmf), &none, 0, 4096 * MIB));
	assert_non_null(strstr(err.text, "4096 MiB, but this machine has"));
	assert_false(make(overlap, 2, &none, 0, 0));
	assert_non_null(strstr(err.text, "overlapping"));
	assert_false(make(absurd, 1, &none, 0, 0));
	assert_non_null(strstr(err.text, "impossible"));
	assert_false(make(ovmf, COUNT(ovmf), &stray, 1, 0));
	assert_non_null(strstr(err.text, "does not hold"));
	plan.capacity = 10;
	assert_false(make(ovmf, COUNT(ovmf), &none, 0, 0));
	plan.capacity = MAX;
}

static void test_find(void **state)
{
	(void)state;
	assert_int_equal(memory_find_low(ovmf, COUNT(ovmf), 0x10000, PAGE_SIZE, MIB, 1ULL << 32),
			 0x100000);
	assert_int_equal(memory_find_low(ovmf, COUNT(ovmf), 64 * MIB, 2 * MIB, MIB, 1ULL << 32),
			 0x1800000);
	assert_int_equal(memory_find_high(ovmf, COUNT(ovmf), 4 * MIB, 2 * MIB, MIB, 1ULL << 32),
			 0x7da00000);
	assert_int_equal(memory_find_high(ovmf, COUNT(ovmf), PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 0xa0000),
			 0x9f000);
	assert_int_equal(memory_find_low(ovmf, COUNT(ovmf), 1ULL << 40, PAGE_SIZE, 0, UINT64_MAX), 0);
	assert_int_equal(memory_find_high(ovmf, COUNT(ovmf), 1ULL << 40, PAGE_SIZE, 0, UINT64_MAX),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ovmf), cmocka_unit_test(test_registers), cmocka_unit_test(test_default_share),
		cmocka_unit_test(test_above_4g), cmocka_unit_test(test_fragmented),
		cmocka_unit_test(test_random), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
