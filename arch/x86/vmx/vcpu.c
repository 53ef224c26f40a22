/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's VMCS: made, loaded and cleared, entered. */

#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"
#include "kernel/heap.h"

#define EPT_WB_4  0x1e /* tables are write-back, four levels */

static const u32 switched[VMX_MSRS] = { MSR_STAR, MSR_STAR + 1, MSR_STAR + 2, MSR_STAR + 3, MSR_KERNEL_GS_BASE };

/* --- current or not --- */

bool vmx_borrow(struct xvcpu *x)
{
	if (this_cpu()->vendor == x)
		return true;
	vmptrld(vmx_vcpu(x));
	return false;
}

void vmx_give_back(struct xvcpu *x, bool loaded)
{
	struct xvcpu *other = this_cpu()->vendor;

	if (loaded)
		return;
	vmclear(vmx_vcpu(x));
	if (other)
		vmptrld(vmx_vcpu(other));
}

static u64 ept_pointer(const struct xvcpu *x)
{
	return xdomain(x->v.dom)->nt.root.v | EPT_WB_4;
}

static u64 descriptor_base(const u64 d[2])
{
	return (d[0] >> 16 & 0xffffff) | d[0] >> 56 << 24 | d[1] << 32;
}

/* What the CPU returns to: as it is now. Segments but CS and TR may be null in 64-bit mode. */
static void write_host(void)
{
	struct { u16 limit; u64 base; } __packed gdt, idt;
	u16 tr, cs;

	__asm__("sgdt %0; sidt %1; str %2; mov %%cs, %3" : "=m"(gdt), "=m"(idt), "=r"(tr), "=r"(cs));
	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(HOST_CS_SELECTOR, cs);
	vmwrite(HOST_TR_SELECTOR, tr);
	vmwrite(HOST_TR_BASE, descriptor_base((const u64 *)(gdt.base + tr)));
	vmwrite(HOST_GS_BASE, (u64)this_cpu());
	vmwrite(HOST_GDTR_BASE, gdt.base);
	vmwrite(HOST_IDTR_BASE, idt.base);
	vmwrite(HOST_RIP, (u64)vmx_exit);
}

/* On another CPU than last time, that may hold translations from before a change or of a dead domain's tables. */
void vmx_vcpu_load(struct xvcpu *x)
{
	struct vmx_vcpu *s = vmx_vcpu(x);

	this_cpu()->vendor = x;
	vmptrld(s);
	if (s->cpu != cpu_id()) {
		s->cpu = cpu_id();
		s->flush = true;
		write_host();
	}
	for (u32 i = 0; i < VMX_MSRS; i++)
		wrmsr(switched[i], s->msr[i]);
	write_cr2(s->cr2);
	write_dr6(s->dr6);
}

void vmx_vcpu_unload(struct xvcpu *x)
{
	struct vmx_vcpu *s = vmx_vcpu(x);

	for (u32 i = 0; i < VMX_MSRS; i++)
		s->msr[i] = rdmsr(switched[i]);
	s->cr2 = read_cr2();
	s->dr6 = read_dr6();
	vmclear(s);
	this_cpu()->vendor = NULL;
}

/* --- making it --- */

/* Nothing says what a new VMCS holds. */
static const struct vmcs_field zero[] = {
	HOST_ES_SELECTOR, HOST_SS_SELECTOR, HOST_DS_SELECTOR, HOST_FS_SELECTOR, HOST_GS_SELECTOR, HOST_FS_BASE, HOST_SYSENTER_CS,
	HOST_SYSENTER_ESP, HOST_SYSENTER_EIP, PAGE_FAULT_MASK, PAGE_FAULT_MATCH, CR3_TARGET_COUNT, EXIT_MSR_STORE_COUNT,
	EXIT_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_COUNT, ENTRY_INTERRUPTION_INFO, TPR_THRESHOLD, GUEST_DEBUGCTL, GUEST_SYSENTER_CS,
	GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP, GUEST_INTERRUPTIBILITY, GUEST_ACTIVITY, GUEST_PENDING_DEBUG, HOST_RSP, GUEST_CR3,
	GUEST_CR0, GUEST_CR4,
};

static void write_controls(struct xvcpu *x)
{
	struct vmx_vcpu *s = vmx_vcpu(x);
	const struct permission_maps *m = xdomain(x->v.dom)->maps;

	for (u32 i = 0; i < ARRAY_SIZE(zero); i++)
		vmwrite(zero[i], 0);
	s->proc = vmx_control[VMX_PROC];
	vmwrite(PIN_CONTROLS, vmx_control[VMX_PIN] & ~PIN_POSTED);
	vmwrite(PROC_CONTROLS, s->proc);
	vmwrite(PROC2_CONTROLS, vmx_control[VMX_PROC2]);
	vmwrite(EXIT_CONTROLS, vmx_control[VMX_EXIT]);
	vmwrite(ENTRY_CONTROLS, vmx_control[VMX_ENTRY]);
	vmwrite(EXCEPTION_BITMAP, 1u << VEC_DB | 1u << VEC_AC | 1u << VEC_MC); /* DB and AC can loop for ever in the CPU */
	vmwrite(IO_BITMAP_A, hva_to_hpa(m->io).v);
	vmwrite(IO_BITMAP_B, hva_to_hpa(m->io).v + PAGE_SIZE);
	vmwrite(MSR_BITMAPS, hva_to_hpa(m->msr).v);
	vmwrite(VIRTUAL_APIC_ADDRESS, hva_to_hpa(s->apic_page).v);
	vmwrite(EPT_POINTER, ept_pointer(x));
	vmwrite(TSC_OFFSET, x->v.dom->tsc_offset);
	vmwrite(VMCS_LINK_POINTER, ~0ULL);
	vmwrite(CR0_MASK, ~CR0_FREE);
	vmwrite(CR4_MASK, ~CR4_FREE);
	/* combined mappings are tagged by the tables too (SDM vol. 3 §29.4): enough that the domain's own differ */
	if (vmx_control[VMX_PROC2] & PROC2_VPID)
		vmwrite(VPID, x->v.index + 1);
	if (vmx_control[VMX_PROC2] & PROC2_PAUSE_LOOP) {
		vmwrite(PLE_GAP, 128);
		vmwrite(PLE_WINDOW, 4096);
	}
}

