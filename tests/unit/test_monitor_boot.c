/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel formats: bzImage, ELF with PVH note, Multiboot; good ones and broken ones. */
/* links: mgmt/monitor/boot.c mgmt/monitor/bzimage.c mgmt/monitor/elf.c mgmt/monitor/pvh.c mgmt/monitor/multiboot.c mgmt/monitor/memory.c mgmt/monitor/fault.c mgmt/monitor/file.c mgmt/monitor/cpu_state.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <asm/bootparam.h>
#include <cmocka.h>
#include <elf.h>

#include "mgmt/monitor/boot.h"
#include "mgmt/monitor/cpu_state.h"
#include "mgmt/monitor/layout.h"

#define RAM (64 * MIB)

static struct fault err;
static struct guest_memory mem;
static struct boot_plan plan;
static uint8_t image[65536];
static struct file kernel = { "kernel", image, 0 };
static const uint8_t initrd_bytes[5000] = "initrd";
static const struct file initrd = { "initrd", initrd_bytes, sizeof(initrd_bytes) };
static const struct boot_module modules[2] = {
	{ .file = &initrd, .args = "" }, { .file = &initrd, .args = "second module" },
};

static int setup(void **state)
{
	(void)state;
	memset(image, 0, sizeof(image));
	memory_layout(&mem, RAM);
	mem.region[0].host = calloc(1, RAM);
	err.text[0] = 0;
	return mem.region[0].host ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(mem.region[0].host);
	return 0;
}

static void put32(size_t at, uint32_t value)
{
	memcpy(image + at, &value, 4);
}

static uint32_t get32(uint64_t gpa)
{
	uint32_t value;

	memcpy(&value, memory_at(&mem, gpa, 4), 4);
	return value;
}

static int make_plan(unsigned int count, bool has_initrd)
{
	return boot_make_plan(&plan, &kernel, "console=ttyS0", modules, count, has_initrd, &mem, &err);
}

static void assert_refused(const char *why)
{
	assert_int_equal(make_plan(0, false), -1);
	if (!strstr(err.text, why))
		fail_msg("expected \"%s\" in \"%s\"", why, err.text);
}

/* ---- bzImage ---- */

static struct setup_header *header(void)
{
	return (struct setup_header *)(image + 0x1f1);
}

static void make_linux(void)
{
	struct setup_header h = {
		.setup_sects = 3, .syssize = 0x400, .boot_flag = 0xaa55, .jump = 0x6aeb,
		.header = 0x53726448, .version = 0x20f, .relocatable_kernel = 1,
		.kernel_alignment = 0x200000, .pref_address = 0x1000000, .init_size = 0x800000,
		.cmdline_size = 2047, .xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		.initrd_addr_max = 0x7fffffff,
	};

	memcpy(image + 0x1f1, &h, sizeof(h));
	memset(image + 2048, 0x90, 0x4000);
	kernel.size = 2048 + 0x4000;
}

static void linux_is_loaded(void **state)
{
	struct boot_params *zero;
	struct boot_cpu cpu;

	(void)state;
	make_linux();
	assert_int_equal(make_plan(1, true), 0);
	assert_int_equal(plan.kind, BOOT_LINUX);
	assert_int_equal(plan.module[0].gpa, 0x1800000);
	assert_true(plan.end <= RAM);
	cpu = boot_load(&plan, &mem, ACPI_BASE);
	assert_true(cpu.long_mode);
	assert_int_equal(cpu.rip, 0x1000200);
	assert_int_equal(cpu.rsi, ZERO_PAGE_GPA);
	zero = memory_at(&mem, ZERO_PAGE_GPA, sizeof(*zero));
	assert_int_equal(zero->hdr.header, 0x53726448);
	assert_int_equal(zero->hdr.type_of_loader, 0xff);
	assert_int_equal(zero->hdr.ramdisk_image, 0x1800000);
	assert_int_equal(zero->hdr.ramdisk_size, 5000);
	assert_int_equal(zero->acpi_rsdp_addr, ACPI_BASE);
	assert_string_equal(memory_at(&mem, zero->hdr.cmd_line_ptr, 14), "console=ttyS0");
	assert_int_equal(zero->e820_entries, 3);
	assert_int_equal(zero->e820_table[2].addr + zero->e820_table[2].size, RAM);
	assert_int_equal(get32(0x1000000), 0x90909090);
	assert_memory_equal(memory_at(&mem, 0x1800000, 7), "initrd", 7);
}

