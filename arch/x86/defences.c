/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Defences against speculation across domains: one probed table. Host mode maps
 * no guest memory, so what is defended is one domain against another: at a
 * switch of domains on a CPU, and by hardware's own modes where it has them.
 */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/info.h"

#define BIT(defence) (1u << DAIS_DEFENCE_##defence)

/* Where CPUID says that the CPU has it */
static const struct { u32 bit, leaf; enum cpuid_reg reg; u32 shift; bool intel; } table[] = {
	{ BIT(IBPB), 0x80000008, EBX, 12, false },
	{ BIT(IBPB), 7, EDX, 26, true },
	{ BIT(VERW), 7, EDX, 10, true },           /* these threats are Intel's */
	{ BIT(L1D), 7, EDX, 28, true },
	{ BIT(AUTO_IBRS), 0x80000021, EAX, 8, false },
};
static u32 used;

void defences_probe(bool off)
{
	u32 present = BIT(RSB);

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		if ((host.intel || !table[i].intel) && cpu_has(table[i].leaf, table[i].reg, table[i].shift))
			present |= table[i].bit;
	used = off ? 0 : present;
	facts[DAIS_STAT_DEFENCES] = present;
	facts[DAIS_STAT_DEFENCES_USED] = used;
}

void defences_cpu(void)
{
	u32 r[4];

	if (used & BIT(AUTO_IBRS))
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1ULL << 21); /* APM vol. 2 §3.1.7: AIBRSE */
	/* newer CPUs always serialize (CPUID 8000_0021 EAX[2]); a hypervisor below us owns the MSR */
	host_cpuid(1, 0, r);
	if (host.amd && (r[EAX] >> 20 & 0xff) > 2 /* family 12h */ && !cpu_has(0x80000021, EAX, 2) && !cpu_has(1, ECX, 31))
		wrmsr(MSR_DE_CFG, rdmsr(MSR_DE_CFG) | 1 << 1);
}

/* 32 calls whose returns are caught: no entry of the last domain's is left. */
static void fill_rsb(void)
{
	u64 n = 16;

	__asm__ volatile("1: call 3f; 2: pause; lfence; jmp 2b; 3: call 5f; 4: pause; lfence; jmp 4b;"
			 "5: add $16, %%rsp; dec %0; jnz 1b" : "+r"(n) : : "memory", "cc");
}

void defences_switch_to(u32 domain)
{
	static const u16 data_selector = 0x10;
	struct cpu *c = this_cpu();

	if (c->last_domain == domain)
		return;
	c->last_domain = domain;
	if (used & BIT(IBPB))
		wrmsr(MSR_PRED_CMD, 1);
	if (used & BIT(RSB))
		fill_rsb();
	if (used & BIT(L1D))
		wrmsr(MSR_FLUSH_CMD, 1);
	if (used & BIT(VERW))
		__asm__ volatile("verw %0" : : "m"(data_selector) : "cc");
}
