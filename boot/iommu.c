/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/acpi.h"
#include "boot/iommu.h"

/* VT-d's registers and their bits (VT-d spec. 3.3 §11.4.2, §11.4.3) */
#define VTD_CAP        0x08u
#define VTD_ECAP       0x10u
#define CAP_RWBF       (1ULL << 4)
#define CAP_3_LEVELS   (1ULL << 9)
#define CAP_4_LEVELS   (1ULL << 10)
#define CAP_FRO(cap)   (((cap) >> 24 & 0x3ff) * 16)
#define CAP_2M         (1ULL << 34)
#define CAP_ND(cap)    ((cap) & 7)           /* 2^(4 + 2n) domain IDs */
#define CAP_NFR(cap)   (((cap) >> 40 & 0xff) + 1)
#define ECAP_C         (1ULL << 0)
#define ECAP_QI        (1ULL << 1)
#define ECAP_IR        (1ULL << 3)
#define ECAP_EIM       (1ULL << 4)
#define ECAP_SC        (1ULL << 7)

/* AMD's (48882 §3.4) */
#define AMD_EFR        0x30u
#define EFR_XT         (1ULL << 2)
#define EFR_GA         (1ULL << 7)
#define EFR_LEVELS(efr) ((efr) >> 10 & 3) /* 0: four */

#define CONFIG_COMMAND 0x04u
#define CONFIG_CLASS   0x08u
#define CONFIG_HEADER  0x0cu        /* its type in bits 22:16, more functions: bit 23 */
#define CONFIG_BUSES   0x18u        /* of a bridge: primary, secondary, subordinate */
#define CLASS_BRIDGE   0x06u
#define CLASS_SYSTEM   0x08u
#define REGION_PAGES_MAX (1u << 20)
#define BUS(fn)        ((fn) >> 8 & 0xff)
#define BUSES          256u
#define EXISTS(m, fn)  ((m)->config(fn, 0) != UINT32_MAX)
#define HEADER_BRIDGE  1u
#define HEADER_MULTIPLE (1u << 23)
#define STATUS_CAPS    (1u << 20)
#define CAP_POINTER    0x34u
#define CAP_PCIE       0x10u
#define CAPS_MAX       48u
#define PCIE_TO_PCI    7u           /* in the PCIe capability's register, bits 23:20 */
#define EXTENDED       0x100u
#define EXTENDED_MAX   960u
#define EXTENDED_SRIOV 0x10u        /* its registers (PCIe base spec. 5.0 §9.3.3) */
#define SRIOV_TOTAL    0x0cu        /* in the upper half */
#define SRIOV_PLACE    0x14u        /* the first one's offset, then the step to the next */

/* --- collecting --- */

bool iommu_add_unit(struct boot_iommus *out, struct boot_iommu unit, struct error *err)
{
	for (uint32_t i = 0; i < out->unit_count; i++)
		if (unit.base < out->unit[i].base + out->unit[i].size && out->unit[i].base < unit.base + unit.size)
			return refuse(err, "ACPI: two IOMMUs at 0x%llx", (unsigned long long)unit.base);
	if (out->unit_count == BOOT_IOMMUS_MAX)
		return refuse(err, "ACPI: more than %u IOMMUs", BOOT_IOMMUS_MAX);
	out->unit[out->unit_count++] = unit;
	return true;
}

bool iommu_add_scope(struct boot_iommus *out, uint32_t first, uint32_t last, uint32_t alias, uint32_t unit, uint32_t settings,
		     struct error *err)
{
	if (out->scope_count == BOOT_IOMMU_SCOPES_MAX)
		return refuse(err, "ACPI: the IOMMUs' device lists have more than %u entries", BOOT_IOMMU_SCOPES_MAX);
	out->scope[out->scope_count++] =
		(struct boot_iommu_scope){ first, last, alias, (uint16_t)unit, (uint16_t)settings };
	return true;
}

