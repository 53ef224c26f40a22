/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu_state: a monitor reads and sets the registers of a vCPU that does not run.
 * What it sets may make the guest fail, never Dais: what host mode itself loads
 * (XCR0) is checked here; what only the guest's entry loads is checked as far as
 * it is cheap, the rest by hardware at entry. A group is taken as a whole or not
 * at all.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"
#include "kernel/string.h"

#define RFLAGS_ALLOWED    0x3f7fd7ULL
#define RFLAGS_FIXED      2ULL
#define ATTR_MASK         0x1fffu
#define CR3_MAX           (1ULL << 52)

static status_t gprs_set(struct xvcpu *x, const struct dais_gprs *g)
{
	if (g->rflags & ~RFLAGS_ALLOWED)
		return DAIS_BAD_ARG;
	if (x->rip != g->rip)
		x->access.state = ACCESS_NONE; /* the instruction that waits for its monitor is given up */
	x->gprs = *g;
	x->rflags |= RFLAGS_FIXED;
	if (x->v.activity == DAIS_ACT_WAIT_SIPI)
		x->v.activity = DAIS_ACT_RUNNABLE;
	return DAIS_OK;
}

/* Bits of CR4 that the processor has not: the entry fails. */
static bool control_ok(const struct dais_sregs *s)
{
	bool lma = s->efer & EFER_LMA, pg = s->cr0 & CR0_PG;

	return !((s->cr0 | s->cr4) >> 32) && !(pg && !(s->cr0 & CR0_PE)) && !((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD)) &&
	       s->cr3 < CR3_MAX && s->cr8 <= 15 && !(s->efer & ~msr_efer_allowed()) &&
	       lma == (pg && (s->efer & EFER_LME)) && !(lma && !(s->cr4 & CR4_PAE)) && xcr0_valid(s->xcr0);
}

static bool canonical(u64 a)
{
	return (u64)((s64)(a << 7) >> 7) == a;
}

static bool segments_ok(const struct dais_sregs *s)
{
	bool ok = canonical(s->gdt_base) && canonical(s->idt_base) && s->gdt_limit <= 0xffff && s->idt_limit <= 0xffff;

	for (const struct dais_seg *g = &s->es; g <= &s->tr; g++)
		ok &= !(g->attr & ~ATTR_MASK) && canonical(g->base);
	return ok && !((s->efer & EFER_LMA) && (s->cs.attr & SEG_L) && (s->cs.attr & SEG_D));
}

/* The local APIC's mode and place are the guest's to change. */
static status_t sregs_set(struct xvcpu *x, const struct dais_sregs *s)
{
	if (!control_ok(s) || !segments_ok(s) || s->apic_base != x->lapic.base_msr)
		return DAIS_BAD_ARG;
	*x86_sregs(x) = *s;
	x86_sregs_changed(x);
	x->xcr0 = s->xcr0;
	lapic_set_tpr(x, s->cr8 << 4);
	return DAIS_OK;
}

/* A part is set by laying it over what is there. */
status_t arch_vcpu_state(struct vcpu *v, u64 op, u32 offset, u32 length, void *buf)
{
	struct xvcpu *x = xvcpu(v);
	bool set = op & DAIS_STATE_SET, sregs = (op & ~DAIS_STATE_SET) == DAIS_STATE_SREGS;
	union { struct dais_gprs gprs; struct dais_sregs sregs; } g;
	void *part;

	if ((op & ~DAIS_STATE_SET) > DAIS_STATE_SREGS || (u64)offset + length > (sregs ? sizeof(g.sregs) : sizeof(g.gprs)))
		return DAIS_BAD_ARG;
	if (sregs) {
		g.sregs = *x86_sregs(x);
		g.sregs.cr8 = x->lapic.tpr >> 4;
		g.sregs.xcr0 = x->xcr0;
		g.sregs.apic_base = x->lapic.base_msr;
	} else {
		g.gprs = x->gprs;
	}
	part = (u8 *)&g + offset;
	memcpy(set ? part : buf, set ? buf : part, length);
	return !set ? DAIS_OK : sregs ? sregs_set(x, &g.sregs) : gprs_set(x, &g.gprs);
}
