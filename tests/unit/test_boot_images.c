/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/elf.c boot/bzimage.c boot/paging.c boot/cpu.c boot/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <dais/abi.h>
#include "boot/boot_info.h"
#include "boot/bzimage.h"
#include "boot/cpu.h"
#include "boot/elf.h"
#include "boot/paging.h"

static struct error err;

static void says(const char *message)
{
	if (!strstr(err.text, message))
		fail_msg("'%s' does not say '%s'", err.text, message);
}

static void set(uint8_t *file, size_t offset, uint64_t value, unsigned int bytes)
{
	memcpy(file + offset, &value, bytes);
}

/* --- ELF ------------------------------------------------------------------------ */

#define ELF_SIZE 0x3000
enum { E_TYPE = 16, E_MACHINE = 18, E_ENTRY = 24, E_PHOFF = 32, E_PHENTSIZE = 54, E_PHNUM = 56 };
enum { P_FLAGS = 64 + 4, P_OFFSET = 64 + 8, P_VADDR = 64 + 16, P_PADDR = 64 + 24, P_FILESZ = 64 + 32,
       P_MEMSZ = 64 + 40 };

static uint8_t *make_elf(void)
{
	uint8_t *file = calloc(1, ELF_SIZE);

	memcpy(file, "\x7f" "ELF\2\1\1", 7);
	set(file, E_TYPE, 2, 2);
	set(file, E_MACHINE, 62, 2);
	set(file, E_ENTRY, BOOT_IMAGE_VIRT + 0x10, 8);
	set(file, E_PHOFF, 64, 8);
	set(file, E_PHENTSIZE, 56, 2);
	set(file, E_PHNUM, 1, 2);
	set(file, 64, 1, 4);
	set(file, P_OFFSET, 0x1000, 8);
	set(file, P_VADDR, BOOT_IMAGE_VIRT, 8);
	set(file, P_FILESZ, 0x2000, 8);
	set(file, P_MEMSZ, 0x5001, 8);
	memset(file + 0x1000, 0x5a, 0x2000);
	return file;
}

static void test_elf(void **state)
{
	uint8_t *file = make_elf(), *memory = malloc(0x6000);
	struct elf_image image;

	(void)state;
	assert_true(elf_check(file, ELF_SIZE, &image, &err));
	assert_int_equal(image.size, 0x6000);
	assert_int_equal(image.entry, 0x10);
	assert_int_equal(image.segment_count, 1);
	assert_int_equal(image.segment[0].size, 0x6000);
	assert_false(image.segment[0].writable || image.segment[0].executable);
	memset(memory, 0xff, 0x6000);
	elf_load(file, memory, &image);
	assert_int_equal(memory[0], 0x5a);
	assert_int_equal(memory[0x1fff], 0x5a);
	assert_int_equal(memory[0x2000], 0);
	assert_int_equal(memory[0x5fff], 0);
	free(memory);
	free(file);
}

static void test_elf_refused(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
		unsigned int bytes;
		const char *says;
	} bad[] = {
		{ 0, 'x', 1, "not a 64-bit ELF" }, { 4, 1, 1, "not a 64-bit ELF" },
		{ E_MACHINE, 3, 2, "not an x86-64" }, { E_TYPE, 3, 2, "not an x86-64" },
		{ E_PHNUM, 0, 2, "program headers" }, { E_PHNUM, 60000, 2, "truncated" },
		{ E_PHOFF, UINT64_MAX, 8, "truncated" }, { P_OFFSET, UINT64_MAX, 8, "truncated" },
		{ P_FILESZ, 0x2001, 8, "truncated" }, { P_FILESZ, UINT64_MAX, 8, "truncated" },
		{ P_MEMSZ, 0x100, 8, "impossible" }, { P_MEMSZ, UINT64_MAX, 8, "impossible" },
		{ P_PADDR, UINT64_MAX, 8, "impossible" }, { P_VADDR, 0, 8, "not linked" },
		{ P_PADDR, 0x10, 8, "impossible" }, { P_FLAGS, 7, 4, "writable and executable" },
		{ E_ENTRY, 0, 8, "entry point" }, { E_ENTRY, BOOT_IMAGE_VIRT + 0x6000, 8, "entry" },
	};
	struct elf_image image;
	uint8_t *file;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		file = make_elf();
		set(file, bad[i].offset, bad[i].value, bad[i].bytes);
		assert_false(elf_check(file, ELF_SIZE, &image, &err));
		says(bad[i].says);
		free(file);
	}
	file = make_elf();
	assert_false(elf_check(file, 63, &image, &err));
	assert_false(elf_check(file, 0x2fff, &image, &err));
	says("truncated");
	free(file);
}

