/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's ACPI tables, read as an operating system reads them. */
/* links: mgmt/monitor/acpi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "mgmt/monitor/acpi.h"
#include "mgmt/monitor/layout.h"

static uint8_t area[ACPI_END - ACPI_BASE];
static const uint8_t dsdt[40] = "DSDT\x28";

static uint64_t get(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static const uint8_t *at_gpa(uint64_t gpa)
{
	assert_in_range(gpa, ACPI_BASE, ACPI_END - 1);
	return area + (gpa - ACPI_BASE);
}

static uint8_t sum(const uint8_t *t, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s += *t++;
	return s;
}

static const uint8_t *table(unsigned int index, const char *signature)
{
	const uint8_t *xsdt = at_gpa(get(area + 24, 8)), *t;

	assert_memory_equal(xsdt, "XSDT", 4);
	assert_int_equal(sum(xsdt, get(xsdt + 4, 4)), 0);
	t = at_gpa(get(xsdt + 36 + 8 * index, 8));
	assert_memory_equal(t, signature, 4);
	assert_int_equal(sum(t, get(t + 4, 4)), 0);
	return t;
}

static void root_is_valid(void **state)
{
	(void)state;
	assert_true(acpi_build(area, sizeof(area), ACPI_BASE, 2, dsdt, sizeof(dsdt), NULL, 0) > 0);
	assert_memory_equal(area, "RSD PTR ", 8);
	assert_int_equal(area[15], 2);
	assert_int_equal(sum(area, 20), 0);
	assert_int_equal(sum(area, 36), 0);
}

static void fadt_names_power_registers(void **state)
{
	const uint8_t *t;

	(void)state;
	acpi_build(area, sizeof(area), ACPI_BASE, 2, dsdt, sizeof(dsdt), NULL, 0);
	t = table(0, "FACP");
	assert_int_equal(get(t + 4, 4), 276);
	assert_true(get(t + 112, 4) & 1U << 20);
	assert_true(get(t + 112, 4) & 1U << 10);
	assert_int_equal(get(t + 116 + 4, 8), POWER_RESET);
	assert_int_equal(t[128], RESET_VALUE);
	assert_int_equal(t[244], 1);
	assert_int_equal(get(t + 244 + 4, 8), POWER_SLEEP_CONTROL);
	assert_int_equal(get(t + 256 + 4, 8), POWER_SLEEP_STATUS);
	assert_memory_equal(at_gpa(get(t + 140, 8)), dsdt, sizeof(dsdt));
}

/* Counts the entries of a type and checks that the list ends where the table does. */
static unsigned int count_entries(const uint8_t *t, uint8_t type)
{
	size_t at = 44, end = get(t + 4, 4);
	unsigned int n = 0;

	while (at < end) {
		assert_true(t[at + 1] >= 2);
		n += t[at] == type;
		at += t[at + 1];
	}
	assert_int_equal(at, end);
	return n;
}

static void madt_lists_every_cpu(void **state)
{
	static const struct { unsigned int vcpus, small, large; } cases[] = {
		{ 1, 1, 0 }, { 2, 2, 0 }, { 255, 255, 0 }, { 256, 255, 1 }, { 512, 255, 257 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *t;

		assert_true(acpi_build(area, sizeof(area), ACPI_BASE, cases[i].vcpus, dsdt,
				       sizeof(dsdt), NULL, 0) > 0);
		t = table(1, "APIC");
		assert_int_equal(get(t + 36, 4), LAPIC_GPA);
		assert_int_equal(count_entries(t, 0), cases[i].small);
		assert_int_equal(count_entries(t, 9), cases[i].large);
		assert_int_equal(count_entries(t, 1), 1);
	}
}

static void a_pci_bus_has_its_tables(void **state)
{
	static const uint8_t ssdt[] = "SSDT\x14\0\0\0\2\xfbthe code";
	const uint8_t *t;

	(void)state;
	assert_true(acpi_build(area, sizeof(area), ACPI_BASE, 2, dsdt, sizeof(dsdt), ssdt, sizeof(ssdt)) > 0);
	t = table(2, "MCFG");
	assert_int_equal(get(t + 4, 4), 60);
	assert_int_equal(get(t + 44, 8), ECAM_GPA);
	assert_int_equal(get(t + 52, 4), 0); /* segment 0, bus 0 alone */
	assert_memory_equal(at_gpa(get(at_gpa(get(area + 24, 8)) + 36 + 8 * 3, 8)), ssdt, sizeof(ssdt));
}

static void too_small_an_area_is_refused(void **state)
{
	size_t room, used;

	(void)state;
	used = acpi_build(area, sizeof(area), ACPI_BASE, 3, dsdt, sizeof(dsdt), NULL, 0);
	for (room = 0; room < used; room++)
		assert_int_equal(acpi_build(area, room, ACPI_BASE, 3, dsdt, sizeof(dsdt), NULL, 0), 0);
	assert_int_equal(acpi_build(area, used, ACPI_BASE, 3, dsdt, sizeof(dsdt), NULL, 0), used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_is_valid),
		cmocka_unit_test(fadt_names_power_registers),
		cmocka_unit_test(madt_lists_every_cpu),
		cmocka_unit_test(a_pci_bus_has_its_tables),
		cmocka_unit_test(too_small_an_area_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
