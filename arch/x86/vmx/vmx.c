/* SPDX-License-Identifier: GPL-2.0-only */
/* VT-x: switching it on, and the table that virt/ calls. */

#include "arch/x86/cpu.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"
#include "kernel/heap.h"
#include "kernel/log.h"

static bool unlock(u32 cpu)
{
	u64 v = rdmsr(MSR_FEATURE_CONTROL);

	if (!(v & FEATURE_LOCKED))
		wrmsr(MSR_FEATURE_CONTROL, v | FEATURE_LOCKED | FEATURE_VMXON);
	else if (!(v & FEATURE_VMXON))
		log_error("CPU %u: VT-x is locked off by firmware (IA32_FEATURE_CONTROL): switch it on in its set-up", cpu);
	return rdmsr(MSR_FEATURE_CONTROL) & FEATURE_VMXON;
}

static status_t vmx_cpu_start(u32 cpu)
{
	u32 *region = heap_pages(1);
	u64 fixed = MSR_VMX_CR0_FIXED0;

	if (!region)
		return DAIS_NO_MEMORY;
	if (!unlock(cpu) || !vmx_probe(cpu))
		return DAIS_BAD_STATE;
	write_cr0((read_cr0() | rdmsr(fixed)) & rdmsr(fixed + 1));
	write_cr4((read_cr4() | CR4_VMXE | rdmsr(fixed + 2)) & rdmsr(fixed + 3));
	region[0] = rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
	return vmxon(hva_to_hpa(region).v) ? DAIS_OK : DAIS_BAD_STATE;
}

static void vmx_flush(struct xvcpu *x)
{
	vmx_vcpu(x)->flush = true;
}

const struct virt_ops vmx_ops = {
	.name = "VT-x",
	.nested = &nested_ept,
	.cpu_start = vmx_cpu_start,
	.msr_map_set = vmx_msr_map_set,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_free = vmx_vcpu_free,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_unload = vmx_vcpu_unload,
	.enter = vmx_enter,
	.read_sregs = vmx_read_sregs,
	.write_sregs = vmx_write_sregs,
	.cpl = vmx_cpl,
	.cr4 = vmx_cr4,
	.set_pat = vmx_set_pat,
	.read_debug = vmx_read_debug,
	.write_debug = vmx_write_debug,
	.set_tsc_offset = vmx_set_tsc_offset,
	.flush = vmx_flush,
};
