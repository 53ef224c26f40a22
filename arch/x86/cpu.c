/* SPDX-License-Identifier: GPL-2.0-only */
/* What this CPU has, and how Dais sets it up for itself. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/log.h"
#include "kernel/string.h"

struct host host;

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

static void probe_names(void)
{
	u32 r[4];

	host_cpuid(0, 0, r);
	host.max_leaf = r[0];
	memcpy(host.vendor, &r[1], 4);
	memcpy(host.vendor + 4, &r[3], 4);
	memcpy(host.vendor + 8, &r[2], 4);
	host.amd = !strcmp(host.vendor, "AuthenticAMD") || !strcmp(host.vendor, "HygonGenuine");
	host.intel = !strcmp(host.vendor, "GenuineIntel");
	host_cpuid(0x80000000, 0, r);
	host.max_ext_leaf = r[0];
	for (u32 i = 0; i < 3 && host.max_ext_leaf >= 0x80000004; i++) {
		host_cpuid(0x80000002 + i, 0, r);
		memcpy(host.name + 16 * i, r, 16);
	}
}

static void probe_xsave(void)
{
	u32 r[4];

	host_cpuid(0xd, 0, r);
	host.xcr0 = r[0] | (u64)r[3] << 32;
	host.xsave_size = r[2];
}

void host_probe(void)
{
	u32 r[4];

	probe_names();
	host_cpuid(1, 0, r);
	host.family = (r[0] >> 8 & 15) + ((r[0] >> 8 & 15) == 15 ? r[0] >> 20 & 255 : 0);
	host.x2apic = r[2] >> 21 & 1 && (!(boot->flags & BOOT_F_X2APIC_OFF) ||
					 (rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD)); /* no way back from it */
	host.tsc_deadline = r[2] >> 24 & 1;
	host.xsave = r[2] >> 26 & 1;
	host.pcid = r[2] >> 17 & 1;
	if (host.max_leaf >= 7) {
		host_cpuid(7, 0, r);
		host.smep = r[1] >> 7 & 1;
		host.smap = r[1] >> 20 & 1;
		host.fsgsbase = r[1] & 1;
		host.umip = r[2] >> 2 & 1;
		host.pku = r[2] >> 3 & 1;
	}
	host_cpuid(0x80000001, 0, r);
	host.nx = r[3] >> 20 & 1;
	host.page1g = r[3] >> 26 & 1;
	host.rdtscp = r[3] >> 27 & 1;
	if (host.max_ext_leaf >= 0x80000007) {
		host_cpuid(0x80000007, 0, r);
		host.invariant_tsc = r[3] >> 8 & 1;
	}
	host_cpuid(0x80000008, 0, r);
	host.phys_bits = r[0] & 255;
	if (host.xsave)
		probe_xsave();
	quirks_probe();
}

/* --- this CPU's tables and control registers --- */

#define GDT_CODE 0x00af9b000000ffffULL
#define GDT_DATA 0x00cf93000000ffffULL

static void load_gdt(struct cpu *c)
{
	struct { u16 limit; u64 base; } __packed ptr = { sizeof(c->gdt) - 1, (u64)c->gdt };
	u64 t = (u64)&c->tss;

	c->tss.iomap = sizeof(c->tss);
	c->tss.ist[0] = CPU_AREA(c->id) + (CPU_FAULT_PAGE + 1) * PAGE_SIZE;
	c->tss.ist[1] = CPU_AREA(c->id) + (CPU_NMI_PAGE + 1) * PAGE_SIZE;
	c->tss.ist[2] = CPU_AREA(c->id) + (CPU_MC_PAGE + 1) * PAGE_SIZE;
	c->gdt[1] = GDT_CODE;
	c->gdt[2] = GDT_DATA;
	c->gdt[3] = (sizeof(c->tss) - 1) | (t & 0xffffff) << 16 | 0x89ULL << 40 | (t >> 24 & 0xff) << 56;
	c->gdt[4] = t >> 32;
	__asm__ volatile("lgdt %0" : : "m"(ptr));
	__asm__ volatile("push $8; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov $16, %%eax; mov %%eax, %%ds;"
			 "mov %%eax, %%es; mov %%eax, %%ss; xor %%eax, %%eax; mov %%eax, %%fs; mov %%eax, %%gs"
			 : : : "rax", "memory");
	wrmsr(MSR_GS_BASE, (u64)c);
	__asm__ volatile("ltr %w0" : : "r"(0x18));
}

static void harden(void)
{
	u64 cr4 = read_cr4() | CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cr4 |= (host.smep ? CR4_SMEP : 0) | (host.smap ? CR4_SMAP : 0) | (host.umip ? CR4_UMIP : 0) |
	       (host.xsave ? CR4_OSXSAVE : 0);
	write_cr4(cr4 & ~(CR4_PCIDE | CR4_FSGSBASE | CR4_PKE));
	write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) & ~(CR0_TS | CR0_EM | CR0_AM | CR0_CD | CR0_NW));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE | EFER_SCE);
	wrmsr(MSR_PAT, 0x0007040600070406ULL); /* the reset value: windows use entry 3, UC */
}

/* Machine checks come to trap.c; every bank reports. */
static void machine_check_on(void)
{
	u32 r[4], banks;

	host_cpuid(1, 0, r);
	if (!(r[3] >> 14 & 1))
		return;
	banks = rdmsr(MSR_MCG_CAP) & 0xff;
	for (u32 i = 0; i < banks && i < 32; i++)
		wrmsr(MSR_MC0_CTL + 4 * i, ~0ULL);
}

void cpu_setup(struct cpu *c)
{
	c->self = c;
	load_gdt(c);
	idt_init();
	harden();
	machine_check_on();
	defences_cpu();
}
