/* SPDX-License-Identifier: GPL-2.0-only */
/* Dais's own address space (host_layout.h) and the start of the other CPUs. */
#ifndef DAIS_BOOT_HOST_H
#define DAIS_BOOT_HOST_H

#include "boot/elf.h"
#include "boot/memory.h"

/* Bytes for all tables and stacks. */
uint64_t host_tables_size(const struct boot_info *info);

/*
 * Builds the tables in host_tables_size() zeroed bytes at `tables`, whose
 * physical address that is, from what info says of memory, image, CPUs and
 * trampoline; fills host_cr3 and start_cr3. start_page: of the code that will
 * load start_cr3; apic: the local APIC's registers.
 */
void host_build(struct boot_info *info, const struct elf_image *image, uint64_t tables,
		uint64_t start_page, uint64_t apic);

uint64_t host_tables_used(void); /* address of the first page that host_build left */

/* trampoline.asm: less than a page, for below 1 MiB. */
extern const uint8_t trampoline[], trampoline_enter[], trampoline_end[];

/* At the end of its page: what the CPU that goes through it loads, which then clears area. */
struct boot_ap {
	uint64_t cr3, entry, info, area;
};
#define BOOT_AP_OFFSET (PAGE_SIZE - sizeof(struct boot_ap))

#endif
