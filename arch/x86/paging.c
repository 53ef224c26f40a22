/* SPDX-License-Identifier: GPL-2.0-only */
/* Host mode's page tables: W^X, no guest RAM, windows for a moment's look at a frame. Map: layout.h. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define PTE_P   (1ULL << 0)
#define PTE_W   (1ULL << 1)
#define PTE_PWT (1ULL << 3)
#define PTE_PCD (1ULL << 4)
#define PTE_A   (1ULL << 5)
#define PTE_D   (1ULL << 6)
#define PTE_PS  (1ULL << 7)
#define PTE_NX  (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL
#define PTE_RW  (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)
#define PTE_UC  (PTE_PCD | PTE_PWT) /* PAT entry 3: UC, as at reset */

extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[], __data_end[];
extern char __image_start[], __image_end[];

static u64 *pml4;
/* Table pages come from one block that paging_init is given: none is needed later. */
static u64 next_table, tables_left;

void *hpa_to_hva(hpa_t a)
{
	return (void *)(DIRECT_BASE + a.v);
}

hpa_t hva_to_hpa(const void *p)
{
	u64 v = (u64)p;

	return hpa(v >= IMAGE_BASE ? v - IMAGE_BASE + boot->image_base : v - DIRECT_BASE);
}

static u64 *table_new(void)
{
	CHECK(tables_left > 0);
	tables_left--;
	next_table += PAGE_SIZE;
	return hpa_to_hva(hpa(next_table - PAGE_SIZE));
}

static u64 *table_below(u64 *table, u64 virt, u32 level)
{
	u64 *e = &table[virt >> (12 + 9 * level) & 511];

	if (!*e)
		*e = hva_to_hpa(table_new()).v | PTE_P | PTE_W | PTE_A;
	return hpa_to_hva(hpa(*e & PTE_ADDR));
}

/* The entry for virt at level 0 (4 KiB) or 1 (2 MiB); tables above it are made. */
static u64 *entry_of(u64 virt, u32 level)
{
	u64 *t = pml4;

	for (u32 l = 3; l > level; l--)
		t = table_below(t, virt, l);
	return &t[virt >> (12 + 9 * level) & 511];
}

static void map_4k(u64 virt, u64 phys, u64 size, u64 bits)
{
	for (u64 o = 0; o < size; o += PAGE_SIZE)
		*entry_of(virt + o, 0) = (phys + o) | bits;
}

static bool in_image(u64 a)
{
	return a >= boot->image_base && a < boot->image_base + boot->image_size;
}

static void map_image(void)
{
	u64 phys = boot->image_base;

	map_4k((u64)__text_start, phys + (__text_start - __image_start), __text_end - __text_start, PTE_P | PTE_A);
	map_4k((u64)__rodata_start, phys + (__rodata_start - __image_start), __rodata_end - __rodata_start,
	       PTE_P | PTE_A | PTE_NX);
	map_4k((u64)__data_start, phys + (__data_start - __image_start), __data_end - __data_start, PTE_RW);
}

/* Dais's own ranges, but for the image, which has its one mapping. */
static void map_own(const struct boot_mem *m)
{
	for (u64 a = m->base; a < m->base + m->pages * PAGE_SIZE; a += PAGE_SIZE)
		if (!in_image(a) && a != boot->trampoline)
			*entry_of(DIRECT_BASE + a, 0) = a | PTE_RW;
}

/* Tables for the heap to grow: a page directory for each GiB with pool memory. */
static void prepare_direct(const struct boot_mem *m)
{
	u64 end = m->base + m->pages * PAGE_SIZE;

	for (u64 a = ALIGN_DOWN(m->base, SIZE_1G); a < end; a += SIZE_1G)
		entry_of(DIRECT_BASE + a, 1);
}

u64 paging_cost(const struct boot_mem *mem, u32 count, u32 ncpus)
{
	u64 pages = 16 + ncpus / 16 + ncpus / 512 + 8 + 2 * (boot->image_size / SIZE_2M + 1);

	for (u32 i = 0; i < count; i++) {
		u64 end = mem[i].base + mem[i].pages * PAGE_SIZE;

		if (mem[i].kind == BOOT_MEM_POOL)
			pages += end / SIZE_1G - mem[i].base / SIZE_1G + 3;
		else if (mem[i].kind == BOOT_MEM_DAIS)
			pages += end / SIZE_2M - mem[i].base / SIZE_2M + 4;
	}
	return pages + ncpus * STACKS_STRIDE / SIZE_2M + 4;
}

