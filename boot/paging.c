/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/paging.h"

/* APM vol. 2 §5.3: present and writable; a large page at the second level. */
enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80, ENTRIES = 512 };

void paging_build(uint64_t *tables, uint64_t address)
{
	uint64_t *upper = tables + ENTRIES, *lower = upper + ENTRIES;
	uint64_t i;

	for (i = 0; i < 2 * ENTRIES; i++)
		tables[i] = 0;
	tables[0] = (address + 4096) | PRESENT | WRITABLE;
	for (i = 0; i < PAGING_GIB; i++)
		upper[i] = (address + (2 + i) * 4096) | PRESENT | WRITABLE;
	for (i = 0; i < PAGING_GIB * ENTRIES; i++)
		lower[i] = (i << 21) | PRESENT | WRITABLE | LARGE;
}
