/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's ACPI tables: RSDP, XSDT, FADT (hardware-reduced), MADT, DSDT; of a PCI bus also MCFG and SSDT. */
#ifndef MONITOR_ACPI_H
#define MONITOR_ACPI_H

#include <stddef.h>
#include <stdint.h>

/*
 * Builds the tables in area, which the guest sees at gpa, around the given DSDT and,
 * where there is a PCI bus, its SSDT (else NULL).
 * The RSDP is at the beginning. Returns the bytes used, 0 when they don't fit.
 */
size_t acpi_build(uint8_t *area, size_t room, uint64_t gpa, unsigned int vcpus,
		  const uint8_t *dsdt, size_t dsdt_size, const uint8_t *ssdt, size_t ssdt_size);

#endif
