/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu_state: a monitor reads and sets the registers of a vCPU that does not run.
 * What it sets may make the guest fail, never Dais: so all that host mode itself
 * loads (XSAVE area, XCR0, debug registers, TSC_AUX) is checked here; what only
 * the guest's entry loads is checked as far as it is cheap, the rest by hardware
 * at entry. A group is taken as a whole or not at all, MSRs one by one.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"
#include "kernel/string.h"

#define XSAVE_MXCSR       24u
#define XSAVE_MXCSR_MASK  28u
#define XSAVE_HEADER      512u
#define XSAVE_HEADER_SIZE 64u
#define MXCSR_DEFAULT_MASK 0xffbfu /* when the area says 0: SDM vol. 1 §11.6.6 */
#define RFLAGS_ALLOWED    0x3f7fd7ULL
#define RFLAGS_FIXED      2ULL
#define DR_UPPER          (~0xffffffffULL)
#define EFER_FFXSR        (1ULL << 14)
#define ATTR_MASK         0x1fffu
#define CR3_MAX           (1ULL << 52)

#define EXC_HAS_ERROR 0x100u
#define EXC_PENDING   0x80000000u

union group {
	struct dais_gprs gprs;
	struct dais_sregs sregs;
	struct dais_debug debug;
	struct dais_events events;
	u32 lapic[256];
};

/* --- general and debug registers --- */

static status_t gprs_get(struct xvcpu *x, union group *g)
{
	_Static_assert(offsetof(struct dais_gprs, r15) == 15 * sizeof(u64), "order of enum gpr");
	memcpy(&g->gprs, x->gpr, sizeof(x->gpr));
	g->gprs.rip = x->rip;
	g->gprs.rflags = x->rflags;
	return DAIS_OK;
}

static status_t gprs_set(struct xvcpu *x, const union group *g)
{
	if (g->gprs.rflags & ~RFLAGS_ALLOWED)
		return DAIS_BAD_ARG;
	memcpy(x->gpr, &g->gprs, sizeof(x->gpr));
	x->rip = g->gprs.rip;
	x->rflags = g->gprs.rflags | RFLAGS_FIXED;
	return DAIS_OK;
}

static status_t debug_get(struct xvcpu *x, union group *g)
{
	u64 dr6, dr7;

	virt->read_debug(x, &dr6, &dr7);
	g->debug = (struct dais_debug){ x->dr[0], x->dr[1], x->dr[2], x->dr[3], dr6, dr7 };
	return DAIS_OK;
}

static status_t debug_set(struct xvcpu *x, const union group *g)
{
	const struct dais_debug *d = &g->debug;

	if ((d->dr6 | d->dr7) & DR_UPPER)
		return DAIS_BAD_ARG;
	x->dr[0] = d->dr0;
	x->dr[1] = d->dr1;
	x->dr[2] = d->dr2;
	x->dr[3] = d->dr3;
	virt->write_debug(x, d->dr6, d->dr7);
	return DAIS_OK;
}

/* --- system registers --- */

static bool control_ok(const struct dais_sregs *s)
{
	bool pg = s->cr0 & CR0_PG, lme = s->efer & EFER_LME;
	u64 efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | (host.amd ? EFER_FFXSR : 0);

	if (s->cr0 >> 32 || (pg && !(s->cr0 & CR0_PE)) || ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD)))
		return false;
	if (s->cr3 >= CR3_MAX || (s->cr4 & ~cpuid_cr4_allowed()) || s->cr8 > 15 ||
	    (s->efer & ~efer))
		return false;
	if (!!(s->efer & EFER_LMA) != (pg && lme) || ((s->efer & EFER_LMA) && !(s->cr4 & CR4_PAE)))
		return false;
	return xcr0_valid(s->xcr0);
}

static bool canonical(u64 a)
{
	return (u64)((s64)(a << 7) >> 7) == a;
}

static bool segments_ok(const struct dais_sregs *s)
{
	const struct dais_seg *g = &s->es;

	for (u32 n = 0; n < 8; n++)
		if ((g[n].attr & ~ATTR_MASK) || !canonical(g[n].base))
			return false;
	if ((s->efer & EFER_LMA) && (s->cs.attr & SEG_L) && (s->cs.attr & SEG_D))
		return false;
	return canonical(s->gdt_base) && canonical(s->idt_base) && s->gdt_limit <= 0xffff &&
	       s->idt_limit <= 0xffff;
}

