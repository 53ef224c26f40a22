/* SPDX-License-Identifier: GPL-2.0-only */
/* What this CPU has, and how Dais sets it up for itself. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/string.h"

#define CPUID_EBX_AMD   0x68747541 /* "Auth" */
#define CPUID_EBX_HYGON 0x6f677948 /* "Hygo" */
#define CPUID_EBX_INTEL 0x756e6547 /* "Genu" */

struct host host;
struct quirks quirks;

u32 cpu_id(void)
{
	return this_cpu()->id;
}

u32 cpu_count(void)
{
	return boot->cpu_count;
}

u32 cpu_apic_id(u32 cpu)
{
	return cpu_data(cpu)->apic_id;
}

void cpu_relax(void)
{
	__builtin_ia32_pause();
}

void host_cpuid(u32 leaf, u32 sub, u32 out[4])
{
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}

bool cpu_has(u32 leaf, enum cpuid_reg reg, u32 bit)
{
	u32 r[4];

	host_cpuid(leaf & 0x80000000, 0, r);
	if (leaf > r[0])
		return false;
	host_cpuid(leaf, 0, r);
	return r[reg] >> bit & 1;
}

static const struct { bool *has; u32 leaf; enum cpuid_reg reg; u32 bit; } features[] = {
	{ &host.x2apic, 1, ECX, 21 }, { &host.tsc_deadline, 1, ECX, 24 }, { &host.xsave, 1, ECX, 26 },
	{ &host.pcid, 1, ECX, 17 }, { &host.fsgsbase, 7, EBX, 0 }, { &host.smep, 7, EBX, 7 },
	{ &host.smap, 7, EBX, 20 }, { &host.umip, 7, ECX, 2 }, { &host.page1g, 0x80000001, EDX, 26 },
	{ &host.rdtscp, 0x80000001, EDX, 27 },
};

void host_probe(void)
{
	u32 r[4];

	for (u32 i = 0; i < ARRAY_SIZE(features); i++)
		*features[i].has = cpu_has(features[i].leaf, features[i].reg, features[i].bit);
	/* once it is on, there is no way back */
	host.x2apic &= !(boot->flags & BOOT_F_X2APIC_OFF) || rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD;
	host_cpuid(0, 0, r);
	host.max_leaf = r[0];
	host.amd = r[1] == CPUID_EBX_AMD || r[1] == CPUID_EBX_HYGON;
	host.intel = r[1] == CPUID_EBX_INTEL;
	host_cpuid(0x80000000, 0, r);
	host.max_ext_leaf = r[0];
	host_cpuid(0x80000008, 0, r);
	host.phys_bits = r[0] & 255;
	if (host.xsave) {
		host_cpuid(0xd, 0, r);
		host.xcr0 = r[0] | (u64)r[3] << 32;
	}
	/* QEMU's TCG (up to 11.1): docs/platforms.md */
	host_cpuid(0x40000000, 0, r);
	if (cpu_has(1, ECX, 31) && !memcmp(&r[1], "TCGTCGTCGTCG", 12)) {
		quirks = (struct quirks){ .shadow_by_sti = true, .loses_irqs = true };
		host.tsc_deadline = false; /* fires once: a lost tick would be the last one */
	}
}

/* --- this CPU's control registers --- */

static void harden(void)
{
	write_cr4(CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | (host.smep ? CR4_SMEP : 0) |
		  (host.smap ? CR4_SMAP : 0) | (host.umip ? CR4_UMIP : 0) | (host.xsave ? CR4_OSXSAVE : 0));
	write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE | EFER_SCE);
	wrmsr(MSR_PAT, 0x0007040600070406ULL); /* the reset value: windows use entry 3, UC */
}

/* Machine checks come to trap.c; every bank reports. */
static void machine_check_on(void)
{
	u32 banks = cpu_has(1, EDX, 14) ? rdmsr(MSR_MCG_CAP) & 0xff : 0;

	for (u32 i = 0; i < banks; i++)
		wrmsr(MSR_MC0_CTL + 4 * i, ~0ULL);
}

void cpu_setup(void)
{
	idt_init();
	harden();
	machine_check_on();
	defences_cpu();
}

/* --- ports --- */

u32 port_read(u16 port, u32 size)
{
	u32 v = 0;

	switch (size) {
	case 1: __asm__ volatile("inb %1, %b0" : "+a"(v) : "Nd"(port) : "memory"); break;
	case 2: __asm__ volatile("inw %1, %w0" : "+a"(v) : "Nd"(port) : "memory"); break;
	case 4: __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory"); break;
	}
	return v;
}

void port_write(u16 port, u32 size, u32 v)
{
	switch (size) {
	case 1: __asm__ volatile("outb %b0, %1" : : "a"(v), "Nd"(port) : "memory"); break;
	case 2: __asm__ volatile("outw %w0, %1" : : "a"(v), "Nd"(port) : "memory"); break;
	case 4: __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory"); break;
	}
}
