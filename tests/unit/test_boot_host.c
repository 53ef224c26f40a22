/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/host.c boot/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "boot/host.h"

/* Dais's own address space, walked as the hardware does. */
#define P   1ULL
#define W   2ULL
#define UC  0x18ULL
#define NX  (1ULL << 63)
#define GIB (1ULL << 30)
#define IMAGE 0x70000000ULL
#define STORE 0x6fc00000ULL
#define TRAMPOLINE 0x9f000ULL
#define START 0x6e123000ULL
#define APIC 0xfee00000ULL

static struct boot_mem mem[] = {
	{ 0x1000, 0x9e, BOOT_MEM_CONTROL, 0 }, { TRAMPOLINE, 1, BOOT_MEM_DAIS, 0 },
	{ 0x100000, 0x3ff00, BOOT_MEM_CONTROL, 0 }, { 0x40000000, 0x2f800, BOOT_MEM_POOL, 0 },
	{ STORE, 0x400, BOOT_MEM_DAIS, 0 }, { IMAGE, 0x60, BOOT_MEM_DAIS, 0 },
	{ IMAGE + 0x60000, 0x100, BOOT_MEM_FIRMWARE, 0 }, { 0x7fffe00000, 0x400, BOOT_MEM_POOL, 0 },
};
static const struct elf_image image = {
	.size = 0x60000, .segment_count = 3,
	.segment = { { 0, 0x20000, false, true }, { 0x20000, 0x10000, false, false },
		     { 0x30000, 0x30000, true, false } },
};
static struct boot_cpu cpus_list[BOOT_CPUS_MAX] = { { 4, 0 }, { 0, 1 }, { 260, 2 } };
static struct boot_info info = {
	.cpus = (uintptr_t)cpus_list,
	.mem = (uintptr_t)mem, .mem_count = sizeof(mem) / sizeof(mem[0]), .image_base = IMAGE,
	.image_size = 0x60000, .trampoline = TRAMPOLINE, .cpu_count = 3, .store = STORE,
};
static uint64_t *block, bytes;

static int build(void **state)
{
	(void)state;
	bytes = host_tables_size(&info);
	free(block);
	block = aligned_alloc(4096, bytes);
	memset(block, 0, bytes);
	host_build(&info, &image, (uintptr_t)block, START, APIC);
	return 0;
}

/* The leaf's bits, or 0; *level of the entry that ends the walk, present or not. */
static uint64_t walk(uint64_t cr3, uint64_t virt, unsigned int *level)
{
	uint64_t e = cr3;

	for (*level = 4; *level > 0;) {
		e = ((uint64_t *)(e & 0x000ffffffffff000ULL))[virt >> (3 + 9 * *level) & 511];
		--*level;
		if (!(e & P))
			return 0;
		assert_false(e & 0x80); /* no large page, as long as the core made none */
	}
	return e;
}

static uint64_t at(uint64_t virt)
{
	unsigned int level;

	return walk(info.host_cr3, virt, &level);
}

static void maps(uint64_t e, uint64_t address, uint64_t bits)
{
	assert_int_equal(e & 0x000ffffffffff000ULL, address);
	assert_int_equal(e & (P | W | UC | NX), bits);
}

static void image_is_w_xor_x(void **state)
{
	(void)state;
	maps(at(IMAGE_BASE), IMAGE, P);
	maps(at(IMAGE_BASE + 0x1f000), IMAGE + 0x1f000, P);
	maps(at(IMAGE_BASE + 0x20000), IMAGE + 0x20000, P | NX);
	maps(at(IMAGE_BASE + 0x30000), IMAGE + 0x30000, P | W | NX);
	maps(at(IMAGE_BASE + 0x5f000), IMAGE + 0x5f000, P | W | NX);
	assert_int_equal(at(IMAGE_BASE + 0x60000), 0);
	assert_int_equal(at(IMAGE_BASE - 0x1000), 0);
	maps(at(APIC_VIRT), APIC, P | W | UC | NX);
}

static void only_its_own_memory(void **state)
{
	unsigned int level;

	(void)state;
	maps(at(DIRECT_BASE + STORE), STORE, P | W | NX);
	maps(at(DIRECT_BASE + STORE + 0x3ff000), STORE + 0x3ff000, P | W | NX);
	assert_int_equal(at(DIRECT_BASE + IMAGE), 0);
	assert_int_equal(at(DIRECT_BASE + TRAMPOLINE), 0);
	for (uint64_t i = 0; i < info.mem_count; i++)
		if (mem[i].kind != BOOT_MEM_DAIS) {
			assert_int_equal(at(DIRECT_BASE + mem[i].base), 0);
			assert_int_equal(at(mem[i].base), 0);
		}
	/* where the heap may grow, all is there but the 2 MiB entry */
	walk(info.host_cr3, DIRECT_BASE + 0x40000000, &level);
	assert_int_equal(level, 1);
	walk(info.host_cr3, DIRECT_BASE + 0x7ffffff000, &level);
	assert_int_equal(level, 1);
	walk(info.host_cr3, DIRECT_BASE + 2 * GIB, &level);
	assert_in_range(level, 2, 3);
}

