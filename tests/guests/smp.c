/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting CPUs and giving them work. */
#include "rt.h"

#define START_MS 30000
#define AT_ONCE  256 /* PAUSEs that a CPU waits for work before it rests */

extern char ap_trampoline[], ap_trampoline_end[];
void ap_main(void);

void ap_main(void)
{
	u32 id = apic_id();
	struct cpu *cpu = &cpus[id % MAX_CPUS];

	cpu_setup(id % MAX_CPUS);
	apic_enable();
	cpu->jobs_done = cpu->jobs_given;
	__atomic_add_fetch(&cpu->alive, 1, __ATOMIC_RELEASE);
	for (;;) {
		for (u32 n = 0; cpu->jobs_done == cpu->jobs_given; n++)
			(n < AT_ONCE ? pause : rest)();
		cpu->job(cpu->arg);
		cpu->jobs_done++;
	}
}

static bool wait_alive(struct cpu *cpu, u32 starts)
{
	u64 end = rdtsc() + START_MS * tsc_khz();

	while (__atomic_load_n(&cpu->alive, __ATOMIC_ACQUIRE) < starts)
		if (rdtsc() > end)
			return false;
		else
			rest();
	return true;
}

bool smp_restart(u32 id)
{
	struct cpu *cpu = &cpus[id];
	u32 starts = cpu->alive + 1;

	memcpy((void *)TRAMPOLINE, ap_trampoline, ap_trampoline_end - ap_trampoline);
	apic_icr(id, ICR_INIT | ICR_ASSERT);
	delay_us(100);
	apic_icr(id, ICR_SIPI | ICR_ASSERT | TRAMPOLINE / PAGE);
	return wait_alive(cpu, starts);
}

u32 smp_start(void)
{
	u32 n = cpus_listed(), i;

	for (i = 1; i < n; i++)
		if (!smp_restart(i)) {
			expect_failed("CPU %u did not start", i);
			return i;
		}
	return n;
}

void smp_run(u32 id, void (*fn)(void *), void *arg)
{
	cpus[id].job = fn;
	cpus[id].arg = arg;
	__atomic_store_n(&cpus[id].jobs_given, cpus[id].jobs_given + 1, __ATOMIC_RELEASE);
}

bool smp_wait(u32 id, u64 ms)
{
	u64 end = rdtsc() + ms * tsc_khz();

	while (cpus[id].jobs_done != cpus[id].jobs_given)
		if (rdtsc() > end)
			return false;
		else
			pause();
	return true;
}
