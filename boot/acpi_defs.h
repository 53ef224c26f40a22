/* SPDX-License-Identifier: GPL-2.0-only */
/* Layouts of ACPI 6.4 §5.2 that both the reader and the builder need. */
#ifndef DAIS_BOOT_ACPI_DEFS_H
#define DAIS_BOOT_ACPI_DEFS_H

#include <stdint.h>

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));

#define RSDP_V1_LENGTH 20 /* without an XSDT */

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_address, flags;
} __attribute__((packed));

enum madt_type {
	MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_NMI_SOURCE = 3, MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9, MADT_X2APIC_NMI = 10,
};

#define MADT_ENABLED 1u

struct madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id, flags, uid;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} __attribute__((packed));

struct acpi_mcfg_entry {
	uint64_t base;
	uint16_t segment;
	uint8_t first, last;
	uint32_t reserved;
} __attribute__((packed));

#define MCFG_FIRST 44 /* header, 8 reserved bytes */

struct acpi_gas { /* generic address structure, §5.2.3.2 */
	uint8_t space, width, offset, access;
	uint64_t address;
} __attribute__((packed));

enum { GAS_MEMORY = 0, GAS_IO = 1 };

/* Offsets in the FADT, §5.2.9, and its flags. */
enum {
	FADT_PM1A_CNT = 64, FADT_PM1B_CNT = 68, FADT_PM_TIMER = 76, FADT_FLAGS = 112,
	FADT_RESET_REG = 116, FADT_RESET_VALUE = 128, FADT_X_PM1A_CNT = 172,
	FADT_X_PM1B_CNT = 184, FADT_X_PM_TIMER = 208,
};

enum { FADT_TIMER_32BIT = 1 << 8, FADT_RESET_SUPPORTED = 1 << 10 };

#define HPET_ADDRESS 40 /* a struct acpi_gas; its address is at 44 */

#endif
