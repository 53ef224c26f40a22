/* SPDX-License-Identifier: GPL-2.0-only */
/* Local APIC model: SDM vol. 3 ch. 11 (APIC), §11.12 (x2APIC). The timer is in lapic_timer.c. */
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

void lapic_take_back(struct lapic *l, u32 vector)
{
	l->isr[vector / 32] &= ~(1u << vector % 32);
	atomic_or(&l->irr[vector / 32], 1u << vector % 32);
	atomic_or(&l->summary, 1u << vector / 32);
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

/* --- registers: by index (offset / 16), sets of them as 64-bit masks --- */

#define R(reg)      (1ULL << (reg) / 16)
#define RANGE(reg, n) (((1ULL << (n)) - 1) << (reg) / 16)
#define BANKS       RANGE(REG_ISR, 24)
#define LVTS        RANGE(REG_LVT, LVT_COUNT)
#define READ_X2     (R(REG_ID) | R(REG_VERSION) | R(REG_TPR) | R(REG_PPR) | R(REG_LDR) | \
		     R(REG_SVR) | BANKS | R(REG_ESR) | R(REG_ICR) | LVTS | R(REG_INITIAL) | \
		     R(REG_CURRENT) | R(REG_DIVIDE))
#define READ_XAPIC  (READ_X2 | R(REG_APR) | R(REG_EOI) | R(REG_RRD) | R(REG_DFR) | R(REG_ICR2))
#define WRITE_BOTH  (R(REG_TPR) | R(REG_EOI) | R(REG_SVR) | R(REG_ESR) | R(REG_ICR) | LVTS | \
		     R(REG_INITIAL) | R(REG_DIVIDE))
#define WRITE_X2    (WRITE_BOTH | R(REG_SELF_IPI))
#define WRITE_XAPIC (WRITE_BOTH | R(REG_ID) | R(REG_LDR) | R(REG_DFR) | R(REG_ICR2))

/* What can be written. No EOI-broadcast suppression; the ID is fixed, as on newer processors. */
static const u32 writable[64] = {
	[REG_TPR / 16] = 0xff, [REG_LDR / 16] = 0xff000000, [REG_DFR / 16] = 0xf0000000,
	[REG_SVR / 16] = 0x3ff, [REG_ICR / 16] = 0xccfff, [REG_ICR2 / 16] = ~0u,
	[REG_LVT / 16] = 0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff,
	[REG_INITIAL / 16] = ~0u, [REG_DIVIDE / 16] = 0xb, [REG_SELF_IPI / 16] = 0xff,
};
/* Read-only bits that software may write back: delivery status and, in the LVT, remote IRR */
#define READ_ONLY(n) ((n) >= REG_ICR / 16 && (n) < REG_LVT / 16 + LVT_COUNT ? 0x5000u : 0)

static u64 register_get(struct xvcpu *x, u32 n)
{
	struct lapic *l = &x->lapic;
	bool x2 = lapic_x2apic(l);

	switch (n * 16) {
	case REG_ID: return x2 ? l->id : l->id << 24;
	case REG_LDR: return x2 ? (l->id >> 4) << 16 | 1u << (l->id & 15) : l->ldr;
	case REG_PPR: return lapic_ppr(l);
	case REG_CURRENT: return lapic_timer_count(x);
	case REG_ICR: return x2 ? l->icr : (u32)l->icr;
	}
	return atomic_load(&l->reg[n]);
}

bool lapic_read(struct xvcpu *x, u32 offset, u64 *value)
{
	u64 readable = lapic_x2apic(&x->lapic) ? READ_X2 : READ_XAPIC;
	bool ok = !(offset & ~0x3f0u) && readable >> (offset / 16 & 63) & 1;

	*value = ok ? register_get(x, offset / 16) : 0;
	if (!ok && !lapic_x2apic(&x->lapic))
		report(&x->lapic, ERR_REGISTER);
	return ok;
}

static void lvt_write(struct xvcpu *x, u32 n, u32 value)
{
	if (!software_enabled(&x->lapic))
		value |= LVT_MASKED;
	if (n == LVT_TIMER)
		lapic_timer_mode(x, value);
	x->lapic.lvt[n] = value;
}

static void svr_write(struct lapic *l, u32 value)
{
	atomic_store(&l->svr, value);
	for (u32 n = 0; n < LVT_COUNT && !(value & SVR_ENABLE); n++)
		l->lvt[n] |= LVT_MASKED;
}