static status_t sregs_get(struct xvcpu *x, union group *g)
{
	g->sregs = *x86_sregs(x);
	g->sregs.cr8 = x->lapic.tpr >> 4;
	g->sregs.xcr0 = x86_xcr0(x);
	g->sregs.apic_base = x->lapic.base_msr;
	return DAIS_OK;
}

static status_t sregs_set(struct xvcpu *x, const union group *g)
{
	const struct dais_sregs *s = &g->sregs;

	if (!control_ok(s) || !segments_ok(s) || !lapic_restore_base(x, s->apic_base))
		return DAIS_BAD_ARG;
	*x86_sregs(x) = *s;
	x86_sregs_changed(x);
	x86_set_xcr0(x, s->xcr0);
	lapic_set_tpr(x, s->cr8 << 4 | (s->cr8 == x->lapic.tpr >> 4 ? x->lapic.tpr & 15 : 0));
	return DAIS_OK;
}

/* --- local APIC, events --- */

static status_t lapic_get(struct xvcpu *x, union group *g)
{
	lapic_save(x, g->lapic);
	return DAIS_OK;
}

static status_t lapic_set(struct xvcpu *x, const union group *g)
{
	return lapic_restore(x, g->lapic);
}

static status_t events_get(struct xvcpu *x, union group *g)
{
	const struct guest_event *i = &x->inject;
	struct dais_events *e = &g->events;

	*e = (struct dais_events){
		.activity = x->v.activity == DAIS_ACT_PARKED ? DAIS_ACT_RUNNABLE : x->v.activity,
		.shadow = x->shadow, .nmi_masked = x->nmi_masked, .sipi_vector = x->sipi_vector,
		.nmi_pending = i->type == EVENT_NMI || (atomic_load(&x->v.pending) & VP_NMI),
	};
	if (i->type == EVENT_EXCEPTION) {
		e->exception = EXC_PENDING | (i->has_error ? EXC_HAS_ERROR : 0) | i->vector;
		e->error_code = i->error;
	}
	return DAIS_OK;
}

static bool events_ok(const struct xvcpu *x, const struct dais_events *e)
{
	if (e->activity > DAIS_ACT_HALTED || e->shadow > 1 || e->nmi_pending > 1 ||
	    e->nmi_masked > 1)
		return false;
	if (x->v.activity == DAIS_ACT_PARKED && e->activity != DAIS_ACT_RUNNABLE)
		return false; /* its access is to be served first */
	if (e->sipi_vector > 0xff || e->reserved ||
	    (e->exception & ~(EXC_PENDING | EXC_HAS_ERROR | 31)))
		return false;
	return (e->exception & 0xff) != VEC_NMI;
}

static status_t events_set(struct xvcpu *x, const union group *g)
{
	const struct dais_events *e = &g->events;

	if (!events_ok(x, e))
		return DAIS_BAD_ARG;
	if (x->v.activity != DAIS_ACT_PARKED)
		atomic_store(&x->v.activity, e->activity);
	x->shadow = e->shadow;
	x->nmi_masked = e->nmi_masked;
	virt->want_iret(x, e->nmi_masked);
	x->sipi_vector = e->sipi_vector;
	x->inject = (struct guest_event){ 0 };
	if (e->exception & EXC_PENDING)
		x->inject = (struct guest_event){ EVENT_EXCEPTION, e->exception & 0xff,
						  e->exception & EXC_HAS_ERROR, e->error_code };
	if (e->nmi_pending)
		atomic_or(&x->v.pending, VP_NMI);
	else
		atomic_and(&x->v.pending, ~VP_NMI);
	return DAIS_OK;
}

/* --- groups of one size --- */

static const struct {
	u32 size;
	status_t (*get)(struct xvcpu *x, union group *g);
	status_t (*set)(struct xvcpu *x, const union group *g);
} groups[] = {
	[DAIS_STATE_GPRS] = { sizeof(struct dais_gprs), gprs_get, gprs_set },
	[DAIS_STATE_SREGS] = { sizeof(struct dais_sregs), sregs_get, sregs_set },
	[DAIS_STATE_LAPIC] = { 1024, lapic_get, lapic_set },
	[DAIS_STATE_DEBUG] = { sizeof(struct dais_debug), debug_get, debug_set },
	[DAIS_STATE_EVENTS] = { sizeof(struct dais_events), events_get, events_set },
};

