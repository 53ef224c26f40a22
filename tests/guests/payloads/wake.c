/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a vCPU takes out of HLT into its handler: "count=" times, every "us=" (10000), with "work=" us of work each
 * time, from its timer's deadline; with two vCPUs, from when the first one sends the second an IPI, until which "after="
 * us pass. Prints median and worst, in ticks of the TSC.
 */
#include "../rt.h"

#define VECTOR 0x41
#define MSR_TSC_DEADLINE 0x6e0
#define MOST 4096

const char test_name[] = "wake";

static volatile u64 fired_at;
static u64 late[MOST], count, us, work;

static void fired(struct regs *r)
{
	(void)r;
	fired_at = rdtsc();
}

static void sort(u64 *v, u64 n)
{
	u64 i, k, x;

	for (i = 1; i < n; i++) {
		x = v[i];
		for (k = i; k && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

static void by_timer(void)
{
	u64 i, at;

	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | VECTOR);
	at = rdtsc();
	for (i = 0; i < count; i++) {
		at += us * tsc_khz() / 1000;
		fired_at = 0;
		wrmsr(MSR_TSC_DEADLINE, at);
		while (!fired_at)
			sti_hlt();
		late[i] = fired_at - at;
		if (work)
			delay_us(work);
		if (rdtsc() > at)
			at = fired_at;
	}
}

static void sleeper(void *unused)
{
	(void)unused;
	for (;;)
		sti_hlt();
}

static void by_ipi(void)
{
	u64 i, at;

	smp_run(1, sleeper, NULL);
	delay_us(argument_number("after", 1000));
	for (i = 0; i < count; i++) {
		fired_at = 0;
		at = rdtsc();
		apic_icr(1, ICR_FIXED | ICR_ASSERT | VECTOR);
		while (!fired_at)
			rest();
		late[i] = fired_at - at;
		delay_us(us);
	}
}

void test(void)
{
	u32 cpus = smp_start();

	count = argument_number("count", 100);
	us = argument_number("us", 10000);
	work = argument_number("work", 0);
	if (count > MOST)
		count = MOST;
	on_interrupt(VECTOR, fired);
	(cpus > 1 ? by_ipi : by_timer)();
	sort(late, count);
	print("WAKE median %lu p99 %lu worst %lu ticks of %lu kHz\n", late[count / 2], late[count * 99 / 100], late[count - 1],
	      tsc_khz());
}
