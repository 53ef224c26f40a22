/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine with two IOMMUs, and DMAR and IVRS made byte by byte. */
#ifndef FIRMWARE_IOMMU_H
#define FIRMWARE_IOMMU_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot/acpi.h"
#include "boot/iommu.h"

#define UNIT_A 0xfed90000ULL
#define UNIT_B 0xfed91000ULL
#define CAP    (1ULL << 9 | 1ULL << 10 | 6 | 0x22ULL << 24 | 3ULL << 34)
#define ECAP   (1ULL | 2 | 8 | 16)
#define EFR    (1ULL << 7 | 1ULL << 2)
#define PCIE_BRIDGE 4u
#define PCIE_TO_PCI 7u
#define CONVENTIONAL 16u

/* --- a machine --- */
static struct { uint32_t fn, header, buses, pcie, command, class, vfs, vf_place; } fns[32];
static uint32_t fn_count;
static uint64_t caps[2], ecaps[2], efr;
static struct boot_ioapic ioapics[2];
static struct boot_iommus out;
static struct error why;

static void add_fn(uint32_t fn, uint32_t class) { fns[fn_count].fn = fn; fns[fn_count].class = class; fns[fn_count++].command = 0x100007; }

static void add_bridge(uint32_t fn, uint32_t secondary, uint32_t subordinate, uint32_t pcie)
{
	fns[fn_count].header = 1;
	fns[fn_count].buses = secondary << 8 | subordinate << 16;
	fns[fn_count].pcie = pcie;
	add_fn(fn, 6);
}

static uint32_t config(uint32_t fn, uint32_t reg)
{
	for (uint32_t i = 0; i < fn_count; i++) {
		if (fns[i].fn != fn)
			continue;
		switch (reg) {
		case 0x04: return fns[i].command;
		case 0x08: return fns[i].class << 24;
		case 0x0c: return (fns[i].header | 0x80) << 16; /* several functions */
		case 0x18: return fns[i].buses;
		case 0x34: return fns[i].pcie == CONVENTIONAL ? 0x50 : 0x40;
		case 0x40: return fns[i].pcie << 20 | 0x5010;
		case 0x50: return 0x5001; /* leads to itself */
		case 0x100: return fns[i].vfs ? 0x14010001 : 0x10010001; /* the latter, too */
		case 0x140: return 0x00010010;
		case 0x14c: return fns[i].vfs << 16 | 7;
		case 0x154: return fns[i].vf_place;
		default: return 0x12345678;
		}
	}
	return UINT32_MAX;
}

static uint64_t read_register(uint64_t at)
{
	uint32_t unit = at >= UNIT_B;

	at &= 0xfff;
	return at == 8 ? caps[unit] : at == 0x10 ? ecaps[unit] : efr;
}

static const struct iommu_machine machine = { config, read_register, ioapics, 2 };

static int start(void **state)
{
	(void)state;
	memset(fns, 0, sizeof(fns));
	memset(&out, 0, sizeof(out));
	memset(&why, 0, sizeof(why));
	fn_count = 0;
	caps[0] = caps[1] = CAP;
	ecaps[0] = ecaps[1] = ECAP;
	efr = EFR;
	ioapics[0] = (struct boot_ioapic){ .id = 2, .source = BOOT_NO_FN };
	ioapics[1] = (struct boot_ioapic){ .id = 9, .source = BOOT_NO_FN };
	return 0;
}

/* --- tables, made byte by byte --- */
static uint8_t bytes[16384];
static uint32_t size, entry;

static void byte(uint64_t v, uint32_t n) { for (; n--; v >>= 8) bytes[size++] = (uint8_t)v; }

static void begin(const char *signature)
{
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, signature, 4);
	size = 48;
	bytes[37] = 1; /* DMAR: interrupt remapping */
}

static void begin_entry(uint32_t type, uint32_t type_bytes) { entry = size; byte(type, type_bytes); byte(0, 4 - type_bytes); }
static void end_entry(void) { bytes[entry + 2] = (uint8_t)(size - entry); bytes[entry + 3] = (uint8_t)((size - entry) >> 8); }

