/* SPDX-License-Identifier: GPL-2.0-only */
/* From boot.asm to the control domain's first instruction. */

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
#include "kernel/string.h"
#include "kernel/trace.h"

#define LOG_BYTES    (32 * 1024)
#define MEM_RANGES   512

const struct boot_info *boot;
char boot_stack[2 * PAGE_SIZE] __aligned(16);
extern char boot_stack_top[];
__asm__(".globl boot_stack_top; .set boot_stack_top, boot_stack + 8192");

static struct cpu boot_cpu;
static struct boot_mem mem[MEM_RANGES];
static u32 mem_count;
static char log_ring[LOG_BYTES] __aligned(PAGE_SIZE);

void boot_main(u64 info, u64 image);
void test_fault(void);

static void __noreturn refuse(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* boot_info comes from our own loader, of the same version or another. */
static void check_boot_info(u64 image)
{
	if (boot->magic != BOOT_INFO_MAGIC || boot->version != BOOT_INFO_VERSION || boot->size != sizeof(*boot))
		refuse();
	if (boot->console == BOOT_CONSOLE_UART_IO) {
		serial_init(boot->console_port, boot->console_baud);
		log_set_sink(serial_write);
	}
	log_init((struct dais_log *)log_ring, sizeof(log_ring), boot->log_level);
	if (image != boot->image_base || boot->mem_count + 2 > MEM_RANGES || !boot->cpu_count || boot->cpu_count > MAX_CPUS)
		panic("boot_info: image at %lx, said to be at %lx; %u memory ranges; %u CPUs", image, boot->image_base,
		      boot->mem_count, boot->cpu_count);
}

/* Cuts `bytes` off the start of a pool range below 4 GiB, 2 MiB-aligned, for Dais: the early mapping reaches no further. */
static u64 carve(u64 bytes)
{
	for (u32 i = 0; i < mem_count; i++) {
		u64 end = mem[i].base + mem[i].pages * PAGE_SIZE, start = ALIGN_UP(mem[i].base, SIZE_2M);

		if (mem[i].kind != BOOT_MEM_POOL || start + bytes > end || start + bytes > 4 * SIZE_1G)
			continue;
		memmove(&mem[i + 3], &mem[i + 1], (mem_count - i - 1) * sizeof(mem[0]));
		mem[i + 2] = (struct boot_mem){ start + bytes, (end - start - bytes) / PAGE_SIZE, BOOT_MEM_POOL, 0 };
		mem[i + 1] = (struct boot_mem){ start, bytes / PAGE_SIZE, BOOT_MEM_DAIS, 0 };
		mem[i].pages = (start - mem[i].base) / PAGE_SIZE;
		mem_count += 2;
		return start;
	}
	panic("no %lu KiB of pool memory in one piece below 4 GiB: lower control_memory in dais.conf", bytes >> 10);
}

static void drop_empty_ranges(void)
{
	u32 n = 0;

	for (u32 i = 0; i < mem_count; i++)
		if (mem[i].pages)
			mem[n++] = mem[i];
	mem_count = n;
}

static u64 sum_pages(u32 kind)
{
	u64 n = 0;

	for (u32 i = 0; i < mem_count; i++)
		n += mem[i].kind == kind ? mem[i].pages : 0;
	return n;
}

/* Heap, frame database and the final page tables, in one block: heap chunk first. */
static void memory_init(void)
{
	u64 store, tables, table_pages, block;

	memcpy(mem, hpa_to_hva(hpa(boot->mem)), boot->mem_count * sizeof(mem[0]));
	mem_count = boot->mem_count;
	store = ALIGN_UP(frames_cost(mem, mem_count), PAGE_SIZE);
	table_pages = paging_cost(mem, mem_count, boot->cpu_count);
	block = carve(SIZE_2M + store + table_pages * PAGE_SIZE);
	drop_empty_ranges();
	memset(hpa_to_hva(hpa(block + SIZE_2M)), 0, store + table_pages * PAGE_SIZE);
	tables = block + SIZE_2M + store;
	paging_init(mem, mem_count, tables, table_pages, boot->cpu_count);
	heap_init(hpa_to_hva(hpa(block)));
	frames_init(mem, mem_count, hpa_to_hva(hpa(block + SIZE_2M)));
}

static void check(status_t s, const char *what)
{
	if (s != DAIS_OK)
		panic("%s failed at start: status %u", what, s);
}

static void control_init(void)
{
	check(domain_create_control(boot->control_vcpus), "control domain");
	check(mem_show(control_domain, log_ring, LOG_BYTES / PAGE_SIZE, false), "log");
	check(trace_init(boot->cpu_count), "trace ring");
	check(info_init((sum_pages(BOOT_MEM_CONTROL) + sum_pages(BOOT_MEM_POOL) + sum_pages(BOOT_MEM_DAIS)) * PAGE_SIZE,
			sum_pages(BOOT_MEM_CONTROL) * PAGE_SIZE, boot->image_size, hva_to_hpa(log_ring), LOG_BYTES,
			(boot->flags & BOOT_F_TPM_MEASURED ? DAIS_INFO_F_TPM : 0) |
			(boot->flags & BOOT_F_SECURE_BOOT ? DAIS_INFO_F_SECURE_BOOT : 0)), "information page");
	check(control_map_memory(mem, mem_count), "control domain's memory");
	check(devices_init(boot), "devices");
	check(events_init(control_msix_count()), "events");
	check(control_start(), "control domain");
}

static void __noreturn on_own_stack(void)
{
	log_info("entering the control domain: %u vCPUs, kernel at %lx", boot->control_vcpus, boot->control_entry);
	test_fault();
	log_set_sink(NULL);
	cpu_loop();
}

void boot_main(u64 info, u64 image)
{
	u64 stack;

	boot = (const struct boot_info *)(DIRECT_BASE + info);
	wrmsr(MSR_GS_BASE, (u64)&boot_cpu);
	boot_cpu.self = &boot_cpu;
	cpus[0] = &boot_cpu;
	check_boot_info(image);
	log_info("Dais %s", DAIS_VERSION);
	host_probe();
	defences_probe(boot->flags & BOOT_F_NO_MITIGATION);
	memory_init();
	paging_switch();
	paging_map_stacks(&boot_cpu);
	cpu_setup(&boot_cpu);
	paging_map_apic(rdmsr(MSR_APIC_BASE) & 0x000ffffffffff000ULL);
	apic_init();
	boot_cpu.apic_id = apic_read_id();
	time_init();
	apic_timer_calibrated();
	pv_init(boot->epoch_seconds, boot->epoch_tsc);
	virt_choose();
	check(virt->cpu_start(0), virt->name);
	boot_cpu.online = 1;
	sched_init_cpu(0);
	smp_start();
	control_init();
	stack = boot_cpu.stack_top;
	__asm__ volatile("mov %0, %%rsp; xor %%ebp, %%ebp; call *%1" : : "r"(stack), "r"(on_own_stack) : "memory");
	__builtin_unreachable();
}
