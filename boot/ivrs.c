/* SPDX-License-Identifier: GPL-2.0-only */
/* IVRS: AMD 48882, 3.06 §5.2 (IVHD: §5.2.2.1, its entries: §5.2.2.2 on; IVMD: §5.2.2.8). */
#include <string.h>
#include "boot/iommu.h"

#define IVRS_FIRST 48u
#define UNIT_SIZE  0x4000ULL  /* of registers; counters lie behind them */

enum { IVHD_10 = 0x10, IVHD_11 = 0x11, IVHD_40 = 0x40, IVMD_ALL = 0x20, IVMD_ONE = 0x21, IVMD_RANGE = 0x22 };
enum { PAD = 0, ALL = 1, SELECT = 2, START = 3, END = 4, ALIAS = 66, ALIAS_START = 67, EXT = 70, EXT_START = 71,
       SPECIAL = 72, HID = 240 };
#define SPECIAL_IOAPIC 1u

struct ivhd {
	uint8_t type, flags;
	uint16_t length, devid, capability;
	uint64_t base;
	uint16_t segment, info;
	uint32_t features;
} __attribute__((packed));

#define IVHD_LONG (sizeof(struct ivhd) + 16) /* with the registers' contents */

struct ivmd {
	uint8_t type, flags;
	uint16_t length, first, last;
	uint64_t reserved, base, size;
} __attribute__((packed));

struct reader {
	const uint8_t *table;
	const struct iommu_machine *m;
	struct boot_iommus *out;
	struct error *err;
	uint32_t at;                     /* of the entry, for messages */
	uint32_t segment, unit;
	bool open;                       /* a range waits for its end */
	uint32_t first, alias, settings; /* of that */
};

static uint16_t word(const uint8_t *p) { return p[0] | p[1] << 8; }

/* Bits 7:6 of an entry's type give its length; one names a device of ACPI, by texts. */
static uint32_t entry_length(const uint8_t *e, uint32_t left)
{
	if (e[0] == HID)
		return left < 22 ? 0 : 22u + e[21];
	return 4u << (e[0] >> 6);
}

static bool add(struct reader *r, uint32_t first, uint32_t last, uint32_t alias, uint32_t settings)
{
	uint32_t s = r->segment << 16;

	if (last < first)
		return refuse(r->err, "ACPI: IVRS's range at byte %u ends before it begins", r->at);
	return iommu_add_scope(r->out, s | first, s | last, alias == BOOT_NO_FN ? alias : s | alias, r->unit, settings, r->err);
}

static bool open_range(struct reader *r, const uint8_t *e, uint32_t alias)
{
	if (r->open)
		return refuse(r->err, "ACPI: IVRS has a range within a range at byte %u", r->at);
	r->open = true;
	r->first = word(e + 1);
	r->settings = e[3];
	r->alias = alias;
	return true;
}

static bool take_special(struct reader *r, const uint8_t *e)
{
	if (e[7] == SPECIAL_IOAPIC)
		iommu_set_source(r->m, e[4], r->segment << 16 | word(e + 5));
	return add(r, word(e + 5), word(e + 5), BOOT_NO_FN, e[3]);
}

static bool take_entry(struct reader *r, const uint8_t *e)
{
	uint32_t fn = word(e + 1);

	switch (e[0]) {
	case ALL:
		return add(r, 0, 0xffff, BOOT_NO_FN, e[3]);
	case SELECT: case EXT: case HID:
		return add(r, fn, fn, BOOT_NO_FN, e[3]);
	case ALIAS:
		return add(r, fn, fn, word(e + 5), e[3]);
	case START: case EXT_START:
		return open_range(r, e, BOOT_NO_FN);
	case ALIAS_START:
		return open_range(r, e, word(e + 5));
	case END:
		if (!r->open)
			return refuse(r->err, "ACPI: IVRS has a range's end without its start at byte %u", r->at);
		r->open = false;
		return add(r, r->first, fn, r->alias, r->settings);
	case SPECIAL:
		return take_special(r, e);
	default: /* padding, or from a later revision */
		return true;
	}
}