/* Copies of the one segment, `step` apart in memory. */
static bool check_segments(unsigned int count, uint64_t step)
{
	struct elf_image image;
	uint8_t *file = make_elf();
	bool ok;

	set(file, E_PHNUM, count, 2);
	for (unsigned int i = 1; i < count; i++) {
		memcpy(file + 64 + i * 56, file + 64, 56);
		set(file, P_VADDR + i * 56, BOOT_IMAGE_VIRT + i * step, 8);
		set(file, P_PADDR + i * 56, i * step, 8);
	}
	ok = elf_check(file, ELF_SIZE, &image, &err);
	free(file);
	return ok;
}

static void test_elf_segments(void **state)
{
	(void)state;
	assert_true(check_segments(ELF_PARTS_MAX, 0x6000));
	assert_false(check_segments(ELF_PARTS_MAX + 1, 0x6000));
	says("more than 8 segments");
	assert_false(check_segments(2, 0x5000)); /* the first one's last byte is on that page */
	says("overlap");
	assert_false(check_segments(2, 0));
	says("overlap");
}

/* --- bzImage --------------------------------------------------------------------- */

#define BZ_SIZE (3 * 512 + 0x1000)

static uint8_t *make_bzimage(void)
{
	uint8_t *file = calloc(1, BZ_SIZE);

	file[0x1f1] = 2;
	set(file, 0x1f4, 0x100, 4); /* 4 KiB of payload */
	set(file, 0x1fe, 0xaa55, 2);
	set(file, 0x200, 0x66eb, 2);
	set(file, 0x202, 0x53726448, 4);
	set(file, 0x206, 0x20f, 2);
	set(file, 0x230, 0x200000, 4);
	file[0x234] = 1;
	set(file, 0x236, 3, 2);
	set(file, 0x238, 2047, 4);
	set(file, 0x258, 0x1000000, 8);
	set(file, 0x260, 0x2000000, 4);
	return file;
}

static void test_bzimage(void **state)
{
	uint8_t *file = make_bzimage();
	struct bzimage image;

	(void)state;
	assert_true(bzimage_check(file, BZ_SIZE, &image, &err));
	assert_int_equal(image.payload, 3 * 512);
	assert_int_equal(image.payload_size, 0x1000);
	assert_int_equal(image.pref_address, 0x1000000);
	assert_int_equal(image.init_size, 0x2000000);
	assert_true(image.relocatable);
	assert_true(image.above_4g);
	free(file);
}

static void test_bzimage_refused(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
		unsigned int bytes;
		const char *says;
	} bad[] = {
		{ 0x202, 0, 4, "not a Linux bzImage" }, { 0x1fe, 0, 2, "not a Linux bzImage" },
		{ 0x206, 0x20b, 2, "boot protocol 20b" }, { 0x236, 2, 2, "64-bit" },
		{ 0x1f4, 0x101, 4, "truncated" }, { 0x1f4, UINT32_MAX, 4, "truncated" },
		{ 0x1f1, 255, 1, "truncated" }, { 0x230, 0, 4, "alignment" },
		{ 0x230, 0x300000, 4, "alignment" }, { 0x260, UINT32_MAX, 4, "init_size" },
		{ 0x260, 0xfff, 4, "init_size" },
	};
	struct bzimage image;
	uint8_t *file;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		file = make_bzimage();
		set(file, bad[i].offset, bad[i].value, bad[i].bytes);
		assert_false(bzimage_check(file, BZ_SIZE, &image, &err));
		says(bad[i].says);
		free(file);
	}
	assert_false(bzimage_check("text", 4, &image, &err));
	says("not a Linux bzImage");
}

static uint64_t get(const uint8_t *p, size_t offset, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, p + offset, bytes);
	return value;
}

