/* SPDX-License-Identifier: GPL-2.0-only */
/* Local APIC model: SDM vol. 3 ch. 11 (APIC), §11.12 (x2APIC). Registers, priorities and acceptance; lapic_timer.c has the timer. */
#include "arch/x86/virt/lapic_regs.h"
#include "drivers/devices.h"

#define ERR_SEND_VECTOR    0x20
#define ERR_RECEIVE_VECTOR 0x40
#define ERR_REGISTER       0x80
#define VECTOR_FIRST       16u /* 0..15 are illegal */

#define BASE_BSP    (1ULL << 8)
#define BASE_X2APIC (1ULL << 10)
#define BASE_ENABLE (1ULL << 11)
#define BASE_ADDR   0x000ffffffffff000ULL

#define VERSION     (0x14 | (LVT_COUNT - 1) << 16)
#define SVR_MASK    0x3ff /* vector, enable, focus; EOI-broadcast suppression is not offered */
#define ICR_X2_RESERVED 0xfff32000ULL

bool lapic_enabled(const struct lapic *l)
{
	return atomic_load_relaxed(&l->base_msr) & BASE_ENABLE;
}

bool lapic_x2apic(const struct lapic *l)
{
	return atomic_load_relaxed(&l->base_msr) & BASE_X2APIC;
}

static bool software_enabled(const struct lapic *l)
{
	return atomic_load_relaxed(&l->svr) & SVR_ENABLE;
}

/* The run loop looks again for an interrupt; it is this vCPU's own CPU that asks. */
static void look_again(struct xvcpu *x)
{
	atomic_or(&x->v.pending, VP_IRQ);
}

static u32 highest(const u32 word[8])
{
	for (int n = 7; n >= 0; n--)
		if (word[n])
			return n * 32 + 31 - __builtin_clz(word[n]);
	return 0;
}

/* Notes an error and raises the error interrupt; from any CPU. */
static void report(struct lapic *l, u32 error)
{
	u32 lvt = l->lvt[LVT_ERROR];

	atomic_or(&l->esr_latch, error);
	if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= VECTOR_FIRST)
		lapic_post(l, lvt & 0xff, false);
}

void lapic_send_error(struct xvcpu *x)
{
	report(&x->lapic, ERR_SEND_VECTOR);
	look_again(x);
}

bool lapic_post(struct lapic *l, u32 vector, bool level)
{
	u32 n = vector / 32, bit = 1u << vector % 32;

	if (!lapic_enabled(l) || !software_enabled(l))
		return false;
	if (vector < VECTOR_FIRST) {
		report(l, ERR_RECEIVE_VECTOR);
		return true;
	}
	if (level)
		atomic_or(&l->tmr[n], bit);
	else
		atomic_and(&l->tmr[n], ~bit);
	/* irr before summary: whoever sees the summary sees the request */
	atomic_or(&l->irr[n], bit);
	atomic_or(&l->summary, 1u << n);
	return true;
}

u32 lapic_ppr(const struct lapic *l)
{
	u32 isr = highest(l->isr) & 0xf0;

	return (l->tpr & 0xf0) >= isr ? l->tpr : isr;
}

int lapic_deliverable(const struct lapic *l)
{
	u32 left = atomic_load(&l->summary);

	if (!lapic_enabled(l))
		return -1;
	while (left) {
		u32 n = 31 - __builtin_clz(left);
		u32 word = atomic_load(&l->irr[n]);

		if (word) {
			u32 vector = n * 32 + 31 - __builtin_clz(word);

			return (vector & 0xf0) > (lapic_ppr(l) & 0xf0) ? (int)vector : -1;
		}
		left &= ~(1u << n);
	}
	return -1;
}

