/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hardware's virtual APIC (SDM vol. 3 ch. 30), for vCPUs in x2APIC mode: TPR and EOI are written and interrupts
 * delivered without an exit. struct lapic stays the truth: what waits moves into the virtual-APIC page before an
 * entry, and what the CPU left of it comes back after the exit. Posted interrupts: its IRR is the descriptor's, whose
 * other word, an outstanding notification, is bit 0 of ESR: always clear, as the CPU leaves it.
 */

#include "arch/x86/virt/guest.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/string.h"

#define TPR 0x08 /* registers: offset / 16 */
#define PPR 0x0a
#define EOI 0x0b
#define ISR 0x10
#define IRR 0x20

bool vmx_apicv;

static u32 *reg(const struct vmx_vcpu *s, u32 n)
{
	return (u32 *)(s->apic_page + 16 * n);
}

static struct vmcs_field eoi_exit_field(u32 n)
{
	return VMCS_FIELD(EOI_EXIT_BITMAP0.code + 2 * n);
}

/* The domain's MSR map, but that what the CPU keeps true passes; one for the guests, one for the control domain. */
static u8 *map_of(const struct xvcpu *x)
{
	static u8 *maps[2];
	u8 **map = &maps[is_control(x)];

	if (*map)
		return *map;
	*map = heap_pages(1);
	if (!*map)
		return NULL;
	memcpy(*map, xdomain(x->v.dom)->maps->msr, PAGE_SIZE);
	vmx_msr_map_set(*map, 0, MSR_X2APIC + TPR, 3);
	vmx_msr_map_set(*map, 0, MSR_X2APIC + PPR, 1);
	vmx_msr_map_set(*map, 0, MSR_X2APIC + EOI, 2);
	for (u32 n = 0; n < 8; n++) {
		vmx_msr_map_set(*map, 0, MSR_X2APIC + ISR + n, 1);
		vmx_msr_map_set(*map, 0, MSR_X2APIC + IRR + n, 1);
	}
	return *map;
}

bool vmx_apicv_init(struct xvcpu *x)
{
	return !vmx_apicv || map_of(x);
}

static void switch_to(struct xvcpu *x, bool on)
{
	struct vmx_vcpu *s = vmx_vcpu(x);

	s->apicv = on;
	atomic_store(&x->v.posted, on && vmx_control[VMX_PIN] & PIN_POSTED);
	if (x->v.posted) {
		vmwrite(POSTED_VECTOR, VEC_POSTED);
		vmwrite(POSTED_DESCRIPTOR, hva_to_hpa(x->lapic.irr).v);
	}
	vmwrite(PIN_CONTROLS, vmx_control[VMX_PIN] & (on ? ~0u : ~PIN_POSTED));
	vmwrite(PROC2_CONTROLS, vmx_control[VMX_PROC2] | (on ? PROC2_APICV : 0));
	vmwrite(MSR_BITMAPS, hva_to_hpa(on ? map_of(x) : xdomain(x->v.dom)->maps->msr).v);
	for (u32 n = 0; n < 4 && on; n++)
		vmwrite(eoi_exit_field(n), s->eoi_exit[n]);
}

/* 0: none */
static u32 highest(const struct vmx_vcpu *s, u32 first)
{
	for (int n = 7; n >= 0; n--)
		if (*reg(s, first + n))
			return n * 32 + 31 - __builtin_clz(*reg(s, first + n));
	return 0;
}

bool vmx_apicv_out(struct xvcpu *x, int irq)
{
	struct vmx_vcpu *s = vmx_vcpu(x);
	struct lapic *l = &x->lapic;
	bool on = vmx_apicv && lapic_x2apic(l);

	if (on != s->apicv)
		switch_to(x, on);
	*reg(s, TPR) = l->tpr;
	if (!on)
		return false;
	if (irq >= 0)
		lapic_take_back(l, irq); /* the CPU itself accepts it, when it can */
	for (u32 n = 0; n < 8; n++) {
		*reg(s, ISR + n) = l->isr[n];
		/* moved, not copied: the same vector may be posted again before the exit, and is another interrupt then */
		*reg(s, IRR + n) = atomic_load_relaxed(&l->irr[n]) ? atomic_xchg(&l->irr[n], 0) : 0;
	}
	for (u32 n = 0; n < 4; n++) { /* ends of level-triggered interrupts exit */
		u64 level = atomic_load_relaxed(&xdomain(x->v.dom)->level[n]);

		if (level != s->eoi_exit[n])
			vmwrite(eoi_exit_field(n), level);
		s->eoi_exit[n] = level;
	}
	vmwrite(GUEST_INTERRUPT_STATUS, highest(s, ISR) << 8 | highest(s, IRR));
	return true;
}

void vmx_apicv_in(struct xvcpu *x)
{
	struct vmx_vcpu *s = vmx_vcpu(x);
	struct lapic *l = &x->lapic;

	if (!s->apicv)
		return;
	for (u32 n = 0; n < 8; n++) {
		l->isr[n] = *reg(s, ISR + n);
		if (*reg(s, IRR + n))
			atomic_or(&l->irr[n], *reg(s, IRR + n));
	}
	l->tpr = *reg(s, TPR) & 0xff;
}