static void test_params(void **state)
{
	uint8_t *file = make_bzimage(), *params = malloc(BZIMAGE_PARAMS_SIZE);
	static struct e820_entry e820[200];
	uint8_t *ext = malloc(BZIMAGE_EXT_SIZE(200));
	struct bzimage image;
	struct bzimage_params p = {
		.load = 0x1600000, .initrd = 0x123456000, .initrd_size = 0x1000, .cmdline = 0x5000,
		.rsdp = 0x77000, .efi_system_table = 0x7f001234, .efi_map = 0x105000,
		.efi_map_size = 96, .efi_entry_size = 48, .efi_map_version = 1,
		.screen = { 0x180000000, 1024, 768, 4096, false }, .e820 = e820, .e820_count = 200,
		.e820_ext = 0x106000, .secure_boot = BZIMAGE_SECURE_ON,
	};

	(void)state;
	for (int i = 0; i < 200; i++)
		e820[i] = (struct e820_entry){ (uint64_t)i << 20, 4096, E820_RAM };
	assert_true(bzimage_check(file, BZ_SIZE, &image, &err));
	bzimage_fill(params, &image, &p, ext);
	assert_int_equal(get(params, 0x202, 4), 0x53726448);
	assert_int_equal(params[0x210], 0xff);
	assert_int_equal(params[0x1ef], 0); /* sentinel: the zero page is sane */
	assert_int_equal(get(params, 0x214, 4), 0x1600000);
	assert_int_equal(get(params, 0x218, 4), 0x23456000);
	assert_int_equal(get(params, 0x0c0, 4), 1);
	assert_int_equal(get(params, 0x21c, 4), 0x1000);
	assert_int_equal(get(params, 0x228, 4), 0x5000);
	assert_int_equal(get(params, 0x070, 8), 0x77000);
	assert_memory_equal(params + 0x1c0, "EL64", 4);
	assert_int_equal(get(params, 0x1d0, 4), 0x105000);
	assert_int_equal(params[0x1ec], 3);
	assert_int_equal(params[0x00f], 0x70);
	assert_int_equal(get(params, 0x03a, 4), 1);
	assert_int_equal(params[0x1e8], BZIMAGE_E820_MAX);
	assert_int_equal(get(params, 0x2d0 + 20, 8), 1 << 20);
	assert_int_equal(get(params, 0x250, 8), 0x106000);
	assert_int_equal(get(ext, 8, 4), 1);
	assert_int_equal(get(ext, 12, 4), 72 * 20);
	assert_int_equal(get(ext, 16, 8), 128ULL << 20);
	free(ext);
	free(params);
	free(file);
}

static void test_paging(void **state)
{
	uint64_t *t = aligned_alloc(4096, PAGING_SIZE);

	(void)state;
	memset(t, 0xff, PAGING_SIZE);
	paging_build(t, 0x100000);
	assert_int_equal(t[0], 0x101003);
	assert_int_equal(t[1], 0);
	assert_int_equal(t[512], 0x102003);
	assert_int_equal(t[512 + 3], 0x105003);
	assert_int_equal(t[512 + 4], 0);
	assert_int_equal(t[1024], 0x83);
	assert_int_equal(t[1024 + 2047], 0xffe00083);
	free(t);
}

static void test_cpu(void **state)
{
	struct cpu_facts good = { .vendor = "AuthenticAMD", .svm = true, .nested_paging = true, .nx = true }, f;

	(void)state;
	assert_true(cpu_check(&good, &err));
	f = good;
	f.svm = false;
	assert_false(cpu_check(&f, &err));
	says("no AMD-V");
	f = good;
	f.svm_disabled = true;
	assert_false(cpu_check(&f, &err));
	says("locked off by the firmware");
	f = good;
	f.nested_paging = false;
	assert_false(cpu_check(&f, &err));
	says("NPT");
	f = good;
	f.nx = false;
	assert_false(cpu_check(&f, &err));
	says("NX");
	f = (struct cpu_facts){ .vendor = "GenuineIntel", .nx = true };
	assert_false(cpu_check(&f, &err));
	says("no VT-x");
	f.vmx = true;
	memset(f.vmx_may, 0xff, sizeof(f.vmx_may));
	assert_true(cpu_check(&f, &err));
	f.vmx_disabled = true;
	assert_false(cpu_check(&f, &err));
	says("locked off");
	f.vmx_disabled = false;
	f.vmx_may[VMX_PROC2] &= ~(1u << 7);
	f.vmx_may[VMX_EPT] = 0;
	assert_false(cpu_check(&f, &err));
	says("lacks what Dais needs: unrestricted guest, EPT of four levels");
	says(", INVEPT");
}

/* As on q35: an ISA bridge and more; function 5 alone still takes the number. */
static uint32_t some_taken(uint32_t fn)
{
	return fn == (31 << 3) || fn == (31 << 3 | 2) || fn == (30 << 3 | 5) ? 0x12341234 : UINT32_MAX;
}

static uint32_t all_taken(uint32_t fn) { return fn % 8 ? UINT32_MAX : 0x12341234; }

