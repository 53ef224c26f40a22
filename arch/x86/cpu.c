/* SPDX-License-Identifier: GPL-2.0-only */
/* What this CPU has, and how Dais sets it up for itself. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"

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

/*
 * --- Defences against speculation across domains ---
 * Host mode maps no guest memory, so what is defended is one domain against another: at a
 * switch of domains on a CPU, and by hardware's own modes where it has them.
 */

#define BIT(defence) (1u << DAIS_DEFENCE_##defence)

u32 defences_used;

static void defences_cpu(void)
{
	if (defences_used & BIT(AUTO_IBRS))
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1ULL << 21); /* APM vol. 2 §3.1.7: AIBRSE */
	if (defences_used & BIT(IBRS)) /* for host mode; guests cannot change it */
		wrmsr(MSR_SPEC_CTRL, 1);
	if (host.lfence_by_msr)
		wrmsr(MSR_DE_CFG, rdmsr(MSR_DE_CFG) | 1 << 1);
}

/* 32 calls whose returns are caught: no entry of the last domain's is left. */
static void fill_rsb(void)
{
	__asm__ volatile(".rept 32\n call 2f; 1: pause; lfence; jmp 1b; 2:\n .endr\n add $256, %%rsp" : : : "memory", "cc");
}

void defences_switch_to(u32 domain)
{
	static const u16 data_selector = 0x10;
	struct cpu *c = this_cpu();

	if (c->last_domain == domain)
		return;
	c->last_domain = domain;
	/* the last x87 instruction's addresses: many AMD CPUs' XRSTOR leaves them (APM vol. 2 §11.4.4.3) */
	__asm__ volatile("fninit");
	if (defences_used & BIT(IBPB))
		wrmsr(MSR_PRED_CMD, 1);
	if (defences_used & BIT(RSB))
		fill_rsb();
	if (defences_used & BIT(L1D))
		wrmsr(MSR_FLUSH_CMD, 1);
	if (defences_used & BIT(VERW))
		__asm__ volatile("verw %0" : : "m"(data_selector) : "cc");
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
	u64 cap = host.mce ? rdmsr(MSR_MCG_CAP) : 0;
	u32 banks = MIN(cap & 0xff, MC_BANKS);

	if (cap & MCG_CTL_P)
		wrmsr(MSR_MCG_CTL, ~0ULL);
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

void cache_write_back(const void *p)
{
	__asm__ volatile("clflush (%0); mfence" : : "r"(p) : "memory");
}

/* --- memory --- */

/* Most of creating a guest is clearing its pages: SDM vol. 1 §7.3.9.3. */
void *memset(void *d, int c, size_t n)
{
	u64 words = n / 8, bytes = n % 8;
	void *to = d;

	__asm__ volatile("rep stosq; mov %2, %1; rep stosb" : "+&D"(to), "+&c"(words) : "r"(bytes), "a"(0x0101010101010101ULL * (u8)c)
			 : "memory");
	return d;
}
