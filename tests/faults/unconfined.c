/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * No fault, but no protection either: devices of guests reach all memory below 512 GiB. What they must not do is shown
 * to work without it (tests/dma/owned.c), so that tests which see it fail prove something.
 */
#include "drivers/iommu/internal.h"
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define PRESENT_RW 0x7ULL
#define LARGE      (1ULL << 7)
#define AMD_RW     (3ULL << 61)
#define AMD_NEXT   9 /* level of the table that an entry leads to (AMD IOMMU spec. §2.2.3) */

__cold void test_fault(void);
hpa_t test_root(const struct domain *d); /* nested_root, for drivers/iommu/iommu.c */

void test_fault(void)
{
}

hpa_t test_root(const struct domain *d)
{
	static u64 *top;
	u64 rw = PRESENT_RW | (iommus->amd ? AMD_RW : 0);

	(void)d;
	if (!top) {
		top = heap_pages(2);
		CHECK(top);
		for (u64 i = 0; i < 512; i++)
			top[512 + i] = i << 30 | LARGE | rw;
		top[0] = hva_to_hpa(top + 512).v | rw | (iommus->amd ? 3ULL << AMD_NEXT : 0);
	}
	return hva_to_hpa(top);
}
