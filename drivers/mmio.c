/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers of devices, reached through this CPU's device window. */
#include "drivers/internal.h"
#include "kernel/arch.h"

static volatile u8 *open(u64 address)
{
	u8 *page = window_open_device(WIN_DEVICE, hpa(address & PAGE_MASK));

	return page + (address & ~PAGE_MASK);
}

u64 mmio_read(u64 address, u32 size)
{
	volatile u8 *p = open(address);
	u64 v = size == 1 ? *p :
		size == 2 ? *(volatile u16 *)p :
		size == 4 ? *(volatile u32 *)p : *(volatile u64 *)p;

	window_close(WIN_DEVICE);
	return v;
}

void mmio_write(u64 address, u32 size, u64 value)
{
	volatile u8 *p = open(address);

	switch (size) {
	case 1: *p = value; break;
	case 2: *(volatile u16 *)p = value; break;
	case 4: *(volatile u32 *)p = value; break;
	default: *(volatile u64 *)p = value; break;
	}
	window_close(WIN_DEVICE);
}
