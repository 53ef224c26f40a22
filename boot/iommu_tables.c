/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's table: its RAM and firmware's regions, GPA = HPA, in pages of 4 KiB and, where the units
 * take them, 2 MiB. Second-level paging of VT-d (spec. 3.3 §3.7, §9.8) and host tables of AMD (48882 §2.2.3).
 */
#include "boot/iommu.h"

#define ENTRIES     512u
#define GIB         (1ULL << 30)
#define DEVICE_TABLE (2 * MIB)
#define VTD_RW      3ULL
#define VTD_LARGE   (1ULL << 7)
#define AMD_PRESENT 1ULL
#define AMD_RW      (3ULL << 61)
#define AMD_COHERENT (1ULL << 60)
#define ADDRESS     0x000ffffffffff000ULL

static uint64_t next; /* free page */

static uint64_t take(uint64_t size)
{
	next += size;
	return next - size;
}

static uint64_t link_to(const struct boot_iommus *i, uint64_t table, uint32_t level)
{
	return table | (i->amd ? AMD_PRESENT | AMD_RW | (uint64_t)level << 9 : VTD_RW);
}

/* A page of level 0 (4 KiB) or 1 (2 MiB). */
static void map(const struct boot_iommus *i, uint64_t at, uint32_t level)
{
	uint64_t leaf = at | (i->amd ? AMD_PRESENT | AMD_RW | AMD_COHERENT : VTD_RW | (level ? VTD_LARGE : 0));
	uint64_t *e, table = i->control;

	for (uint32_t l = 3; ; l--) {
		e = (uint64_t *)table + (at >> (12 + 9 * l) & (ENTRIES - 1));
		if (l == level)
			break;
		if (!*e)
			*e = link_to(i, take(PAGE_SIZE), l);
		table = *e & ADDRESS;
	}
	*e = leaf;
}

static void map_range(const struct boot_iommus *i, uint64_t at, uint64_t end)
{
	for (uint64_t size; at < end; at += size) {
		size = i->guests && at % (2 * MIB) == 0 && at + 2 * MIB <= end ? 2 * MIB : PAGE_SIZE;
		map(i, at, size > PAGE_SIZE);
	}
}

static uint64_t range_pages(const struct boot_iommus *i, uint64_t base, uint64_t pages)
{
	uint64_t end = base + pages * PAGE_SIZE;
	uint64_t leaves = i->guests ? 2 : end / (2 * MIB) - base / (2 * MIB) + 1;

	return leaves + end / GIB - base / GIB + 1 + end / (512 * GIB) - base / (512 * GIB) + 1;
}

uint64_t iommu_tables_size(const struct boot_iommus *i, const struct boot_mem *mem, uint32_t count)
{
	uint64_t size = PAGE_SIZE;

	for (uint32_t n = 0; n < i->unit_count; n++)
		size += i->amd ? DEVICE_TABLE : PAGE_SIZE;
	for (uint32_t n = 0; n < count; n++)
		if (mem[n].kind == BOOT_MEM_CONTROL)
			size += range_pages(i, mem[n].base, mem[n].pages) * PAGE_SIZE;
	for (uint32_t n = 0; n < i->region_count; n++)
		size += 3 * PAGE_SIZE + range_pages(i, i->region[n].base, i->region[n].pages) * PAGE_SIZE;
	return size;
}

static const struct boot_mem *mem_at(const struct boot_mem *mem, uint32_t count, uint64_t at)
{
	for (uint32_t n = 0; n < count; n++)
		if (at - mem[n].base < mem[n].pages * PAGE_SIZE)
			return &mem[n];
	return NULL;
}

/* Is the page of a region one that its device may have? What is no RAM may be: graphics memory. */
static bool harmless(const struct boot_mem *mem, uint32_t count, uint64_t at)
{
	const struct boot_mem *m = mem_at(mem, count, at);

	return !m || m->kind == BOOT_MEM_CONTROL || m->kind == BOOT_MEM_FIRMWARE;
}

bool iommu_check_memory(const struct boot_iommus *i, const struct boot_mem *mem, uint32_t count, struct error *err)
{
	uint64_t reach = 1ULL << (12 + 9 * i->levels);

	for (uint32_t n = 0; n < i->region_count; n++) {
		const struct boot_iommu_region *r = &i->region[n];

		for (uint64_t a = r->base; a < r->base + r->pages * PAGE_SIZE; a += PAGE_SIZE)
			if (a >= reach || !harmless(mem, count, a))
				return refuse(err, "ACPI: a region for devices lies in memory that is not the firmware's, at 0x%llx",
					      (unsigned long long)a);
	}
	for (uint32_t n = 0; n < count; n++)
		if (mem[n].kind == BOOT_MEM_CONTROL && mem[n].base + mem[n].pages * PAGE_SIZE > reach)
			return refuse(err, "the IOMMU does not reach the control domain's memory at 0x%llx",
				      (unsigned long long)mem[n].base);
	return true;
}

/* Root tables of VT-d's units; one device table for the AMD units of a segment. */
static void give_tables(struct boot_iommus *i)
{
	for (uint32_t n = 0, k; n < i->unit_count; n++) {
		for (k = 0; i->unit[k].segment != i->unit[n].segment; k++)
			;
		i->unit[n].table = i->amd && k < n ? i->unit[k].table : take(i->amd ? DEVICE_TABLE : PAGE_SIZE);
	}
}

void iommu_build(struct boot_iommus *i, const struct boot_mem *mem, uint32_t count, uint64_t tables)
{
	next = tables;
	give_tables(i);
	i->control = take(PAGE_SIZE);
	for (uint32_t n = 0; n < count; n++)
		if (mem[n].kind == BOOT_MEM_CONTROL)
			map_range(i, mem[n].base, mem[n].base + mem[n].pages * PAGE_SIZE);
	for (uint32_t n = 0; n < i->region_count; n++)
		for (uint64_t a = i->region[n].base, end = a + i->region[n].pages * PAGE_SIZE; a < end; a += PAGE_SIZE)
			if (!mem_at(mem, count, a) || mem_at(mem, count, a)->kind == BOOT_MEM_FIRMWARE)
				map(i, a, 0);
}
