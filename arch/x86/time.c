/* SPDX-License-Identifier: GPL-2.0-only */
/* Time is the TSC; its frequency comes from CPUID 15h where that is complete, else from the ACPI PM timer. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/log.h"

#define PM_HZ 3579545ULL

u64 time_now(void)
{
	return rdtsc();
}

u64 time_hz(void)
{
	return host.tsc_hz;
}

void delay_us(u64 us)
{
	u64 end = rdtsc() + us * (host.tsc_hz / 1000000);

	while (rdtsc() < end)
		cpu_relax();
}

static u64 hz_by_cpuid(void)
{
	u32 r[4];

	if (host.max_leaf < 0x15)
		return 0;
	host_cpuid(0x15, 0, r);
	return r[0] && r[1] && r[2] ? (u64)r[2] * r[1] / r[0] : 0;
}

/* 10 ms of the PM timer; its 24 bits last 4.6 s */
static u64 hz_by_pm_timer(void)
{
	u32 first = in32(boot->pm_timer_port) & 0xffffff, ticks = 0;
	u64 begin = rdtsc();

	while (ticks < PM_HZ / 100)
		ticks = ((in32(boot->pm_timer_port) & 0xffffff) - first) & 0xffffff;
	return (rdtsc() - begin) * PM_HZ / ticks;
}

void time_init(void)
{
	host.tsc_hz = hz_by_cpuid();
	if (!host.tsc_hz && boot->pm_timer_port)
		host.tsc_hz = hz_by_pm_timer();
	if (!host.tsc_hz)
		panic("no clock to measure the TSC with: neither CPUID 15h nor an ACPI PM timer");
	log_info("TSC: %lu.%03lu MHz%s", host.tsc_hz / 1000000, host.tsc_hz / 1000 % 1000,
		 host.invariant_tsc ? ", invariant" : "");
}
