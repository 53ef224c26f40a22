/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/acpi.c boot/text.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "boot/acpi.h"
#include "boot/acpi_defs.h"

/* A little physical memory, of which only what tables fill may be read: so a
 * reader that runs over a table's end is refused, and the address sanitizer
 * sees the rest. */
#define BASE 0x10000ULL
static uint8_t ram[0x4000];
static uint64_t used;

static const void *map(uint64_t address, uint64_t length)
{
	if (address < BASE || address - BASE > used || length > used - (address - BASE))
		return NULL;
	return ram + (address - BASE);
}

static uint64_t put(const void *data, uint64_t length)
{
	uint64_t at = used;

	assert_true(used + length <= sizeof(ram));
	memcpy(ram + used, data, length);
	used += (length + 15) & ~15ULL;
	return BASE + at;
}

static uint64_t put_table(const char *signature, const void *body, uint32_t length)
{
	uint8_t table[4096] = { 0 };
	struct acpi_header *h = (void *)table;

	memcpy(h->signature, signature, 4);
	h->length = sizeof(*h) + length;
	memcpy(table + sizeof(*h), body, length);
	h->checksum = -acpi_sum(table, h->length);
	return put(table, h->length);
}

static uint64_t put_root(const uint64_t *entries, uint32_t count, bool xsdt)
{
	struct acpi_rsdp rsdp = { .signature = "RSD PTR ", .revision = xsdt ? 2 : 0,
				  .length = sizeof(rsdp) };
	uint32_t narrow[16];

	for (uint32_t i = 0; i < count; i++)
		narrow[i] = (uint32_t)entries[i];
	if (xsdt)
		rsdp.xsdt = put_table("XSDT", entries, count * 8);
	else
		rsdp.rsdt = (uint32_t)put_table("RSDT", narrow, count * 4);
	rsdp.checksum = -acpi_sum(&rsdp, RSDP_V1_LENGTH);
	rsdp.checksum_all = -acpi_sum(&rsdp, sizeof(rsdp));
	return put(&rsdp, sizeof(rsdp));
}

static const uint8_t madt_body[] = {
	0, 0, 0xe0, 0xfe, 1, 0, 0, 0,
	0, 8, 1, 0, 1, 0, 0, 0,                                       /* uid 1, APIC 0 */
	0, 8, 2, 4, 1, 0, 0, 0,                                       /* uid 2, APIC 4 */
	0, 8, 3, 6, 0, 0, 0, 0,                                       /* not enabled */
	9, 16, 0, 0, 0x00, 0x01, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0,        /* APIC 256, uid 7 */
	9, 16, 0, 0, 0x04, 0x00, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0,        /* APIC 4 again */
	1, 12, 3, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0,                   /* IO-APIC 3, GSI 24 */
	2, 10, 0, 0, 2, 0, 0, 0, 0, 0,                                /* IRQ 0 is GSI 2 */
	4, 6, 0xff, 0, 0, 1,                                          /* NMI at LINT1 */
	5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 0, 0, 0, 0,                    /* another address */
	0x30, 4, 1, 2,                                                /* unknown kind */
};

static const uint8_t mcfg_body[8 + 16] = {
	[8 + 3] = 0xb0, [8 + 10] = 1, [8 + 11] = 0x7f,
};

static struct boot_cpu cpus[64];
static struct boot_ioapic ioapics[64];
static struct boot_ecam ecams[64];
static struct acpi_machine machine;
static struct acpi_tables tables;
static struct error err;

static bool read_all(uint32_t boot_cpu)
{
	memset(&machine, 0xaa, sizeof(machine));
	machine.cpus = cpus;
	machine.ioapics = ioapics;
	machine.ecams = ecams;
	acpi_capacities(&tables, &machine);
	if (machine.cpu_capacity > 64 || machine.ioapic_capacity > 64 || machine.ecam_capacity > 64)
		return false;
	return acpi_read(&tables, boot_cpu, &machine, &err);
}

static uint64_t whole_machine(bool xsdt)
{
	uint8_t fadt[244 - 36] = { 0 }, hpet[20] = { 0 };
	uint64_t entries[8];
	uint32_t n = 0;

	used = 0;
	fadt[FADT_PM_TIMER - 36] = 8;
	fadt[FADT_PM_TIMER - 35] = 6;
	fadt[FADT_PM1A_CNT - 35] = 0x60;
	fadt[FADT_X_PM1A_CNT - 36] = GAS_IO;
	fadt[FADT_X_PM1A_CNT - 36 + 4] = 4;
	fadt[FADT_X_PM1A_CNT - 36 + 5] = 6;
	fadt[FADT_FLAGS - 35] = (FADT_TIMER_32BIT | FADT_RESET_SUPPORTED) >> 8;
	fadt[FADT_RESET_REG - 36] = GAS_IO;
	fadt[FADT_RESET_REG - 36 + 4] = 0xf9;
	fadt[FADT_RESET_REG - 36 + 5] = 0x0c;
	fadt[FADT_RESET_VALUE - 36] = 0x0f;
	hpet[4 + 4 + 2] = 0xd0;
	hpet[4 + 4 + 3] = 0xfe;
	entries[n++] = put_table("FACP", fadt, sizeof(fadt));
	entries[n++] = put_table("APIC", madt_body, sizeof(madt_body));
	entries[n++] = put_table("MCFG", mcfg_body, sizeof(mcfg_body));
	entries[n++] = put_table("HPET", hpet, sizeof(hpet));
	entries[n++] = put_table("DMAR", hpet, 12);
	entries[n++] = put_table("SRAT", hpet, 12);
	entries[n++] = 0xdead0000; /* points nowhere */
	return put_root(entries, n, xsdt);
}

