/* SPDX-License-Identifier: GPL-2.0-only */
/* W^X, no guest RAM, guard pages: see host_layout.h. All tables that host mode ever needs are made here. */
#include <stddef.h>
#include <string.h>
#include "boot/host.h"

/* APM vol. 2 §5.3, §5.4 */
#define P   (1ULL << 0)
#define W   (1ULL << 1)
#define PWT (1ULL << 3)
#define PCD (1ULL << 4)
#define A   (1ULL << 5)
#define D   (1ULL << 6)
#define NX  (1ULL << 63)
#define RW  (P | W | A | D | NX)
#define UC  (PCD | PWT) /* PAT entry 3 */
#define ADDRESS 0x000ffffffffff000ULL
#define GIB (1ULL << 30)

_Static_assert(CPU_STACK_TOP(0) - CPU_AREA(0) == 0x5000 && CPU_DATA_PAGE == 0xc && CPU_TABLES_PAGE == 0xe &&
	       BOOT_AP_OFFSET == 4096 - 32, "layout.inc says the same");

static uint64_t next; /* free page of the block: its address */

uint64_t host_tables_used(void)
{
	return next;
}

static uint64_t take(uint64_t pages)
{
	next += pages * PAGE_SIZE;
	return next - pages * PAGE_SIZE;
}

/* The entry for virt in a table of this level (0: 4 KiB pages); tables above it are made. */
static uint64_t *entry_of(uint64_t root, uint64_t virt, unsigned int level)
{
	uint64_t *e = NULL, table = root;

	for (unsigned int l = 3;; l--) {
		e = &((uint64_t *)table)[virt >> (12 + 9 * l) & 511];
		if (l == level)
			return e;
		if (!*e)
			*e = take(1) | P | W | A;
		table = *e & ADDRESS;
	}
}

static void map(uint64_t root, uint64_t virt, uint64_t address, uint64_t size, uint64_t bits)
{
	for (uint64_t o = 0; o < size; o += PAGE_SIZE)
		*entry_of(root, virt + o, 0) = (address + o) | bits;
}

static void map_image(uint64_t root, const struct boot_info *info, const struct elf_image *image)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct elf_part *s = &image->segment[i];

		map(root, IMAGE_BASE + s->offset, info->image_base + s->offset, s->size,
		    P | A | (s->writable ? W | D : 0) | (s->executable ? 0 : NX));
	}
}

/* Dais's own memory but for the image, which has its one mapping. */
static void map_own(uint64_t root, const struct boot_info *info, const struct boot_mem *m)
{
	for (uint64_t i = 0, a = m->base; i < m->pages; i++, a += PAGE_SIZE)
		if (a != info->trampoline && a - info->image_base >= info->image_size)
			map(root, DIRECT_BASE + a, a, PAGE_SIZE, RW);
}

/* Room for the heap to grow: a page directory for each GiB with pool memory. */
static void prepare_pool(uint64_t root, const struct boot_mem *m)
{
	uint64_t end = m->base + m->pages * PAGE_SIZE;

	for (uint64_t a = m->base & ~(GIB - 1); a < end; a += GIB)
		entry_of(root, DIRECT_BASE + a, 1);
}

/* Pages of a CPU's area; the physical address of the first. */
static uint64_t give(uint64_t root, uint32_t cpu, uint64_t page, uint64_t pages)
{
	uint64_t at = take(pages);

	map(root, CPU_AREA(cpu) + page * PAGE_SIZE, at, pages * PAGE_SIZE, RW);
	return at;
}

struct tss { uint32_t r0; uint64_t rsp[3], r1, ist[7], r2; uint16_t r3, iomap; } __attribute__((packed));
struct tables { uint64_t gdt[5]; struct tss tss; }; /* of a CPU; APM vol. 2 §4.8, §12.2.5 */

