/* SPDX-License-Identifier: GPL-2.0-only */
/* AMD-V: switching it on, a vCPU's VMCB, address space identifiers, entry. Decoding of exits: exit.c. */

#include "arch/x86/svm/svm.h"
#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define FEATURES_USED (1u << 0 | 1u << 3 | 1u << 6 | 1u << 10) /* nested paging, next RIP, flush by ASID, pause filter */

struct svm_features svm_features;

/* Per CPU: the area that VMRUN saves the host's state to, and a VMCB for what it leaves to VMLOAD. */
struct svm_cpu { u64 host_vmcb; };

static void probe(void)
{
	u32 r[4];

	host_cpuid(0x8000000a, 0, r);
	svm_features = (struct svm_features){
		.nrip = r[3] >> 3 & 1, .flush_asid = r[3] >> 6 & 1, .pause_filter = r[3] >> 10 & 1, .asids = r[1],
	};
	facts[DAIS_STAT_VIRT] = DAIS_VIRT_SVM;
	facts[DAIS_STAT_ASIDS] = r[1];
	facts[DAIS_STAT_FEATURES] = r[3];
	facts[DAIS_STAT_FEATURES_USED] = r[3] & FEATURES_USED;
}

static status_t svm_cpu_start(u32 cpu)
{
	struct cpu *c = this_cpu();
	void *save = heap_pages(2);
	struct svm_cpu *s = heap_alloc(sizeof(*s));

	if (!save || !s)
		return DAIS_NO_MEMORY;
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) {
		log_error("CPU %u: AMD-V is locked off by firmware (VM_CR.SVMDIS): switch SVM on in its set-up", cpu);
		return DAIS_BAD_STATE;
	}
	probe();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, hva_to_hpa(save).v);
	s->host_vmcb = hva_to_hpa(save).v + PAGE_SIZE;
	__asm__ volatile("vmsave" : : "a"(s->host_vmcb) : "memory");
	c->vendor = s;
	c->asid_next = 1;
	c->asid_generation = 1;
	return DAIS_OK;
}

/* --- vCPU --- */

static void set_intercepts(struct vmcb *b)
{
	b->cr_write = 1u << 8;
	b->exceptions = 1u << VEC_DB | 1u << VEC_AC | 1u << VEC_MC; /* DB and AC can loop for ever in the CPU */
	b->intercept1 = I1_INTR | I1_NMI | I1_INIT | I1_RDPMC | I1_CPUID | I1_INVD | I1_HLT | I1_INVLPGA |
			I1_IOIO | I1_MSR | I1_SHUTDOWN | (svm_features.pause_filter ? I1_PAUSE : 0);
	b->intercept2 = I2_VMRUN | I2_VMMCALL | I2_VMLOAD | I2_VMSAVE | I2_STGI | I2_CLGI | I2_SKINIT | I2_WBINVD |
			I2_MONITOR | I2_MWAIT | I2_MWAIT_ARMED | I2_XSETBV | I2_RDPRU;
	/* With the threshold feature the count starts anew whenever more cycles lie between two PAUSEs: 0 would be always. */
	b->pause_count = svm_features.pause_filter ? 3000 : 0;
	b->pause_threshold = svm_features.pause_filter ? 128 : 0;
}

static status_t svm_vcpu_init(struct xvcpu *x)
{
	struct svm_domain *d = xdomain(x->v.dom)->vendor;
	struct svm_vcpu *s = heap_alloc(sizeof(*s));
	struct vmcb *b = heap_pages(1);

	if (!s || !b) {
		heap_free(s, sizeof(*s));
		if (b)
			heap_pages_free(b, 1);
		return DAIS_NO_MEMORY;
	}
	set_intercepts(b);
	b->iopm_base = hva_to_hpa(d->iopm).v;
	b->msrpm_base = hva_to_hpa(d->msrpm).v;
	b->np_control = NP_ENABLE;
	b->n_cr3 = xdomain(x->v.dom)->nt.root.v;
	b->tsc_offset = x->v.dom->tsc_offset;
	b->g_pat = 0x0007040600070406ULL;
	b->efer = EFER_SVME;
	s->vmcb = b;
	s->cpu = ~0u;
	x->vendor = s;
	return DAIS_OK;
}

