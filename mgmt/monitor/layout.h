/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest finds where: memory and ports of the machine that the monitor makes. */
#ifndef MONITOR_LAYOUT_H
#define MONITOR_LAYOUT_H

#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

/* RAM below the hole for device memory, and above 4 GiB. */
#define HOLE_START		0xc0000000ULL
#define HOLE_END		0x100000000ULL
#define MIN_GUEST_MEMORY	(4 * MIB)

/* The first MiB: RAM up to LOW_RAM_END, ACPI tables from ACPI_BASE. */
#define GDT_GPA			0x0500ULL
#define START_INFO_GPA		0x6000ULL	/* hvm_start_info or multiboot_info */
#define START_INFO_SIZE		0x1000ULL
#define ZERO_PAGE_GPA		0x7000ULL	/* Linux's boot_params */
#define BOOT_STACK_GPA		0x8ff0ULL
#define BOOT_TABLES_GPA		0x9000ULL	/* PML4, PDPT, four page directories */
#define CMDLINE_GPA		0x20000ULL	/* and the modules' command lines after it */
#define CMDLINE_ROOM		0x10000ULL
#define LOW_RAM_END		0xa0000ULL
#define ACPI_BASE		0xe0000ULL
#define ACPI_ROOM		0x1f000ULL
#define ACPI_END		0x100000ULL
#define RESET_VECTOR_GPA	0xffff0ULL	/* real-mode code that reboots */
#define HIGH_RAM_START		0x100000ULL

/* Devices */
#define UART_PORT		0x3f8
#define UART_PORTS		8
#define UART_GSI		4
#define IOAPIC_GPA		0xfec00000ULL
#define IOAPIC_SIZE		0x1000ULL
#define IOAPIC_DATA		0x10	/* offsets of its registers; 0 selects */
#define IOAPIC_EOI		0x40
#define IOAPIC_ID		0
#define LAPIC_GPA		0xfee00000ULL

/* The PCI bus of a guest that has functions; windows for their BARs */
#define PCI_PORT		0xcf8
#define PCI_PORTS		8
#define ECAM_GPA		0xe0000000ULL
#define ECAM_SIZE		0x100000ULL	/* bus 0 */
#define PCI_LOW_START		0xc0000000ULL
#define PCI_LOW_END		0xe0000000ULL
#define PCI_HIGH_START		0x4000000000ULL	/* 256 GiB: above RAM, and below what any CPU's addresses end at */
#define PCI_HIGH_END		0x8000000000ULL

#define PCI_GSI			16	/* slot i's INTA */

/* ACPI's fixed registers of a hardware-reduced machine (ACPI 6.4, 4.8.3.7) */
#define POWER_PORT		0x600
#define POWER_PORTS		8
#define POWER_SLEEP_CONTROL	0x600
#define POWER_SLEEP_STATUS	0x601
#define POWER_RESET		0x602
#define POWER_EVENTS		0x604	/* pending events of the Generic Event Device; reading clears */
#define POWER_PCI_ADDED		0x605	/* slots of the PCI bus, as bits: something is there now; reading clears */
#define POWER_PCI_WANTED	0x606	/* the guest shall let go of what is there; reading clears */
#define POWER_PCI_EJECT		0x607	/* written: it has */
#define POWER_GSI		9
#define RESET_VALUE		0x01
#define SLEEP_ENABLE		0x20
#define SLEEP_TYPE_S5		5
#define EVENT_POWER_BUTTON	0x01
#define EVENT_PCI		0x02

#endif