static void test_free_pci_device(void **state)
{
	(void)state;
	assert_int_equal(cpu_free_pci_device(some_taken), 29);
	assert_int_equal(cpu_free_pci_device(all_taken), 0);
}

/* A model: leaves that are not named read 0. */
static struct { uint32_t leaf; struct cpuid id; } model[8];

static struct cpuid fake_cpuid(uint32_t leaf, uint32_t subleaf)
{
	(void)subleaf;
	for (size_t i = 0; i < 8; i++)
		if (model[i].leaf == leaf)
			return model[i].id;
	return (struct cpuid){ { 0 } };
}

static struct { uint32_t msr; uint64_t value; } msrs[2];

static uint64_t fake_msr(uint32_t msr)
{
	for (size_t i = 0; i < 2; i++)
		if (msrs[i].msr == msr)
			return msrs[i].value;
	fail_msg("MSR %x is not there", msr);
	return 0;
}

static void set_leaf(size_t i, uint32_t leaf, uint32_t a, const char *b_c_d)
{
	model[i].leaf = leaf;
	model[i].id.r[0] = a;
	memcpy(&model[i].id.r[1], b_c_d, 12);
}

static void test_host(void **state)
{
	struct host h;

	(void)state;
	memset(model, 0, sizeof(model));
	set_leaf(0, 0, 0xd, "AuthenticAMD");
	model[0].id = (struct cpuid){ { 0xd, 0x68747541, 0x444d4163, 0x69746e65 } };
	set_leaf(1, 0x80000000, 0x80000008, "\0\0\0\0\0\0\0\0\0\0\0");
	model[2] = (typeof(model[2])){ 1, { { 0x00800f12, 0, 1u << 31 | 1u << 26 | 1u << 24 | 1u << 21, 1 << 14 } } };
	model[3] = (typeof(model[3])){ 7, { { 0, 1 << 7 | 1 << 20, 1 << 2, 1 << 26 | 1 << 10 } } };
	model[4] = (typeof(model[4])){ 0x80000008, { { 0x3028, 1 << 12, 0, 0 } } };
	model[5] = (typeof(model[5])){ 0xd, { { 7, 0, 0, 1 } } };
	set_leaf(6, 0x40000000, 0x40000001, "TCGTCGTCGTCG");
	h = cpu_host(fake_cpuid, fake_msr, true);
	assert_true(h.amd && h.x2apic && h.xsave && h.smep && h.smap && h.umip && h.mce);
	assert_false(h.intel || h.tsc_deadline || h.pcid || h.fsgsbase || h.page1g || h.rdtscp);
	assert_int_equal(h.max_leaf, 0xd);
	assert_int_equal(h.phys_bits, 40);
	assert_int_equal(h.xcr0, 7 | 1ULL << 32);
	assert_int_equal(cpu_defences(fake_cpuid, fake_msr), 1 << DAIS_DEFENCE_RSB | 1 << DAIS_DEFENCE_IBPB); /* bits 26 and 10 are Intel's */
	assert_true(h.quirks.loses_irqs);
	assert_false(h.lfence_by_msr);                         /* below another hypervisor */
	assert_false(cpu_host(fake_cpuid, fake_msr, false).x2apic);
	model[2].id.r[2] = 0;                                  /* on hardware */
	h = cpu_host(fake_cpuid, fake_msr, true);
	assert_true(h.lfence_by_msr);
	assert_false(h.quirks.loses_irqs || h.xsave);
	assert_int_equal(h.xcr0, 0);
	model[0].id = (struct cpuid){ { 1, 0x756e6547, 0, 0 } };
	h = cpu_host(fake_cpuid, fake_msr, true);
	assert_true(h.intel && !h.amd && !h.lfence_by_msr);
	assert_false(h.smep);                                  /* leaf 7 is beyond the last */
	model[0].id.r[0] = 7;
	assert_int_equal(cpu_defences(fake_cpuid, fake_msr), 1 << DAIS_DEFENCE_RSB | 1 << DAIS_DEFENCE_IBPB |
			 1 << DAIS_DEFENCE_VERW | 1 << DAIS_DEFENCE_SMALL_CODE);
	model[3].id.r[3] |= 1u << 29;                          /* it says more of itself */
	msrs[0] = (typeof(msrs[0])){ 0x10a, 0 };
	assert_true(cpu_defences(fake_cpuid, fake_msr) & 1 << DAIS_DEFENCE_SMALL_CODE);
	msrs[0].value = 1 << 1 | 1 << 6;
	assert_int_equal(cpu_defences(fake_cpuid, fake_msr), 1 << DAIS_DEFENCE_RSB | 1 << DAIS_DEFENCE_IBPB |
			 1 << DAIS_DEFENCE_VERW | 1 << DAIS_DEFENCE_IBRS);
}

