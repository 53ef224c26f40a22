/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who gets which RAM: a pure function from the firmware's memory map to what
 * the hypervisor is told (struct boot_mem), and to the e820 and EFI maps that
 * the control domain's kernel is told.
 */
#ifndef DAIS_BOOT_MEMORY_H
#define DAIS_BOOT_MEMORY_H

#include "boot/boot_info.h"
#include "boot/text.h"

#define PAGE_SIZE 4096ULL
#define MIB       (1ULL << 20)

/* UEFI's memory types (UEFI 2.9 §7.2), and its attribute of ordinary RAM. */
enum map_type {
	MAP_RESERVED, MAP_LOADER_CODE, MAP_LOADER_DATA, MAP_BOOT_CODE, MAP_BOOT_DATA,
	MAP_RUNTIME_CODE, MAP_RUNTIME_DATA, MAP_CONVENTIONAL, MAP_UNUSABLE, MAP_ACPI_RECLAIM,
	MAP_ACPI_NVS, MAP_MMIO, MAP_MMIO_PORT, MAP_PAL, MAP_PERSISTENT,
};

#define MAP_ATTR_WB 0x8ULL

struct map_entry {
	uint32_t type;
	uint64_t base, pages, attributes;
};

/* Bytes [base, base + pages * 4 KiB) that the loader took for Dais itself. */
struct span {
	uint64_t base, pages;
};

enum e820_type { E820_RAM = 1, E820_RESERVED, E820_ACPI, E820_NVS, E820_UNUSABLE, E820_PMEM = 7 };

struct e820_entry {
	uint64_t base, size;
	uint32_t type;
} __attribute__((packed));

struct plan_request {
	const struct map_entry *map; /* in any order */
	uint32_t map_count;
	const struct span *dais;     /* page-aligned, each within one map entry, none overlapping */
	uint32_t dais_count;
	uint64_t control_bytes;      /* 0 = the default: a quarter, at least 512 MiB */
	const struct span *registers; /* of devices that Dais traps, whatever the map says */
	uint32_t register_count;
};

/* The caller gives four arrays of `capacity` entries each. own: all that the control domain may map at once. */
struct plan {
	uint32_t capacity;
	struct map_entry *efi;  uint32_t efi_count;
	struct e820_entry *e820; uint32_t e820_count;
	struct boot_mem *mem;   uint32_t mem_count;
	struct boot_mem *own;   uint32_t own_count;
	uint64_t control_bytes, pool_bytes, dais_bytes;
};

/* Entries of capacity that a request can need at most. */
#define PLAN_CAPACITY(map_count, dais_count) (4 * (map_count) + 4 * (dais_count) + 8)

bool memory_plan(const struct plan_request *request, struct plan *plan, struct error *err);

/* The lowest aligned place for size bytes in conventional memory within [min, max); 0 = none. */
uint64_t memory_find_low(const struct map_entry *map, uint32_t count, uint64_t size,
			 uint64_t align, uint64_t min, uint64_t max);

/* The same, the highest. */
uint64_t memory_find_high(const struct map_entry *map, uint32_t count, uint64_t size,
			  uint64_t align, uint64_t min, uint64_t max);

/* All RAM that boot_mem will list as a domain's or as Dais's, bytes. */
uint64_t memory_total(const struct map_entry *map, uint32_t count);

#endif
