/* SPDX-License-Identifier: GPL-2.0-only */
/* The other CPUs. The loader started them: they wait here until CPU 0 is ready. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "arch/x86/virt/vcpu_x86.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define ICR_NMI 0x4400
#define SECONDS 5

static u64 begin; /* atomic: CPU 0's TSC when they may go on */

void smp_join(void)
{
	struct cpu *c = this_cpu();

	while (!atomic_load(&begin))
		cpu_relax();
	write_cr3(boot->host_cr3);
	cpu_setup();
	apic_init();
	if (virt->cpu_start(c->id) != DAIS_OK)
		panic("CPU %u: %s cannot be switched on", c->id, virt->name);
	sched_init_cpu(c->id);
	atomic_store(&c->online, rdtsc());
	cpu_loop();
}

void smp_start(void)
{
	u64 end = rdtsc() + SECONDS * boot->tsc_hz;

	atomic_store(&begin, rdtsc());
	for (u32 i = 1; i < boot->cpu_count; i++) {
		u64 *online = &cpu_data(i)->online;

		while (!atomic_load(online) && rdtsc() < end)
			cpu_relax();
		if (!atomic_load(online))
			panic("CPU %u (APIC ID %u) does not start: limit the CPUs with \"cpus = %u\" in dais.conf", i,
			      cpu_data(i)->apic_id, i);
		if (*online < begin || *online > rdtsc())
			log_warn("CPU %u: its TSC is not synchronous with CPU 0's", i);
	}
	log_info("CPUs: %u online", boot->cpu_count);
}

/* For panic */
void smp_stop_others(void)
{
	for (u32 i = 0; i < boot->cpu_count; i++)
		if (cpu_data(i) != this_cpu() && atomic_load(&cpu_data(i)->online))
			apic_ipi(cpu_data(i)->apic_id, ICR_NMI);
}