/* HtTunEn, PassPW, ResPassPW, Isoc: bits 0-3 there, 1, 8, 9 and 11 of the control register (§3.4.1) */
static uint64_t control_bits(uint32_t flags)
{
	return (flags & 1) << 1 | (flags & 6) << 7 | (flags & 8) << 8;
}

static bool take_ivhd(struct reader *r, uint32_t at, uint32_t length)
{
	uint32_t end = at + length, head, step;
	struct ivhd h;

	memcpy(&h, r->table + at, sizeof(h));
	head = h.type == IVHD_10 ? sizeof(h) : IVHD_LONG;
	if (length < head || !h.base || h.base % UNIT_SIZE || h.base >> 52)
		return refuse(r->err, "ACPI: IVRS's unit at byte %u is too short or has an impossible address", at);
	r->segment = h.segment;
	r->unit = r->out->unit_count;
	r->open = false;
	if (!iommu_add_unit(r->out, (struct boot_iommu){ .base = h.base, .size = UNIT_SIZE, .segment = h.segment,
							 .fn = (uint32_t)h.segment << 16 | h.devid,
							 .control = control_bits(h.flags) }, r->err))
		return false;
	for (at += head; at < end; at += step) {
		r->at = at;
		step = entry_length(r->table + at, end - at);
		if (!step || step > end - at)
			return refuse(r->err, "ACPI: IVRS has a broken device entry at byte %u", at);
		if (!take_entry(r, r->table + at))
			return false;
	}
	return !r->open || refuse(r->err, "ACPI: IVRS has a range without its end before byte %u", end);
}

/* Of all segments: the table does not say which before revision 2, and then there is one. */
static bool take_ivmd(struct reader *r, uint32_t at, uint32_t length)
{
	struct ivmd d;

	if (length < sizeof(d))
		return refuse(r->err, "ACPI: IVRS's region at byte %u is too short", at);
	memcpy(&d, r->table + at, sizeof(d));
	if (d.type == IVMD_ALL)
		d.first = 0, d.last = 0xffff;
	else if (d.type == IVMD_ONE)
		d.last = d.first;
	if (d.base % PAGE_SIZE || d.size % PAGE_SIZE || !d.size || d.base >> 48 || d.size >> 48 || d.last < d.first)
		return refuse(r->err, "ACPI: IVRS's region at byte %u has impossible bounds", at);
	return iommu_add_region(r->out, (struct boot_iommu_region){ d.base, d.size / PAGE_SIZE, d.first, d.last }, r->err);
}

/* The same units are described again for newer readers: only the newest kind counts. */
static bool newest_kind(struct reader *r, uint32_t end, uint8_t *kind)
{
	const uint8_t *e;
	uint32_t length;

	*kind = IVHD_10;
	for (r->at = IVRS_FIRST; r->at < end; r->at += length) {
		e = r->table + r->at;
		length = end - r->at < 4 ? 0 : word(e + 2);
		if (length < 4 || length > end - r->at || ((e[0] & 0xf0) != 0x20 && length < sizeof(struct ivhd)))
			return refuse(r->err, "ACPI: IVRS has a broken entry at byte %u", r->at);
		if ((e[0] == IVHD_11 || e[0] == IVHD_40) && e[0] > *kind)
			*kind = e[0];
	}
	return true;
}

bool ivrs_read(const struct acpi_header *ivrs, const struct iommu_machine *m, struct boot_iommus *out, struct error *err)
{
	struct reader r = { .table = (const uint8_t *)ivrs, .m = m, .out = out, .err = err };
	uint8_t kind;

	out->amd = out->remap = out->x2apic = true;
	if (ivrs->length < IVRS_FIRST)
		return refuse(err, "ACPI: IVRS is too short");
	if (!newest_kind(&r, ivrs->length, &kind))
		return false;
	for (uint32_t at = IVRS_FIRST, length; at < ivrs->length; at += length) {
		uint8_t type = r.table[at];

		length = word(r.table + at + 2);
		if ((type == kind && !take_ivhd(&r, at, length)) ||
		    (type >= IVMD_ALL && type <= IVMD_RANGE && !take_ivmd(&r, at, length)))
			return false;
	}
	return true;
}
