/* SPDX-License-Identifier: GPL-2.0-only */
/* x86's part of domains and vCPUs: allocation, reset, registers, exceptions, loading and unloading. */

#include "arch/x86/virt/vcpu_x86.h"
#include "arch/x86/cpu.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/virt/control.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "drivers/iommu/iommu.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/string.h"

const struct virt_ops *virt;

/* The one place that picks. */
void virt_choose(void)
{
	if (!host.amd && !host.intel)
		panic("this CPU has neither AMD-V nor VT-x that Dais knows");
	virt = host.amd ? &svm_ops : &vmx_ops;
}

/* --- domains --- */

static struct permission_maps *maps[2]; /* 1: the control domain's, made at boot */

static void fill_msr_map(u8 *map, bool control)
{
	static const u32 first[] = { 0, 0xc0000000, 0xc0010000 };

	memset(map, 0xff, sizeof(maps[0]->msr));
	for (u32 n = 0; n < ARRAY_SIZE(first) * 0x2000; n++)
		virt->msr_map_set(map, n / 0x2000, n % 0x2000, msr_passes(first[n / 0x2000] + n % 0x2000, control));
}

static status_t maps_init(struct xdomain *d)
{
	bool control = !control_domain;

	if (!maps[control]) {
		maps[control] = heap_alloc(sizeof(*maps[0]));
		if (!maps[control])
			return DAIS_NO_MEMORY;
		memset(maps[control]->io, control ? 0 : 0xff, sizeof(maps[0]->io));
		fill_msr_map(maps[control]->msr, control);
	}
	d->maps = maps[control];
	return DAIS_OK;
}

void control_trap_port(u16 port, bool on)
{
	u8 *byte = &maps[1]->io[port / 8], bit = 1u << port % 8;

	*byte = on ? *byte | bit : *byte & ~bit;
}

struct domain *arch_domain_alloc(void)
{
	struct xdomain *d = heap_alloc(sizeof(*d));

	if (!d)
		return NULL;
	d->epoch_tsc = time_now();
	if (nested_init(&d->d, virt->nested) != DAIS_OK)
		goto fail;
	if (maps_init(d) != DAIS_OK)
		goto fail_nested;
	if (control_domain)
		d->d.tsc_offset = -d->epoch_tsc;
	return &d->d;

fail_nested:
	nested_free(&d->d);
fail:
	heap_free(d, sizeof(*d));
	return NULL;
}

void arch_domain_free(struct domain *d)
{
	heap_free(d, sizeof(struct xdomain));
}

/* --- vCPUs --- */

struct vcpu *arch_vcpu_alloc(struct domain *d, u32 index)
{
	struct xvcpu *x = heap_alloc(sizeof(*x));

	if (!x)
		return NULL;
	x->v.dom = d;
	x->v.index = index;
	x->xsave = heap_alloc(cpuid_xsave_size());
	if (!x->xsave || virt->vcpu_init(x) != DAIS_OK) {
		heap_free(x->xsave, cpuid_xsave_size());
		heap_free(x, sizeof(*x));
		return NULL;
	}
	x86_reset_vcpu(x, false);
	return &x->v;
}

void arch_vcpu_free(struct vcpu *v)
{
	struct xvcpu *x = xvcpu(v);

	timer_cancel(&x->lapic.timer);
	virt->vcpu_free(x);
	heap_free(x->xsave, cpuid_xsave_size());
	heap_free(x, sizeof(*x));
}

/* SDM vol. 3 table 10-1 */
#define DATA_SEG { .attr = 0x93, .limit = 0xffff }
static const struct dais_sregs at_reset = {
	.es = DATA_SEG, .ss = DATA_SEG, .ds = DATA_SEG, .fs = DATA_SEG, .gs = DATA_SEG,
	.cs = { .selector = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000 },
	.ldtr = { .attr = 0x82, .limit = 0xffff }, .tr = { .attr = 0x8b, .limit = 0xffff },
	.gdt_limit = 0xffff, .idt_limit = 0xffff, .cr0 = CR0_ET | CR0_CD | CR0_NW,
};

static void reset_xsave(struct xvcpu *x)
{
	u8 *area = x->xsave;

	memset(area, 0, cpuid_xsave_size());
	*(u16 *)area = 0x37f;         /* FCW */
	*(u32 *)(area + 24) = 0x1f80; /* MXCSR */
	*(u64 *)(area + 512) = 3;     /* XSTATE_BV: the legacy area holds it */
	x->xcr0 = 1;
}

void x86_reset_vcpu(struct xvcpu *x, bool init)
{
	u64 cache_off = init ? x86_sregs(x)->cr0 | ~(CR0_CD | CR0_NW) : ~0ULL; /* INIT leaves that */

	x->sregs = at_reset;
	x->sregs.cr0 &= cache_off;
	x->sregs_cached = x->sregs_dirty = true;
	x->gprs = (struct dais_gprs){ .rdx = 0x600, .rip = 0xfff0, .rflags = 2 };
	x->shadow = false;
	x->inject.type = EVENT_NONE;
	x->nmi_masked = x->nmi_waits = false;
	x->access.state = ACCESS_NONE;
	memset(x->dr, 0, sizeof(x->dr));
	virt->write_debug(x, 0xffff0ff0, 0x400);
	lapic_reset(x, init);
	if (init)
		return;
	reset_xsave(x);
	msr_reset(x);
}

struct dais_sregs *x86_sregs(struct xvcpu *x)
{
	if (!x->sregs_cached) {
		virt->read_sregs(x, &x->sregs);
		x->sregs_cached = true;
	}
	return &x->sregs;
}

