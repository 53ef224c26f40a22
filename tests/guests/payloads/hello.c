/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest guest: proves that Dais still runs guests. "end=" says how it
 * ends: poweroff (default), reboot, triple, spin (all CPUs, interrupts off), hlt.
 */
#include "../rt.h"

const char test_name[] = "hello";

static void spin(void *arg)
{
	(void)arg;
	cli();
	for (;;)
		asm volatile("" ::: "memory");
}

static void triple_fault(void)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) nothing = { 0, 0 };

	asm volatile("lidt %0; int3" :: "m"(nothing));
}

static bool end_is(const char *end, const char *what)
{
	return !memcmp(end, what, strlen(what) + 1);
}

void test(void)
{
	char end[16] = "poweroff";
	u32 n = smp_start(), i;

	argument("end", end, sizeof(end));
	print("hello: %u CPUs, RAM to %lx, end=%s\n", n, ram_top(), end);
	if (end_is(end, "reboot"))
		reboot();
	if (end_is(end, "triple"))
		triple_fault();
	if (end_is(end, "hlt"))
		asm volatile("cli; hlt");
	if (end_is(end, "spin")) {
		for (i = 1; i < n; i++)
			smp_run(i, spin, NULL);
		print("hello: all CPUs loop now\n");
		spin(NULL);
	}
}
