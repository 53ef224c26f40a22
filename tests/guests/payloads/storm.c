/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt storms from all CPUs at once, INIT and SIPI to running CPUs, and every
 * value of the ICR. "ms=" says how long each storm lasts.
 */
#include "../rt.h"

#define VECTOR 0x55
#define TICK 0x56
#define MSR_TSC_DEADLINE 0x6e0
#define WAIT_MS 30000

const char test_name[] = "storm";

static u32 n;
static volatile bool stop;
static u32 icr_low;

static void sender(void *arg)
{
	u32 me = this_cpu()->index, to = me;

	(void)arg;
	sti();
	while (!stop) {
		to = (to + 1) % n;
		if (icr_low & (ICR_ALL | ICR_OTHERS))
			apic_icr(0, icr_low);
		else if (to != me || (icr_low & 0x700) == ICR_FIXED)
			apic_icr(to, icr_low);
	}
	cli();
}

static u64 received(u8 vector)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < n; i++)
		sum += cpus[i].interrupts[vector];
	return sum;
}

static void storm(u32 low, u8 vector)
{
	u64 before = received(vector), end;
	u32 i;

	stop = false;
	icr_low = low;
	for (i = 1; i < n; i++)
		smp_run(i, sender, NULL);
	end = rdtsc() + argument_number("ms", 500) * tsc_khz();
	sti();
	while (rdtsc() < end || (received(vector) == before && rdtsc() < end + WAIT_MS * tsc_khz()))
		if ((low & 0x700) == ICR_FIXED)
			apic_icr(0, ICR_OTHERS | (low & 0xff) | ICR_ASSERT);
	stop = true;
	cli();
	for (i = 1; i < n; i++)
		EXPECT(smp_wait(i, WAIT_MS), "CPU %u hangs", i);
	sti();
	delay_us(1000);
	cli();
	print("storm: %lu interrupts\n", received(vector) - before);
	EXPECT(received(vector) > before, "no interrupt");
}

/* SIPI without INIT is ignored by a CPU that runs. */
static void sipi_to_running(void)
{
	u32 alive[MAX_CPUS], i, round;

	for (i = 1; i < n; i++)
		alive[i] = cpus[i].alive;
	for (round = 0; round < 1000; round++)
		for (i = 0; i < n; i++)
			apic_icr(i, ICR_SIPI | ICR_ASSERT | (round & 0xff));
	delay_us(10000);
	for (i = 1; i < n; i++)
		EXPECT(cpus[i].alive == alive[i], "CPU %u started again", i);
}

static void busy(void *arg)
{
	(void)arg;
	sti();
	for (;;)
		apic_icr(0, ICR_SELF | ICR_ASSERT | VECTOR);
}

static void init_while_running(void)
{
	u32 round, i;

	for (round = 0; round < 20; round++)
		for (i = 1; i < n; i++) {
			smp_run(i, busy, NULL);
			delay_us(500);
			EXPECT(smp_restart(i), "CPU %u did not start again in round %u", i, round);
		}
}

/* All delivery modes, destinations and flag bits, legal or not. */
static void icr_values(void)
{
	u32 low;

	cli();
	for (low = 0; low < 0x10000; low += 0x13) {
		u32 mode = low >> 8 & 7;

		if (mode == 5 || mode == 6)	/* INIT and SIPI have cases of their own */
			continue;
		if (mode != 4 && (low & 0xff) < 32)
			continue;		/* exceptions by IPI: the handler would not know */
		if ((low & 0xff) == V_USER || (low & 0xff) == V_SPURIOUS)
			continue;		/* nor does it end these: they would stay in service */
		apic_icr(low * 7 % 300, native() ? low & ~0x1000 : low); /* QEMU keeps the busy bit */
		apic_icr(0, (low & 0xefff) | (low & 1 ? ICR_SELF : 0x20000));
	}
	sti();
	delay_us(10000);
	cli();
}

static void timer_storm(void)
{
	u64 before = cpus[0].interrupts[TICK], end = rdtsc() + argument_number("ms", 500) * tsc_khz();

	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, APIC_PERIODIC | TICK);
	apic_write(APIC_INITIAL, native() ? 20000 : 1); /* 1: QEMU itself would hang */
	sti();
	while (rdtsc() < end)
		pause();
	apic_write(APIC_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | TICK);
	end = rdtsc() + argument_number("ms", 500) * tsc_khz();
	while (rdtsc() < end)
		wrmsr(MSR_TSC_DEADLINE, 1);
	cli();
	print("storm: %lu ticks\n", cpus[0].interrupts[TICK] - before);
	EXPECT(cpus[0].interrupts[TICK] > before + 5, "no storm");
}

static void eoi_without_interrupt(void)
{
	u32 i;

	for (i = 0; i < 10000; i++)
		apic_write(APIC_EOI, 0);
	EXPECT(apic_read(APIC_ISR + 2) == 0, "ISR");
}

static void to_x2(void *arg)
{
	(void)arg;
	apic_to_x2();
}

/* The mode in which a processor with a virtual APIC of its own delivers by itself. */
static void x2apic_storms(void)
{
	u32 i;

	to_x2(NULL);
	for (i = 1; i < n; i++) {
		smp_run(i, to_x2, NULL);
		EXPECT(smp_wait(i, WAIT_MS), "CPU %u hangs", i);
	}
	storm(ICR_FIXED | ICR_ASSERT | VECTOR, VECTOR);
	storm(ICR_ALL | ICR_ASSERT | VECTOR, VECTOR);
	storm(ICR_NMI | ICR_ASSERT, V_NMI);
	timer_storm();
	init_while_running();
}

void test(void)
{
	n = smp_start();
	if (n < 2) {
		expect_failed("needs two CPUs");
		return;
	}
	if (test_case("IPIs to each other"))
		storm(ICR_FIXED | ICR_ASSERT | VECTOR, VECTOR);
	if (test_case("IPIs to all"))
		storm(ICR_ALL | ICR_ASSERT | VECTOR, VECTOR);
	if (test_case("NMIs to each other"))
		storm(ICR_NMI | ICR_ASSERT, V_NMI);
	if (test_case("NMIs to all others"))
		storm(ICR_OTHERS | ICR_NMI | ICR_ASSERT, V_NMI);
	if (test_case("timer"))
		timer_storm();
	if (test_case("SIPI to running CPUs"))
		sipi_to_running();
	if (test_case("INIT and SIPI to running CPUs"))
		init_while_running();
	if (test_case("EOI without interrupt"))
		eoi_without_interrupt();
	if (test_case("ICR values"))
		icr_values();
	if ((cpuid(1, 0).ecx & 1 << 21) && test_case("all that in x2APIC mode"))
		x2apic_storms();
}