/* The tables must map every address below 4 GiB to itself. */
static void linux_pages_are_identity(void **state)
{
	uint64_t *t, address;

	(void)state;
	make_linux();
	assert_int_equal(make_plan(0, false), 0);
	boot_load(&plan, &mem, ACPI_BASE);
	for (address = 0; address < 4 * GIB; address += 2 * MIB) {
		t = memory_at(&mem, BOOT_TABLES_GPA, 4096);
		t = memory_at(&mem, t[address >> 39] & ~0xfffULL, 4096);
		t = memory_at(&mem, t[address >> 30 & 511] & ~0xfffULL, 4096);
		assert_int_equal(t[address >> 21 & 511], address | 0x83);
	}
}

static void linux_moves_when_memory_is_small(void **state)
{
	(void)state;
	make_linux();
	mem.total = mem.region[0].size = 20 * MIB;
	assert_int_equal(make_plan(0, false), 0);
	assert_int_equal(plan.entry, 0x200200);
	header()->relocatable_kernel = 0;
	assert_refused("not enough");
	header()->relocatable_kernel = 1;
	mem.total = mem.region[0].size = 8 * MIB;
	assert_refused("at least 10 MiB");
}

static void broken_linux_is_refused(void **state)
{
	(void)state;
	make_linux();
	kernel.size--;
	assert_refused("truncated");
	kernel.size = 0x1f1 + 20;
	assert_refused("give a Linux bzImage");
	make_linux();
	header()->version = 0x20b;
	assert_refused("not a 64-bit one");
	make_linux();
	header()->xloadflags = 0;
	assert_refused("not a 64-bit one");
	make_linux();
	header()->kernel_alignment = 3;
	assert_refused("damaged");
	make_linux();
	header()->pref_address = ~0ULL;
	assert_refused("damaged");
	make_linux();
	header()->init_size = 0x1000;
	assert_refused("damaged");
	make_linux();
	header()->syssize = 0xffffffff;
	assert_refused("truncated");
	make_linux();
	header()->cmdline_size = 5;
	assert_refused("cmdline");
	make_linux();
	assert_int_equal(make_plan(2, true), -1);
	assert_non_null(strstr(err.text, "takes no modules"));
}

static void old_initrd_limit_is_kept(void **state)
{
	(void)state;
	make_linux();
	header()->xloadflags = XLF_KERNEL_64;
	header()->initrd_addr_max = 0x1800fff;
	assert_int_equal(make_plan(1, true), -1);
	assert_non_null(strstr(err.text, "does not fit"));
}

/* ---- ELF ---- */

static void make_elf64(bool note)
{
	Elf64_Ehdr e = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_entry = 0xffffffff80000010ULL,
		.e_phoff = sizeof(e), .e_phnum = 2, .e_phentsize = sizeof(Elf64_Phdr),
	};
	Elf64_Phdr p[2] = {
		{ .p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = 0xffffffff80000000ULL,
		  .p_paddr = 0x200000, .p_filesz = 0x100, .p_memsz = 0x3000 },
		{ .p_type = PT_NOTE, .p_offset = 0x2000, .p_filesz = 20 },
	};
	Elf32_Nhdr n = { 4, 4, note ? 18 : 17 };

	memcpy(image, &e, sizeof(e));
	memcpy(image + sizeof(e), p, sizeof(p));
	memcpy(image + 0x2000, &n, sizeof(n));
	memcpy(image + 0x2000 + 12, "Xen", 4);
	put32(0x2000 + 16, 0x200040);
	memset(image + 0x1000, 0x90, 0x100);
	kernel.size = 0x3000;
}

static Elf64_Phdr *segment(unsigned int i)
{
	return (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr)) + i;
}

static void add_multiboot(size_t at, uint32_t flags)
{
	put32(at, 0x1badb002);
	put32(at + 4, flags);
	put32(at + 8, -(0x1badb002 + flags));
}

static void pvh_is_loaded(void **state)
{
	struct boot_cpu cpu;
	uint32_t list;

	(void)state;
	make_elf64(true);
	assert_int_equal(make_plan(2, true), 0);
	assert_int_equal(plan.kind, BOOT_PVH);
	cpu = boot_load(&plan, &mem, ACPI_BASE);
	assert_false(cpu.long_mode);
	assert_int_equal(cpu.rip, 0x200040);
	assert_int_equal(cpu.rbx, START_INFO_GPA);
	assert_int_equal(get32(START_INFO_GPA), 0x336ec578);
	assert_int_equal(get32(START_INFO_GPA + 12), 2);
	list = get32(START_INFO_GPA + 16);
	assert_int_equal(get32(list), 0x203000);
	assert_int_equal(get32(list + 8), 5000);
	assert_int_equal(get32(list + 32), 0x205000);
	assert_string_equal(memory_at(&mem, get32(list + 32 + 16), 14), "second module");
	assert_string_equal(memory_at(&mem, get32(START_INFO_GPA + 24), 14), "console=ttyS0");
	assert_int_equal(get32(START_INFO_GPA + 32), ACPI_BASE);
	assert_int_equal(get32(0x200000), 0x90909090);
}

