/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupts between CPUs: each arrives, exactly once, in order of priority. */
#include "../rt.h"

#define PING 0x51
#define PONG 0x52
#define LOW 0x61
#define HIGH 0x91
#define ROUNDS 500
#define WAIT_MS 30000
#define LOWEST 0x100u
#define LOGICAL 0x800u

const char test_name[] = "ipi";

static u32 n;

static void pong(struct regs *r)
{
	(void)r;
	apic_icr(0, ICR_FIXED | ICR_ASSERT | PONG);
}

static volatile bool stop;

static void sleep_with_interrupts(void *arg)
{
	(void)arg;
	while (!stop)
		sti_hlt();
}

static void spin_with_interrupts(void *arg)
{
	(void)arg;
	sti();
	while (!stop)
		pause();
	cli();
}

static void end_all(void)
{
	u32 i;

	stop = true;
	for (i = 1; i < n; i++) {
		apic_icr(i, ICR_FIXED | ICR_ASSERT | LOW);
		EXPECT(smp_wait(i, WAIT_MS), "CPU %u did not stop", i);
	}
	stop = false;
}

static bool wait_count(u32 cpu, u8 vector, u64 count)
{
	return wait_for(&cpus[cpu].interrupts[vector], count, WAIT_MS);
}

static void ping(void (*how)(void *))
{
	u64 pings, pongs;
	u32 i;

	smp_run(1, how, NULL);
	delay_us(1000);
	pings = cpus[1].interrupts[PING];
	pongs = cpus[0].interrupts[PONG];
	sti();
	for (i = 1; i <= ROUNDS; i++) {
		apic_icr(1, ICR_FIXED | ICR_ASSERT | PING);
		if (!wait_count(0, PONG, pongs + i)) {
			expect_failed("round %u: no answer", i);
			break;
		}
	}
	cli();
	EXPECT(cpus[1].interrupts[PING] - pings == ROUNDS && cpus[0].interrupts[PONG] - pongs == ROUNDS,
	       "%lu pings, %lu pongs", cpus[1].interrupts[PING] - pings, cpus[0].interrupts[PONG] - pongs);
	end_all();
}

static void broadcast(void)
{
	u64 before[MAX_CPUS];
	u32 i, round;

	for (i = 0; i < n; i++) {
		before[i] = cpus[i].interrupts[HIGH];
		if (i)
			smp_run(i, i & 1 ? sleep_with_interrupts : spin_with_interrupts, NULL);
	}
	sti();
	for (round = 1; round <= 100; round++) {
		apic_icr(0, ICR_ALL | ICR_ASSERT | HIGH);
		for (i = 0; i < n; i++)
			EXPECT(wait_count(i, HIGH, before[i] + round), "round %u: CPU %u missed it", round, i);
		apic_icr(0, ICR_OTHERS | ICR_ASSERT | LOW);
	}
	apic_icr(0, ICR_SELF | ICR_ASSERT | HIGH);
	EXPECT(wait_count(0, HIGH, before[0] + 101), "self");
	cli();
	for (i = 0; i < n; i++)
		EXPECT(cpus[i].interrupts[HIGH] == before[i] + 100 + (i == 0), "CPU %u got %lu", i,
		       cpus[i].interrupts[HIGH] - before[i]);
	end_all();
}

static void nmis(void)
{
	u64 before = cpus[1].interrupts[V_NMI];
	u32 i;

	smp_run(1, spin_with_interrupts, NULL);
	for (i = 1; i <= 100; i++) {
		apic_icr(1, ICR_NMI | ICR_ASSERT);
		if (!wait_count(1, V_NMI, before + i)) {
			expect_failed("NMI %u did not arrive", i);
			break;
		}
	}
	EXPECT(cpus[1].interrupts[V_NMI] == before + 100, "%lu NMIs", cpus[1].interrupts[V_NMI] - before);
	end_all();
}