bool iommu_add_region(struct boot_iommus *out, struct boot_iommu_region region, struct error *err)
{
	if (out->region_count == BOOT_IOMMU_REGIONS_MAX)
		return refuse(err, "ACPI: more than %u memory regions for devices", BOOT_IOMMU_REGIONS_MAX);
	if (region.pages > REGION_PAGES_MAX)
		return refuse(err, "ACPI: a memory region for devices at 0x%llx is larger than 4 GiB", (unsigned long long)region.base);
	out->region[out->region_count++] = region;
	return true;
}

void iommu_set_source(const struct iommu_machine *m, uint32_t ioapic_id, uint32_t fn)
{
	for (uint32_t i = 0; i < m->ioapic_count; i++)
		if (m->ioapics[i].id == ioapic_id)
			m->ioapics[i].source = fn;
}

static const struct boot_iommu_scope *scope_of(const struct boot_iommus *i, uint32_t fn)
{
	for (uint32_t n = i->scope_count; n-- > 0;)
		if (fn >= i->scope[n].first && fn <= i->scope[n].last)
			return &i->scope[n];
	return NULL;
}

/* --- the machine's buses --- */

bool iommu_bridge(const struct iommu_machine *m, uint32_t fn, struct pci_buses *b)
{
	uint32_t buses;

	if (!EXISTS(m, fn) || (m->config(fn, CONFIG_HEADER) >> 16 & 0x7f) != HEADER_BRIDGE)
		return false;
	buses = m->config(fn, CONFIG_BUSES);
	*b = (struct pci_buses){ buses >> 8 & 0xff, buses >> 16 & 0xff };
	return b->secondary > BUS(fn) && b->subordinate >= b->secondary;
}

/* A bus is looked at when a bridge to it was found on one with a lower number: once, and never in a circle. */
static void walk_segment(const struct iommu_machine *m, uint32_t segment, void (*visit)(uint32_t fn, void *arg), void *arg)
{
	bool reached[BUSES] = { true };
	struct pci_buses b;
	uint32_t fn;

	for (uint32_t slot = 0; slot < BUSES * 32; slot++) {
		uint32_t functions = 1;

		if (!reached[slot / 32])
			continue;
		for (uint32_t f = 0; f < functions; f++) {
			fn = segment << 16 | slot << 3 | f;
			if (!EXISTS(m, fn))
				continue;
			if (!f && m->config(fn, CONFIG_HEADER) & HEADER_MULTIPLE)
				functions = 8;
			if (iommu_bridge(m, fn, &b))
				reached[b.secondary] = true;
			visit(fn, arg);
		}
	}
}

void iommu_walk(const struct boot_iommus *i, const struct iommu_machine *m, void (*visit)(uint32_t fn, void *arg), void *arg)
{
	for (uint32_t n = 0, k; n < i->unit_count; n++) {
		for (k = 0; i->unit[k].segment != i->unit[n].segment; k++)
			;
		if (k == n)
			walk_segment(m, i->unit[n].segment, visit, arg);
	}
}

struct walk { struct boot_iommus *out; const struct iommu_machine *m; struct error *err; bool failed;
	      void (*write)(uint32_t fn, uint32_t reg, uint32_t value); };

/* The kind of a PCIe function; BOOT_NO_FN of a conventional one. */
static uint32_t pcie_type(const struct iommu_machine *m, uint32_t fn)
{
	uint32_t at = m->config(fn, CONFIG_COMMAND) & STATUS_CAPS ? m->config(fn, CAP_POINTER) & 0xfc : 0;

	for (uint32_t n = 0, cap; at && n < CAPS_MAX; n++, at = cap >> 8 & 0xfc) {
		cap = m->config(fn, at);
		if ((cap & 0xff) == CAP_PCIE)
			return cap >> 20 & 0xf;
	}
	return BOOT_NO_FN;
}

/* Behind a bridge to conventional PCI all have one ID: the first of its bus, or, of an old bridge, its own
 * (PCIe-to-PCI bridge spec. 1.0 §2.3; VT-d spec. §3.4.1). IVRS says that itself. */
