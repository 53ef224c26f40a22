/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC that every guest has: xAPIC and x2APIC, timer with one-shot,
 * periodic and TSC-deadline modes. Pure but for timer_set/cancel and time_now.
 * Only the CPU that runs the vCPU touches it, except irr and tmr (atomic, from
 * anywhere), which vcpu_notify(VP_IRQ) follows.
 */
#ifndef DAIS_LAPIC_H
#define DAIS_LAPIC_H

#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/timer.h"

#define LAPIC_BASE_DEFAULT 0xfee00000ULL
#define LAPIC_BASE_X2APIC (1ULL << 10)
#define LAPIC_BASE_ENABLE (1ULL << 11)
#define LAPIC_TIMER_HZ 1000000000ULL /* of the emulated bus clock, whatever the host: 1 GHz */
#define VECTOR_FIRST   16u           /* 0..15 are illegal */

/* Register offsets in the xAPIC's page: SDM vol. 3 table 11-1 */
enum lapic_reg {
	REG_ID = 0x020, REG_VERSION = 0x030, REG_TPR = 0x080, REG_PPR = 0x0a0, REG_EOI = 0x0b0,
	REG_LDR = 0x0d0, REG_DFR = 0x0e0, REG_SVR = 0x0f0, REG_ISR = 0x100, REG_ESR = 0x280,
	REG_ICR = 0x300, REG_ICR2 = 0x310, REG_LVT = 0x320, REG_INITIAL = 0x380,
	REG_CURRENT = 0x390, REG_DIVIDE = 0x3e0, REG_SELF_IPI = 0x3f0,
};
/* Local vector table, in the order of the registers 0x320..0x370 */
enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
#define LVT_MASKED 0x10000u

struct xvcpu;

struct lapic {
	u64 base_msr;          /* IA32_APIC_BASE */
	u32 id;                /* x2APIC ID = vCPU index */
	u32 esr_latch;         /* atomic: errors since the last write of ESR */
	u32 eoi_exit;          /* level-triggered vector just ended, for the monitor to hear of; or 0 */
	u64 deadline;          /* atomic: IA32_TSC_DEADLINE in guest TSC, 0 = off */
	union {                /* the registers: xAPIC offset / 16; irr and tmr are atomic */
		u32 reg[64] __aligned(64);
		struct {
			u32 r0[3], version, r1[4], tpr, r2[4], ldr, dfr, svr, isr[8], tmr[8], irr[8];
			u32 esr, r3[7];
			u64 icr;
			u32 lvt[LVT_COUNT], timer_initial, timer_count, r4[4], timer_divide;
		};
	};
	struct timer timer;
};

void lapic_reset(struct xvcpu *x, bool init);
/* globally (base MSR) */
static inline bool lapic_enabled(const struct lapic *l) { return atomic_load_relaxed(&l->base_msr) & LAPIC_BASE_ENABLE; }
static inline bool lapic_x2apic(const struct lapic *l) { return atomic_load_relaxed(&l->base_msr) & LAPIC_BASE_X2APIC; }
/* Register access by xAPIC offset (0x000..0x3f0). False, in x2APIC mode: #GP. */
bool lapic_read(struct xvcpu *x, u32 offset, u64 *value);
bool lapic_write(struct xvcpu *x, u32 offset, u64 value);
bool lapic_set_base(struct xvcpu *x, u64 value);   /* IA32_APIC_BASE; false: #GP */
/* TPR, by the register or by CR8 (tpr = CR8 << 4) */
void lapic_set_tpr(struct xvcpu *x, u32 tpr);
/* From any CPU: sets IRR (TMR by level). Needs vcpu_notify(VP_IRQ) after it. False: dropped. */
bool lapic_post(struct lapic *l, u32 vector, bool level);
/* Nothing is in IRR: most often so at an entry */
static inline bool lapic_idle(const struct lapic *l)
{
	const u64 *irr = (const u64 *)l->irr;

	return !(atomic_load(&irr[0]) | atomic_load(&irr[1]) | atomic_load(&irr[2]) | atomic_load(&irr[3]));
}
/* Highest IRR vector above PPR, or -1; ignores RFLAGS.IF */
int lapic_deliverable(const struct lapic *l);
/* IRR -> ISR, before the entry that offers it: the same vector sent while its handler runs is
 * another interrupt. */
void lapic_accept(struct lapic *l, u32 vector);
void lapic_take_back(struct lapic *l, u32 vector); /* it was not delivered */
/* What follows from its EOI, if it was level-triggered */
void lapic_end(struct xvcpu *x, u32 vector);
/* An illegal vector was to be sent, or was received: noted, and the error interrupt raised; from any CPU */
enum { LAPIC_SEND_ERROR = 0x20, LAPIC_RECEIVE_ERROR = 0x40 };
void lapic_error(struct lapic *l, u32 error);

/* --- lapic_timer.c --- */
void lapic_timer_fire(struct timer *t);
void lapic_timer_stop(struct lapic *l);
void lapic_timer_start(struct lapic *l, u32 initial);
void lapic_timer_mode(struct lapic *l, u32 lvt);   /* before the LVT register changes */
u32 lapic_timer_count(const struct lapic *l);
void lapic_deadline_write(struct xvcpu *x, u64 value);

/* --- ipi.c --- */
/* Acts on an ICR write: fixed, lowest priority, NMI, INIT, SIPI; false: reserved delivery mode. */
bool ipi_send(struct xvcpu *from, u64 icr);
/* How many of the vCPUs base + n, for bit n of the bitmap, got the ICR's fixed or NMI message
 * (KVM_HC_SEND_IPI). */
u32 ipi_send_bitmap(struct xvcpu *from, u64 bitmap, u64 base, u32 icr);

#endif
