/* SPDX-License-Identifier: GPL-2.0-only */
/* VMX instructions. Their failure is Dais's bug: CF or ZF is set then (SDM vol. 3 §31.2). */

#include "arch/x86/vmx/vmx.h"
#include "kernel/arch.h"
#include "kernel/log.h"

#define FAILED "setbe %0"
#define SUCCEEDS(instruction, hpa) ({ \
	bool failed_; \
	__asm__ volatile(instruction " %1; " FAILED : "=qm"(failed_) : "m"(hpa) : "cc", "memory"); \
	!failed_; })

bool vmxon(u64 hpa)
{
	return SUCCEEDS("vmxon", hpa);
}

void vmptrld(const struct vmx_vcpu *s)
{
	u64 hpa = hva_to_hpa(s->vmcs).v;

	CHECK(SUCCEEDS("vmptrld", hpa));
}

void vmclear(struct vmx_vcpu *s)
{
	u64 hpa = hva_to_hpa(s->vmcs).v;

	CHECK(SUCCEEDS("vmclear", hpa));
	s->launched = false;
}

u64 vmread(struct vmcs_field f)
{
	bool failed;
	u64 value;

	__asm__ volatile("vmread %2, %1; " FAILED : "=qm"(failed), "=r"(value) : "r"((u64)f.code) : "cc");
	if (failed)
		panic("VMREAD of field %x", f.code);
	return value;
}

void vmwrite(struct vmcs_field f, u64 value)
{
	bool failed;

	__asm__ volatile("vmwrite %2, %1; " FAILED : "=qm"(failed) : "r"((u64)f.code), "rm"(value) : "cc");
	if (failed)
		panic("VMWRITE of %lx to field %x", value, f.code);
}

void invept(u64 ept_pointer)
{
	struct { u64 pointer, zero; } d = { ept_pointer, 0 };
	bool failed;

	__asm__ volatile("invept %1, %2; " FAILED : "=qm"(failed) : "m"(d), "r"(1ULL /* single context */) : "cc", "memory");
	CHECK(!failed);
}

void vmx_host_nmi(void)
{
	__asm__ volatile("int $2");
}
