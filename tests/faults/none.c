/* SPDX-License-Identifier: GPL-2.0-only */
/* What every other image links in the place of a fault: nothing happens. */
#include "kernel/types.h"

__cold void test_fault(void);
void test_fault(void)
{
}