void paging_init(const struct boot_mem *mem, u32 count, u64 block, u64 block_pages, u32 ncpus)
{
	next_table = block;
	tables_left = block_pages;
	pml4 = table_new();
	map_image();
	for (u32 i = 0; i < count; i++) {
		if (mem[i].kind == BOOT_MEM_DAIS)
			map_own(&mem[i]);
		else if (mem[i].kind == BOOT_MEM_POOL)
			prepare_direct(&mem[i]);
	}
	for (u32 c = 0; c < ncpus; c++) {
		entry_of(WINDOW_BASE + c * WINDOW_STRIDE, 0);
		entry_of(SCRUB_BASE + c * SIZE_2M, 1);
		entry_of(STACKS_BASE + c * STACKS_STRIDE, 0);
	}
	entry_of(APIC_VIRT, 0);
}

void paging_switch(void)
{
	write_cr3(hva_to_hpa(pml4).v);
	write_cr4(read_cr4() | CR4_PGE); /* no entry is global: nothing of the firmware's survives */
}

u64 paging_cr3(void)
{
	return hva_to_hpa(pml4).v;
}

void paging_map_apic(u64 base)
{
	*entry_of(APIC_VIRT, 0) = base | PTE_RW | PTE_UC;
}

static void map_stack(struct cpu *c, u32 page, u32 pages)
{
	void *p = heap_pages(pages);

	if (!p)
		panic("no memory for the stacks of CPU %u", c->id);
	map_4k(STACKS_BASE + c->id * STACKS_STRIDE + page * PAGE_SIZE, hva_to_hpa(p).v, pages * PAGE_SIZE, PTE_RW);
}

void paging_map_stacks(struct cpu *c)
{
	u64 base = STACKS_BASE + c->id * STACKS_STRIDE;

	map_stack(c, STACK_MAIN_PAGE, STACK_MAIN_PAGES);
	map_stack(c, STACK_DF_PAGE, STACK_IST_PAGES);
	map_stack(c, STACK_NMI_PAGE, STACK_IST_PAGES);
	map_stack(c, STACK_MC_PAGE, STACK_IST_PAGES);
	c->stack_top = base + (STACK_MAIN_PAGE + STACK_MAIN_PAGES) * PAGE_SIZE;
	c->tss.ist[0] = base + (STACK_DF_PAGE + STACK_IST_PAGES) * PAGE_SIZE;
	c->tss.ist[1] = base + (STACK_NMI_PAGE + STACK_IST_PAGES) * PAGE_SIZE;
	c->tss.ist[2] = base + (STACK_MC_PAGE + STACK_IST_PAGES) * PAGE_SIZE;
}

/* A copy of the top level with the trampoline's page at its physical address, for CPUs that switch paging on there. */
u64 paging_ap_cr3(u64 trampoline)
{
	u64 *top = heap_pages(4);

	if (!top)
		panic("no memory for starting the other CPUs");
	memcpy(top, pml4, PAGE_SIZE);
	top[0] = hva_to_hpa(top + 512).v | PTE_P | PTE_W;
	top[512] = hva_to_hpa(top + 1024).v | PTE_P | PTE_W;
	top[1024] = hva_to_hpa(top + 1536).v | PTE_P | PTE_W;
	top[1536 + (trampoline >> PAGE_SHIFT)] = trampoline | PTE_P | PTE_W;
	return hva_to_hpa(top).v;
}

status_t host_map_2m(hpa_t a)
{
	*entry_of(DIRECT_BASE + a.v, 1) = a.v | PTE_RW | PTE_PS;
	return DAIS_OK;
}

/* --- windows: changed by their CPU alone, so that a local INVLPG is enough --- */

static void *window_set(enum window_slot slot, u64 bits)
{
	u64 virt = WINDOW_BASE + cpu_id() * WINDOW_STRIDE + slot * PAGE_SIZE;

	*entry_of(virt, 0) = bits;
	invlpg((void *)virt);
	return (void *)virt;
}

void *window_open(enum window_slot slot, hpa_t frame)
{
	return window_set(slot, (frame.v & PTE_ADDR) | PTE_RW);
}

void *window_open_device(enum window_slot slot, hpa_t page)
{
	return window_set(slot, (page.v & PTE_ADDR) | PTE_RW | PTE_UC);
}

void window_close(enum window_slot slot)
{
	window_set(slot, 0);
}

static void zero(void *p, u64 bytes)
{
	u64 n = bytes / 8;

	__asm__ volatile("rep stosq" : "+D"(p), "+c"(n) : "a"(0ULL) : "memory");
}

void frame_scrub(hpa_t a, u32 order)
{
	u64 virt = SCRUB_BASE + cpu_id() * SIZE_2M;

	if (order == ORDER_4K) {
		zero(window_open(WIN_SCRUB, a), PAGE_SIZE);
		window_close(WIN_SCRUB);
		return;
	}
	*entry_of(virt, 1) = a.v | PTE_RW | PTE_PS;
	invlpg((void *)virt);
	zero((void *)virt, SIZE_2M);
	*entry_of(virt, 1) = 0;
	invlpg((void *)virt);
}