static void add_alias(uint32_t fn, void *arg)
{
	struct walk *w = arg;
	uint32_t segment = fn & ~0xffffu, type = pcie_type(w->m, fn);
	const struct boot_iommu_scope *s = scope_of(w->out, fn);
	struct pci_buses b;

	if (!s || s->alias != BOOT_NO_FN || !iommu_bridge(w->m, fn, &b) || (type != BOOT_NO_FN && type != PCIE_TO_PCI))
		return;
	if (!iommu_add_scope(w->out, segment | b.secondary << 8, segment | b.subordinate << 8 | 0xff,
			     type == BOOT_NO_FN ? fn : segment | b.secondary << 8, s->unit, 0, w->err))
		w->failed = true;
}

/* 0: it has no virtual functions. */
static uint32_t find_sriov(const struct iommu_machine *m, uint32_t fn)
{
	uint32_t at = pcie_type(m, fn) == BOOT_NO_FN ? 0 : EXTENDED;

	for (uint32_t n = 0, cap; at >= EXTENDED && n < EXTENDED_MAX; n++, at = cap >> 20 & 0xffc) {
		cap = m->config(fn, at);
		if (!cap || cap == UINT32_MAX)
			return 0;
		if ((cap & 0xffff) == EXTENDED_SRIOV)
			return at;
	}
	return 0;
}

/* The unit in front of a function is in front of its virtual ones, too, which no list names: they are not there yet
 * (VT-d spec. §8.3.1). */
static void add_virtual(uint32_t fn, void *arg)
{
	struct walk *w = arg;
	const struct boot_iommu_scope *s = scope_of(w->out, fn);
	uint32_t at = s && s->alias == BOOT_NO_FN ? find_sriov(w->m, fn) : 0, total, place, last;

	if (!at)
		return;
	total = w->m->config(fn, at + SRIOV_TOTAL) >> 16;
	place = w->m->config(fn, at + SRIOV_PLACE);
	if (!total || !(place & 0xffff))
		return;
	last = (fn & 0xffff) + (place & 0xffff) + (total - 1) * (place >> 16);
	if (last > 0xffff || scope_of(w->out, (fn & ~0xffffu) | last) == s)
		return;
	if (!iommu_add_scope(w->out, fn + (place & 0xffff), (fn & ~0xffffu) | last, BOOT_NO_FN, s->unit, s->settings, w->err))
		w->failed = true;
}

static bool has_region(const struct boot_iommus *i, uint32_t fn)
{
	for (uint32_t n = 0; n < i->region_count; n++)
		if (fn >= i->region[n].first && fn <= i->region[n].last)
			return true;
	return false;
}

static void quiet(uint32_t fn, void *arg)
{
	const struct walk *w = arg;
	uint32_t class = w->m->config(fn, CONFIG_CLASS) >> 24;

	if (class != CLASS_BRIDGE && class != CLASS_SYSTEM && !has_region(w->out, fn))
		w->write(fn, CONFIG_COMMAND, w->m->config(fn, CONFIG_COMMAND) & 0xfffb); /* 0 in the status: nothing is cleared */
}

void iommu_quiet_devices(const struct boot_iommus *i, const struct iommu_machine *m,
			 void (*write)(uint32_t fn, uint32_t reg, uint32_t value))
{
	struct walk w = { .out = (struct boot_iommus *)i, .m = m, .write = write };

	iommu_walk(i, m, quiet, &w);
}

/* --- what the units can do --- */

