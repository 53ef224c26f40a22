/* SPDX-License-Identifier: GPL-2.0-only */
/* Local APIC model: SDM vol. 3 ch. 11 (APIC), §11.12 (x2APIC). The timer is in lapic_timer.c. */
#include "arch/x86/virt/vcpu_x86.h"
#include "drivers/devices.h"

#define BASE_BSP    (1ULL << 8)
#define BASE_MODES  (LAPIC_BASE_X2APIC | LAPIC_BASE_ENABLE)
#define BASE_ADDR   0x000ffffffffff000ULL

#define SVR_ENABLE  0x100u
#define VERSION     (0x14 | (LVT_COUNT - 1) << 16)

/* 0: none; there are no vectors below 16. Two registers at a time: most often there is nothing. */
static u32 highest(const u32 word[8])
{
	const u64 *pair = (const u64 *)word;

	_Static_assert(!(offsetof(struct lapic, isr) % 8) && !(offsetof(struct lapic, irr) % 8), "pairs are aligned");
	for (int n = 3; n >= 0; n--) {
		u64 w = atomic_load(&pair[n]);

		if (w)
			return n * 64 + 63 - __builtin_clzll(w);
	}
	return 0;
}

void lapic_error(struct lapic *l, u32 error)
{
	u32 lvt = l->lvt[LVT_ERROR];

	atomic_or(&l->esr_latch, error);
	if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= VECTOR_FIRST)
		lapic_post(l, lvt & 0xff, false);
}

static void vector_set(u32 word[8], u32 vector)
{
	atomic_or(&word[vector / 32], 1u << vector % 32);
}

static void vector_clear(u32 word[8], u32 vector)
{
	atomic_and(&word[vector / 32], ~(1u << vector % 32));
}

bool lapic_post(struct lapic *l, u32 vector, bool level)
{
	if (!lapic_enabled(l) || !(atomic_load_relaxed(&l->svr) & SVR_ENABLE))
		return false;
	if (vector < VECTOR_FIRST) {
		lapic_error(l, LAPIC_RECEIVE_ERROR);
		return true;
	}
	(level ? vector_set : vector_clear)(l->tmr, vector);
	vector_set(l->irr, vector);
	return true;
}

static u32 ppr(const struct lapic *l)
{
	u32 isr = highest(l->isr) & 0xf0;

	return (l->tpr & 0xf0) >= isr ? l->tpr : isr;
}

int lapic_deliverable(const struct lapic *l)
{
	u32 vector = highest(l->irr);

	if (!vector || !lapic_enabled(l))
		return -1;
	return (vector & 0xf0) > (ppr(l) & 0xf0) ? (int)vector : -1;
}

void lapic_accept(struct lapic *l, u32 vector)
{
	vector_clear(l->irr, vector);
	vector_set(l->isr, vector);
}

void lapic_take_back(struct lapic *l, u32 vector)
{
	vector_clear(l->isr, vector);
	vector_set(l->irr, vector);
}

void lapic_end(struct xvcpu *x, u32 vector)
{
	if (!(atomic_load(&x->lapic.tmr[vector / 32]) >> vector % 32 & 1))
		return;
	if (is_control(x))
		irq_eoi(vector);
	else
		x->lapic.eoi_exit = vector;
}

static bool end_of_interrupt(struct xvcpu *x)
{
	struct lapic *l = &x->lapic;
	u32 vector = highest(l->isr);

	vector_clear(l->isr, vector);
	lapic_end(x, vector);
	return true;
}

void lapic_set_tpr(struct xvcpu *x, u32 tpr)
{
	x->lapic.tpr = tpr; /* every entry looks anew for what can be delivered */
}

/* --- registers, by index (offset / 16) --- */

#define RD 1u
#define WR 2u
#define LVT_STATUS  0x5000u /* delivery status, remote IRR: read-only, which is not reserved */

/* What can be written, and what is there in x2APIC mode. No EOI-broadcast suppression; the ID is fixed, as on
 * newer processors. */
static const struct { u32 writable; u8 x2; } regs[64] = {
	[REG_ID / 16] = { 0, RD }, [REG_VERSION / 16] = { 0, RD }, [REG_TPR / 16] = { 0xff, RD | WR },
	[REG_PPR / 16] = { 0, RD }, [REG_EOI / 16] = { 0, WR }, [REG_LDR / 16] = { 0xff000000, RD },
	[REG_DFR / 16] = { 0xf0000000, 0 }, [REG_SVR / 16] = { 0x3ff, RD | WR },
	[REG_ISR / 16 ... REG_ISR / 16 + 23] = { 0, RD }, [REG_ESR / 16] = { 0, RD | WR },
	[REG_ICR / 16] = { 0xccfff, RD | WR }, [REG_ICR2 / 16] = { 0xff000000, 0 },
	[REG_LVT / 16] = { 0x700ff, RD | WR }, { 0x107ff, RD | WR }, { 0x107ff, RD | WR }, { 0x1a7ff, RD | WR },
	{ 0x1a7ff, RD | WR }, { 0x100ff, RD | WR },
	[REG_INITIAL / 16] = { ~0u, RD | WR }, [REG_CURRENT / 16] = { 0, RD }, [REG_DIVIDE / 16] = { 0xb, RD | WR },
	[REG_SELF_IPI / 16] = { 0xff, WR },
};

