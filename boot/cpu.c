/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/cpu.h"

#define MSR_VM_CR     0xc0010114u
#define VM_CR_SVMDIS  (1u << 4) /* APM vol. 2 §15.30.1 */
#define MSR_EFER      0xc0000080u
#define EFER_NXE      (1u << 11)

struct cpuid {
	uint32_t a, b, c, d;
};

static struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/* APM vol. 2 §15.4: SVM may be there and yet be locked off by the firmware. */
void cpu_probe(struct cpu_facts *facts)
{
	struct cpuid id = cpuid(0, 0);
	uint32_t last = cpuid(0x80000000, 0).a;

	memset(facts, 0, sizeof(*facts));
	memcpy(facts->vendor, &id.b, 4);
	memcpy(facts->vendor + 4, &id.d, 4);
	memcpy(facts->vendor + 8, &id.c, 4);
	if (last < 0x80000001)
		return;
	id = cpuid(0x80000001, 0);
	facts->svm = id.c & (1u << 2);
	facts->nx = id.d & (1u << 20);
	if (!facts->svm || last < 0x8000000a)
		return;
	facts->svm_disabled = read_msr(MSR_VM_CR) & VM_CR_SVMDIS;
	facts->nested_paging = cpuid(0x8000000a, 0).d & 1;
}

bool cpu_check(const struct cpu_facts *facts, struct error *err)
{
	if (!facts->svm && text_equal(facts->vendor, "GenuineIntel"))
		return refuse(err, "this CPU (%s) has no AMD-V (SVM): this build of Dais supports "
			      "AMD-V only", facts->vendor);
	if (!facts->svm)
		return refuse(err, "this CPU (%s) has no AMD-V (CPUID shows no SVM). Dais needs a "
			      "CPU with AMD-V; in a virtual machine, switch nested virtualization "
			      "on",
			      facts->vendor);
	if (facts->svm_disabled)
		return refuse(err, "AMD-V is locked off by the firmware (VM_CR.SVMDIS). Enable "
			      "SVM in the firmware's set-up, often under CPU or Advanced");
	if (!facts->nested_paging)
		return refuse(err, "this CPU has AMD-V but no nested paging (NPT), which Dais "
			      "needs");
	if (!facts->nx)
		return refuse(err, "this CPU shows no no-execute pages (NX). Enable them in the "
			      "firmware's set-up");
	return true;
}

/* The x2APIC ID where leaf 0xb is there, else the 8-bit one. */
uint32_t cpu_apic_id(void)
{
	struct cpuid id;

	if (cpuid(0, 0).a >= 0xb) {
		id = cpuid(0xb, 0);
		if (id.b != 0)
			return id.d;
	}
	return cpuid(1, 0).b >> 24;
}

uint64_t cpu_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* --- frequencies --- */

#define PM_HZ           3579545ULL
#define PM_MASK         0xffffffu   /* 24 bits at least: 4.6 s */
#define PM_POLLS        100000000u  /* a timer that stands still must not hang the boot */
#define MSR_APIC_BASE   0x1bu
#define APIC_BASE_EXTD   (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define MSR_X2APIC      0x800u
#define APIC_LVT_TIMER  0x320u
#define APIC_INITIAL    0x380u
#define APIC_CURRENT    0x390u
#define APIC_DIVIDE     0x3e0u
#define LVT_MASKED      (1u << 16)
#define DIVIDE_BY_1     0xbu

