/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs data: what is writable is never executable. */
#include "kernel/types.h"

static u8 code[] = { 0xc3 }; /* RET */

__cold void test_fault(void);
void test_fault(void)
{
	void (*volatile run)(void) = (void (*)(void))code;

	run();
	asm volatile("" ::: "memory"); /* not a tail call: this function belongs into the backtrace */
}
