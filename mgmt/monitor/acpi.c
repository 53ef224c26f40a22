/* SPDX-License-Identifier: GPL-2.0-only */
/* Section numbers are those of the ACPI specification 6.4. */
#include <stdbool.h>
#include <string.h>

#include "acpi.h"
#include "layout.h"

#define RSDP_SIZE	36
#define HEADER_SIZE	36
#define FADT_SIZE	276
#define MCFG_SIZE	60
#define OEM_ID		"DAIS  "
#define OEM_TABLE	"DAISGST "

#define SPACE_IO	1
#define ACCESS_BYTE	1

/* 5.2.9: fixed feature flags, IA-PC boot architecture flags */
#define FADT_WBINVD		(1U << 0)
#define FADT_PROC_C1		(1U << 2)
#define FADT_NO_PWR_BUTTON	(1U << 4)
#define FADT_NO_SLP_BUTTON	(1U << 5)
#define FADT_RESET_REG		(1U << 10)
#define FADT_HW_REDUCED		(1U << 20)
#define BOOT_NO_VGA		(1U << 2)
#define BOOT_NO_ASPM		(1U << 4)
#define BOOT_NO_CMOS_RTC	(1U << 5)

/* 5.2.12: interrupt controller structures */
#define MADT_LAPIC	0
#define MADT_IOAPIC	1
#define MADT_X2APIC	9
#define MADT_ENABLED	1
#define MAX_LAPIC_ID	254	/* 255 is the broadcast address */

struct area {
	uint8_t *base;
	size_t room, used;
	uint64_t gpa;
	bool full;
};

static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		*at++ = value;
		value >>= 8;
	}
}

static void set_checksum(uint8_t *table, size_t size, size_t position)
{
	uint8_t sum = 0;
	size_t i;

	table[position] = 0;
	for (i = 0; i < size; i++)
		sum += table[i];
	table[position] = -sum;
}

/* Zeroed bytes, aligned to 16; NULL when full. */
static uint8_t *take(struct area *a, size_t size)
{
	size_t start = (a->used + 15) & ~(size_t)15;

	if (a->full || start > a->room || size > a->room - start) {
		a->full = true;
		return NULL;
	}
	a->used = start + size;
	memset(a->base + start, 0, size);
	return a->base + start;
}

static uint64_t address_of(const struct area *a, const uint8_t *at)
{
	return a->gpa + (at - a->base);
}

static void put_header(uint8_t *t, const char *signature, size_t size, uint8_t revision)
{
	memcpy(t, signature, 4);
	put(t + 4, size, 4);
	t[8] = revision;
	memcpy(t + 10, OEM_ID, 6);
	memcpy(t + 16, OEM_TABLE, 8);
	put(t + 24, 1, 4);
	memcpy(t + 28, "DAIS", 4);
	put(t + 32, 1, 4);
}

static void put_register(uint8_t *at, uint16_t port)
{
	at[0] = SPACE_IO;
	at[1] = 8;
	at[3] = ACCESS_BYTE;
	put(at + 4, port, 8);
}

static uint8_t *build_fadt(struct area *a, uint64_t dsdt)
{
	uint8_t *t = take(a, FADT_SIZE);

	if (!t)
		return NULL;
	put_header(t, "FACP", FADT_SIZE, 6);
	t[45] = 4; /* enterprise server */
	put(t + 109, BOOT_NO_VGA | BOOT_NO_ASPM | BOOT_NO_CMOS_RTC, 2);
	put(t + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_NO_PWR_BUTTON | FADT_NO_SLP_BUTTON |
		     FADT_RESET_REG | FADT_HW_REDUCED, 4);
	put_register(t + 116, POWER_RESET);
	t[128] = RESET_VALUE;
	t[131] = 4; /* minor version */
	put(t + 140, dsdt, 8);
	put_register(t + 244, POWER_SLEEP_CONTROL);
	put_register(t + 256, POWER_SLEEP_STATUS);
	memcpy(t + 268, "DaisDais", 8);
	set_checksum(t, FADT_SIZE, 9);
	return t;
}