bool lapic_read(struct xvcpu *x, u32 offset, u64 *value)
{
	struct lapic *l = &x->lapic;
	bool x2 = lapic_x2apic(l);
	u32 n = offset / 16 & 63;

	if (x2 && !(regs[n].x2 & RD))
		return false;
	switch (n * 16) {
	case REG_ID: *value = x2 ? l->id : l->id << 24; break;
	case REG_LDR: *value = x2 ? (l->id >> 4) << 16 | 1u << (l->id & 15) : l->ldr; break;
	case REG_PPR: *value = ppr(l); break;
	case REG_CURRENT: *value = lapic_timer_count(l); break;
	case REG_ICR: *value = x2 ? l->icr : (u32)l->icr; break;
	default: *value = atomic_load(&l->reg[n]); break;
	}
	return true;
}

static void mask_lvts(struct lapic *l)
{
	for (u32 n = 0; n < LVT_COUNT; n++)
		l->lvt[n] |= LVT_MASKED;
}

static void register_set(struct xvcpu *x, u32 n, u32 value)
{
	struct lapic *l = &x->lapic;

	switch (n * 16) {
	case REG_EOI: end_of_interrupt(x); break;
	case REG_ESR: l->esr = atomic_xchg(&l->esr_latch, 0); break;
	case REG_INITIAL: lapic_timer_start(l, value); break;
	case REG_DFR: l->dfr = value | ~regs[n].writable; break;
	case REG_SVR:
		atomic_store(&l->svr, value);
		if (!(value & SVR_ENABLE))
			mask_lvts(l);
		break;
	case REG_LVT:
		lapic_timer_mode(l, value);
		/* fallthrough */
	case REG_LVT + 16 ... REG_LVT + 16 * (LVT_COUNT - 1):
		l->lvt[n - REG_LVT / 16] = value | (l->svr & SVR_ENABLE ? 0 : LVT_MASKED);
		break;
	case REG_SELF_IPI:
		if (lapic_x2apic(l))
			lapic_post(l, value, false);
		break;
	default:
		if (regs[n].writable)
			atomic_store(&l->reg[n], value);
	}
}

bool lapic_write(struct xvcpu *x, u32 offset, u64 value)
{
	struct lapic *l = &x->lapic;
	bool x2 = lapic_x2apic(l), icr = offset == REG_ICR;
	u32 n = offset / 16 & 63, low = value & regs[n].writable;
	u32 ignored = offset >= REG_LVT && offset < REG_INITIAL ? LVT_STATUS : 0;

	if (likely(offset == REG_EOI && !value)) /* what guests write most, and what to */
		return end_of_interrupt(x);
	if (x2 && (!(regs[n].x2 & WR) || low != ((u32)value & ~ignored) || (value >> 32 && !icr)))
		return false;
	if (!icr) {
		register_set(x, n, low);
		return true;
	}
	l->icr = (x2 ? value : l->icr) >> 32 << 32 | low;
	return ipi_send(x, l->icr) || !x2;
}

/* --- reset and mode --- */

static void registers_reset(struct lapic *l)
{
	lapic_timer_stop(l);
	l->esr_latch = l->eoi_exit = 0;
	for (u32 n = 0; n < ARRAY_SIZE(l->reg); n++)
		atomic_store(&l->reg[n], 0);
	l->version = VERSION;
	l->dfr = ~0u;
	l->svr = 0xff;
	mask_lvts(l);
}

void lapic_reset(struct xvcpu *x, bool init)
{
	struct lapic *l = &x->lapic;

	l->timer.fire = lapic_timer_fire;
	registers_reset(l);
	if (init)
		return;
	l->id = x->v.index;
	l->base_msr = LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE | (l->id ? 0 : BASE_BSP);
}

/* Transitions: SDM vol. 3 §11.12.5. */
bool lapic_set_base(struct xvcpu *x, u64 value)
{
	struct lapic *l = &x->lapic;
	u64 old = l->base_msr & BASE_MODES, new = value & BASE_MODES;

	if (value & ~(BASE_ADDR | BASE_BSP | BASE_MODES) || new == LAPIC_BASE_X2APIC)
		return false;
	if ((old == BASE_MODES && new == LAPIC_BASE_ENABLE) || (!old && new == BASE_MODES))
		return false;
	if (old && !new)
		registers_reset(l);
	if (old != BASE_MODES && new == BASE_MODES)
		l->icr = 0;
	atomic_store(&l->base_msr, value);
	return true;
}
