/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/dmar.c boot/ivrs.c boot/iommu.c boot/iommu_tables.c boot/acpi.c boot/text.c */
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

/* What firmware says of IOMMUs: both tables, sound, broken and at random; what units can do; the tables built. */

#define UNIT_A 0xfed90000ULL
#define UNIT_B 0xfed91000ULL
#define CAP    (1ULL << 9 | 1ULL << 10 | 6 | 0x22ULL << 24 | 3ULL << 34)
#define ECAP   (1ULL | 2 | 8 | 16)
#define EFR    (1ULL << 7 | 1ULL << 2)
#define PCIE_BRIDGE 4u
#define PCIE_TO_PCI 7u
#define CONVENTIONAL 16u

/* --- a machine --- */
static struct { uint32_t fn, header, buses, pcie, command, class; } fns[32];
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
		default: return 0x12345678;
		}
	}
	return UINT32_MAX;
}

static void put_config(uint32_t fn, uint32_t reg, uint32_t value)
{
	assert_int_equal(reg, 4);
	for (uint32_t i = 0; i < fn_count; i++)
		if (fns[i].fn == fn)
			fns[i].command = (fns[i].command & 0xffff0000) | (value & 0xffff);
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

static const struct boot_iommu_scope *scope_of(uint32_t fn)
{
	for (uint32_t n = out.scope_count; n-- > 0;)
		if (fn >= out.scope[n].first && fn <= out.scope[n].last)
			return &out.scope[n];
	return NULL;
}

static uint32_t unit_of(uint32_t fn) { return scope_of(fn) ? scope_of(fn)->unit : 99; }

static uint64_t find(bool dmar)
{
	const struct acpi_header *table = finish();

	return iommu_find(dmar ? table : NULL, dmar ? NULL : table, &machine, true, &out, &why);
}

/* --- DMAR --- */
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

static void dmar_is_read(void **state)
{
	(void)state;
	add_fn(2 << 3, 3);
	add_bridge(3 << 3, 4, 6, PCIE_BRIDGE);
	good_dmar();
	assert_int_equal(find(true), 0);
	assert_false(out.amd);
	assert_int_equal(out.unit_count, 2);
	assert_int_equal(out.unit[0].base, UNIT_B);
	assert_int_equal(unit_of(2 << 3), 1);
	assert_int_equal(unit_of(3 << 3), 1);
	assert_int_equal(unit_of(4 << 8), 1);
	assert_int_equal(unit_of(6 << 8 | 0xff), 1);
	assert_int_equal(unit_of(7 << 8), 0);
	assert_int_equal(unit_of(1 << 3), 0);
	assert_int_equal(unit_of(1 << 16), 99); /* of another segment */
	assert_int_equal(ioapics[0].source, 0xf0f8);
	assert_int_equal(ioapics[1].source, 0xf0f0);
	assert_int_equal(out.region_count, 1);
	assert_int_equal(out.region[0].first, 2 << 3);
	assert_int_equal(out.region[0].base, 0x7b000000);
	assert_int_equal(out.region[0].pages, 0x800);
	assert_true(out.remap && out.x2apic && out.guests && !out.incoherent);
	assert_int_equal(out.levels, 4);
	/* CAP.FRO: the fault records lie behind the first page? No: 0x220 here */
	assert_int_equal(out.unit[0].size, 0x1000);
}

static void paths_and_loops(void **state)
{
	(void)state;
	add_bridge(1 << 3, 5, 5, PCIE_BRIDGE);
	add_bridge(5 << 8, 6, 6, PCIE_BRIDGE);
	add_bridge(6 << 8, 5, 5, PCIE_BRIDGE);   /* leads back */
	add_bridge(2 << 3, 0, 0, PCIE_BRIDGE);   /* leads to itself */
	begin("DMAR");
	drhd(0, 0, UNIT_A);
	byte(1, 1); byte(10, 1); byte(0, 2); byte(0, 2); byte(1, 2); byte(0, 2); /* 0:1.0, then device 0 behind it */
	byte(1, 1); byte(14, 1); byte(0, 2); byte(0, 2); byte(1, 2); byte(0, 2); byte(0, 2); byte(7, 2); /* over the loop */
	byte(1, 1); byte(10, 1); byte(0, 2); byte(0, 2); byte(2, 2); byte(7, 2);
	scope(2, 0, 6, 0, 0);                    /* all behind what leads back: the function alone */
	end_entry();
	assert_int_equal(find(true), 0);
	assert_int_equal(out.scope_count, 2);
	assert_int_equal(out.scope[0].first, 5 << 8);
	assert_int_equal(out.scope[1].first, 6 << 8);
	assert_int_equal(out.scope[1].last, 6 << 8);
}

/* Behind bridges to conventional PCI all bear one ID. */
static void aliases(void **state)
{
	(void)state;
	add_bridge(1 << 3, 5, 7, PCIE_TO_PCI);
	add_bridge(5 << 8 | 2 << 3, 6, 6, CONVENTIONAL);
	add_bridge(3 << 3, 9, 9, CONVENTIONAL);
	add_bridge(4 << 3, 10, 10, PCIE_BRIDGE);
	begin("DMAR");
	drhd(1, 0, UNIT_A);
	assert_int_equal(find(true), 0);
	assert_int_equal(scope_of(5 << 8 | 0x10)->alias, 5 << 8);
	assert_int_equal(scope_of(6 << 8 | 0x10)->alias, 5 << 8);
	assert_int_equal(scope_of(9 << 8)->alias, 3 << 3);
	assert_int_equal(scope_of(10 << 8)->alias, BOOT_NO_FN);
	assert_int_equal(scope_of(1 << 3)->alias, BOOT_NO_FN);
}

static void put16(uint32_t at, uint32_t v) { bytes[at] = (uint8_t)v; bytes[at + 1] = (uint8_t)(v >> 8); }

#define DRHD_B 48u
#define SCOPE_1 64u
#define RMRR_AT (48u + 32 + 16 + 24)

static void broken_dmar(void **state)
{
	static const struct { uint32_t at, v; const char *says; } cases[] = {
		{ DRHD_B + 2, 0, "entry at byte 48" }, { DRHD_B + 2, 3, "entry at byte 48" }, { DRHD_B + 2, 15, "entry at byte 48" },
		{ DRHD_B + 2, 0xffff, "entry at byte 48" }, { DRHD_B + 2, 33, "byte" }, { SCOPE_1 + 1, 0, "scope at byte 64" },
		{ SCOPE_1 + 1, 6, "scope at byte 64" }, { SCOPE_1 + 1, 7, "scope at byte 64" }, { SCOPE_1 + 1, 9, "scope at byte 64" },
		{ SCOPE_1 + 1, 255, "scope at byte 64" }, { DRHD_B + 8, 1, "unit at byte 48" }, { DRHD_B + 15, 0xff, "unit at byte 48" },
		{ RMRR_AT + 8, 1, "region at byte 120" }, { RMRR_AT + 16, 0, "region at byte 120" },
		{ RMRR_AT + 20, 0xffff, "larger than 4 GiB" }, { RMRR_AT + 22, 0xffff, "region at byte 120" },
		{ DRHD_B + 8 + 1, 0xd900, "two IOMMUs" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(NULL);
		add_fn(2 << 3, 3);
		good_dmar();
		put16(cases[i].at, cases[i].v);
		if (find(true) != DAIS_IOMMU_BAD_TABLE || !strstr(why.text, cases[i].says))
			fail_msg("case %u: %s", i, why.text);
	}
	good_dmar();
	size = 47;
	assert_int_equal(find(true), DAIS_IOMMU_BAD_TABLE);
	good_dmar();
	finish();
	bytes[9]++; /* the checksum */
	assert_int_equal(iommu_find((void *)bytes, NULL, &machine, true, &out, &why), DAIS_IOMMU_BAD_TABLE);
	assert_non_null(strstr(why.text, "checksum of DMAR"));
}

static void too_much(void **state)
{
	(void)state;
	begin("DMAR");
	for (uint32_t i = 0; i <= BOOT_IOMMUS_MAX; i++)
		drhd(0, 0, UNIT_A + i * 0x1000);
	assert_int_equal(find(true), DAIS_IOMMU_BAD_TABLE);
	assert_non_null(strstr(why.text, "more than 64 IOMMUs"));
	begin("DMAR");
	drhd(0, 0, UNIT_A);
	for (uint32_t i = 0; i <= BOOT_IOMMU_SCOPES_MAX; i++)
		scope(1, 0, 0, 1, 0);
	assert_int_equal(find(true), DAIS_IOMMU_BAD_TABLE);
	assert_non_null(strstr(why.text, "more than 1024"));
	begin("DMAR");
	drhd(0, 0, UNIT_A);
	rmrr(0x7b000000, 0x7b000fff);
	for (uint32_t i = 0; i <= BOOT_IOMMU_REGIONS_MAX; i++)
		scope(1, 0, 0, 2, 0);
	assert_int_equal(find(true), DAIS_IOMMU_BAD_TABLE);
	assert_non_null(strstr(why.text, "regions"));
	begin("DMAR");
	assert_int_equal(find(true), DAIS_IOMMU_NO_TABLE);
	assert_int_equal(iommu_find(NULL, NULL, &machine, true, &out, &why), DAIS_IOMMU_NO_TABLE);
}

/* --- IVRS --- */
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

static void ivrs_is_read(void **state)
{
	(void)state;
	good_ivrs();
	assert_int_equal(find(false), 0);
	assert_true(out.amd && out.remap && out.x2apic && out.guests);
	assert_int_equal(out.unit_count, 1);
	assert_int_equal(out.unit[0].fn, 2);
	assert_int_equal(out.unit[0].control, 1 << 1 | 1 << 8 | 1 << 11); /* HtTunEn, PassPW, Isoc */
	assert_int_equal(unit_of(8), 0);
	assert_int_equal(unit_of(0x1f), 0);
	assert_int_equal(unit_of(7), 99);
	assert_int_equal(scope_of(9)->settings, 0x30);
	assert_int_equal(scope_of(0x200)->alias, 0x1f8);
	assert_int_equal(scope_of(0x310)->alias, 0x208);
	assert_int_equal(scope_of(0x408)->alias, BOOT_NO_FN);
	assert_int_equal(unit_of(0x500), 0);
	assert_int_equal(unit_of(0x501), 99);
	assert_int_equal(ioapics[0].source, 0xa0);
	assert_int_equal(ioapics[1].source, 0xa1);
	assert_int_equal(scope_of(0xa1)->settings, 0xd7);
	assert_int_equal(out.region_count, 2);
	assert_int_equal(out.region[0].last, 0x10);
	assert_int_equal(out.region[0].pages, 2);
	assert_int_equal(out.region[1].last, 0x3ff);
}

static void broken_ivrs(void **state)
{
	enum { OLD = 48, NEW = OLD + 28, FIRST = NEW + 40, END = FIRST + 4, HID_LENGTH = FIRST + 68 + 21, REGION = FIRST + 93 };
	static const struct { uint32_t at, v; const char *says; } cases[] = {
		{ OLD + 2, 0, "entry at byte 48" }, { OLD + 2, 23, "entry at byte 48" }, { NEW + 2, 0xffff, "entry at byte 76" },
		{ NEW + 2, 30, "entry at byte 106" }, { NEW + 8, 1, "unit at byte 76" }, { FIRST, 4, "without its start at byte 116" },
		{ END, 3, "range within a range at byte 120" }, { END + 1, 1, "byte 120 ends before" },
		{ END + 1, 0, "ends before" }, { HID_LENGTH, 200, "device entry" }, { REGION + 2, 20, "" },
		{ REGION + 16, 1, "region at byte" }, { REGION + 24, 1, "region at byte" }, { REGION + 24, 0, "region at byte" },
		{ REGION + 28, 0xffff, "larger than 4 GiB" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(NULL);
		good_ivrs();
		if (cases[i].at == FIRST || cases[i].at == END)
			bytes[cases[i].at] = (uint8_t)cases[i].v;
		else
			put16(cases[i].at, cases[i].v);
		if (find(false) != DAIS_IOMMU_BAD_TABLE || !strstr(why.text, cases[i].says))
			fail_msg("case %u: %s", i, why.text);
	}
	begin("IVRS");
	ivhd(0x10, 0, 2, UNIT_A & ~0x3fffULL);
	device4(3, 0x08, 0);
	assert_int_equal(find(false), DAIS_IOMMU_BAD_TABLE);
	assert_non_null(strstr(why.text, "without its end"));
	begin("IVRS");
	ivhd(0x10, 0, 2, UNIT_A & ~0x3fffULL);
	device4(66, 0x08, 0); /* cut off */
	assert_int_equal(find(false), DAIS_IOMMU_BAD_TABLE);
	assert_non_null(strstr(why.text, "device entry"));
}

/* --- at random: nothing is read outside of the table, and it ends --- */
static void at_random(void **state)
{
	uint32_t sound = 0;

	(void)state;
	srand(6);
	for (uint32_t i = 0; i < 60000; i++) {
		bool dmar = i & 1;
		struct acpi_header *exact;

		start(NULL);
		add_bridge(3 << 3, 4, 6, PCIE_BRIDGE);
		dmar ? good_dmar() : good_ivrs();
		for (uint32_t n = rand() % 4 + 1; n--;)
			bytes[36 + rand() % (size - 36)] = rand() % 3 ? (uint8_t)rand() : rand() % 2 ? 0 : 0xff;
		size -= rand() % 4 ? 0 : rand() % (size - 37);
		finish();
		exact = malloc(size);
		memcpy(exact, bytes, size);
		sound += iommu_find(dmar ? exact : NULL, dmar ? NULL : exact, &machine, true, &out, &why) != DAIS_IOMMU_BAD_TABLE;
		free(exact);
		assert_true(out.unit_count <= BOOT_IOMMUS_MAX && out.scope_count <= BOOT_IOMMU_SCOPES_MAX);
	}
	assert_in_range(sound, 1000, 50000); /* both happen */
}

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
	assert_true(out.incoherent);
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

#define T(f) cmocka_unit_test_setup(f, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(dmar_is_read), T(paths_and_loops), T(aliases), T(broken_dmar), T(too_much), T(ivrs_is_read), T(broken_ivrs),
		T(at_random), T(vtd_units), T(amd_units), T(devices_are_quiet), T(tables), T(regions_and_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
