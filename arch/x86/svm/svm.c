/* SPDX-License-Identifier: GPL-2.0-only */
/* AMD-V: switching it on, a vCPU's VMCB, address space identifiers, entry. Exits: exit.c. */

#include "arch/x86/svm/svm.h"
#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define MSR_VM_CR        0xc0010114
#define MSR_VM_HSAVE_PA  0xc0010117
#define VM_CR_SVMDIS     (1ULL << 4)

u32 svm_features, svm_asid_limit;

/* Two pages per CPU: where VMRUN saves the host's state, and a VMCB for what it leaves to VMLOAD. */
static status_t svm_cpu_start(u32 cpu)
{
	struct cpu *c = this_cpu();
	u8 *save = heap_pages(2);
	u32 r[4];

	if (!save)
		return DAIS_NO_MEMORY;
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) {
		log_error("CPU %u: AMD-V is locked off by firmware (VM_CR.SVMDIS): switch SVM on in its set-up", cpu);
		return DAIS_BAD_STATE;
	}
	host_cpuid(0x8000000a, 0, r);
	svm_features = r[3];
	svm_asid_limit = r[1];
	facts[DAIS_STAT_VIRT] = DAIS_VIRT_SVM;
	facts[DAIS_STAT_ASIDS] = r[1];
	facts[DAIS_STAT_FEATURES] = r[3];
	facts[DAIS_STAT_FEATURES_USED] = r[3] & (SVM_NP | SVM_NRIP | SVM_FLUSH_ASID | SVM_PAUSE_FILTER);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, hva_to_hpa(save).v);
	c->vendor = (void *)hva_to_hpa(save + PAGE_SIZE).v; /* as VMSAVE and VMLOAD want it */
	__asm__ volatile("vmsave" : : "a"(c->vendor) : "memory");
	c->asid_next = 1;
	c->asid_generation = 1;
	return DAIS_OK;
}

/* In the MSR permission map (APM vol. 2 §15.11): two bits a register, read and write. */
static void svm_msr_map_set(u8 *map, u32 range, u32 i, u32 pass)
{
	map[range * 0x800 + i / 4] &= ~((pass & 3) << i % 4 * 2);
}

/* --- vCPU --- */

static status_t svm_vcpu_init(struct xvcpu *x)
{
	const struct permission_maps *m = xdomain(x->v.dom)->maps;
	struct vmcb *b = heap_alloc(sizeof(*b));

	if (!b)
		return DAIS_NO_MEMORY;
	svm_set_intercepts(b);
	b->iopm_base = hva_to_hpa(m->io).v;
	b->msrpm_base = hva_to_hpa(m->msr).v;
	b->np_control = NP_ENABLE;
	b->n_cr3 = xdomain(x->v.dom)->nt.root.v;
	b->tsc_offset = x->v.dom->tsc_offset;
	b->cpu = ~0u;
	b->hpa = hva_to_hpa(b).v;
	x->vendor = b;
	return DAIS_OK;
}

static void svm_vcpu_free(struct xvcpu *x)
{
	heap_free(x->vendor, sizeof(struct vmcb));
}

static void svm_vcpu_load(struct xvcpu *x)
{
	struct vmcb *b = vmcb_of(x);

	if (b->cpu != cpu_id())
		b->asid_generation = 0;
	b->cpu = cpu_id();
}

static void svm_vcpu_unload(struct xvcpu *)
{
	/* each exit saves all */
}

static void svm_flush(struct xvcpu *x)
{
	vmcb_of(x)->asid_generation |= ASID_FLUSH;
}

/*
 * Each CPU hands out its ASIDs in turn; when they are used up, a new generation
 * begins with one flush of everything. A vCPU keeps its ASID as long as it stays
 * on the CPU and the generation lasts. TCG has 16, hardware 32768.
 */
static __cold void assign_asid(struct vmcb *b, struct cpu *c)
{
	bool flush = b->asid_generation & ASID_FLUSH, by_asid = flush && (svm_features & SVM_FLUSH_ASID);

	b->tlb_control = by_asid ? TLB_FLUSH_ASID : 0;
	/* without flush by ASID a fresh one, which has no translations */
	if ((flush && !by_asid) || (b->asid_generation & ~(ASID_FLUSH | ASID_CONTROL)) != c->asid_generation) {
		b->tlb_control = 0;
		if (c->asid_next >= svm_asid_limit) {
			c->asid_generation++;
			c->asid_next = 1;
			b->tlb_control = TLB_FLUSH_ALL;
		}
		b->asid = c->asid_next++;
	}
	b->asid_generation = c->asid_generation | (b->tlb_control ? ASID_CONTROL : 0);
}

static __cold u64 event_bits(const struct guest_event *e)
{
	return EVENTINJ_VALID | EVENT_NUMBER(e->type) << 8 | e->vector |
	       (e->has_error ? EVENTINJ_ERROR | (u64)e->error << 32 : 0);
}

/* An NMI's mask ends when its IRET has run, which the entry after its exit may not get to. */
static __cold void watch_iret(struct xvcpu *x, bool entry)
{
	struct vmcb *b = vmcb_of(x);
	u32 *word = &b->intercept[VMEXIT_IRET / 32], bit = 1u << VMEXIT_IRET % 32;

	if (entry) {
		b->iret &= x->nmi_masked;
		*word = x->nmi_masked && !b->iret ? *word | bit : *word & ~bit;
		b->watch = x->nmi_masked;
	} else if (b->exitcode == VMEXIT_IRET) {
		b->iret = true;
		b->iret_rip = x->rip;
	} else if (b->iret && x->rip != b->iret_rip) {
		x->nmi_masked = b->iret = false;
	}
}