static void multiboot_elf_enters_at_physical_address(void **state)
{
	struct boot_cpu cpu;
	uint32_t list;

	(void)state;
	make_elf64(false);
	add_multiboot(0x1004, 3);
	assert_int_equal(make_plan(2, false), 0);
	assert_int_equal(plan.kind, BOOT_MULTIBOOT);
	cpu = boot_load(&plan, &mem, ACPI_BASE);
	assert_int_equal(cpu.rip, 0x200010);
	assert_int_equal(cpu.rax, 0x2badb002);
	assert_int_equal(cpu.rbx, START_INFO_GPA);
	assert_int_equal(get32(START_INFO_GPA + 4), 640);
	assert_int_equal(get32(START_INFO_GPA + 20), 2);
	list = get32(START_INFO_GPA + 24);
	assert_int_equal(get32(list + 4) - get32(list), 5000);
	assert_string_equal(memory_at(&mem, get32(list + 16 + 8), 14), "second module");
	assert_int_equal(get32(START_INFO_GPA + 44), 3 * 24);
}

static void broken_elf_is_refused(void **state)
{
	(void)state;
	make_elf64(false);
	assert_refused("neither a PVH note nor a Multiboot header");
	make_elf64(true);
	kernel.size = 40;
	assert_refused("truncated");
	kernel.size = 70;
	assert_refused("truncated");
	make_elf64(true);
	kernel.size = 0x1080;
	assert_refused("truncated");
	make_elf64(true);
	segment(0)->p_offset = ~0ULL;
	assert_refused("truncated");
	make_elf64(true);
	segment(0)->p_filesz = ~0ULL;
	assert_refused("truncated");
	make_elf64(true);
	segment(0)->p_memsz = 0x10;
	assert_refused("damaged");
	make_elf64(true);
	segment(0)->p_paddr = 0x1000;
	assert_refused("between 1 MiB and 3 GiB");
	make_elf64(true);
	segment(0)->p_memsz = ~0ULL;
	assert_refused("between 1 MiB and 3 GiB");
	make_elf64(true);
	put32(0x2000 + 16, 0x300040);
	assert_refused("entry point");
	make_elf64(true);
	segment(0)->p_type = PT_NULL;
	assert_refused("nothing to load");
	make_elf64(true);
	((Elf64_Ehdr *)image)->e_machine = EM_AARCH64;
	assert_refused("not for x86");
	make_elf64(true);
	((Elf64_Ehdr *)image)->e_phnum = 0xffff;
	assert_refused("truncated");
	make_elf64(true);
	((Elf64_Ehdr *)image)->e_phoff = ~0ULL;
	assert_refused("truncated");
}

static void broken_notes_are_passed_over(void **state)
{
	(void)state;
	make_elf64(true);
	put32(0x2000, 0xffffffff);
	assert_refused("neither");
	make_elf64(true);
	put32(0x2004, 0xfffffff0);
	assert_refused("neither");
	make_elf64(true);
	segment(1)->p_offset = ~0ULL;
	assert_refused("neither");
	make_elf64(true);
	segment(1)->p_filesz = 19;
	assert_refused("neither");
}

/* ---- Multiboot without ELF ---- */

static void make_flat(void)
{
	static const uint32_t addresses[5] = { 0x100010, 0x100000, 0, 0x140000, 0x100020 };
	unsigned int i;

	add_multiboot(0x10, 0x10003);
	for (i = 0; i < 5; i++)
		put32(0x10 + 12 + 4 * i, addresses[i]);
	kernel.size = 0x4000;
}

static void flat_multiboot_is_loaded(void **state)
{
	(void)state;
	make_flat();
	assert_int_equal(make_plan(0, false), 0);
	assert_int_equal(plan.segment[0].gpa, 0x100000);
	assert_int_equal(plan.segment[0].file_size, 0x4000);
	assert_int_equal(plan.segment[0].memory_size, 0x40000);
	assert_int_equal(plan.entry, 0x100020);
}

