/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMUs as the hardware sees things: registers, a queue, tables in memory (physical = pointer), and caches that
 * forget only what a command names. So what was not flushed is still reached.
 */
#ifndef MODEL_IOMMU_H
#define MODEL_IOMMU_H

#include "boot/boot_info.h"
#include "kernel/types.h"

#define MODEL_BASE    0xfed90000ULL
#define MODEL_REFUSED (~0ULL)

/* Starts afresh; unit 0 of `b` stands for the model, or more of them for the same. */
void model_reset(const struct boot_iommus *b);
u64 model_read(u32 reg, u32 size);
void model_write(u32 reg, u32 size, u64 value);
/* What physical address source reaches; refused accesses are recorded. */
u64 model_dma(u32 source, u64 at, bool write);
/* APIC ID << 32 | vector that a message of source becomes. */
u64 model_msi(u32 source, u64 message);
bool model_on(void);              /* DMA is translated */
u32 model_commands(void);         /* done so far */
extern bool model_dead;           /* it does no commands any more */
extern u32 model_records;         /* it can hold */

#endif