/* A part is set by laying it over what is there. */
static status_t group_state(struct xvcpu *x, u32 n, bool set, u32 offset, u32 length, void *buf)
{
	union group g;
	status_t s = groups[n].get(x, &g);

	if (s || !set) {
		memcpy(buf, (u8 *)&g + offset, length);
		return s;
	}
	memcpy((u8 *)&g + offset, buf, length);
	return groups[n].set(x, &g);
}

/* --- MSRs: each entry by itself; those before a bad one are set --- */

/* The local APIC has its own group: its registers act when they are written. */
static bool settable(u32 index)
{
	return index >> 8 != MSR_X2APIC >> 8 && index != MSR_APIC_BASE;
}

static status_t msrs_state(struct xvcpu *x, bool set, u32 length, struct dais_msr *m)
{
	if (length % sizeof(*m))
		return DAIS_BAD_ARG;
	for (u32 n = 0; n < length / sizeof(*m); n++) {
		u64 v = m[n].value;

		if (m[n].reserved)
			return DAIS_BAD_ARG;
		if (set ? !settable(m[n].index) || !msr_write(x, m[n].index, v)
			: !msr_read(x, m[n].index, &v))
			return DAIS_BAD_ARG;
		m[n].value = v;
	}
	return DAIS_OK;
}

/* --- XSAVE area, standard format (SDM vol. 1 §13.4) --- */

/* What XRSTOR would fault on, in host mode: header and MXCSR. */
static bool xsave_ok(const u8 *area)
{
	u64 header[XSAVE_HEADER_SIZE / 8];
	u32 mxcsr, mask;

	memcpy(header, area + XSAVE_HEADER, sizeof(header));
	memcpy(&mxcsr, area + XSAVE_MXCSR, sizeof(mxcsr));
	memcpy(&mask, area + XSAVE_MXCSR_MASK, sizeof(mask));
	if (header[0] & ~cpuid_xcr0_allowed())
		return false;
	for (u32 n = 1; n < ARRAY_SIZE(header); n++)
		if (header[n])
			return false;
	return !(mxcsr & ~(mask ? mask : MXCSR_DEFAULT_MASK));
}

static status_t xsave_state(struct xvcpu *x, bool set, u32 offset, u32 length, void *buf)
{
	u8 *area = x->xsave, head[XSAVE_HEADER + XSAVE_HEADER_SIZE];
	u32 mask;

	if (!set) {
		memcpy(buf, area + offset, length);
		return DAIS_OK;
	}
	memcpy(head, area, sizeof(head));
	memcpy(&mask, area + XSAVE_MXCSR_MASK, sizeof(mask));
	if (offset < sizeof(head))
		memcpy(head + offset, buf, MIN(length, sizeof(head) - offset));
	memcpy(head + XSAVE_MXCSR_MASK, &mask,
	       sizeof(mask)); /* the processor's, not the monitor's to say */
	if (!xsave_ok(head))
		return DAIS_BAD_ARG;
	memcpy(area + offset, buf, length);
	memcpy(area + XSAVE_MXCSR_MASK, &mask, sizeof(mask));
	return DAIS_OK;
}

status_t arch_vcpu_state(struct vcpu *v, u64 op, u32 offset, u32 length, void *buf)
{
	struct xvcpu *x = xvcpu(v);
	bool set = op & DAIS_STATE_SET;
	u64 n = op & ~DAIS_STATE_SET;
	u64 end = (u64)offset + length;

	if (n == DAIS_STATE_MSRS)
		return offset ? DAIS_BAD_ARG : msrs_state(x, set, length, buf);
	if (n == DAIS_STATE_XSAVE)
		return end <= cpuid_xsave_size() ? xsave_state(x, set, offset, length, buf)
						 : DAIS_BAD_ARG;
	if (n >= ARRAY_SIZE(groups) || !groups[n].size || end > groups[n].size)
		return DAIS_BAD_ARG;
	return group_state(x, n, set, offset, length, buf);
}
