/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's RAM as the monitor sees it, and the map that the guest is told. */
#ifndef MONITOR_MEMORY_H
#define MONITOR_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAM_REGIONS 2

struct ram_region {
	uint64_t gpa, size;
	uint8_t *host;
};

struct guest_memory {
	uint64_t total;
	bool pci;		/* the map tells of ECAM */
	unsigned int regions;
	struct ram_region region[RAM_REGIONS];
};

enum range_type { RANGE_RAM = 1, RANGE_RESERVED = 2, RANGE_ACPI = 3 }; /* e820's numbers */
#define MEMORY_RANGES 5

struct memory_range {
	uint64_t start, size;
	enum range_type type;
};

/* Splits total bytes around the hole below 4 GiB; the host pointers stay NULL. */
void memory_layout(struct guest_memory *mem, uint64_t total);
/* The host address of [gpa, gpa + size), or NULL when that is not all RAM of one region. */
void *memory_at(const struct guest_memory *mem, uint64_t gpa, uint64_t size);
/* The map in ascending order; returns the number of ranges, at most MEMORY_RANGES. */
unsigned int memory_map(const struct guest_memory *mem, struct memory_range *out);

#endif
