/* SPDX-License-Identifier: GPL-2.0-only */
/* Uses more stack than there is: the guard page below it stops that. */
#include "kernel/types.h"

#define DEEPEST 1000000 /* far beyond any stack of Dais's */

static u64 deeper(volatile u64 *above)
{
	volatile u64 room[64];

	room[0] = *above + 1;
	if (room[0] == DEEPEST)
		return 0;
	return deeper(room) + room[0]; /* not a tail call */
}

__cold void test_fault(void);
void test_fault(void)
{
	volatile u64 start = 0;

	deeper(&start);
}
