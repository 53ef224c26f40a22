/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All vCPUs run for ever, for the scheduler's tests. With "cheat=us" each runs for that long, then halts for a moment
 * ("pause=us", 10): just before its slice ends it gives the CPU back, in the hope to be taken for a light sleeper.
 * "tight=1": as who waits for a spinlock does.
 */
#include "../rt.h"

#define VECTOR 0x41
#define MSR_TSC_DEADLINE 0x6e0

const char test_name[] = "spin";

static u64 cheat_us, pause_us, tight;

static void spin(void *unused)
{
	(void)unused;
	while (tight)
		pause();
	for (;;) {
		delay_us(cheat_us ? cheat_us : ~0UL);
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + pause_us * tsc_khz() / 1000);
		sti_hlt();
	}
}

static void spin_too(void *unused)
{
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | VECTOR);
	spin(unused);
}

void test(void)
{
	u32 cpus = smp_start(), i;

	cheat_us = argument_number("cheat", 0);
	pause_us = argument_number("pause", 10);
	tight = argument_number("tight", 0);
	for (i = 1; i < cpus; i++)
		smp_run(i, spin_too, NULL);
	print("spinning\n");
	spin_too(NULL);
}
