/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/dmar.c boot/ivrs.c boot/iommu.c boot/iommu_tables.c boot/acpi.c boot/text.c */
/* What firmware says of IOMMUs: both tables, sound, broken and at random. */
#include "tests/unit/firmware_iommu.h"

static const struct boot_iommu_scope *scope_of(uint32_t fn)
{
	for (uint32_t n = out.scope_count; n-- > 0;)
		if (fn >= out.scope[n].first && fn <= out.scope[n].last)
			return &out.scope[n];
	return NULL;
}

static uint32_t unit_of(uint32_t fn) { return scope_of(fn) ? scope_of(fn)->unit : 99; }

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

/* Virtual functions are behind the unit that their physical one is behind. */
static void virtual_functions(void **state)
{
	(void)state;
	add_fn(2 << 3, 2);
	fns[0].vfs = 8;
	fns[0].vf_place = 2 << 16 | 0x80;
	add_fn(2 << 3 | 1, 2);
	fns[1].vfs = 0xffff;             /* beyond the segment */
	fns[1].vf_place = 2 << 16 | 0x80;
	add_fn(2 << 3 | 2, 2);
	fns[2].vfs = 8;                  /* at itself: nonsense */
	add_fn(5 << 3, 2);
	fns[3].vfs = 4;                  /* of the unit that has all the rest */
	fns[3].vf_place = 1 << 16 | 1;
	good_dmar();                     /* the unit in front of 0:2.0 is another than that of the rest */
	assert_int_equal(find(true), 0);
	assert_int_equal(unit_of(2 << 3), 1);
	assert_int_equal(unit_of(0x8f), 0);
	assert_int_equal(unit_of(0x90), 1);
	assert_int_equal(unit_of(0x9e), 1);
	assert_int_equal(unit_of(0x9f), 0);
	assert_int_equal(unit_of(0x29), 0);
	assert_int_equal(scope_of(0x29), scope_of(0x28));
	assert_int_equal(unit_of(0xffff), 0);
	/* IVRS names single functions as well */
	start(NULL);
	add_fn(1 << 3, 2);
	fns[0].vfs = 2;
	fns[0].vf_place = 1 << 16 | 0x1000;
	good_ivrs();
	assert_int_equal(find(false), 0);
	assert_int_equal(unit_of(0x1008), 0);
	assert_int_equal(unit_of(0x1009), 0);
	assert_int_equal(unit_of(0x100a), 99);
	assert_int_equal(scope_of(0x1008)->settings, scope_of(8)->settings);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(dmar_is_read), T(paths_and_loops), T(aliases), T(virtual_functions), T(broken_dmar), T(too_much), T(ivrs_is_read), T(broken_ivrs),
		T(at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
