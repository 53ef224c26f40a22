/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long from a timer's deadline to its handler, out of HLT: "count=" times, every "us=" (10000), with "work=" us of
 * work each time. Prints median and worst, in ticks of the TSC.
 */
#include "../rt.h"

#define VECTOR 0x41
#define MSR_TSC_DEADLINE 0x6e0
#define MOST 4096

const char test_name[] = "wake";

static volatile u64 fired_at;
static u64 late[MOST];

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

void test(void)
{
	u64 count = argument_number("count", 100), us = argument_number("us", 10000), work = argument_number("work", 0), i, at;

	if (count > MOST)
		count = MOST;
	on_interrupt(VECTOR, fired);
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | VECTOR);
	at = rdtsc();
	for (i = 0; i < count; i++) {
		at += us * tsc_khz() / 1000;
		fired_at = 0;
		wrmsr(MSR_TSC_DEADLINE, at);
		while (!fired_at)
			sti_hlt();
		late[i] = fired_at - at;
		while (rdtsc() - fired_at < work * tsc_khz() / 1000)
			pause();
		if (rdtsc() > at)
			at = fired_at;
	}
	sort(late, count);
	print("WAKE median %lu p99 %lu worst %lu ticks of %lu kHz\n", late[count / 2], late[count * 99 / 100], late[count - 1],
	      tsc_khz());
}