static void fill_tables(struct tables *t, uint64_t area)
{
	uint64_t tss = area + CPU_TABLES_PAGE * PAGE_SIZE + offsetof(struct tables, tss);

	t->gdt[CPU_CODE / 8] = 0x00af9b000000ffffULL; /* 64-bit */
	t->gdt[CPU_DATA / 8] = 0x00cf93000000ffffULL;
	t->gdt[CPU_TSS / 8] = (sizeof(t->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
	t->gdt[CPU_TSS / 8 + 1] = tss >> 32;
	t->tss.ist[0] = area + (CPU_FAULT_PAGE + 1) * PAGE_SIZE;
	t->tss.ist[1] = area + (CPU_NMI_PAGE + 1) * PAGE_SIZE;
	t->tss.ist[2] = area + (CPU_MC_PAGE + 1) * PAGE_SIZE;
	t->tss.iomap = sizeof(t->tss);
}

static void prepare_cpu(uint64_t root, uint32_t cpu, uint32_t apic_id)
{
	entry_of(root, WINDOW_BASE + cpu * WINDOW_STRIDE, 0);
	give(root, cpu, CPU_MAIN_PAGE, CPU_MAIN_PAGES);
	give(root, cpu, CPU_FAULT_PAGE, 1);
	give(root, cpu, CPU_NMI_PAGE, 1);
	give(root, cpu, CPU_MC_PAGE, 1);
	*(struct boot_percpu *)give(root, cpu, CPU_DATA_PAGE, 1) =
		(struct boot_percpu){ CPU_AREA(cpu) + CPU_DATA_PAGE * PAGE_SIZE, cpu, apic_id };
	fill_tables((struct tables *)give(root, cpu, CPU_TABLES_PAGE, 1), CPU_AREA(cpu));
}

uint64_t host_store_size(const struct boot_mem *mem, uint32_t count, uint64_t more)
{
	uint64_t bytes = more + count * BOOT_STORE_RANGE, end = 0;

	for (uint32_t i = 0; i < count; i++) {
		end = mem[i].base + mem[i].pages * PAGE_SIZE;
		bytes += ((end - 1) / GIB - mem[i].base / GIB + 1) * BOOT_STORE_GIB;
	}
	bytes += (end / GIB + 1) * BOOT_STORE_TOP;
	return (4 * MIB - 1 + bytes) & ~(2 * MIB - 1);
}

/* An upper bound: each range by itself. */
uint64_t host_tables_size(const struct boot_info *info)
{
	const struct boot_mem *mem = (void *)info->mem;
	uint64_t pages = 32 + 2 * (info->image_size / (2 * MIB) + 1);

	for (uint32_t i = 0; i < info->mem_count; i++) {
		uint64_t end = mem[i].base + mem[i].pages * PAGE_SIZE;

		if (mem[i].kind == BOOT_MEM_POOL)
			pages += end / GIB - mem[i].base / GIB + 3;
		else if (mem[i].kind == BOOT_MEM_DAIS)
			pages += end / (2 * MIB) - mem[i].base / (2 * MIB) + 4;
	}
	/* nine pages of its own; 64 CPUs' windows fit into a table, 32 CPUs' areas */
	pages += info->cpu_count * 9 + info->cpu_count / 64 + info->cpu_count / 32;
	return pages * PAGE_SIZE;
}

void host_build(struct boot_info *info, const struct elf_image *image, uint64_t tables,
		uint64_t start_page, uint64_t apic)
{
	const struct boot_mem *mem = (void *)info->mem;
	const struct boot_cpu *cpus = (void *)info->cpus;
	uint64_t root;

	next = tables;
	root = info->host_cr3 = take(1);
	map_image(root, info, image);
	for (uint32_t i = 0; i < info->mem_count; i++) {
		if (mem[i].kind == BOOT_MEM_DAIS)
			map_own(root, info, &mem[i]);
		else if (mem[i].kind == BOOT_MEM_POOL)
			prepare_pool(root, &mem[i]);
	}
	for (uint32_t i = 0; i < info->cpu_count; i++)
		prepare_cpu(root, i, cpus[i].apic_id);
	map(root, APIC_VIRT, apic, PAGE_SIZE, RW | UC);
	info->start_cr3 = take(1);
	memcpy((void *)info->start_cr3, (void *)root, PAGE_SIZE);
	map(info->start_cr3, info->trampoline, info->trampoline, PAGE_SIZE, P | W | A | D);
	map(info->start_cr3, start_page, start_page, 2 * PAGE_SIZE, P | A);
}