static u8 order[8];
static volatile u32 ordered;

static void note(struct regs *r)
{
	if (ordered < sizeof(order))
		order[ordered++] = r->vector;
}

static void wait_ordered(u32 count)
{
	u64 end = rdtsc() + WAIT_MS * tsc_khz();

	while (ordered < count && rdtsc() < end)
		pause();
}

/* Sent while interrupts are off: the higher vector comes first; TPR holds the lower back. */
static void priority(void)
{
	static const u8 sent[] = { 0x61, 0x91, 0x71, 0x81 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sent); i++) {
		on_interrupt(sent[i], note);
		apic_icr(0, ICR_FIXED | ICR_ASSERT | sent[i]);
	}
	apic_write(APIC_TPR, 0x80);
	EXPECT(apic_read(APIC_IRR + 0x61 / 32) & 1u << (0x61 % 32), "IRR does not show 61");
	sti();
	wait_ordered(1);
	delay_us(1000);
	cli();
	EXPECT(ordered == 1 && order[0] == 0x91, "TPR 80: %u delivered, first %x", ordered, order[0]);
	apic_write(APIC_TPR, 0);
	sti();
	wait_ordered(4);
	delay_us(1000);
	cli();
	EXPECT(ordered == 4 && order[1] == 0x81 && order[2] == 0x71 && order[3] == 0x61,
	       "%u delivered: %x %x %x %x", ordered, order[0], order[1], order[2], order[3]);
	for (i = 0; i < ARRAY_SIZE(sent); i++)
		on_interrupt(sent[i], NULL);
}

/* STI's shadow: nothing comes between STI and the next instruction. */
static void shadow(void)
{
	u64 rip_ok = 0;
	u32 i;

	for (i = 0; i < 200; i++) {
		u64 before = cpus[0].interrupts[LOW], in_shadow;

		apic_icr(0, ICR_SELF | ICR_ASSERT | LOW);
		asm volatile("sti\n\tmov %1, %0\n\tcli" : "=r"(in_shadow) : "m"(cpus[0].interrupts[LOW]));
		rip_ok += in_shadow == before;
		sti();
		wait_count(0, LOW, before + 1);
		cli();
	}
	EXPECT(rip_ok == 200, "interrupt in STI's shadow %lu times", 200 - rip_ok);
}

static void logical(void)
{
	u64 before = cpus[1].interrupts[HIGH];

	if (apic_x2())
		return;
	smp_run(1, sleep_with_interrupts, NULL);
	delay_us(1000);
	apic_icr(1, ICR_FIXED | ICR_ASSERT | LOW);
	apic_write(APIC_LDR, 1 << 24);
	apic_icr(0xff, LOWEST | ICR_ASSERT | HIGH);	/* physical broadcast, lowest priority: any */
	end_all();
	EXPECT(cpus[1].interrupts[HIGH] - before <= 1, "more than one");
}

static void all(void)
{
	if (test_case("ping, halted"))
		ping(sleep_with_interrupts);
	if (test_case("ping, spinning"))
		ping(spin_with_interrupts);
	if (test_case("broadcast"))
		broadcast();
	if (test_case("NMI"))
		nmis();
	if (test_case("priority"))
		priority();
	if (test_case("STI shadow"))
		shadow();
	if (test_case("lowest priority"))
		logical();
	ordered = 0;
}

static void to_x2(void *arg)
{
	(void)arg;
	apic_to_x2();
}

void test(void)
{
	u32 i;

	n = smp_start();
	if (n < 2) {
		expect_failed("needs two CPUs");
		return;
	}
	on_interrupt(PING, pong);
	all();
	if (!(cpuid(1, 0).ecx & 1 << 21))
		return;
	apic_to_x2();
	for (i = 1; i < n; i++) {
		smp_run(i, to_x2, NULL);
		smp_wait(i, WAIT_MS);
	}
	all();
}
