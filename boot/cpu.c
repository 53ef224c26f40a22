/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/cpu.h"

#define MSR_VM_CR     0xc0010114u
#define VM_CR_SVMDIS  (1u << 4) /* APM vol. 2 §15.30.1 */

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

static uint32_t read_msr_low(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low;
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
	facts->svm_disabled = read_msr_low(MSR_VM_CR) & VM_CR_SVMDIS;
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

void cpu_enter(uint64_t entry, uint64_t info, uint64_t stack)
{
	__asm__ volatile("cli\n\tcld\n\tmov %2, %%rsp\n\txor %%ebp, %%ebp\n\tjmp *%0"
			 : : "r"(entry), "D"(info), "r"(stack) : "memory");
	__builtin_unreachable();
}