/* What the CPU's own page says, physically there. */
static const void *page(uint64_t virt)
{
	return (const void *)(at(virt) & 0x000ffffffffff000ULL);
}

static void descriptors(void **state)
{
	(void)state;
	for (uint64_t c = 0; c < info.cpu_count; c++) {
		uint64_t data = CPU_AREA(c) + CPU_DATA_PAGE * PAGE_SIZE, tables = CPU_AREA(c) + CPU_TABLES_PAGE * PAGE_SIZE;
		const struct boot_percpu *p = page(data);
		const uint64_t *gdt = page(tables);
		uint64_t tss = (gdt[3] >> 16 & 0xffffff) | gdt[3] >> 56 << 24 | gdt[4] << 32, ist[3];

		assert_int_equal(p->self, data);
		assert_int_equal(p->id, c);
		assert_int_equal(p->apic_id, cpus_list[c].apic_id);
		assert_int_equal(gdt[0], 0);
		assert_int_equal(gdt[1], 0x00af9b000000ffffULL);
		assert_int_equal(gdt[2], 0x00cf93000000ffffULL);
		assert_int_equal(gdt[3] & 0xffff, 0x67);
		assert_int_equal(gdt[3] >> 40 & 0xff, 0x89);
		assert_in_range(tss, tables + 40, tables + PAGE_SIZE - 0x68);
		memcpy(ist, (const char *)gdt + (tss - tables) + 0x24, sizeof(ist));
		assert_int_equal(ist[0], CPU_AREA(c) + 7 * PAGE_SIZE);
		assert_int_equal(ist[1], CPU_AREA(c) + 9 * PAGE_SIZE);
		assert_int_equal(ist[2], CPU_AREA(c) + 11 * PAGE_SIZE);
	}
}

static void cpus(void **state)
{
	static const char used[] = ".SSSS.F.N.M.D.T.";
	uint64_t seen[64], n = 0, e;
	unsigned int level;

	(void)state;
	for (uint64_t c = 0; c < info.cpu_count; c++) {
		for (unsigned int page = 0; page < 16; page++) {
			e = at(CPU_AREA(c) + page * PAGE_SIZE);
			assert_int_equal(e != 0, used[page] != '.');
			if (!e)
				continue;
			maps(e, e & 0x000ffffffffff000ULL, P | W | NX);
			for (uint64_t i = 0; i < n; i++)
				assert_int_not_equal(seen[i], e);
			seen[n++] = e;
		}
		assert_int_equal(CPU_STACK_TOP(c), CPU_AREA(c) + 5 * PAGE_SIZE);
		walk(info.host_cr3, WINDOW_BASE + c * WINDOW_STRIDE, &level);
		assert_int_equal(level, 0);
	}
	assert_int_equal(at(CPU_AREA(info.cpu_count) + PAGE_SIZE), 0);
}

static void start_is_one_to_one(void **state)
{
	unsigned int level;

	(void)state;
	maps(walk(info.start_cr3, TRAMPOLINE, &level), TRAMPOLINE, P | W);
	maps(walk(info.start_cr3, START, &level), START, P);
	maps(walk(info.start_cr3, START + 0x1000, &level), START + 0x1000, P);
	maps(walk(info.start_cr3, IMAGE_BASE, &level), IMAGE, P);
	assert_int_equal(at(TRAMPOLINE), 0);
	assert_int_equal(at(START), 0);
}

/* For all sizes of machine the estimate suffices, and is no waste. */
static void size_suffices(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= BOOT_CPUS_MAX; n = n * 2 + 1) {
		info.cpu_count = n;
		build(state);
		assert_in_range(host_tables_used(), (uintptr_t)block + bytes / 4, (uintptr_t)block + bytes);
	}
	info.cpu_count = 3;
	free(block);
	block = NULL;
}

static void store_size(void **state)
{
	static const struct boot_mem tera = { 0, 1ULL << 28, BOOT_MEM_POOL, 0 };

	(void)state;
	assert_int_equal(host_store_size(mem, 1, 0), 4 * MIB);
	assert_in_range(host_store_size(&tera, 1, 0), 10 * MIB, 12 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(image_is_w_xor_x, build), cmocka_unit_test(only_its_own_memory),
		cmocka_unit_test(cpus), cmocka_unit_test(descriptors), cmocka_unit_test(start_is_one_to_one),
		cmocka_unit_test(size_suffices), cmocka_unit_test(store_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