static void *vmcs_new(void)
{
	u32 *vmcs = heap_pages(1);

	if (vmcs)
		vmcs[0] = rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
	return vmcs;
}

status_t vmx_vcpu_init(struct xvcpu *x)
{
	struct vmx_vcpu *s = heap_alloc(sizeof(*s));

	if (!s)
		return DAIS_NO_MEMORY;
	s->vmcs = vmcs_new();
	s->apic_page = heap_pages(1);
	s->cpu = ~0u;
	x->vendor = s;
	if (!s->vmcs || !s->apic_page || !vmx_apicv_init(x)) {
		vmx_vcpu_free(x);
		return DAIS_NO_MEMORY;
	}
	vmclear(s);
	vmx_borrow(x);
	write_controls(x);
	vmx_give_back(x, false);
	return DAIS_OK;
}

void vmx_vcpu_free(struct xvcpu *x)
{
	struct vmx_vcpu *s = vmx_vcpu(x);

	if (!s)
		return;
	if (s->vmcs)
		heap_pages_free(s->vmcs, 1);
	if (s->apic_page)
		heap_pages_free(s->apic_page, 1);
	heap_free(s, sizeof(*s));
	x->vendor = NULL;
}

/* --- entry --- */

static bool inject(const struct guest_event *e)
{
	if (e->type == EVENT_NONE)
		return false;
	if (e->has_error)
		vmwrite(ENTRY_EXCEPTION_ERROR, e->error);
	vmwrite(ENTRY_INTERRUPTION_INFO, INFO_VALID | EVENT_NUMBER(e->type) << 8 | e->vector | (e->has_error ? INFO_ERROR : 0));
	return true;
}

/* Puts in what goes in now; exits are asked for when the rest can. */
static bool offer(struct xvcpu *x, int irq)
{
	struct vmx_vcpu *s = vmx_vcpu(x);
	u32 proc = vmx_control[VMX_PROC];
	bool taken = false;

	if (!inject(&x->inject) && irq >= 0 && (x->rflags & RFLAGS_IF) && !x->shadow)
		taken = inject(&(struct guest_event){ .type = EVENT_INTR, .vector = irq });
	if (irq >= 0 && !taken)
		proc |= PROC_INTERRUPT_WINDOW;
	if (x->nmi_waits)
		proc |= PROC_NMI_WINDOW;
	if (proc != s->proc)
		vmwrite(PROC_CONTROLS, proc);
	s->proc = proc;
	return taken;
}

/* The shadows end with the instruction; an entry that violates SDM vol. 3 §27.3.1.5 would fail. */
static void write_blocking(struct xvcpu *x)
{
	struct vmx_vcpu *s = vmx_vcpu(x);
	u32 b = x->shadow ? s->blocked & (x->rflags & RFLAGS_IF ? BLOCKED_STI | BLOCKED_MOV_SS : BLOCKED_MOV_SS) : 0;

	if (x->rip != s->exit_rip || (b && (x->rflags & RFLAGS_TF)))
		vmwrite(GUEST_PENDING_DEBUG, b && (x->rflags & RFLAGS_TF) ? PENDING_BS : 0);
	if (x->inject.type == EVENT_INTR || x->inject.type == EVENT_NMI)
		b = 0;
	if (x->nmi_masked && x->inject.type != EVENT_NMI)
		b |= BLOCKED_NMI;
	if (b != s->blocked)
		vmwrite(GUEST_INTERRUPTIBILITY, b);
}

static void read_back(struct xvcpu *x)
{
	struct vmx_vcpu *s = vmx_vcpu(x);

	x->gpr[RSP] = vmread(GUEST_RSP);
	x->rip = s->exit_rip = vmread(GUEST_RIP);
	x->rflags = vmread(GUEST_RFLAGS);
	s->blocked = vmread(GUEST_INTERRUPTIBILITY);
	x->shadow = s->blocked & (BLOCKED_STI | BLOCKED_MOV_SS);
	x->nmi_masked = s->blocked & BLOCKED_NMI;
}

u64 vmx_enter(struct xvcpu *x, int irq)
{
	struct vmx_vcpu *s = vmx_vcpu(x);
	bool apicv = vmx_apicv_out(x, irq), taken, entered;

	taken = offer(x, apicv ? -1 : irq) || apicv;
	write_blocking(x);
	vmwrite(GUEST_RIP, x->rip);
	vmwrite(GUEST_RSP, x->gpr[RSP]);
	vmwrite(GUEST_RFLAGS, x->rflags);
	if (s->flush)
		invept(ept_pointer(x));
	s->flush = false;
	entered = vmx_enter_guest(x->gpr, s->launched, &s->host_rsp);
	vmx_apicv_in(x);
	s->launched |= entered;
	if (entered)
		read_back(x);
	(entered ? vmx_decode_exit : vmx_decode_failure)(x);
	return !taken;
}