/* --- exceptions --- */

#define WITH_ERROR   0x227d00u /* #DF #TS #NP #SS #GP #PF #AC #CP */
#define CONTRIBUTORY 0x3c01u   /* #DE #TS #NP #SS #GP */

void x86_exception(struct xvcpu *x, u8 vector, u32 error)
{
	struct guest_event *e = &x->inject;
	bool was = e->type == EVENT_EXCEPTION, contributory = CONTRIBUTORY >> vector & 1;

	if (was && e->vector == VEC_DF) {
		domain_kill(x->v.dom, DAIS_DEATH_TRIPLE_FAULT, "vCPU %u: triple fault at RIP %lx", x->v.index, x->rip);
		return;
	}
	if (was && ((contributory && (CONTRIBUTORY | 1u << VEC_PF) >> e->vector & 1) || (vector == VEC_PF && e->vector == VEC_PF))) {
		vector = VEC_DF;
		error = 0;
	}
	*e = (struct guest_event){ EVENT_EXCEPTION, vector, .error = error };
	/* no error codes in real mode: SDM vol. 3 §21.1.4 */
	e->has_error = (WITH_ERROR >> vector & 1) && (x86_sregs(x)->cr0 & CR0_PE);
}

__cold void x86_skip_rest(struct xvcpu *x)
{
	u64 dr6, dr7;

	x->rflags &= ~RFLAGS_RF;
	/* it wrapped, if this is no 64-bit mode */
	if (x->rip >> 32 && guest_mode(x) != INSN_64)
		x->rip = (u32)x->rip;
	if (!(x->rflags & RFLAGS_TF))
		return;
	virt->read_debug(x, &dr6, &dr7);
	virt->write_debug(x, dr6 | 1 << 14, dr7);
	x86_exception(x, VEC_DB, 0);
}

/* --- hardware state that Dais switches --- */

static void xsave_out(struct xvcpu *x)
{
	u64 allowed = cpuid_xcr0_allowed();

	if (!host.xsave) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(x->xsave) : "memory");
		return;
	}
	x->xcr0 = xgetbv(0) & allowed; /* TCG ignores the intercept of XSETBV */
	if (x->xcr0 != allowed)
		xsetbv(0, allowed);
	__asm__ volatile("xsave64 (%0)" : : "r"(x->xsave), "a"(~0u), "d"(~0u) : "memory");
}

static void xsave_in(struct xvcpu *x)
{
	u64 allowed = cpuid_xcr0_allowed();

	if (!host.xsave) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(x->xsave) : "memory");
		return;
	}
	xsetbv(0, allowed);
	__asm__ volatile("xrstor64 (%0)" : : "r"(x->xsave), "a"(~0u), "d"(~0u) : "memory");
	if (x->xcr0 != allowed)
		xsetbv(0, x->xcr0);
}

void arch_vcpu_unload(struct vcpu *v)
{
	struct xvcpu *x = xvcpu(v);

	if (unlikely(x->pv_steal) && v->activity == DAIS_ACT_RUNNABLE)
		pv_steal_update(x, false);
	xsave_out(x);
	x->dr[0] = read_dr0();
	x->dr[1] = read_dr1();
	x->dr[2] = read_dr2();
	x->dr[3] = read_dr3();
	virt->vcpu_unload(x);
}

void x86_vcpu_load(struct xvcpu *x)
{
	defences_switch_to(x->v.dom->id);
	xsave_in(x);
	write_dr0(x->dr[0]);
	write_dr1(x->dr[1]);
	write_dr2(x->dr[2]);
	write_dr3(x->dr[3]);
	if (host.rdtscp)
		wrmsr(MSR_TSC_AUX, x->tsc_aux);
	x->v.last_cpu = cpu_id();
	if (unlikely(x->pv_steal))
		pv_steal_update(x, true);
	virt->vcpu_load(x);
}

void x86_set_tsc_aux(struct xvcpu *x, u64 value)
{
	x->tsc_aux = value;
	wrmsr(MSR_TSC_AUX, value);
}

/* --- what kernel/ asks --- */

bool arch_vcpu_has_work(struct vcpu *v)
{
	return atomic_load(&v->pending) || lapic_deliverable(&xvcpu(v)->lapic) >= 0 || atomic_load(&this_cpu()->pending);
}

bool arch_vcpu_irqs_off(struct vcpu *v)
{
	return !(xvcpu(v)->rflags & RFLAGS_IF);
}

void arch_vcpu_result(struct vcpu *v, status_t s, u64 value, u64 value2)
{
	xvcpu(v)->gpr[RAX] = s;
	xvcpu(v)->gpr[RDI] = value;
	xvcpu(v)->gpr[RSI] = value2;
}

void x86_flush(struct domain *d)
{
	u64 gen = atomic_add(&d->flush_gen, 1);

	/* in_guest is set before flush_gen is read (run.c), so that a vCPU enters with the new number or is seen here */
	for (u32 i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = atomic_load(&d->vcpu[i]);
		u32 cpu = v ? atomic_load(&v->on_cpu) : 0;

		while (v && atomic_load(&xvcpu(v)->accessing))
			cpu_relax();
		if (!cpu || atomic_load(&v->in_guest) != 1)
			continue;
		cpu_poke(cpu - 1, false);
		while (atomic_load(&v->in_guest) == 1 && atomic_load(&xvcpu(v)->flush_seen) < gen)
			cpu_relax();
	}
}

void nested_flush(struct domain *d)
{
	x86_flush(d);
	iommu_flush(d);
}
