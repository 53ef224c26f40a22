/* SPDX-License-Identifier: GPL-2.0-only */
/* Host mode's memory, by the loader's tables (boot/host_layout.h), and windows for a moment's look at a frame. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/log.h"

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

void *hpa_to_hva(hpa_t a)
{
	return (void *)(DIRECT_BASE + a.v);
}

hpa_t hva_to_hpa(const void *p)
{
	CHECK((u64)p < STACKS_BASE); /* not of the image */
	return hpa((u64)p - DIRECT_BASE);
}

/* The entry for virt at level 0 (4 KiB) or 1 (2 MiB); the loader made the tables above it. */
static u64 *entry_of(u64 virt, u32 level)
{
	u64 table = boot->host_cr3;

	for (u32 l = 3; l > level; l--)
		table = ((u64 *)hpa_to_hva(hpa(table)))[virt >> (12 + 9 * l) & 511] & PTE_ADDR;
	CHECK(table);
	return &((u64 *)hpa_to_hva(hpa(table)))[virt >> (12 + 9 * level) & 511];
}

void host_map_2m(hpa_t a)
{
	*entry_of(DIRECT_BASE + a.v, 1) = a.v | PTE_RW | PTE_PS;
}

/* --- windows: changed by their CPU alone, so that a local INVLPG is enough --- */

static void *window_set(enum window_slot slot, u64 bits)
{
	u64 virt = WINDOW_BASE + cpu_id() * WINDOW_STRIDE + slot * PAGE_SIZE;

	*entry_of(virt, 0) = bits;
	invlpg((void *)virt);
	return (void *)virt;
}

void *window_open(enum window_slot slot, hpa_t page)
{
	return window_set(slot, (page.v & PTE_ADDR) | PTE_RW | (slot == WIN_DEVICE ? PTE_UC : 0));
}

void window_close(enum window_slot slot)
{
	window_set(slot, 0);
}

void frame_scrub(hpa_t a, u32 order)
{
	for (u64 o = 0; o < PAGE_SIZE << order; o += PAGE_SIZE) {
		void *p = window_open(WIN_SCRUB, hpa(a.v + o));
		u64 n = PAGE_SIZE / 8;

		__asm__ volatile("rep stosq" : "+D"(p), "+c"(n) : "a"(0ULL) : "memory");
	}
	window_close(WIN_SCRUB);
}
