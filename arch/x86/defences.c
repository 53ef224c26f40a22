/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Defences against speculation across domains: one probed table. Host mode maps
 * no guest memory, so what is defended is one domain against another: at a
 * switch of domains on a CPU, and by hardware's own modes where it has them.
 */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/string.h"
#include "kernel/domain.h"
#include "kernel/vcpu.h"

enum defence { D_IBPB, D_RSB, D_VERW, D_L1D, D_AUTO_IBRS, D_COUNT };

static struct {
	const char *name;
	u32 leaf, reg, bit;        /* where CPUID says that the CPU has it; leaf 0: always */
	bool intel_only;           /* its threat is Intel's */
	bool present, used;
} table[D_COUNT] = {
	[D_IBPB]      = { "IBPB", 0x80000008, 1, 12, false, false, false },
	[D_RSB]       = { "RSB filling", 0, 0, 0, false, false, false },
	[D_VERW]      = { "VERW buffer clear", 7, 3, 10, true, false, false },
	[D_L1D]       = { "L1D flush", 7, 3, 28, true, false, false },
	[D_AUTO_IBRS] = { "automatic IBRS", 0x80000021, 0, 8, false, false, false },
};

static bool cpuid_bit(u32 leaf, u32 reg, u32 bit)
{
	u32 r[4];

	if (leaf > (leaf & 0x80000000 ? host.max_ext_leaf : host.max_leaf))
		return false;
	host_cpuid(leaf, 0, r);
	return r[reg] >> bit & 1;
}

void defences_probe(bool off)
{
	for (u32 i = 0; i < D_COUNT; i++) {
		table[i].present = !table[i].leaf || cpuid_bit(table[i].leaf, table[i].reg, table[i].bit);
		if (table[i].intel_only && !host.intel)
			table[i].present = false;
	}
	if (host.intel && cpuid_bit(7, 3, 26))
		table[D_IBPB].present = true;
	for (u32 i = 0; i < D_COUNT; i++)
		table[i].used = table[i].present && !off;
}

void defences_list(struct dais_named *f, u32 n)
{
	for (u32 i = 0; i < D_COUNT && i < n; i++) {
		format(f[i].name, sizeof(f[i].name), "%s", table[i].name);
		f[i].present = table[i].present;
		f[i].used = table[i].used;
	}
}

void defences_cpu(void)
{
	if (table[D_AUTO_IBRS].used)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1ULL << 21); /* APM vol. 2 §3.1.7: AIBRSE */
	/* newer CPUs always serialize (CPUID 8000_0021 EAX[2]); a hypervisor below us owns the MSR */
	if (host.amd && host.family > 0x11 && !cpuid_bit(0x80000021, 0, 2) && !cpuid_bit(1, 2, 31))
		wrmsr(MSR_DE_CFG, rdmsr(MSR_DE_CFG) | 1 << 1);
}

/* 32 calls whose returns are caught: no entry of the last domain's is left. */
static void fill_rsb(void)
{
	u64 n = 16;

	__asm__ volatile("1: call 3f; 2: pause; lfence; jmp 2b; 3: call 5f; 4: pause; lfence; jmp 4b;"
			 "5: add $16, %%rsp; dec %0; jnz 1b" : "+r"(n) : : "memory", "cc");
}

void defences_switch_to(struct vcpu *v)
{
	static const u16 data_selector = 0x10;
	struct cpu *c = this_cpu();

	if (c->last_domain == v->dom->id)
		return;
	c->last_domain = v->dom->id;
	if (table[D_IBPB].used)
		wrmsr(MSR_PRED_CMD, 1);
	if (table[D_RSB].used)
		fill_rsb();
	if (table[D_L1D].used)
		wrmsr(MSR_FLUSH_CMD, 1);
	if (table[D_VERW].used)
		__asm__ volatile("verw %0" : : "m"(data_selector) : "cc");
}
