/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes to Dais's own code: text is mapped read-only. */
#include "kernel/types.h"

__cold void test_fault(void);
void test_fault(void)
{
	volatile u8 *text = (volatile u8 *)test_fault;

	*text = 0xcc;
}
