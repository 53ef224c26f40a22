/* SPDX-License-Identifier: GPL-2.0-only */
/* Host mode's memory, by the loader's tables (boot/host_layout.h), and windows for a moment's look at a frame. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/log.h"

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
	u64 *table = hpa_to_hva(hpa(boot->host_cr3));

	for (u32 l = 3; l > level; l--) {
		u64 e = table[virt >> (12 + 9 * l) & 511];

		CHECK(e & PTE_P);
		table = hpa_to_hva(hpa(e & PTE_ADDRESS));
	}
	return &table[virt >> (12 + 9 * level) & 511];
}

void host_map_2m(hpa_t a)
{
	*entry_of(DIRECT_BASE + a.v, 1) = a.v | PTE_DATA | PTE_PS;
}

/* --- windows: changed by their CPU alone, so that a local INVLPG is enough --- */

static void *window_set(enum window_slot slot, u64 bits)
{
	struct cpu *c = this_cpu();
	u64 first = WINDOW_BASE + c->id * WINDOW_STRIDE, virt = first + slot * PAGE_SIZE;

	if (unlikely(!c->windows))
		c->windows = entry_of(first, 0); /* they lie in one table */
	c->windows[slot] = bits;
	invlpg((void *)virt);
	return (void *)virt;
}

void *window_open(enum window_slot slot, hpa_t page)
{
	u64 bits = slot == WIN_DEVICE ? PTE_DATA | PTE_UC : slot >= WIN_FETCH ? PTE_DATA & ~(PTE_W | PTE_D) : PTE_DATA;

	_Static_assert((WIN_FETCH + FETCH_VIEWS) * PAGE_SIZE <= WINDOW_STRIDE, "windows of a CPU");
	return window_set(slot, (page.v & PTE_ADDRESS) | bits);
}

void window_close(enum window_slot slot)
{
	window_set(slot, 0);
}
