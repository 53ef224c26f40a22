/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that lives beside another: a line with a rising count every "ms=" (200)
 * until "count=" lines (default: for ever), woken by its timer out of HLT.
 */
#include "../rt.h"

#define VECTOR 0x40
#define MSR_TSC_DEADLINE 0x6e0

const char test_name[] = "alive";

void test(void)
{
	u64 ms = argument_number("ms", 200), count = argument_number("count", ~0UL), i;

	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | VECTOR);
	for (i = 1; i <= count; i++) {
		u64 seen = this_cpu()->interrupts[VECTOR];

		wrmsr(MSR_TSC_DEADLINE, rdtsc() + ms * tsc_khz());
		while (this_cpu()->interrupts[VECTOR] == seen)
			sti_hlt();
		print("alive %lu\n", i);
	}
}
