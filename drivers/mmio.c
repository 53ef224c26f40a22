/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers of devices, reached through this CPU's device window. */
#include "drivers/internal.h"
#include "kernel/arch.h"

#define MOVE(type, p, a) \
	((a)->write ? (void)(*(volatile type *)(p) = (a)->value) : (void)((a)->value = *(volatile type *)(p)))

void mmio_access(struct access *a)
{
	u8 *p = (u8 *)window_open(WIN_DEVICE, hpa(a->at & PAGE_MASK)) + (a->at & ~PAGE_MASK);

	switch (a->size) {
	case 1: MOVE(u8, p, a); break;
	case 2: MOVE(u16, p, a); break;
	case 4: MOVE(u32, p, a); break;
	default: MOVE(u64, p, a); break;
	}
	window_close(WIN_DEVICE);
}

u32 mmio_read32(u64 address)
{
	struct access a = { .at = address, .size = 4 };

	mmio_access(&a);
	return a.value;
}

void mmio_write32(u64 address, u32 value)
{
	mmio_access(&(struct access){ .at = address, .size = 4, .write = true, .value = value });
}