static u64 svm_enter(struct xvcpu *x, int irq)
{
	struct vmcb *b = vmcb_of(x);
	struct cpu *c = this_cpu();

	if (unlikely(b->asid_generation != c->asid_generation))
		assign_asid(b, c);
	if (unlikely(x->nmi_masked | b->watch))
		watch_iret(x, true);
	b->rax = x->gpr[RAX];
	b->rsp = x->gpr[RSP];
	b->rip = x->rip;
	b->rflags = x->rflags;
	if (unlikely(x->inject.type)) /* cleared by the exit: APM vol. 3, VMRUN */
		b->eventinj = event_bits(&x->inject);
	b->int_state = x->shadow;
	b->vintr = VINTR_MASKING | x->lapic.tpr >> 4 |
		   (irq < 0 ? 0 : VINTR_IRQ | VINTR_IGN_TPR | VINTR_VECTOR(irq) | (u64)(irq >> 4) << 16);
	svm_enter_guest(b->hpa, x->gpr, (u64)c->vendor, x->shadow);
	x->gpr[RAX] = b->rax;
	x->gpr[RSP] = b->rsp;
	x->rip = b->rip;
	x->rflags = b->rflags;
	x->shadow = b->int_state & 1;
	if (unlikely(b->watch))
		watch_iret(x, false);
	if (quirks.loses_irqs)
		apic_reread_tpr();
	svm_decode_exit(x);
	return b->vintr & VINTR_IRQ;
}

/* --- registers in the VMCB --- */

static void read_seg(struct dais_seg *s, const struct dais_seg *v)
{
	*s = *v;
	s->attr = (v->attr & 0xfff) | (v->attr & 0x80 ? 0 : DAIS_SEG_UNUSABLE);
}

static void write_seg(struct dais_seg *v, const struct dais_seg *s)
{
	*v = *s;
	v->attr = s->attr & DAIS_SEG_UNUSABLE ? 0 : s->attr & 0xfff;
}

static void svm_read_sregs(struct xvcpu *x, struct dais_sregs *s)
{
	const struct vmcb *b = vmcb_of(x);

	for (u32 i = 0; i < 6; i++)
		read_seg(&s->es + i, &b->es + i); /* both in the order ES CS SS DS FS GS */
	read_seg(&s->ldtr, &b->ldtr);
	read_seg(&s->tr, &b->tr);
	s->ss.attr = (s->ss.attr & ~0x60) | b->cpl << 5; /* CPL is a field of its own: APM vol. 2 §15.5.1 */
	s->gdt_base = b->gdtr.base;
	s->gdt_limit = b->gdtr.limit;
	s->idt_base = b->idtr.base;
	s->idt_limit = b->idtr.limit;
	s->cr0 = b->cr0;
	s->cr2 = b->cr2;
	s->cr3 = b->cr3;
	s->cr4 = b->cr4;
	s->efer = b->efer & ~EFER_SVME;
}

static u32 svm_cpl(struct xvcpu *x)
{
	return vmcb_of(x)->cpl;
}

static u64 svm_cr4(struct xvcpu *x)
{
	return vmcb_of(x)->cr4;
}

static void svm_write_sregs(struct xvcpu *x, const struct dais_sregs *s)
{
	struct vmcb *b = vmcb_of(x);

	for (u32 i = 0; i < 6; i++)
		write_seg(&b->es + i, &s->es + i);
	write_seg(&b->ldtr, &s->ldtr);
	write_seg(&b->tr, &s->tr);
	b->cpl = s->ss.attr >> 5 & 3;
	b->gdtr.base = s->gdt_base;
	b->gdtr.limit = s->gdt_limit;
	b->idtr.base = s->idt_base;
	b->idtr.limit = s->idt_limit;
	if (b->cr0 != s->cr0 || b->cr3 != s->cr3 || b->cr4 != s->cr4 || (b->efer ^ s->efer) & ~EFER_SVME)
		svm_flush(x);
	b->cr0 = s->cr0;
	b->cr2 = s->cr2;
	b->cr3 = s->cr3;
	b->cr4 = s->cr4;
	b->efer = s->efer | EFER_SVME;
}

static void svm_set_pat(struct xvcpu *x, u64 value)
{
	vmcb_of(x)->g_pat = value;
}

static void svm_set_tsc_offset(struct xvcpu *x, u64 offset)
{
	vmcb_of(x)->tsc_offset = offset;
}

static void svm_read_debug(struct xvcpu *x, u64 *dr6, u64 *dr7)
{
	*dr6 = vmcb_of(x)->dr6;
	*dr7 = vmcb_of(x)->dr7;
}

static void svm_write_debug(struct xvcpu *x, u64 dr6, u64 dr7)
{
	vmcb_of(x)->dr6 = dr6;
	vmcb_of(x)->dr7 = dr7;
}

const struct virt_ops svm_ops = {
	.name = "AMD-V",
	.nested = &nested_npt,
	.cpu_start = svm_cpu_start,
	.msr_map_set = svm_msr_map_set,
	.vcpu_init = svm_vcpu_init,
	.vcpu_free = svm_vcpu_free,
	.vcpu_load = svm_vcpu_load,
	.vcpu_unload = svm_vcpu_unload,
	.enter = svm_enter,
	.read_sregs = svm_read_sregs,
	.write_sregs = svm_write_sregs,
	.cpl = svm_cpl,
	.cr4 = svm_cr4,
	.set_pat = svm_set_pat,
	.read_debug = svm_read_debug,
	.write_debug = svm_write_debug,
	.set_tsc_offset = svm_set_tsc_offset,
	.flush = svm_flush,
};
