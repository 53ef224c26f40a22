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
	u64 v;

	switch (size) {
	case 1: v = *p; break;
	case 2: v = *(volatile u16 *)p; break;
	case 4: v = *(volatile u32 *)p; break;
	default: v = *(volatile u64 *)p; break;
	}
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