static void svm_vcpu_free(struct xvcpu *x)
{
	struct svm_vcpu *s = svm_vcpu(x);

	if (!s)
		return;
	heap_pages_free(s->vmcb, 1);
	heap_free(s, sizeof(*s));
	x->vendor = NULL;
}

static void svm_vcpu_load(struct xvcpu *x)
{
	struct svm_vcpu *s = svm_vcpu(x);

	if (s->cpu != cpu_id()) {
		s->cpu = cpu_id();
		s->asid_generation = 0;
		s->vmcb->clean = 0;
	}
}

static void svm_flush(struct xvcpu *x)
{
	svm_vcpu(x)->flush = true;
}

/*
 * Each CPU hands out its ASIDs in turn; when they are used up, a new generation
 * begins with one flush of everything. A vCPU keeps its ASID as long as it stays
 * on the CPU and the generation lasts. TCG has 16, hardware 32768.
 */
static void assign_asid(struct svm_vcpu *s, struct cpu *c)
{
	u8 control = 0;

	if (s->flush && svm_features.flush_asid)
		control = TLB_FLUSH_ASID;
	else if (s->flush)
		s->asid_generation = 0; /* a fresh ASID has no translations */
	s->flush = false;
	if (s->asid_generation != c->asid_generation) {
		control = 0;
		if (c->asid_next >= svm_features.asids) {
			c->asid_generation++;
			c->asid_next = 1;
			control = TLB_FLUSH_ALL;
		}
		s->asid_generation = c->asid_generation;
		s->vmcb->asid = c->asid_next++;
	}
	s->vmcb->tlb_control = control;
}

static u64 event_bits(const struct guest_event *e)
{
	static const u8 type[] = { [EVENT_INTR] = TYPE_INTR, [EVENT_NMI] = TYPE_NMI, [EVENT_EXCEPTION] = TYPE_EXCEPTION };

	if (e->type == EVENT_NONE || e->type == EVENT_SOFT)
		return 0;
	return EVENTINJ_VALID | EVENTINJ_TYPE(type[e->type]) | e->vector |
	       (e->has_error ? EVENTINJ_ERROR | (u64)e->error << 32 : 0);
}

static void svm_enter(struct xvcpu *x, int irq, bool *irq_taken)
{
	struct svm_vcpu *s = svm_vcpu(x);
	struct cpu *c = this_cpu();
	struct vmcb *b = s->vmcb;

	assign_asid(s, c);
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
	svm_enter_guest(hva_to_hpa(b).v, x->gpr, ((struct svm_cpu *)c->vendor)->host_vmcb,
			x->shadow && quirks.shadow_by_sti);
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

static void svm_set_tsc_offset(struct xvcpu *x, u64 offset)
{
	svm_vcpu(x)->vmcb->tsc_offset = offset;
}

static void svm_want_iret(struct xvcpu *x, bool on)
{
	struct vmcb *b = svm_vcpu(x)->vmcb;

	b->intercept1 = on ? b->intercept1 | I1_IRET : b->intercept1 & ~I1_IRET;
}

static void svm_read_debug(struct xvcpu *x, u64 *dr6, u64 *dr7)
{
	*dr6 = svm_vcpu(x)->vmcb->dr6;
	*dr7 = svm_vcpu(x)->vmcb->dr7;
}

static void svm_write_debug(struct xvcpu *x, u64 dr6, u64 dr7)
{
	svm_vcpu(x)->vmcb->dr6 = dr6;
	svm_vcpu(x)->vmcb->dr7 = dr7;
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
