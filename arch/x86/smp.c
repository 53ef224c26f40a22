/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts the other CPUs, one after the other (SDM vol. 3 §8.4). */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "arch/x86/virt/vcpu_x86.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define ICR_INIT    0x4500
#define ICR_STARTUP 0x4600
#define ICR_NMI     0x4400

static void ap_main(struct cpu *c) __noreturn;

static u64 boot_tsc, ap_tsc; /* for the check that TSCs agree */

static void ap_main(struct cpu *c)
{
	write_cr3(boot->host_cr3);
	cpu_setup(c);
	apic_init();
	atomic_store(&ap_tsc, rdtsc());
	if (virt->cpu_start(c->id) != DAIS_OK)
		panic("CPU %u: %s cannot be switched on", c->id, virt->name);
	sched_init_cpu(c->id);
	atomic_store(&c->online, 1);
	cpu_loop();
}

static bool wait_online(struct cpu *c, u64 us)
{
	u64 end = time_now() + us * (boot->tsc_hz / 1000000);

	while (!atomic_load(&c->online) && time_now() < end)
		cpu_relax();
	return atomic_load(&c->online);
}

static void start_one(struct cpu *c, struct boot_ap *ap)
{
	ap->entry = (u64)ap_main;
	ap->stack = CPU_STACK_TOP(c->id);
	ap->arg = (u64)c;
	boot_tsc = rdtsc();
	apic_ipi(c->apic_id, ICR_INIT);
	delay_us(10000);
	apic_ipi(c->apic_id, ICR_STARTUP | boot->trampoline >> PAGE_SHIFT);
	if (!wait_online(c, 1000)) {
		apic_ipi(c->apic_id, ICR_STARTUP | boot->trampoline >> PAGE_SHIFT);
		if (!wait_online(c, 5000000))
			panic("CPU %u (APIC ID %u) does not start: limit the CPUs with \"cpus = %u\" in dais.conf", c->id,
			      c->apic_id, c->id);
	}
	if (ap_tsc < boot_tsc || ap_tsc > rdtsc())
		log_warn("CPU %u: its TSC is not synchronous with CPU 0's", c->id);
}

void smp_start(void)
{
	struct boot_ap *ap = window_open(WIN_MEM, hpa(boot->trampoline)) + BOOT_AP_OFFSET;

	for (u32 i = 1; i < boot->cpu_count; i++)
		start_one(cpu_data(i), ap);
	window_close(WIN_MEM);
	log_info("CPUs: %u online", boot->cpu_count);
}

void smp_stop_others(void)
{
	for (u32 i = 0; i < boot->cpu_count; i++)
		if (cpu_data(i) != this_cpu() && atomic_load(&cpu_data(i)->online))
			apic_ipi(cpu_data(i)->apic_id, ICR_NMI);
}