/* Linux: arch/x86/kernel/cpu/{intel,amd}.c take them off, too. */
static void test_key_bits(void **state)
{
	(void)state;
	memset(model, 0, sizeof(model));
	model[0].id = (struct cpuid){ { 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 } };
	model[1] = (typeof(model[1])){ 7, { { 0, 0, 1 << 13, 0 } } };
	model[2] = (typeof(model[2])){ 0x80000000, { { 0x80000008, 0, 0, 0 } } };
	model[3] = (typeof(model[3])){ 0x80000008, { { 0x3934, 0, 0, 0 } } };
	msrs[0] = (typeof(msrs[0])){ 0x982, 6ULL << 32 | 2 };  /* not locked: not on */
	assert_int_equal(cpu_host(fake_cpuid, fake_msr, true).phys_bits, 52);
	msrs[0].value |= 1;
	assert_int_equal(cpu_host(fake_cpuid, fake_msr, true).phys_bits, 46);
	model[0].id = (struct cpuid){ { 0xd, 0x68747541, 0x444d4163, 0x69746e65 } };
	model[2].id.r[0] = 0x8000001f;
	model[3].id.r[0] = 0x3030;
	model[4] = (typeof(model[4])){ 0x8000001f, { { 1, 5 << 6 | 47, 0, 0 } } };
	msrs[1] = (typeof(msrs[1])){ 0xc0010010, 0 };
	assert_int_equal(cpu_host(fake_cpuid, fake_msr, true).phys_bits, 48);
	msrs[1].value = 1 << 23;
	assert_int_equal(cpu_host(fake_cpuid, fake_msr, true).phys_bits, 43);
}

/* EPYC: two threads to a core, eight to a cache. Xeon: two, sixteen. */
static struct cpuid fake_epyc(uint32_t leaf, uint32_t subleaf)
{
	switch (leaf) {
	case 0: return (struct cpuid){ { 0xd, 0x68747541, 0x444d4163, 0x69746e65 } };
	case 0x80000000: return (struct cpuid){ { 0x8000001e, 0, 0, 0 } };
	case 0x80000001: return (struct cpuid){ { 0, 0, 1 << 22, 0 } };
	case 0x8000001d: return (struct cpuid){ { subleaf < 3 ? 1 << 14 | 0x21 : subleaf == 3 ? 7 << 14 | 0x63 : 0 } };
	case 0x8000001e: return (struct cpuid){ { 0, 0x100, 0, 0 } };
	}
	return (struct cpuid){ { 0 } };
}

static struct cpuid fake_xeon(uint32_t leaf, uint32_t subleaf)
{
	switch (leaf) {
	case 0: return (struct cpuid){ { 0xb, 0x756e6547, 0x6c65746e, 0x49656e69 } };
	case 4: return (struct cpuid){ { subleaf < 3 ? 1 << 14 | 0x21 : subleaf == 3 ? 15 << 14 | 0x63 : 0 } };
	case 0xb: return (struct cpuid){ { subleaf ? 4 : 1, 2, 0, 0 } };
	}
	return (struct cpuid){ { 0 } };
}

static struct cpuid fake_old(uint32_t leaf, uint32_t subleaf)
{
	(void)subleaf;
	return (struct cpuid){ { leaf ? 0 : 1 } };
}

static void test_topology(void **state)
{
	struct host h = cpu_host(fake_epyc, fake_msr, true);

	(void)state;
	assert_int_equal(h.core_shift, 1);
	assert_int_equal(h.cache_shift, 3);
	h = cpu_host(fake_xeon, fake_msr, true);
	assert_int_equal(h.core_shift, 1);
	assert_int_equal(h.cache_shift, 4);
	h = cpu_host(fake_old, fake_msr, true);
	assert_int_equal(h.core_shift, 0);
	assert_int_equal(h.cache_shift, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf), cmocka_unit_test(test_elf_refused), cmocka_unit_test(test_elf_segments),
		cmocka_unit_test(test_bzimage), cmocka_unit_test(test_bzimage_refused),
		cmocka_unit_test(test_params), cmocka_unit_test(test_paging),
		cmocka_unit_test(test_cpu), cmocka_unit_test(test_free_pci_device), cmocka_unit_test(test_host),
		cmocka_unit_test(test_key_bits), cmocka_unit_test(test_topology),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