static void register_set(struct xvcpu *x, u32 n, u32 value)
{
	struct lapic *l = &x->lapic;

	switch (n * 16) {
	case REG_EOI: end_of_interrupt(x); break;
	case REG_SVR: svr_write(l, value); break;
	case REG_ESR: l->esr = atomic_xchg(&l->esr_latch, 0); break;
	case REG_INITIAL: lapic_timer_start(x, value); break;
	case REG_SELF_IPI: lapic_post(l, value, false); break;
	case REG_ID: break;
	case REG_DFR: l->dfr = value | 0x0fffffff; break;
	case REG_LVT ... REG_LVT + 16 * (LVT_COUNT - 1):
		lvt_write(x, n - REG_LVT / 16, value);
		break;
	default: atomic_store(&l->reg[n], value); break;
	}
	look_again(x);
}

bool lapic_write(struct xvcpu *x, u32 offset, u64 value)
{
	struct lapic *l = &x->lapic;
	bool x2 = lapic_x2apic(l), icr = offset == REG_ICR;
	u32 n = offset / 16, high = icr ? value >> 32 : 0;
	bool ok = !(offset & ~0x3f0u) && (x2 ? WRITE_X2 : WRITE_XAPIC) >> (n & 63) & 1;

	if (x2 && (!ok || (value >> 32) != high || ((u32)value & ~(writable[n] | READ_ONLY(n)))))
		return false;
	if (!ok) {
		report(l, ERR_REGISTER);
		return false;
	}
	if (!icr) {
		register_set(x, n, value & writable[n]);
		return true;
	}
	high = x2 ? high : l->icr >> 32;
	l->icr = (u64)high << 32 | ((u32)value & writable[n]);
	return ipi_send(x, l->icr) || !x2;
}

/* --- reset and mode --- */

static void registers_reset(struct xvcpu *x)
{
	struct lapic *l = &x->lapic;

	lapic_timer_stop(x);
	l->deadline = l->esr_latch = l->eoi_exit = 0;
	for (u32 n = 0; n < ARRAY_SIZE(l->reg); n++)
		atomic_store(&l->reg[n], 0);
	atomic_store(&l->summary, 0);
	l->version = VERSION;
	l->dfr = ~0u;
	l->svr = 0xff;
	for (u32 n = 0; n < LVT_COUNT; n++)
		l->lvt[n] = LVT_MASKED;
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
	for (u32 n = 0; n < 256; n++)
		regs[n] = !(n % 4) && READ_XAPIC >> n / 4 & 1 ? register_get(x, n / 4) : 0;
}

/* The banks have no vectors below 16. */
static void restore_banks(struct lapic *l, const u32 regs[256])
{
	u32 summary = 0;

	for (u32 n = 0; n < 24; n++) {
		u32 v = regs[REG_ISR / 4 + n * 4] & (n % 8 ? ~0u : ~0xffffu);

		atomic_store(&l->reg[REG_ISR / 16 + n], v);
		summary |= n >= 16 && v ? 1u << n % 8 : 0;
	}
	atomic_store(&l->summary, summary);
}

status_t lapic_restore(struct xvcpu *x, const u32 regs[256])
{
	static const u16 plain[] = {
		REG_SVR, REG_TPR, REG_LDR, REG_DFR, REG_DIVIDE, REG_ICR, REG_ICR2
	};
	struct lapic *l = &x->lapic;

	if ((regs[REG_DIVIDE / 4] & ~writable[REG_DIVIDE / 16]) ||
	    (regs[REG_SVR / 4] & ~writable[REG_SVR / 16]))
		return DAIS_BAD_ARG;
	registers_reset(x);
	for (u32 n = 0; n < ARRAY_SIZE(plain); n++)
		register_set(x, plain[n] / 16, regs[plain[n] / 4] & writable[plain[n] / 16]);
	for (u32 n = 0; n < LVT_COUNT; n++)
		lvt_write(x, n, regs[REG_LVT / 4 + n * 4] & writable[REG_LVT / 16 + n]);
	l->esr = regs[REG_ESR / 4] & 0xff;
	restore_banks(l, regs);
	lapic_timer_restore(x, regs[REG_INITIAL / 4], regs[REG_CURRENT / 4]);
	return DAIS_OK;
}
