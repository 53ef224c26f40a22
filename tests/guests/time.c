/* SPDX-License-Identifier: GPL-2.0-only */
/* Time: the TSC, whose frequency comes from Dais or from the PIT of a real machine. */
#include "rt.h"

#define KVM_LEAF_TSC_KHZ 0x40000010u
#define PIT_HZ 1193182u

u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/* Channel 2 of the PIT in mode 0, 10 ms, as every PC has it. */
static u64 measure_by_pit(void)
{
	u32 count = PIT_HZ / 100;
	u64 start;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, count & 0xff);
	outb(0x42, count >> 8);
	start = rdtsc();
	while (!(inb(0x61) & 0x20))
		;
	return (rdtsc() - start) / 10;
}

/* kvm-clock's scale: tsc ticks of a second from mul and shift. */
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01
struct pvclock { u32 version, pad; u64 tsc, time; u32 mul; signed char shift; u8 flags, pad2[2]; };
static volatile struct pvclock clock_page __attribute__((aligned(4096)));

static u64 from_pvclock(void)
{
	u64 khz;

	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (u64)&clock_page | 1);
	if (!clock_page.mul)
		return 0;
	khz = (1000000UL << 32) / clock_page.mul;
	return clock_page.shift < 0 ? khz << -clock_page.shift : khz >> clock_page.shift;
}

u64 tsc_khz(void)
{
	static u64 khz;

	if (khz)
		return khz;
	khz = argument_number("khz", 0);
	if (khz)
		return khz;
	if (native())
		khz = measure_by_pit();
	else if (cpuid(0x40000000, 0).eax >= KVM_LEAF_TSC_KHZ)
		khz = cpuid(KVM_LEAF_TSC_KHZ, 0).eax;
	if (!khz)
		khz = from_pvclock();
	return khz;
}

/* PAUSE lets others go on where an emulator's CPUs take turns; under QEMU's -icount it costs that as much as thousands of NOPs. */
void rest(void)
{
	asm volatile(".fill 500, 1, 0x90");
	pause();
}

void delay_us(u64 us)
{
	u64 end = us == ~0UL ? us : rdtsc() + us * tsc_khz() / 1000;

	while (rdtsc() < end)
		rest();
}

bool wait_for(volatile u64 *word, u64 at_least, u64 ms)
{
	u64 end = rdtsc() + ms * tsc_khz();

	while (*word < at_least)
		if (rdtsc() > end)
			return *word >= at_least;
		else
			rest();
	return true;
}
