/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "layout.h"
#include "memory.h"

void memory_layout(struct guest_memory *mem, uint64_t total)
{
	uint64_t low = total < HOLE_START ? total : HOLE_START;

	memset(mem, 0, sizeof(*mem));
	mem->total = total;
	mem->regions = 1;
	mem->region[0].size = low;
	if (total > low) {
		mem->regions = 2;
		mem->region[1].gpa = HOLE_END;
		mem->region[1].size = total - low;
	}
}

void *memory_at(const struct guest_memory *mem, uint64_t gpa, uint64_t size)
{
	unsigned int i;

	for (i = 0; i < mem->regions; i++) {
		const struct ram_region *r = &mem->region[i];

		if (gpa < r->gpa || gpa - r->gpa > r->size || size > r->size - (gpa - r->gpa))
			continue;
		return r->host ? r->host + (gpa - r->gpa) : NULL;
	}
	return NULL;
}

unsigned int memory_map(const struct guest_memory *mem, struct memory_range *out)
{
	unsigned int n = 0;

	out[n++] = (struct memory_range){ 0, LOW_RAM_END, RANGE_RAM };
	out[n++] = (struct memory_range){ ACPI_BASE, ACPI_END - ACPI_BASE, RANGE_ACPI };
	out[n++] = (struct memory_range){ HIGH_RAM_START, mem->region[0].size - HIGH_RAM_START,
					  RANGE_RAM };
	if (mem->pci)
		out[n++] = (struct memory_range){ ECAM_GPA, ECAM_SIZE, RANGE_RESERVED };
	if (mem->regions > 1)
		out[n++] = (struct memory_range){ mem->region[1].gpa, mem->region[1].size,
						  RANGE_RAM };
	return n;
}
