/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI's static tables (ACPI 6.4 §5.2): what the hypervisor needs to know from
 * the firmware's, and the control domain's own RSDP, XSDT and MADT.
 */
#ifndef DAIS_BOOT_ACPI_H
#define DAIS_BOOT_ACPI_H

#include "boot/boot_info.h"
#include "boot/text.h"

struct acpi_header;

/* Reaches physical memory: NULL when it may not be read. */
typedef const void *(*acpi_map_fn)(uint64_t address, uint64_t length);

struct acpi_tables {
	acpi_map_fn map;
	uint64_t rsdp, root;      /* addresses */
	bool root_is_xsdt;
	uint32_t count;           /* entries of the root table */
	uint64_t madt, fadt, mcfg, hpet, dmar, ivrs; /* 0 = none */
};

/* Arrays that the caller provides; counts are filled. */
struct acpi_machine {
	struct boot_cpu *cpus;       uint32_t cpu_capacity, cpu_count;
	struct boot_ioapic *ioapics; uint32_t ioapic_capacity, ioapic_count;
	struct boot_ecam *ecams;     uint32_t ecam_capacity, ecam_count;
	uint32_t pm_timer_port, pm_timer_bits, pm1a_cnt_port, pm1b_cnt_port;
	uint32_t reset_port, reset_value;
	uint64_t hpet_base;
};

/* Finds the tables; RSDP, root table and MADT must be there and sound. */
bool acpi_find(struct acpi_tables *tables, acpi_map_fn map, uint64_t rsdp, struct error *err);

/* Upper bounds for acpi_machine's arrays, from the tables' lengths. */
void acpi_capacities(const struct acpi_tables *tables, struct acpi_machine *machine);

/* Reads MADT, MCFG, FADT, HPET. The CPU with boot_apic_id becomes cpus[0]. */
bool acpi_read(const struct acpi_tables *tables, uint32_t boot_apic_id,
	       struct acpi_machine *machine, struct error *err);

/* Bytes that acpi_build() needs for this many vCPUs. */
uint64_t acpi_build_size(const struct acpi_tables *tables, uint32_t vcpus);

/* Writes MADT, XSDT and RSDP to out, whose physical address is `address`; returns the RSDP's.
 * vCPU i has APIC ID i and the ACPI UID of cpus[i], by which the DSDT names it. */
uint64_t acpi_build(const struct acpi_tables *tables, const struct boot_cpu *cpus, uint32_t vcpus,
		    void *out, uint64_t address);

/* The whole table, or NULL if it cannot be read or its header is not sound. */
const struct acpi_header *acpi_table(const struct acpi_tables *tables, uint64_t address);

/* The sum of a table's bytes must be zero. */
uint8_t acpi_sum(const void *data, uint64_t length);

#endif
