/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's registers: in the VMCS, or (CR2, DR6) in the CPU while its vCPU is loaded. */

#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"

static void read_seg(struct dais_seg *s, u32 i)
{
	u32 ar = vmread(segment_field(GUEST_ES_ACCESS_RIGHTS, i));

	s->selector = vmread(segment_field(GUEST_ES_SELECTOR, i));
	s->attr = (ar & 0xff) | (ar >> 4 & 0xf00) | (ar & AR_UNUSABLE ? DAIS_SEG_UNUSABLE : 0);
	s->limit = vmread(segment_field(GUEST_ES_LIMIT, i));
	s->base = vmread(segment_field(GUEST_ES_BASE, i));
}

static void write_seg(const struct dais_seg *s, u32 i)
{
	vmwrite(segment_field(GUEST_ES_SELECTOR, i), s->selector);
	vmwrite(segment_field(GUEST_ES_ACCESS_RIGHTS, i),
		(s->attr & 0xff) | (s->attr & 0xf00) << 4 | (s->attr & DAIS_SEG_UNUSABLE ? AR_UNUSABLE : 0));
	vmwrite(segment_field(GUEST_ES_LIMIT, i), s->limit);
	vmwrite(segment_field(GUEST_ES_BASE, i), s->base);
}

void vmx_read_sregs(struct xvcpu *x, struct dais_sregs *s)
{
	bool loaded = vmx_borrow(x);
	u64 m0 = vmread(CR0_MASK), m4 = vmread(CR4_MASK);

	for (u32 i = 0; i < 8; i++)
		read_seg(&s->es + i, i);
	s->gdt_base = vmread(GUEST_GDTR_BASE);
	s->gdt_limit = vmread(GUEST_GDTR_LIMIT);
	s->idt_base = vmread(GUEST_IDTR_BASE);
	s->idt_limit = vmread(GUEST_IDTR_LIMIT);
	s->cr0 = (vmread(GUEST_CR0) & ~m0) | (vmread(CR0_READ_SHADOW) & m0);
	s->cr2 = loaded ? read_cr2() : vmx_vcpu(x)->cr2;
	s->cr3 = vmread(GUEST_CR3);
	s->cr4 = (vmread(GUEST_CR4) & ~m4) | (vmread(CR4_READ_SHADOW) & m4);
	s->efer = vmread(GUEST_EFER);
	vmx_give_back(x, loaded);
}

/* With PAE paging the CPU would read these at MOV to CR3; an entry takes them from the VMCS. */
static void load_pdptes(struct xvcpu *x, const struct dais_sregs *s)
{
	u64 e[4] = { 0 };

	if (!(s->cr0 & CR0_PG) || !(s->cr4 & CR4_PAE) || (s->efer & EFER_LMA))
		return;
	(void)guest_ram(x, s->cr3 & 0xffffffe0, e, sizeof(e), false);
	for (u32 i = 0; i < 4; i++)
		vmwrite(VMCS_FIELD(GUEST_PDPTE0.code + 2 * i), e[i]);
}

static void write_control(struct xvcpu *x, const struct dais_sregs *s)
{
	u64 cr0 = (s->cr0 & ~vmread(CR0_MASK)) | CR0_NE, cr4 = (s->cr4 & ~vmread(CR4_MASK)) | CR4_VMXE | CR4_MCE;

	if (vmread(GUEST_CR0) != cr0 || vmread(GUEST_CR3) != s->cr3 || vmread(GUEST_CR4) != cr4) {
		vmx_vcpu(x)->flush = true;
		load_pdptes(x, s);
	}
	vmwrite(GUEST_CR0, cr0);
	vmwrite(CR0_READ_SHADOW, s->cr0);
	vmwrite(GUEST_CR3, s->cr3);
	vmwrite(GUEST_CR4, cr4);
	vmwrite(CR4_READ_SHADOW, s->cr4);
	vmwrite(GUEST_EFER, s->efer);
	vmwrite(ENTRY_CONTROLS, vmx_control[VMX_ENTRY] | (s->efer & EFER_LMA ? ENTRY_IA32E : 0));
}

/* The DPL of SS in every mode (SDM vol. 3 §27.3.1.2); of the vCPU that is loaded */
u32 vmx_cpl(struct xvcpu *)
{
	return vmread(segment_field(GUEST_ES_ACCESS_RIGHTS, 2)) >> 5 & 3;
}

u64 vmx_cr4(struct xvcpu *)
{
	return (vmread(GUEST_CR4) & CR4_FREE) | (vmread(CR4_READ_SHADOW) & ~CR4_FREE);
}

void vmx_write_sregs(struct xvcpu *x, const struct dais_sregs *s)
{
	bool loaded = vmx_borrow(x);

	for (u32 i = 0; i < 8; i++)
		write_seg(&s->es + i, i);
	vmwrite(GUEST_GDTR_BASE, s->gdt_base);
	vmwrite(GUEST_GDTR_LIMIT, s->gdt_limit);
	vmwrite(GUEST_IDTR_BASE, s->idt_base);
	vmwrite(GUEST_IDTR_LIMIT, s->idt_limit);
	write_control(x, s);
	if (loaded)
		write_cr2(s->cr2);
	vmx_vcpu(x)->cr2 = s->cr2;
	vmx_give_back(x, loaded);
}

void vmx_set_pat(struct xvcpu *x, u64 value)
{
	bool loaded = vmx_borrow(x);

	vmwrite(GUEST_PAT, value);
	vmx_give_back(x, loaded);
}

void vmx_read_debug(struct xvcpu *x, u64 *dr6, u64 *dr7)
{
	bool loaded = vmx_borrow(x);

	*dr6 = loaded ? read_dr6() : vmx_vcpu(x)->dr6;
	*dr7 = vmread(GUEST_DR7);
	vmx_give_back(x, loaded);
}

void vmx_write_debug(struct xvcpu *x, u64 dr6, u64 dr7)
{
	bool loaded = vmx_borrow(x);

	vmwrite(GUEST_DR7, dr7);
	if (loaded)
		write_dr6(dr6);
	vmx_vcpu(x)->dr6 = dr6;
	vmx_give_back(x, loaded);
}

void vmx_set_tsc_offset(struct xvcpu *x, u64 offset)
{
	bool loaded = vmx_borrow(x);

	vmwrite(TSC_OFFSET, offset);
	vmx_give_back(x, loaded);
}

/* SDM vol. 3 §25.6.9: a bit a register; reads, low and high, then writes */
void vmx_msr_map_set(u8 *map, u32 range, u32 i, u32 pass)
{
	for (u32 write = 0; write < 2 && range < 2; write++)
		if (pass >> write & 1)
			map[write * 2048 + range * 1024 + i / 8] &= ~(1u << i % 8);
}