static size_t madt_size(unsigned int vcpus)
{
	unsigned int small = vcpus <= MAX_LAPIC_ID + 1 ? vcpus : MAX_LAPIC_ID + 1;

	return HEADER_SIZE + 8 + 12 + 8 * (size_t)small + 16 * (size_t)(vcpus - small);
}

static uint8_t *put_cpu(uint8_t *t, unsigned int id)
{
	if (id <= MAX_LAPIC_ID) {
		t[0] = MADT_LAPIC;
		t[1] = 8;
		t[2] = id;
		t[3] = id;
		put(t + 4, MADT_ENABLED, 4);
		return t + 8;
	}
	t[0] = MADT_X2APIC;
	t[1] = 16;
	put(t + 4, id, 4);
	put(t + 8, MADT_ENABLED, 4);
	put(t + 12, id, 4);
	return t + 16;
}

static uint8_t *build_madt(struct area *a, unsigned int vcpus)
{
	size_t size = madt_size(vcpus);
	uint8_t *t = take(a, size), *entry;
	unsigned int i;

	if (!t)
		return NULL;
	put_header(t, "APIC", size, 5);
	put(t + 36, LAPIC_GPA, 4);
	entry = t + HEADER_SIZE + 8;
	entry[0] = MADT_IOAPIC;
	entry[1] = 12;
	entry[2] = IOAPIC_ID;
	put(entry + 4, IOAPIC_GPA, 4);
	entry += 12;
	for (i = 0; i < vcpus; i++)
		entry = put_cpu(entry, i);
	set_checksum(t, size, 9);
	return t;
}

/* PCI firmware specification 3.2, table 4-2: bus 0 alone */
static uint8_t *build_mcfg(struct area *a)
{
	uint8_t *t = take(a, MCFG_SIZE);

	if (!t)
		return NULL;
	put_header(t, "MCFG", MCFG_SIZE, 1);
	put(t + 44, ECAM_GPA, 8);
	set_checksum(t, MCFG_SIZE, 9);
	return t;
}

/* tables: up to the first NULL */
static uint8_t *build_xsdt(struct area *a, uint8_t *const *tables)
{
	unsigned int n = 0, i;
	uint8_t *t;
	size_t size;

	while (tables[n])
		n++;
	size = HEADER_SIZE + 8 * n;
	t = take(a, size);
	if (!t)
		return NULL;
	put_header(t, "XSDT", size, 1);
	for (i = 0; i < n; i++)
		put(t + HEADER_SIZE + 8 * i, address_of(a, tables[i]), 8);
	set_checksum(t, size, 9);
	return t;
}

static void build_rsdp(struct area *a, uint8_t *t, const uint8_t *xsdt)
{
	memcpy(t, "RSD PTR ", 8);
	memcpy(t + 9, OEM_ID, 6);
	t[15] = 2;
	put(t + 20, RSDP_SIZE, 4);
	put(t + 24, address_of(a, xsdt), 8);
	set_checksum(t, 20, 8);
	set_checksum(t, RSDP_SIZE, 32);
}

size_t acpi_build(uint8_t *base, size_t room, uint64_t gpa, unsigned int vcpus,
		  const uint8_t *dsdt, size_t dsdt_size, const uint8_t *ssdt, size_t ssdt_size)
{
	struct area a = { .base = base, .room = room, .gpa = gpa };
	uint8_t *rsdp = take(&a, RSDP_SIZE);
	uint8_t *code = take(&a, dsdt_size);
	uint8_t *fadt = code ? build_fadt(&a, address_of(&a, code)) : NULL;
	uint8_t *madt = build_madt(&a, vcpus);
	uint8_t *mcfg = ssdt ? build_mcfg(&a) : NULL;
	uint8_t *more = ssdt ? take(&a, ssdt_size) : NULL;
	uint8_t *xsdt = build_xsdt(&a, (uint8_t *[]){ fadt, madt, mcfg, more, NULL });

	if (a.full)
		return 0;
	memcpy(code, dsdt, dsdt_size);
	if (more)
		memcpy(more, ssdt, ssdt_size);
	build_rsdp(&a, rsdp, xsdt);
	return a.used;
}
