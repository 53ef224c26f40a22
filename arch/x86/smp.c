/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts the other CPUs, one after the other (SDM vol. 3 §8.4). */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "arch/x86/virt/vcpu_x86.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define ICR_INIT    0x4500
#define ICR_STARTUP 0x4600
#define ICR_NMI     0x4400

extern char trampoline_start[], trampoline_end[], trampoline_cr3[], trampoline_stack[], trampoline_cpu[];
void ap_main(struct cpu *c) __noreturn;

static u64 boot_tsc, ap_tsc; /* for the check that TSCs agree */

struct cpu *cpu_new(u32 id, u32 apic_id)
{
	struct cpu *c = heap_alloc(sizeof(*c));

	if (!c)
		panic("no memory for CPU %u", id);
	c->self = c;
	c->id = id;
	c->apic_id = apic_id;
	paging_map_stacks(c);
	cpus[id] = c;
	return c;
}

void ap_main(struct cpu *c)
{
	write_cr3(paging_cr3());
	cpu_setup(c);
	apic_init();
	atomic_store(&ap_tsc, rdtsc());
	if (virt->cpu_start(c->id) != DAIS_OK)
		panic("CPU %u: %s cannot be switched on", c->id, virt->name);
	sched_init_cpu(c->id);
	atomic_store(&c->online, 1);
	cpu_loop();
}

static void trampoline_set(void *page, const char *symbol, u64 value)
{
	memcpy((char *)page + (symbol - trampoline_start), &value, sizeof(value));
}

static bool wait_online(struct cpu *c, u64 us)
{
	u64 end = time_now() + us * (host.tsc_hz / 1000000);

	while (!atomic_load(&c->online) && time_now() < end)
		cpu_relax();
	return atomic_load(&c->online);
}

static void start_one(struct cpu *c, void *page)
{
	trampoline_set(page, trampoline_stack, c->stack_top);
	trampoline_set(page, trampoline_cpu, (u64)c);
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
	const struct boot_cpu *list = hpa_to_hva(hpa(boot->cpus));
	void *page = window_open(WIN_MEM, hpa(boot->trampoline));
	u64 cr3 = paging_ap_cr3(boot->trampoline);

	memcpy(page, trampoline_start, trampoline_end - trampoline_start);
	trampoline_set(page, trampoline_cr3, cr3);
	for (u32 i = 1; i < boot->cpu_count; i++)
		cpu_new(i, list[i].apic_id);
	for (u32 i = 1; i < boot->cpu_count; i++)
		start_one(cpus[i], page);
	window_close(WIN_MEM);
	heap_pages_free(hpa_to_hva(hpa(cr3)), 4);
	log_info("CPUs: %u online", boot->cpu_count);
}

void smp_stop_others(void)
{
	for (u32 i = 0; i < boot->cpu_count; i++)
		if (cpus[i] && cpus[i] != this_cpu() && atomic_load(&cpus[i]->online))
			apic_ipi(cpus[i]->apic_id, ICR_NMI);
}
