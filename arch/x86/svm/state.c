/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers that live in the VMCB, and the permission maps. */

#include "arch/x86/cpu.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/heap.h"
#include "kernel/string.h"

static void read_seg(struct dais_seg *s, const struct vmcb_seg *v)
{
	s->selector = v->selector;
	s->attr = (v->attrib & 0xfff) | (v->attrib & 0x80 ? 0 : DAIS_SEG_UNUSABLE);
	s->limit = v->limit;
	s->base = v->base;
}

static void write_seg(struct vmcb_seg *v, const struct dais_seg *s)
{
	v->selector = s->selector;
	v->attrib = s->attr & DAIS_SEG_UNUSABLE ? 0 : s->attr & 0xfff;
	v->limit = s->limit;
	v->base = s->base;
}

void svm_read_sregs(struct xvcpu *x, struct dais_sregs *s)
{
	const struct vmcb *b = svm_vcpu(x)->vmcb;

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

void svm_write_sregs(struct xvcpu *x, const struct dais_sregs *s)
{
	struct vmcb *b = svm_vcpu(x)->vmcb;

	for (u32 i = 0; i < 6; i++)
		write_seg(&b->es + i, &s->es + i);
	write_seg(&b->ldtr, &s->ldtr);
	write_seg(&b->tr, &s->tr);
	b->cpl = s->ss.attr >> 5 & 3;
	b->gdtr.base = s->gdt_base;
	b->gdtr.limit = s->gdt_limit;
	b->idtr.base = s->idt_base;
	b->idtr.limit = s->idt_limit;
	b->cr0 = s->cr0;
	b->cr2 = s->cr2;
	if (b->cr3 != s->cr3 || b->cr4 != s->cr4)
		svm_vcpu(x)->flush = true;
	b->cr3 = s->cr3;
	b->cr4 = s->cr4;
	b->efer = s->efer | EFER_SVME;
}

static u64 *msr_field(struct vmcb *b, u32 msr)
{
	switch (msr) {
	case 0x174: return &b->sysenter_cs;
	case 0x175: return &b->sysenter_esp;
	case 0x176: return &b->sysenter_eip;
	case MSR_PAT: return &b->g_pat;
	case MSR_STAR: return &b->star;
	case MSR_STAR + 1: return &b->lstar;
	case MSR_STAR + 2: return &b->cstar;
	case MSR_STAR + 3: return &b->sfmask;
	case MSR_FS_BASE: return &b->fs.base;
	case MSR_GS_BASE: return &b->gs.base;
	case MSR_KERNEL_GS_BASE: return &b->kernel_gs_base;
	case 0x1d9: return &b->dbgctl;
	case MSR_SPEC_CTRL: return &b->spec_ctrl;
	default: return NULL;
	}
}

void svm_write_msr(struct xvcpu *x, u32 msr, u64 value)
{
	u64 *f = msr_field(svm_vcpu(x)->vmcb, msr);

	if (f)
		*f = value;
}

/* --- permission maps (APM vol. 2 §15.10.1, §15.11): the guests' are shared, the control domain has its own --- */

#define IOPM_PAGES  3
#define MSRPM_PAGES 2

static struct svm_domain maps[2]; /* 0: guests, 1: the control domain */

static void msrpm_fill(u8 *map, bool control)
{
	static const u32 first[] = { 0, 0xc0000000, 0xc0010000 };

	memset(map, 0xff, MSRPM_PAGES * PAGE_SIZE);
	for (u32 r = 0; r < ARRAY_SIZE(first); r++) {
		for (u32 i = 0; i < 0x2000; i++) {
			u32 pass = msr_passes(first[r] + i, control) & 3;

			map[r * 0x800 + i / 4] &= ~(pass << (i % 4 * 2));
		}
	}
}

static status_t maps_make(struct svm_domain *m, bool control)
{
	m->iopm = heap_pages(IOPM_PAGES);
	m->msrpm = heap_pages(MSRPM_PAGES);
	if (!m->iopm || !m->msrpm)
		return DAIS_NO_MEMORY;
	memset(m->iopm, control ? 0 : 0xff, IOPM_PAGES * PAGE_SIZE);
	msrpm_fill(m->msrpm, control);
	return DAIS_OK;
}

/* Made at boot, with the control domain: later domains find them. */
status_t svm_domain_init(struct xdomain *d)
{
	bool control = !control_domain || d == xdomain(control_domain);

	d->vendor = &maps[control];
	if (maps[0].iopm)
		return DAIS_OK;
	if (maps_make(&maps[0], false) != DAIS_OK)
		return DAIS_NO_MEMORY;
	return maps_make(&maps[1], true);
}

void svm_domain_free(struct xdomain *d)
{
	d->vendor = NULL;
}

void svm_trap_port(u16 port, bool on)
{
	u8 *map = maps[1].iopm;

	map[port / 8] = on ? map[port / 8] | 1u << port % 8 : map[port / 8] & ~(1u << port % 8);
}
