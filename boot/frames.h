/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_FRAMES_H
#define DAIS_BOOT_FRAMES_H

#include "boot/boot_info.h"

/* Bytes that the database of these ranges, ascending, needs at most. */
uint64_t frames_size(const struct boot_mem *mem, uint32_t count);
/* Builds it in zeroed memory, whose address in the direct mapping is greater by `direct`. Says how many
 * groups there are; returns the bytes used. */
uint64_t frames_build(const struct boot_mem *mem, uint32_t count, void *store, uint64_t direct, uint64_t *groups);

#endif
