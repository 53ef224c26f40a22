/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/format.c kernel/string.c */
/* The host's timer on a model of the local APIC that loses interrupts, as QEMU's TCG does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include "arch/x86/cpu.h"

static unsigned char registers[4096] __attribute__((aligned(16)));
#undef APIC_VIRT
#define APIC_VIRT ((u64)registers)
#include "arch/x86/apic.c"

#define HZ 1000000000ULL

struct host host;
struct quirks quirks;
static const struct boot_info info = { .tsc_hz = HZ, .apic_hz = HZ / 10 };
const struct boot_info *boot = &info;

u32 cpu_id(void) { return 0; }
void cpu_relax(void) { }

/* Ticks of the TSC until the interrupt number n comes; ~0: never. */
static u64 interrupt_after(u32 n)
{
	u64 period = apic_read(APIC_TIMER_INIT) * (info.tsc_hz / info.apic_hz);

	return !period || (n > 1 && timer_mode() != LVT_PERIODIC) ? ~0ULL : n * period;
}

static int setup(void **state)
{
	(void)state;
	host = (struct host){ 0 };
	quirks = (struct quirks){ 0 };
	return 0;
}

static void a_timer_fires_at_its_deadline(void **state)
{
	(void)state;
	arch_timer_set(time_now() + HZ / 2);
	assert_in_range(interrupt_after(1), HZ / 4, HZ / 2);
	assert_int_equal(interrupt_after(2), ~0ULL);
	arch_timer_set(time_now() - 1);
	assert_in_range(interrupt_after(1), 1, 100);
	arch_timer_set(time_now() + 100 * HZ);
	assert_in_range(interrupt_after(1), HZ / 2, HZ); /* timers_run sets it again */
	arch_timer_set(~0ULL);
	assert_int_equal(interrupt_after(1), ~0ULL);
}

/* The first interrupt was lost, the guest never exits: the next one comes soon, whatever the timer was set for. */
static void a_lost_tick_is_made_up_for(void **state)
{
	const u64 deadlines[] = { 0, 1, HZ / 1000, HZ / 200, HZ / 2, 100 * HZ, ~0ULL };

	(void)state;
	quirks.loses_irqs = true;
	for (u32 i = 0; i < ARRAY_SIZE(deadlines); i++) {
		arch_timer_set(deadlines[i] == ~0ULL ? ~0ULL : time_now() + deadlines[i]);
		assert_in_range(interrupt_after(1), HZ / 50000, HZ / 100);
		assert_in_range(interrupt_after(2), HZ / 50000, HZ / 50);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_timer_fires_at_its_deadline, setup),
		cmocka_unit_test_setup(a_lost_tick_is_made_up_for, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
