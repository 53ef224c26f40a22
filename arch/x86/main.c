/* SPDX-License-Identifier: GPL-2.0-only */
/* From the loader to the control domain's first instruction. */

#include "arch/x86/cpu.h"
#include "arch/x86/virt/control.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/virt/vcpu_x86.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "drivers/iommu/iommu.h"
#include "kernel/atomic.h"
#include "kernel/event.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/string.h"
#include "kernel/trace.h"

#define START_SECONDS 5 /* for all CPUs */

_Static_assert(BOOT_CPUS_MAX <= MAX_CPUS, "the loader leaves out what is beyond");
_Static_assert(offsetof(struct cpu, apic_id) == offsetof(struct boot_percpu, apic_id), "the loader fills them");

const struct boot_info *boot;

void boot_main(const struct boot_info *info) __noreturn;
void test_fault(void);

static void check(status_t s, const char *what)
{
	if (s != DAIS_OK)
		panic("%s failed at start: status %u", what, s);
}

static void control_init(void)
{
	check(domain_create_control(boot->control_vcpus), "control domain");
	check(mem_show(log_ring, DAIS_LOG_SIZE / PAGE_SIZE, false), "log");
	check(trace_init(), "trace ring");
	check(control_map_memory(hpa_to_hva(hpa(boot->own)), boot->own_count), "control domain's memory");
	devices_init(boot);
	iommu_attach_regions();
	check(events_init(control_msix_count()), "events");
	check(control_start(), "control domain");
}

/* --- the other CPUs: the loader started them, they wait for CPU 0 --- */

static u64 go; /* atomic: CPU 0's TSC when they may go on */

static void __noreturn join(void)
{
	struct cpu *c = this_cpu();

	while (!atomic_load(&go))
		cpu_relax();
	write_cr3(boot->host_cr3);
	cpu_setup();
	apic_init();
	if (virt->cpu_start(c->id) != DAIS_OK)
		panic("CPU %u: %s cannot be switched on", c->id, virt->name);
	sched_init_cpu(c->id, c->apic_id >> host.core_shift, c->apic_id >> host.cache_shift);
	atomic_store(&c->online, rdtsc());
	cpu_loop();
}

static void start_others(void)
{
	u64 end = rdtsc() + START_SECONDS * boot->tsc_hz;

	atomic_store(&go, rdtsc());
	for (u32 i = 1; i < boot->cpu_count; i++) {
		u64 *online = &cpu_data(i)->online;

		while (!atomic_load(online) && rdtsc() < end)
			cpu_relax();
		if (!atomic_load(online))
			panic("CPU %u (APIC ID %u) does not start: limit the CPUs with \"cpus = %u\" in dais.conf", i,
			      cpu_data(i)->apic_id, i);
		if (*online < go || *online > rdtsc())
			log_warn("CPU %u: its TSC is not synchronous with CPU 0's", i);
	}
	log_info("CPUs: %u online", boot->cpu_count);
}

/* Each CPU's first. What the loader gives is believed, once it is of the same version. */
void boot_main(const struct boot_info *info)
{
	if (info->magic != BOOT_INFO_MAGIC || info->version != BOOT_INFO_VERSION || info->size != sizeof(*info))
		cpu_stop();
	if (this_cpu()->id)
		join();
	boot = info;
	write_cr3(boot->host_cr3);
	host = boot->host;
	quirks = host.quirks;
	defences_used = boot->facts[DAIS_STAT_DEFENCES_USED];
	cpu_setup();
	serial_init(boot->console_port, boot->console_baud);
	log_sink = serial_write;
	heap_init(hpa_to_hva(hpa(boot->store)));
	frames_init((struct frame_block **)boot->frames, boot->frame_groups);
	log_ring = heap_pages(DAIS_LOG_SIZE / PAGE_SIZE);
	log_level = boot->log_level;
	memcpy(facts, boot->facts, sizeof(facts));
	facts[DAIS_STAT_VERSION] = DAIS_VERSION_NR;
	facts[DAIS_STAT_LOG] = hva_to_hpa(log_ring).v;
	log_info("Dais %s; TSC: %lu kHz", DAIS_VERSION, boot->tsc_hz / 1000);
	apic_init();
	virt_choose();
	iommu_init(boot);
	check(virt->cpu_start(0), virt->name);
	this_cpu()->online = rdtsc();
	sched_init_cpu(0, this_cpu()->apic_id >> host.core_shift, this_cpu()->apic_id >> host.cache_shift);
	start_others();
	control_init();
	log_info("entering the control domain: %u vCPUs, kernel at %lx", boot->control_vcpus, boot->control_entry);
	test_fault();
	log_sink = NULL;
	cpu_loop();
}