void lapic_accept(struct lapic *l, u32 vector)
{
	u32 n = vector / 32, bit = 1u << vector % 32;

	atomic_and(&l->irr[n], ~bit);
	l->isr[n] |= bit;
	if (atomic_load(&l->irr[n]))
		return;
	/* A sender between the two sets irr first: then the second look finds it. */
	atomic_and(&l->summary, ~(1u << n));
	if (atomic_load(&l->irr[n]))
		atomic_or(&l->summary, 1u << n);
}

static void end_of_interrupt(struct xvcpu *x)
{
	struct lapic *l = &x->lapic;
	u32 vector = highest(l->isr), n = vector / 32, bit = 1u << vector % 32;

	if (!vector)
		return;
	l->isr[n] &= ~bit;
	look_again(x);
	if (!(atomic_load(&l->tmr[n]) & bit))
		return;
	if (is_control(x))
		irq_eoi(vector);
	else
		l->eoi_exit = vector;
}

void lapic_set_tpr(struct xvcpu *x, u32 tpr)
{
	x->lapic.tpr = tpr;
	look_again(x);
}

static u32 logical_id(const struct lapic *l)
{
	if (lapic_x2apic(l))
		return (l->id >> 4) << 16 | 1u << (l->id & 15);
	return l->ldr;
}

/* --- registers --- */

static bool bank_read(const struct lapic *l, u32 offset, u64 *value)
{
	u32 n = offset >> 4 & 7;

	switch (offset & ~0x7f) {
	case 0x100: *value = l->isr[n]; return true;
	case 0x180: *value = atomic_load(&l->tmr[n]); return true;
	case 0x200: *value = atomic_load(&l->irr[n]); return true;
	default: return false;
	}
}

static bool register_read(struct xvcpu *x, u32 offset, u64 *value)
{
	struct lapic *l = &x->lapic;
	bool x2 = lapic_x2apic(l);

	switch (offset) {
	case REG_ID:        *value = x2 ? l->id : l->id << 24; return true;
	case REG_VERSION:   *value = VERSION; return true;
	case REG_TPR:       *value = l->tpr; return true;
	case REG_PPR:       *value = lapic_ppr(l); return true;
	case REG_APR: case REG_RRD: case REG_EOI:
		*value = 0;
		return !x2;
	case REG_LDR:       *value = logical_id(l); return true;
	case REG_DFR:       *value = l->dfr; return !x2;
	case REG_SVR:       *value = l->svr; return true;
	case REG_ESR:       *value = l->esr; return true;
	case REG_ICR:       *value = x2 ? l->icr : (u32)l->icr; return true;
	case REG_ICR2:      *value = l->icr >> 32; return !x2;
	case REG_INITIAL:   *value = l->timer_initial; return true;
	case REG_CURRENT:   *value = lapic_timer_count(x); return true;
	case REG_DIVIDE:    *value = l->timer_divide; return true;
	}
	if (offset >= REG_LVT && offset < REG_LVT + LVT_COUNT * 16) {
		*value = l->lvt[(offset - REG_LVT) / 16];
		return true;
	}
	return bank_read(l, offset, value);
}

bool lapic_read(struct xvcpu *x, u32 offset, u64 *value)
{
	if (!(offset & 15) && register_read(x, offset, value))
		return true;
	*value = 0;
	if (!lapic_x2apic(&x->lapic))
		report(&x->lapic, ERR_REGISTER);
	return false;
}

