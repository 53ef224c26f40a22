/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Defences against speculation across domains. Host mode maps
 * no guest memory, so what is defended is one domain against another: at a
 * switch of domains on a CPU, and by hardware's own modes where it has them.
 */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/info.h"

#define BIT(defence) (1u << DAIS_DEFENCE_##defence)

u32 defences_used;

void defences_cpu(void)
{
	if (defences_used & BIT(AUTO_IBRS))
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1ULL << 21); /* APM vol. 2 §3.1.7: AIBRSE */
	if (host.lfence_by_msr)
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
	if (defences_used & BIT(IBPB))
		wrmsr(MSR_PRED_CMD, 1);
	if (defences_used & BIT(RSB))
		fill_rsb();
	if (defences_used & BIT(L1D))
		wrmsr(MSR_FLUSH_CMD, 1);
	if (defences_used & BIT(VERW))
		__asm__ volatile("verw %0" : : "m"(data_selector) : "cc");
}
