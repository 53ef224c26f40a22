/* SPDX-License-Identifier: GPL-2.0-only */
/* The APIC timer in its three modes, waking a CPU out of HLT. */
#include "../rt.h"

#define VECTOR 0x42
#define MSR_TSC_DEADLINE 0x6e0
#define LATE_MS 20000		/* an emulator on a busy machine; hardware needs microseconds */
#define DIVIDE_BY_1 0xb
#define DIVIDE_BY_16 0x3

const char test_name[] = "timer";

static volatile u64 fired_at;

static void fired(struct regs *r)
{
	(void)r;
	fired_at = rdtsc();
}

static volatile u64 *ticks(void)
{
	return &this_cpu()->interrupts[VECTOR];
}

static void halt_until(u64 count)
{
	while (*ticks() < count)
		sti_hlt();
}

static void deadline(u64 us)
{
	u64 before = *ticks(), at = rdtsc() + us * tsc_khz() / 1000, back;

	wrmsr(MSR_TSC_DEADLINE, at);
	back = rdmsr(MSR_TSC_DEADLINE);
	EXPECT(back == at || (!back && rdtsc() >= at), "the deadline %lx reads back as %lx", at, back);
	halt_until(before + 1);
	EXPECT(fired_at >= at, "%lu us: %lu ticks too early", us, at - fired_at);
	EXPECT(fired_at - at < LATE_MS * tsc_khz(), "%lu us: %lu us late", us,
	       (fired_at - at) * 1000 / tsc_khz());
	EXPECT(*ticks() == before + 1, "%lu us: %lu interrupts", us, *ticks() - before);
	EXPECT(rdmsr(MSR_TSC_DEADLINE) == 0, "the deadline stays after it fired");
}

static void deadlines(void)
{
	static const u64 us[] = { 0, 1, 10, 100, 1000, 10000, 50000 };
	u64 before;
	u32 i;

	apic_write(APIC_LVT_TIMER, APIC_DEADLINE | VECTOR);
	for (i = 0; i < 50; i++)
		deadline(us[i % ARRAY_SIZE(us)]);
	before = *ticks();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 20 * tsc_khz());
	wrmsr(MSR_TSC_DEADLINE, 0);
	sti();
	delay_us(40000);
	cli();
	EXPECT(*ticks() == before, "fired after it was disarmed");
	wrmsr(MSR_TSC_DEADLINE, 1);	/* long past */
	halt_until(before + 1);
	apic_write(APIC_LVT_TIMER, APIC_MASKED | VECTOR);
}

static void one_shot(void)
{
	u64 before = *ticks();
	u32 first, second;

	apic_write(APIC_DIVIDE, DIVIDE_BY_16);
	EXPECT(apic_read(APIC_DIVIDE) == DIVIDE_BY_16, "divide register");
	apic_write(APIC_LVT_TIMER, VECTOR);
	apic_write(APIC_INITIAL, 0x7fffffff);
	first = apic_read(APIC_CURRENT);
	delay_us(1000);
	second = apic_read(APIC_CURRENT);
	EXPECT(first > second && second, "current count %u, then %u", first, second);
	apic_write(APIC_INITIAL, 100000);
	halt_until(before + 1);
	EXPECT(apic_read(APIC_CURRENT) == 0, "current count %u after it fired", apic_read(APIC_CURRENT));
	sti();
	delay_us(20000);
	cli();
	EXPECT(*ticks() == before + 1, "one-shot fired %lu times", *ticks() - before);
}

/* Counts in 50 ms, against the frequency that the current count shows. */
static void periodic(void)
{
	u64 start, before, ms;
	u32 first, per_ms;

	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, APIC_MASKED | VECTOR);
	apic_write(APIC_INITIAL, 0xffffffff);
	first = apic_read(APIC_CURRENT);
	delay_us(10000);
	per_ms = (first - apic_read(APIC_CURRENT)) / 10;
	EXPECT(per_ms > 100, "timer runs at %u a millisecond", per_ms);
	before = *ticks();
	start = rdtsc();
	apic_write(APIC_LVT_TIMER, APIC_PERIODIC | VECTOR);
	apic_write(APIC_INITIAL, per_ms * 5);
	halt_until(before + 10);
	ms = (rdtsc() - start) / tsc_khz();
	apic_write(APIC_INITIAL, 0);
	EXPECT(ms >= 45, "10 periods of 5 ms took %lu ms", ms);
	EXPECT(ms < LATE_MS, "10 periods of 5 ms took %lu ms", ms);
	before = *ticks();
	sti();
	delay_us(20000);
	cli();
	EXPECT(*ticks() <= before + 1, "still fires after initial count 0");
}

void test(void)
{
	on_interrupt(VECTOR, fired);
	if (test_case("one-shot"))
		one_shot();
	if (test_case("periodic"))
		periodic();
	if ((cpuid(1, 0).ecx & 1 << 24) && test_case("TSC deadline"))
		deadlines();
	if ((cpuid(1, 0).ecx & 1 << 21) && test_case("in x2APIC mode")) {
		apic_to_x2();
		one_shot();
		deadlines();
	}
}
