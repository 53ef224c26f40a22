/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads a frame of the control domain's: only Dais's own memory is mapped in host mode. */
#include "boot/host_layout.h"
#include "kernel/frame.h"

__cold void test_fault(void);
void test_fault(void)
{
	hpa_t a = hpa(0x100000);

	while (frame_get(a).state != FRAME_CONTROL)
		a.v += PAGE_SIZE;
	*(volatile u64 *)(DIRECT_BASE + a.v);
}