static uint32_t port_in(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void port_out(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

/* 10 ms */
static uint64_t hz_by_pm_timer(uint16_t port)
{
	uint32_t first = port_in(port), ticks = 0;
	uint64_t begin = cpu_tsc();

	for (uint32_t i = 0; i < PM_POLLS && ticks < PM_HZ / 100; i++)
		ticks = (port_in(port) - first) & PM_MASK;
	return ticks ? (cpu_tsc() - begin) * PM_HZ / ticks : 0;
}

uint64_t cpu_tsc_hz(uint16_t pm_timer_port, struct error *err)
{
	uint64_t hz = 0;
	struct cpuid id;

	if (cpuid(0, 0).a >= 0x15) {
		id = cpuid(0x15, 0);
		if (id.a && id.b && id.c)
			hz = (uint64_t)id.c * id.b / id.a;
	}
	if (!hz && pm_timer_port)
		hz = hz_by_pm_timer(pm_timer_port);
	if (!hz)
		refuse(err, "no clock to measure the TSC with: neither CPUID 15h nor an ACPI PM timer");
	return hz;
}

uint64_t cpu_apic_base(void)
{
	return read_msr(MSR_APIC_BASE) & 0x000ffffffffff000ULL;
}

/* xAPIC or x2APIC, as the firmware left it (SDM vol. 3 §10.5.4, §10.12.1.2) */
static uint32_t *apic_register(uint32_t reg)
{
	return (uint32_t *)(cpu_apic_base() + reg);
}

static void apic_write(uint32_t reg, uint32_t v)
{
	if (read_msr(MSR_APIC_BASE) & APIC_BASE_EXTD)
		write_msr(MSR_X2APIC + (reg >> 4), v);
	else
		*(volatile uint32_t *)apic_register(reg) = v;
}

static uint32_t apic_read(uint32_t reg)
{
	if (read_msr(MSR_APIC_BASE) & APIC_BASE_EXTD)
		return read_msr(MSR_X2APIC + (reg >> 4));
	return *(volatile uint32_t *)apic_register(reg);
}

uint64_t cpu_apic_hz(uint64_t tsc_hz)
{
	uint64_t begin, count;

	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_BASE_ENABLE);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
	begin = cpu_tsc();
	apic_write(APIC_INITIAL, UINT32_MAX);
	while (cpu_tsc() - begin < tsc_hz / 100)
		;
	count = UINT32_MAX - apic_read(APIC_CURRENT);
	apic_write(APIC_INITIAL, 0);
	return count * 100;
}

/* --- what only ports and registers tell --- */

#define IOAPIC_VERSION 1u
#define CF8 0xcf8
#define CFC 0xcfc
#define CF8_ENABLE (1u << 31)
#define PCI_NOTHING UINT32_MAX

uint32_t cpu_ioapic_pins(uint64_t base)
{
	volatile uint32_t *index = (uint32_t *)base, *data = (uint32_t *)(base + 0x10);
	uint32_t version;

	*index = IOAPIC_VERSION;
	version = *data;
	return version == UINT32_MAX ? 0 : (version >> 16 & 0xff) + 1;
}

uint32_t cpu_pci_ids(uint32_t fn)
{
	port_out(CF8, CF8_ENABLE | fn << 8);
	return port_in(CFC);
}

/* Any of its functions takes the device number. Firmware fills them from below. */
uint32_t cpu_free_pci_device(uint32_t (*ids)(uint32_t fn))
{
	uint32_t device = 32, fn = 0;

	while (fn < 8 && --device > 0) {
		fn = 0;
		while (fn < 8 && ids(device << 3 | fn) == PCI_NOTHING)
			fn++;
	}
	return device;
}

/* --- the other CPUs: SDM vol. 3 §8.4.4.1 --- */

#define APIC_ICR      0x300u
#define APIC_ICR_HIGH 0x310u
#define ICR_INIT      0x4500u
#define ICR_STARTUP   0x4600u
#define ICR_PENDING   (1u << 12)

static void send(uint32_t apic_id, uint32_t command)
{
	if (read_msr(MSR_APIC_BASE) & APIC_BASE_EXTD) {
		write_msr(MSR_X2APIC + (APIC_ICR >> 4), (uint64_t)apic_id << 32 | command);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_PENDING)
		;
	apic_write(APIC_ICR_HIGH, apic_id << 24);
	apic_write(APIC_ICR, command);
}

/* True as soon as *waiting is 0. */
static bool wait_for(volatile uint64_t *waiting, uint64_t ticks)
{
	uint64_t begin = cpu_tsc();

	while (*waiting && cpu_tsc() - begin < ticks)
		__asm__ volatile("pause");
	return !*waiting;
}

bool cpu_start(uint32_t apic_id, uint64_t page, volatile uint64_t *waiting, uint64_t tsc_hz)
{
	send(apic_id, ICR_INIT);
	wait_for(waiting, tsc_hz / 100);
	send(apic_id, ICR_STARTUP | page / 4096);
	if (wait_for(waiting, tsc_hz / 1000))
		return true;
	send(apic_id, ICR_STARTUP | page / 4096);
	return wait_for(waiting, 5 * tsc_hz);
}

void cpu_enter(uint64_t cr3, uint64_t trampoline, uint64_t enter)
{
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_NXE);
	__asm__ volatile("cli\n\tcld\n\tmov %0, %%cr3\n\tjmp *%1" : : "r"(cr3), "r"(enter), "b"(trampoline) : "memory");
	__builtin_unreachable();
}