static void broken_multiboot_is_refused(void **state)
{
	(void)state;
	make_flat();
	add_multiboot(0x10, 3);
	assert_refused("no ELF file");
	add_multiboot(0x10, 0x10013);
	assert_refused("features");
	make_flat();
	put32(0x10 + 16, 0x100020); /* loads behind its header */
	assert_refused("outside");
	make_flat();
	put32(0x10 + 16, 0x80000);
	put32(0x10 + 12, 0x80010);
	assert_refused("between 1 MiB and 3 GiB");
	make_flat();
	put32(0x10 + 20, 0x100001);
	put32(0x10 + 24, 0);
	assert_refused("entry point");
	make_flat();
	put32(0x10 + 20, 0x200000);
	assert_refused("truncated");
	make_flat();
	put32(0x10 + 20, 0x1000);
	assert_refused("before it begins");
	make_flat();
	put32(0x18, 0);
	assert_refused("no kernel");
}

static void text_is_no_kernel(void **state)
{
	(void)state;
	strcpy((char *)image, "root:x:0:0:root:/root:/bin/bash\n");
	kernel.size = strlen((char *)image);
	assert_refused("a text file, no kernel");
}

/* Damaged copies of good kernels: any answer, but no access outside the file or the RAM. */
static void survives_damage(void **state)
{
	static void (*const make[])(void) = { make_linux, make_flat };
	uint32_t x = 1;
	unsigned int i, j;

	(void)state;
	for (i = 0; i < 30000; i++) {
		uint8_t *copy;
		struct file k = { "kernel", NULL, 0 };

		memset(image, 0, 0x3000);
		if (i % 3 == 2)
			make_elf64(true);
		else
			make[i % 3]();
		for (j = 0; j < 3; j++) {
			x = x * 1664525 + 1013904223;
			image[(i % 3 ? 0 : 0x1f0) + (x >> 8) % (i % 3 ? 0xb0 : 0x60)] = x >> 24;
		}
		k.size = x % 5 ? kernel.size : x % kernel.size;
		copy = malloc(k.size + 1);
		memcpy(copy, image, k.size);
		k.data = copy;
		if (!boot_make_plan(&plan, &k, "", modules, 1, true, &mem, &err))
			boot_load(&plan, &mem, ACPI_BASE);
		free(copy);
	}
}

static void large_memory_leaves_a_hole(void **state)
{
	struct memory_range map[MEMORY_RANGES];
	struct guest_memory big;

	(void)state;
	memory_layout(&big, 5 * GIB);
	assert_int_equal(big.regions, 2);
	assert_int_equal(big.region[0].size + big.region[1].size, 5 * GIB);
	assert_int_equal(memory_map(&big, map), 4);
	assert_int_equal(map[2].start + map[2].size, HOLE_START);
	assert_int_equal(map[3].start, HOLE_END);
	assert_int_equal(map[3].size, 2 * GIB);
	assert_null(memory_at(&mem, RAM - 1, 2));
	assert_null(memory_at(&mem, ~0ULL, 2));
	assert_non_null(memory_at(&mem, RAM - 1, 1));
}

static void first_registers(void **state)
{
	struct boot_cpu cpu = { .long_mode = true, .rip = 0x1000200, .rsi = ZERO_PAGE_GPA };
	struct dais_sregs s;
	struct dais_gprs g;

	(void)state;
	cpu_state(&cpu, &g, &s);
	assert_int_equal(s.cs.attr & 0x600, 0x200); /* L and not D */
	assert_int_equal(s.efer, 0x500);
	assert_true(s.cr0 & 1ULL << 31);
	assert_int_equal(g.rflags, 2);
	cpu.long_mode = false;
	cpu_state(&cpu, &g, &s);
	assert_int_equal(s.cs.attr & 0x600, 0x400);
	assert_int_equal(s.efer, 0);
	assert_int_equal(s.cr0, 0x11);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(linux_is_loaded), TEST(linux_pages_are_identity),
		TEST(linux_moves_when_memory_is_small), TEST(broken_linux_is_refused),
		TEST(old_initrd_limit_is_kept), TEST(pvh_is_loaded),
		TEST(multiboot_elf_enters_at_physical_address), TEST(broken_elf_is_refused),
		TEST(broken_notes_are_passed_over), TEST(flat_multiboot_is_loaded),
		TEST(broken_multiboot_is_refused), TEST(text_is_no_kernel), TEST(survives_damage),
		TEST(large_memory_leaves_a_hole), TEST(first_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
