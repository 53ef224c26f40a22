/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMUs: what firmware says of them in DMAR (VT-d spec. 3.3 §8) or IVRS (AMD 48882, 3.06 §5), whether Dais
 * can use them, and the control domain's tables. A table that is not sound is refused as a whole.
 */
#ifndef DAIS_BOOT_IOMMU_H
#define DAIS_BOOT_IOMMU_H

#include "boot/acpi_defs.h"
#include "boot/memory.h"

/* How the machine is looked at. */
struct iommu_machine {
	uint32_t (*config)(uint32_t fn, uint32_t reg);  /* a dword of configuration space; all ones: out of reach */
	uint64_t (*read)(uint64_t address);             /* a register of 64 bits */
	struct boot_ioapic *ioapics;                    /* their `source` is filled in */
	uint32_t ioapic_count;
};

/* Readers of the two tables: units, scopes and regions of a zeroed *out. False: err says table and offset. */
bool dmar_read(const struct acpi_header *dmar, const struct iommu_machine *m, struct boot_iommus *out, struct error *err);
bool ivrs_read(const struct acpi_header *ivrs, const struct iommu_machine *m, struct boot_iommus *out, struct error *err);

/* Reads the table that there is, then asks the units what they can do: enum iommu_verdict by DAIS_IOMMU_*; 0: usable.
 * Otherwise err says why not. x2apic: do the CPUs use it? */
uint64_t iommu_find(const struct acpi_header *dmar, const struct acpi_header *ivrs, const struct iommu_machine *m,
		    bool x2apic, struct boot_iommus *out, struct error *err);

/* Bytes for the units' tables and the control domain's, at most. */
uint64_t iommu_tables_size(const struct boot_iommus *i, const struct boot_mem *mem, uint32_t count);
/* Do the regions lie in firmware's memory or the control domain's, and all of that within the units' reach? */
bool iommu_check_memory(const struct boot_iommus *i, const struct boot_mem *mem, uint32_t count, struct error *err);
/* Builds them in so much zeroed memory at `tables`, whose physical address that is. */
void iommu_build(struct boot_iommus *i, const struct boot_mem *mem, uint32_t count, uint64_t tables);

/* Switches bus mastering off in all functions but bridges, system devices, and those that have regions. */
void iommu_quiet_devices(const struct boot_iommus *i, const struct iommu_machine *m,
			 void (*write)(uint32_t fn, uint32_t reg, uint32_t value));

/* --- among its files --- */
#define IOMMU_ALL(segment) ((segment) << 16), ((segment) << 16 | 0xffff)

struct pci_buses { uint32_t secondary, subordinate; };
/* Of the bridge fn; false: it is none, or leads nowhere or back. */
bool iommu_bridge(const struct iommu_machine *m, uint32_t fn, struct pci_buses *b);
bool iommu_add_unit(struct boot_iommus *out, struct boot_iommu unit, struct error *err);
bool iommu_add_scope(struct boot_iommus *out, uint32_t first, uint32_t last, uint32_t alias, uint32_t unit, uint32_t settings,
		     struct error *err);
bool iommu_add_region(struct boot_iommus *out, struct boot_iommu_region region, struct error *err);
void iommu_set_source(const struct iommu_machine *m, uint32_t ioapic_id, uint32_t fn);
/* Calls visit for each function of the segments with units that can be reached from their bus 0. */
void iommu_walk(const struct boot_iommus *i, const struct iommu_machine *m, void (*visit)(uint32_t fn, void *arg), void *arg);

#endif
