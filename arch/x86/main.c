/* SPDX-License-Identifier: GPL-2.0-only */
/* From the loader to the control domain's first instruction. */

#include "arch/x86/cpu.h"
#include "arch/x86/virt/control.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/virt/vcpu_x86.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "kernel/event.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/trace.h"

_Static_assert(BOOT_CPUS_MAX <= MAX_CPUS, "the loader leaves out what is beyond");

const struct boot_info *boot;
static const struct boot_mem *mem;
static struct dais_log *log_ring;

void boot_main(const struct boot_info *info) __noreturn;
void test_fault(void);

static void memory_init(void)
{
	mem = hpa_to_hva(hpa(boot->mem));
	heap_init(hpa_to_hva(hpa(boot->store)), boot->store_size / SIZE_2M);
	frames_init(mem, boot->mem_count);
}

static void check(status_t s, const char *what)
{
	if (s != DAIS_OK)
		panic("%s failed at start: status %u", what, s);
}

static void facts_init(void)
{
	facts[DAIS_STAT_VERSION] = DAIS_VERSION_NR;
	facts[DAIS_STAT_CPUS] = boot->cpu_count;
	facts[DAIS_STAT_CPUS_SKIPPED] = boot->cpus_skipped;
	facts[DAIS_STAT_CONTROL_VCPUS] = boot->control_vcpus;
	facts[DAIS_STAT_TSC_HZ] = boot->tsc_hz;
	facts[DAIS_STAT_X2APIC] = host.x2apic;
	facts[DAIS_STAT_BOOT] = (boot->flags & BOOT_F_TPM_MEASURED ? DAIS_BOOT_TPM : 0) |
				(boot->flags & BOOT_F_SECURE_BOOT ? DAIS_BOOT_SECURE : 0);
	facts[DAIS_STAT_MEM_TOTAL] = boot->mem_total;
	facts[DAIS_STAT_MEM_CONTROL] = boot->mem_control;
	facts[DAIS_STAT_MEM_IMAGE] = ALIGN_UP(boot->image_size, PAGE_SIZE);
	facts[DAIS_STAT_LOG] = hva_to_hpa(log_ring).v;
}

static void control_init(void)
{
	check(domain_create_control(boot->control_vcpus), "control domain");
	check(mem_show(control_domain, log_ring, DAIS_LOG_SIZE / PAGE_SIZE, false), "log");
	check(trace_init(), "trace ring");
	check(control_map_memory(mem, boot->mem_count), "control domain's memory");
	devices_init(boot);
	check(events_init(control_msix_count()), "events");
	check(control_start(), "control domain");
}

/* Each CPU's first. What the loader gives is believed, once it is of the same version. */
void boot_main(const struct boot_info *info)
{
	if (info->magic != BOOT_INFO_MAGIC || info->version != BOOT_INFO_VERSION || info->size != sizeof(*info))
		cpu_stop();
	if (this_cpu()->id)
		smp_join();
	boot = info;
	write_cr3(boot->host_cr3);
	host_probe();
	defences_probe(boot->flags & BOOT_F_NO_MITIGATION);
	cpu_setup();
	serial_init(boot->console_port, boot->console_baud);
	log_set_sink(serial_write);
	memory_init();
	log_ring = heap_pages(DAIS_LOG_SIZE / PAGE_SIZE);
	log_init(log_ring, boot->log_level);
	facts_init();
	log_info("Dais %s; TSC: %lu kHz", DAIS_VERSION, boot->tsc_hz / 1000);
	apic_init();
	virt_choose();
	check(virt->cpu_start(0), virt->name);
	this_cpu()->online = 1;
	sched_init_cpu(0);
	smp_start();
	control_init();
	log_info("entering the control domain: %u vCPUs, kernel at %lx", boot->control_vcpus, boot->control_entry);
	test_fault();
	log_set_sink(NULL);
	cpu_loop();
}