static const u32 lvt_writable[LVT_COUNT] = {
	[LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
	[LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff, [LVT_ERROR] = 0x100ff,
};
#define LVT_READ_ONLY 0x5000u /* delivery status, remote IRR */

static bool lvt_write(struct xvcpu *x, u32 n, u32 value, bool x2)
{
	struct lapic *l = &x->lapic;

	if (x2 && (value & ~(lvt_writable[n] | LVT_READ_ONLY)))
		return false;
	value &= lvt_writable[n];
	if (!software_enabled(l))
		value |= LVT_MASKED;
	if (n == LVT_TIMER)
		lapic_timer_mode(x, value);
	l->lvt[n] = value;
	return true;
}

static void svr_write(struct xvcpu *x, u32 value)
{
	struct lapic *l = &x->lapic;

	atomic_store(&l->svr, value & SVR_MASK);
	for (u32 n = 0; n < LVT_COUNT && !(value & SVR_ENABLE); n++)
		l->lvt[n] |= LVT_MASKED;
	look_again(x);
}

static bool icr_write(struct xvcpu *x, u64 value, bool x2)
{
	struct lapic *l = &x->lapic;

	if (x2 && (value & ICR_X2_RESERVED))
		return false;
	if (!x2)
		value = (u32)value | (l->icr & ~0xffffffffULL);
	l->icr = value & ~(u64)ICR_BUSY;
	return ipi_send(x, l->icr) || !x2;
}

/* What both modes have. */
static bool common_write(struct xvcpu *x, u32 offset, u32 value, bool x2)
{
	struct lapic *l = &x->lapic;

	switch (offset) {
	case REG_TPR:
		if (x2 && value > 0xff)
			return false;
		lapic_set_tpr(x, value & 0xff);
		return true;
	case REG_EOI:
		if (x2 && value)
			return false;
		end_of_interrupt(x);
		return true;
	case REG_SVR:
		if (x2 && (value & ~SVR_MASK))
			return false;
		svr_write(x, value);
		return true;
	case REG_ESR:
		if (x2 && value)
			return false;
		l->esr = atomic_xchg(&l->esr_latch, 0);
		return true;
	case REG_INITIAL:
		lapic_timer_start(x, value);
		return true;
	case REG_DIVIDE:
		if (x2 && (value & ~0xbu))
			return false;
		l->timer_divide = value & 0xb;
		return true;
	}
	if (offset >= REG_LVT && offset < REG_LVT + LVT_COUNT * 16)
		return lvt_write(x, (offset - REG_LVT) / 16, value, x2);
	return false;
}

static bool xapic_write(struct xvcpu *x, u32 offset, u32 value)
{
	struct lapic *l = &x->lapic;

	switch (offset) {
	case REG_ID: /* fixed here, as on newer processors */
		return true;
	case REG_LDR:
		l->ldr = value & 0xff000000;
		return true;
	case REG_DFR:
		l->dfr = value | 0x0fffffff;
		return true;
	case REG_ICR:
		return icr_write(x, value, false);
	case REG_ICR2:
		l->icr = (u64)value << 32 | (u32)l->icr;
		return true;
	}
	return common_write(x, offset, value, false);
}

static bool x2apic_write(struct xvcpu *x, u32 offset, u64 value)
{
	if (offset == REG_ICR)
		return icr_write(x, value, true);
	if (value >> 32)
		return false;
	if (offset != REG_SELF_IPI)
		return common_write(x, offset, value, true);
	if (value > 0xff)
		return false;
	lapic_post(&x->lapic, value, false);
	look_again(x);
	return true;
}

bool lapic_write(struct xvcpu *x, u32 offset, u64 value)
{
	if (lapic_x2apic(&x->lapic))
		return !(offset & 15) && x2apic_write(x, offset, value);
	if (!(offset & 15) && xapic_write(x, offset, value))
		return true;
	report(&x->lapic, ERR_REGISTER);
	return false;
}

/* --- reset and mode --- */

static void registers_reset(struct xvcpu *x)
{
	struct lapic *l = &x->lapic;

	lapic_timer_stop(x);
	l->deadline = 0;
	l->tpr = l->ldr = l->esr = l->esr_latch = l->eoi_exit = 0;
	l->icr = l->timer_divide = l->timer_initial = 0;
	l->dfr = ~0u;
	atomic_store(&l->svr, 0xff);
	atomic_store(&l->summary, 0);
	for (u32 n = 0; n < LVT_COUNT; n++)
		l->lvt[n] = LVT_MASKED;
	for (u32 n = 0; n < 8; n++) {
		atomic_store(&l->irr[n], 0);
		atomic_store(&l->tmr[n], 0);
		l->isr[n] = 0;
	}
}

void lapic_reset(struct xvcpu *x, bool init)
{
	struct lapic *l = &x->lapic;

	if (!l->timer.fire)
		lapic_timer_init(x);
	registers_reset(x);
	if (init)
		return;
	l->id = x->v.index;
	l->base_msr = LAPIC_BASE_DEFAULT | BASE_ENABLE | (l->id ? 0 : BASE_BSP);
}

/* Transitions: SDM vol. 3 §11.12.5. */
bool lapic_set_base(struct xvcpu *x, u64 value)
{
	struct lapic *l = &x->lapic;
	u64 modes = BASE_X2APIC | BASE_ENABLE, old = l->base_msr & modes, new = value & modes;

	if (value & ~(BASE_ADDR | BASE_BSP | modes))
		return false;
	if (new == BASE_X2APIC || (old == modes && new == BASE_ENABLE) || (!old && new == modes))
		return false;
	if (old && !new)
		registers_reset(x);
	if (old != modes && new == modes)
		l->icr = 0;
	atomic_store(&l->base_msr, value);
	look_again(x);
	return true;
}

/* --- state --- */

bool lapic_restore_base(struct xvcpu *x, u64 value)
{
	u64 modes = BASE_X2APIC | BASE_ENABLE;

	if ((value & ~(BASE_ADDR | BASE_BSP | modes)) || (value & modes) == BASE_X2APIC)
		return false;
	atomic_store(&x->lapic.base_msr, value);
	return true;
}

void lapic_save(struct xvcpu *x, u32 regs[256])
{
	u64 v;

	for (u32 n = 0; n < 256; n++)
		regs[n] = 0;
	for (u32 offset = 0; offset < 0x400; offset += 16)
		if (register_read(x, offset, &v))
			regs[offset / 4] = v;
	regs[REG_ICR2 / 4] = x->lapic.icr >> 32;
	regs[REG_DFR / 4] = x->lapic.dfr;
}

static void restore_banks(struct lapic *l, const u32 regs[256])
{
	u32 summary = 0;

	for (u32 n = 0; n < 8; n++) {
		u32 legal = n ? ~0u : ~0xffffu;

		l->isr[n] = regs[(0x100 + n * 16) / 4] & legal;
		atomic_store(&l->tmr[n], regs[(0x180 + n * 16) / 4] & legal);
		atomic_store(&l->irr[n], regs[(0x200 + n * 16) / 4] & legal);
		summary |= l->irr[n] ? 1u << n : 0;
	}
	atomic_store(&l->summary, summary);
}

status_t lapic_restore(struct xvcpu *x, const u32 regs[256])
{
	struct lapic *l = &x->lapic;

	if (regs[REG_DIVIDE / 4] & ~0xbu || (regs[REG_SVR / 4] & ~SVR_MASK))
		return DAIS_BAD_ARG;
	registers_reset(x);
	l->tpr = regs[REG_TPR / 4] & 0xff;
	l->ldr = regs[REG_LDR / 4] & 0xff000000;
	l->dfr = regs[REG_DFR / 4] | 0x0fffffff;
	l->esr = regs[REG_ESR / 4] & 0xff;
	l->icr = ((u64)regs[REG_ICR2 / 4] << 32 | regs[REG_ICR / 4]) & ~(u64)ICR_BUSY;
	atomic_store(&l->svr, regs[REG_SVR / 4]);
	for (u32 n = 0; n < LVT_COUNT; n++)
		lvt_write(x, n, regs[(REG_LVT + n * 16) / 4], false);
	restore_banks(l, regs);
	l->timer_divide = regs[REG_DIVIDE / 4];
	lapic_timer_restore(x, regs[REG_INITIAL / 4], regs[REG_CURRENT / 4]);
	look_again(x);
	return DAIS_OK;
}
