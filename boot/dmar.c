/* SPDX-License-Identifier: GPL-2.0-only */
/* DMAR: VT-d spec. 3.3 §8.1 (header), §8.3 (DRHD, device scopes), §8.4 (RMRR). */
#include <string.h>
#include "boot/iommu.h"

#define DMAR_FLAGS     37u
#define DMAR_FIRST     48u
#define INTR_REMAP     1u
#define X2APIC_OPT_OUT 2u
#define INCLUDE_ALL    1u
#define UNIT_SIZE      0x1000ULL /* registers beyond are claimed when the unit was asked (iommu.c) */

enum { DRHD = 0, RMRR = 1 };
enum { SCOPE_ENDPOINT = 1, SCOPE_BRIDGE = 2, SCOPE_IOAPIC = 3, SCOPE_HPET = 4, SCOPE_NAMESPACE = 5 };

struct dmar_drhd {
	uint16_t type, length;
	uint8_t flags, size;
	uint16_t segment;
	uint64_t base;
} __attribute__((packed));

struct dmar_rmrr {
	uint16_t type, length;
	uint16_t reserved, segment;
	uint64_t base, limit;
} __attribute__((packed));

struct dmar_scope {
	uint8_t type, length;
	uint16_t reserved;
	uint8_t id, bus;
	struct { uint8_t device, function; } path[];
} __attribute__((packed));

struct reader {
	const uint8_t *table;
	const struct iommu_machine *m;
	struct boot_iommus *out;
	struct error *err;
};

/* The function that a path leads to; BOOT_NO_FN: over something that is no bridge. */
static uint32_t follow(const struct reader *r, uint32_t segment, const struct dmar_scope *s)
{
	uint32_t steps = (s->length - sizeof(*s)) / 2, bus = s->bus, fn = BOOT_NO_FN;
	struct pci_buses b;

	for (uint32_t i = 0; i < steps; i++) {
		fn = segment << 16 | bus << 8 | (s->path[i].device & 31u) << 3 | (s->path[i].function & 7u);
		if (i + 1 == steps)
			break;
		if (!iommu_bridge(r->m, fn, &b))
			return BOOT_NO_FN;
		bus = b.secondary;
	}
	return fn;
}

/* One entry of a unit's scopes or (region) of a region's. What does not exist is passed over. */
static bool take_scope(const struct reader *r, uint32_t segment, const struct dmar_scope *s, struct boot_iommu_region *region)
{
	uint32_t fn = follow(r, segment, s), unit = r->out->unit_count - 1;
	struct pci_buses b;

	if (fn == BOOT_NO_FN)
		return true;
	if (region) {
		region->first = region->last = fn;
		return iommu_add_region(r->out, *region, r->err);
	}
	if (s->type == SCOPE_IOAPIC)
		iommu_set_source(r->m, s->id, fn);
	if (!iommu_add_scope(r->out, fn, fn, BOOT_NO_FN, unit, 0, r->err))
		return false;
	if (s->type != SCOPE_BRIDGE || !iommu_bridge(r->m, fn, &b))
		return true;
	return iommu_add_scope(r->out, segment << 16 | b.secondary << 8, segment << 16 | b.subordinate << 8 | 0xff,
			       BOOT_NO_FN, unit, 0, r->err);
}

static bool take_scopes(const struct reader *r, uint32_t segment, uint32_t at, uint32_t end, struct boot_iommu_region *region)
{
	const struct dmar_scope *s;

	for (; at < end; at += s->length) {
		s = (const void *)(r->table + at);
		if (end - at < sizeof(*s) || s->length < sizeof(*s) + 2 || s->length > end - at || s->length % 2)
			return refuse(r->err, "ACPI: DMAR has a broken device scope at byte %u", at);
		if (!take_scope(r, segment, s, region))
			return false;
	}
	return true;
}

static bool take_drhd(const struct reader *r, uint32_t at, uint32_t length)
{
	struct dmar_drhd d;
	struct boot_iommu unit;

	if (length < sizeof(d))
		return refuse(r->err, "ACPI: DMAR's unit at byte %u is too short", at);
	memcpy(&d, r->table + at, sizeof(d));
	unit = (struct boot_iommu){ .base = d.base, .size = UNIT_SIZE, .segment = d.segment, .fn = BOOT_NO_FN };
	if (!d.base || d.base % PAGE_SIZE || d.base >> 52)
		return refuse(r->err, "ACPI: DMAR's unit at byte %u has an impossible address", at);
	return iommu_add_unit(r->out, unit, r->err) &&
	       take_scopes(r, d.segment, at + sizeof(d), at + length, NULL);
}

static bool take_rmrr(const struct reader *r, uint32_t at, uint32_t length)
{
	struct boot_iommu_region region;
	struct dmar_rmrr d;

	if (length < sizeof(d))
		return refuse(r->err, "ACPI: DMAR's region at byte %u is too short", at);
	memcpy(&d, r->table + at, sizeof(d));
	if (d.base % PAGE_SIZE || d.limit % PAGE_SIZE != PAGE_SIZE - 1 || d.limit < d.base || d.limit >> 48)
		return refuse(r->err, "ACPI: DMAR's region at byte %u has impossible bounds", at);
	region = (struct boot_iommu_region){ .base = d.base, .pages = (d.limit - d.base + 1) / PAGE_SIZE };
	return take_scopes(r, d.segment, at + sizeof(d), at + length, &region);
}

/* A unit for all that no other one has, of its segment. Those come first: later entries hold. */
static bool take_rest(const struct reader *r, uint32_t at)
{
	struct dmar_drhd d;

	for (uint32_t unit = 0, length; at < ((const struct acpi_header *)r->table)->length; at += length) {
		memcpy(&d, r->table + at, 4);
		length = d.length;
		if (d.type != DRHD)
			continue;
		memcpy(&d, r->table + at, sizeof(d));
		if (d.flags & INCLUDE_ALL && !iommu_add_scope(r->out, IOMMU_ALL((uint32_t)d.segment), BOOT_NO_FN, unit, 0, r->err))
			return false;
		unit++;
	}
	return true;
}

static bool check_lengths(const struct reader *r, uint32_t end)
{
	uint16_t head[2];

	for (uint32_t at = DMAR_FIRST; at < end; at += head[1]) {
		if (end - at >= sizeof(head))
			memcpy(head, r->table + at, sizeof(head));
		if (end - at < sizeof(head) || head[1] < sizeof(head) || head[1] > end - at ||
		    (head[0] == DRHD && head[1] < sizeof(struct dmar_drhd)))
			return refuse(r->err, "ACPI: DMAR has a broken entry at byte %u", at);
	}
	return true;
}

bool dmar_read(const struct acpi_header *dmar, const struct iommu_machine *m, struct boot_iommus *out, struct error *err)
{
	struct reader r = { (const uint8_t *)dmar, m, out, err };
	uint16_t head[2];

	if (dmar->length < DMAR_FIRST)
		return refuse(err, "ACPI: DMAR is too short");
	out->remap = r.table[DMAR_FLAGS] & INTR_REMAP;
	out->x2apic = !(r.table[DMAR_FLAGS] & X2APIC_OPT_OUT);
	if (!check_lengths(&r, dmar->length) || !take_rest(&r, DMAR_FIRST))
		return false;
	for (uint32_t at = DMAR_FIRST; at < dmar->length; at += head[1]) {
		memcpy(head, r.table + at, sizeof(head));
		if ((head[0] == DRHD && !take_drhd(&r, at, head[1])) || (head[0] == RMRR && !take_rmrr(&r, at, head[1])))
			return false;
	}
	return true;
}