static const struct acpi_header *finish(void)
{
	struct acpi_header *h = (void *)bytes;

	h->length = size;
	h->checksum = 0;
	h->checksum = -acpi_sum(bytes, size);
	return h;
}

static void drhd(uint32_t flags, uint32_t segment, uint64_t base)
{
	begin_entry(0, 2);
	byte(flags, 2);
	byte(segment, 2);
	byte(base, 8);
	end_entry();
}

static void scope(uint32_t type, uint32_t id, uint32_t bus, uint32_t slot, uint32_t function)
{
	byte(type, 1); byte(8, 1); byte(0, 2); byte(id, 1); byte(bus, 1); byte(slot, 1); byte(function, 1);
	end_entry();
}

static void rmrr(uint64_t base, uint64_t limit)
{
	begin_entry(1, 2);
	byte(0, 4);
	byte(base, 8);
	byte(limit, 8);
	end_entry();
}

static void ivhd(uint32_t type, uint32_t flags, uint32_t devid, uint64_t base)
{
	begin_entry(type | flags << 8, 2);
	byte(devid, 2);
	byte(0x40, 2);
	byte(base, 8);
	byte(0, 8);
	if (type != 0x10)
		byte(0, 16);
	end_entry();
}

static void device4(uint32_t type, uint32_t devid, uint32_t settings) { byte(type, 1); byte(devid, 2); byte(settings, 1); end_entry(); }
static void device8(uint32_t type, uint32_t devid, uint32_t settings, uint32_t handle, uint32_t alias, uint32_t variety)
{
	device4(type, devid, settings);
	byte(handle, 1); byte(alias, 2); byte(variety, 1);
	end_entry();
}

static void ivmd(uint32_t type, uint32_t first, uint32_t last, uint64_t base, uint64_t length)
{
	begin_entry(type, 2);
	byte(first, 2); byte(last, 2); byte(0, 8); byte(base, 8); byte(length, 8);
	end_entry();
}

static uint64_t find(bool dmar)
{
	const struct acpi_header *table = finish();

	return iommu_find(dmar ? table : NULL, dmar ? NULL : table, &machine, true, &out, &why);
}

static void good_dmar(void)
{
	begin("DMAR");
	drhd(1, 0, UNIT_B);               /* the rest; first in the table: the list's order must not matter */
	scope(3, 2, 0xf0, 0x1f, 0);       /* IO-APIC */
	scope(4, 0, 0xf0, 0x1f, 1);       /* HPET */
	drhd(0, 0, UNIT_A);
	scope(1, 0, 0, 2, 0);
	scope(2, 0, 0, 3, 0);             /* a bridge and all behind it */
	scope(3, 9, 0xf0, 0x1e, 0);
	rmrr(0x7b000000, 0x7b7fffff);
	scope(1, 0, 0, 2, 0);
	begin_entry(2, 2);                /* ATSR */
	byte(0, 8);
	end_entry();
}

static void good_ivrs(void)
{
	begin("IVRS");
	ivhd(0x10, 0, 2, 0x1000000);      /* the same units, for old readers: passed over */
	device4(1, 0, 0);
	ivhd(0x11, 0xb, 2, UNIT_A & ~0x3fffULL);
	device4(3, 0x08, 0x30);           /* a range … */
	device4(4, 0x1f, 0);              /* … with its end */
	device4(2, 0x100, 0);
	device8(66, 0x200, 0, 0, 0x1f8, 0);
	device8(67, 0x300, 0, 0, 0x208, 0);
	device4(4, 0x3ff, 0);
	device8(72, 0, 0xd7, 2, 0xa0, 1); /* IO-APIC 2 */
	device8(72, 0, 0xd7, 9, 0xa1, 1);
	device8(72, 0, 0, 0, 0xa0, 2);    /* HPET */
	device4(0, 0, 0);
	device8(70, 0x408, 0, 0, 0, 0);
	byte(240, 1); byte(0x500, 2); byte(0, 1); byte(0, 16); byte(2, 1); byte(3, 1); byte(0x414141, 3);
	end_entry();
	ivmd(0x21, 0x10, 0, 0x7b000000, 0x2000);
	ivmd(0x22, 0x300, 0x3ff, 0x7c000000, 0x1000);
}

#define T(f) cmocka_unit_test_setup(f, start)

#endif