static bool check_vtd(struct boot_iommus *out, struct boot_iommu *u, const struct iommu_machine *m, struct error *err)
{
	uint64_t cap = m->read(u->base + VTD_CAP), ecap = m->read(u->base + VTD_ECAP);
	uint64_t end = CAP_FRO(cap) + 16 * CAP_NFR(cap);

	if (cap == UINT64_MAX || !(ecap & ECAP_QI) || cap & CAP_RWBF || !CAP_ND(cap) ||
	    !(cap & (CAP_3_LEVELS | CAP_4_LEVELS)))
		return refuse(err, "the IOMMU at 0x%llx lacks queued invalidation, 64 domain IDs or tables of 3 or 4 "
			      "levels, or needs write-buffer flushes (capabilities 0x%llx 0x%llx)", (unsigned long long)u->base,
			      (unsigned long long)cap, (unsigned long long)ecap);
	u->size = end > u->size ? (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1) : u->size;
	out->levels = cap & CAP_4_LEVELS && out->levels == 4 ? 4 : 3;
	out->guests = out->guests && cap & CAP_2M;
	out->incoherent = out->incoherent || !(ecap & ECAP_C);
	out->snoop = out->snoop && ecap & ECAP_SC;
	out->remap = out->remap && ecap & ECAP_IR;
	out->x2apic = out->x2apic && ecap & ECAP_EIM;
	/* one that takes 4 levels only, and one 3 only */
	return cap & (out->levels == 4 ? CAP_4_LEVELS : CAP_3_LEVELS) ||
	       refuse(err, "the IOMMUs take no tables of one depth (capabilities 0x%llx)", (unsigned long long)cap);
}

static bool check_amd(struct boot_iommus *out, const struct boot_iommu *u, const struct iommu_machine *m, struct error *err)
{
	uint64_t efr = m->read(u->base + AMD_EFR);

	if (efr == UINT64_MAX || EFR_LEVELS(efr) == 3)
		return refuse(err, "the IOMMU at 0x%llx does not answer (features 0x%llx)", (unsigned long long)u->base,
			      (unsigned long long)efr);
	out->remap = out->remap && efr & EFR_GA;
	out->x2apic = out->x2apic && efr & EFR_XT;
	return true;
}

static bool ask_units(struct boot_iommus *out, const struct iommu_machine *m, bool x2apic, struct error *err)
{
	out->levels = 4;
	out->guests = true;
	out->snoop = !out->amd;
	out->x2apic = out->x2apic && x2apic;
	for (struct boot_iommu *u = out->unit; u < out->unit + out->unit_count; u++)
		if (!(out->amd ? check_amd(out, u, m, err) : check_vtd(out, u, m, err)))
			return false;
	/* an earlier unit may have 4 levels only */
	for (struct boot_iommu *u = out->unit; !out->amd && out->levels == 3 && u < out->unit + out->unit_count; u++)
		if (!(m->read(u->base + VTD_CAP) & CAP_3_LEVELS))
			return refuse(err, "the IOMMUs take no tables of one depth");
	for (uint32_t i = 0; i < m->ioapic_count; i++)
		out->remap = out->remap && m->ioapics[i].source != BOOT_NO_FN;
	out->guests = out->guests && out->remap;
	return true;
}

uint64_t iommu_find(const struct acpi_header *dmar, const struct acpi_header *ivrs, const struct iommu_machine *m,
		    bool x2apic, struct boot_iommus *out, struct error *err)
{
	const struct acpi_header *table = dmar ? dmar : ivrs;
	struct walk w = { .out = out, .m = m, .err = err };

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < m->ioapic_count; i++)
		m->ioapics[i].source = BOOT_NO_FN;
	if (!table)
		return DAIS_IOMMU_NO_TABLE;
	if (acpi_sum(table, table->length) != 0) {
		refuse(err, "ACPI: the checksum of %s is wrong", dmar ? "DMAR" : "IVRS");
		return DAIS_IOMMU_BAD_TABLE;
	}
	if (!(dmar ? dmar_read(dmar, m, out, err) : ivrs_read(ivrs, m, out, err)))
		return DAIS_IOMMU_BAD_TABLE;
	if (!out->unit_count)
		return DAIS_IOMMU_NO_TABLE;
	if (dmar)
		iommu_walk(out, m, add_alias, &w);
	iommu_walk(out, m, add_virtual, &w);
	if (w.failed)
		return DAIS_IOMMU_BAD_TABLE;
	return ask_units(out, m, x2apic, err) ? 0 : DAIS_IOMMU_TOO_OLD;
}