static void test_read(void **state)
{
	(void)state;
	for (int xsdt = 0; xsdt < 2; xsdt++) {
		assert_true(acpi_find(&tables, map, whole_machine(xsdt), &err));
		assert_true(read_all(4));
		assert_int_equal(machine.cpu_count, 3);
		assert_int_equal(cpus[0].apic_id, 4); /* the one that boots comes first */
		assert_int_equal(cpus[0].acpi_uid, 2);
		assert_int_equal(cpus[1].apic_id, 0);
		assert_int_equal(cpus[2].apic_id, 256);
		assert_int_equal(cpus[2].acpi_uid, 7);
		assert_int_equal(machine.ioapic_count, 1);
		assert_int_equal(ioapics[0].base, 0xfec00000);
		assert_int_equal(ioapics[0].gsi_base, 24);
		assert_int_equal(machine.ecam_count, 1);
		assert_int_equal(ecams[0].base, 0xb0000000);
		assert_int_equal(ecams[0].bus_first, 1);
		assert_int_equal(ecams[0].bus_last, 0x7f);
		assert_int_equal(machine.pm_timer_port, 0x608);
		assert_int_equal(machine.pm_timer_bits, 32);
		assert_int_equal(machine.pm1a_cnt_port, 0x604); /* the extended field wins */
		assert_int_equal(machine.pm1b_cnt_port, 0);
		assert_int_equal(machine.reset_port, 0xcf9);
		assert_int_equal(machine.reset_value, 0xf);
		assert_int_equal(machine.hpet_base, 0xfed00000);
		assert_true(tables.dmar != 0);
		assert_true(tables.ivrs == 0);
	}
}

/* The built tables, read back by the same reader. */
static void test_build(void **state)
{
	static uint8_t out[4096];
	const struct boot_cpu real[3] = { { 4, 2 }, { 0, 1 }, { 256, 300 } };
	struct acpi_tables built;
	uint64_t size, rsdp;

	(void)state;
	assert_true(acpi_find(&tables, map, whole_machine(true), &err));
	size = acpi_build_size(&tables, 3);
	assert_true(size <= sizeof(out));
	rsdp = acpi_build(&tables, real, 3, out, BASE + used);
	rsdp = rsdp - (BASE + used) + put(out, size);
	assert_true(acpi_find(&built, map, rsdp, &err));
	assert_true(built.root_is_xsdt);
	assert_int_equal(built.fadt, tables.fadt);
	assert_int_equal(built.mcfg, tables.mcfg);
	assert_int_equal(built.hpet, tables.hpet);
	assert_int_equal(built.dmar, 0);
	assert_int_not_equal(built.madt, tables.madt);
	assert_int_equal(built.count, 4); /* no DMAR, no SRAT, nothing from nowhere */
	assert_int_equal(acpi_sum(map(built.madt, 4), ((struct acpi_header *)map(built.madt, 36))->length), 0);
	tables = built;
	assert_true(read_all(0));
	assert_int_equal(machine.cpu_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(cpus[i].apic_id, i);
		assert_int_equal(cpus[i].acpi_uid, real[i].acpi_uid);
	}
	assert_int_equal(machine.ioapic_count, 1);
}

static void test_no_boot_cpu(void **state)
{
	(void)state;
	assert_true(acpi_find(&tables, map, whole_machine(true), &err));
	assert_false(read_all(99));
	assert_non_null(strstr(err.text, "APIC ID 99"));
}

static void test_missing(void **state)
{
	uint64_t none = 0, rsdp;

	(void)state;
	used = 0;
	rsdp = put_root(&none, 0, true);
	assert_false(acpi_find(&tables, map, rsdp, &err));
	assert_non_null(strstr(err.text, "MADT"));
	assert_false(acpi_find(&tables, map, BASE + used + 64, &err));
	assert_non_null(strstr(err.text, "RSDP"));
	assert_false(acpi_find(&tables, map, 0, &err));
}

static void test_broken_madt(void **state)
{
	uint8_t body[sizeof(madt_body)];
	uint64_t entry;

	(void)state;
	for (uint8_t length = 0; length < 2; length++) {
		memcpy(body, madt_body, sizeof(body));
		body[9] = length;
		used = 0;
		entry = put_table("APIC", body, sizeof(body));
		assert_true(acpi_find(&tables, map, put_root(&entry, 1, true), &err));
		assert_false(read_all(0));
		assert_non_null(strstr(err.text, "broken entry"));
	}
	used = 0;
	entry = put_table("APIC", madt_body, sizeof(madt_body) - 1);
	assert_true(acpi_find(&tables, map, put_root(&entry, 1, true), &err));
	assert_false(read_all(0));
}

/* Bytes turned at random must never make a reader leave its table. */
static void test_noise(void **state)
{
	static uint8_t out[0x20000];
	uint64_t rsdp;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		rsdp = whole_machine(round & 1);
		srand(round);
		for (int i = 0; i < 1 + round % 8; i++)
			ram[rand() % used] = rand();
		if (!acpi_find(&tables, map, rsdp, &err) || !read_all(4))
			continue;
		if (acpi_build_size(&tables, machine.cpu_count) <= sizeof(out))
			acpi_build(&tables, cpus, machine.cpu_count, out, 0x1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read), cmocka_unit_test(test_build),
		cmocka_unit_test(test_no_boot_cpu), cmocka_unit_test(test_missing),
		cmocka_unit_test(test_broken_madt), cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
