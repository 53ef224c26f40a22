/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_PAGING_H
#define DAIS_BOOT_PAGING_H

#include <stdint.h>

#define PAGING_GIB  4 /* what the identity map covers: all that the loader loads lies below */
#define PAGING_SIZE ((2 + PAGING_GIB) * 4096)

/* Builds the identity map in PAGING_SIZE bytes at tables, whose physical
 * address is `address`, and which is what CR3 takes. */
void paging_build(uint64_t *tables, uint64_t address);

#endif
