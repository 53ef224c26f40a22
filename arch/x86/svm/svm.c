/* SPDX-License-Identifier: GPL-2.0-only */
/* AMD-V: switching it on, a vCPU's VMCB and permission maps, address space identifiers, entry. Exits: exit.c. */

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
	c->vendor = save + PAGE_SIZE;
	__asm__ volatile("vmsave" : : "a"(hva_to_hpa(c->vendor).v) : "memory");
	c->asid_next = 1;
	c->asid_generation = 1;
	return DAIS_OK;
}

/* --- permission maps (APM vol. 2 §15.10.1, §15.11): the guests' are shared, the control domain has its own --- */

struct maps { u8 io[3 * PAGE_SIZE], msr[2 * PAGE_SIZE]; };

static struct maps *maps[2]; /* 1: the control domain's, made at boot */

static void fill_msr_map(u8 *map, bool control)
{
	static const u32 first[] = { 0, 0xc0000000, 0xc0010000 };

	memset(map, 0xff, sizeof(maps[0]->msr));
	for (u32 n = 0; n < ARRAY_SIZE(first) * 0x2000; n++)
		map[n / 4] ^= msr_passes(first[n / 0x2000] + n % 0x2000, control) << n % 4 * 2;
}

static status_t svm_domain_init(struct xdomain *d)
{
	bool control = !control_domain || d == xdomain(control_domain);

	if (!maps[control]) {
		maps[control] = heap_alloc(sizeof(struct maps));
		if (!maps[control])
			return DAIS_NO_MEMORY;
		memset(maps[control]->io, control ? 0 : 0xff, sizeof(maps[0]->io));
		fill_msr_map(maps[control]->msr, control);
	}
	d->vendor = maps[control];
	return DAIS_OK;
}

static void svm_domain_free(struct xdomain *d)
{
	d->vendor = NULL;
}

static void svm_trap_port(u16 port, bool on)
{
	u8 *byte = &maps[1]->io[port / 8], bit = 1u << port % 8;

	*byte = on ? *byte | bit : *byte & ~bit;
}

/* --- vCPU --- */

static status_t svm_vcpu_init(struct xvcpu *x)
{
	const struct maps *m = xdomain(x->v.dom)->vendor;
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

static void svm_flush(struct xvcpu *x)
{
	vmcb_of(x)->flush = true;
}

/*
 * Each CPU hands out its ASIDs in turn; when they are used up, a new generation
 * begins with one flush of everything. A vCPU keeps its ASID as long as it stays
 * on the CPU and the generation lasts. TCG has 16, hardware 32768.
 */
static void assign_asid(struct vmcb *b, struct cpu *c)
{
	bool by_asid = b->flush && (svm_features & SVM_FLUSH_ASID);

	if (b->flush && !by_asid)
		b->asid_generation = 0; /* a fresh ASID has no translations */
	b->flush = false;
	b->tlb_control = by_asid ? TLB_FLUSH_ASID : 0;
	if (b->asid_generation == c->asid_generation)
		return;
	b->tlb_control = 0;
	if (c->asid_next >= svm_asid_limit) {
		c->asid_generation++;
		c->asid_next = 1;
		b->tlb_control = TLB_FLUSH_ALL;
	}
	b->asid_generation = c->asid_generation;
	b->asid = c->asid_next++;
}

static u64 event_bits(const struct guest_event *e)
{
	if (e->type == EVENT_NONE)
		return 0;
	return EVENTINJ_VALID | EVENT_NUMBER(e->type) << 8 | e->vector |
	       (e->has_error ? EVENTINJ_ERROR | (u64)e->error << 32 : 0);
}

static void svm_enter(struct xvcpu *x, int irq, bool *irq_taken)
{
	struct vmcb *b = vmcb_of(x);
	struct cpu *c = this_cpu();

	assign_asid(b, c);
	b->rax = x->gpr[RAX];
	b->rsp = x->gpr[RSP];
	b->rip = x->rip;
	b->rflags = x->rflags;
	b->eventinj = event_bits(&x->inject);
	b->int_state = x->shadow;
	b->vintr = VINTR_MASKING | x->lapic.tpr >> 4;
	if (irq >= 0)
		b->vintr |= VINTR_IRQ | VINTR_IGN_TPR | VINTR_VECTOR(irq) | (u64)(irq >> 4) << 16;
	b->clean = 0;
	svm_enter_guest(hva_to_hpa(b).v, x->gpr, hva_to_hpa(c->vendor).v, x->shadow && quirks.shadow_by_sti);
	x->gpr[RAX] = b->rax;
	x->gpr[RSP] = b->rsp;
	x->rip = b->rip;
	x->rflags = b->rflags;
	x->shadow = b->int_state & 1;
	*irq_taken = irq >= 0 && !(b->vintr & VINTR_IRQ);
	svm_decode_exit(x);
	if (quirks.loses_irqs)
		apic_reread_tpr();
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
	b->flush |= b->cr3 != s->cr3 || b->cr4 != s->cr4;
	b->cr0 = s->cr0;
	b->cr2 = s->cr2;
	b->cr3 = s->cr3;
	b->cr4 = s->cr4;
	b->efer = s->efer | EFER_SVME;
}

static void svm_write_msr(struct xvcpu *x, u32 msr, u64 value)
{
	CHECK(msr == MSR_PAT); /* the others pass, or are Dais's */
	vmcb_of(x)->g_pat = value;
}

static void svm_set_tsc_offset(struct xvcpu *x, u64 offset)
{
	vmcb_of(x)->tsc_offset = offset;
}

static void svm_want_iret(struct xvcpu *x, bool on)
{
	u32 *word = &vmcb_of(x)->intercept[VMEXIT_IRET / 32], bit = 1u << VMEXIT_IRET % 32;

	*word = on ? *word | bit : *word & ~bit;
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
	.domain_init = svm_domain_init,
	.domain_free = svm_domain_free,
	.vcpu_init = svm_vcpu_init,
	.vcpu_free = svm_vcpu_free,
	.vcpu_load = svm_vcpu_load,
	.enter = svm_enter,
	.read_sregs = svm_read_sregs,
	.write_sregs = svm_write_sregs,
	.write_msr = svm_write_msr,
	.read_debug = svm_read_debug,
	.write_debug = svm_write_debug,
	.set_tsc_offset = svm_set_tsc_offset,
	.flush = svm_flush,
	.want_iret = svm_want_iret,
	.trap_port = svm_trap_port,
};
