/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the local APIC model share: register offsets of the xAPIC page (SDM vol. 3
 * table 11-1). */
#ifndef DAIS_LAPIC_REGS_H
#define DAIS_LAPIC_REGS_H

#include "arch/x86/virt/vcpu_x86.h"

enum lapic_reg {
	REG_ID = 0x020, REG_VERSION = 0x030, REG_TPR = 0x080, REG_APR = 0x090, REG_PPR = 0x0a0,
	REG_EOI = 0x0b0, REG_RRD = 0x0c0, REG_LDR = 0x0d0, REG_DFR = 0x0e0, REG_SVR = 0x0f0,
	REG_ISR = 0x100, REG_ESR = 0x280, REG_ICR = 0x300, REG_ICR2 = 0x310, REG_LVT = 0x320,
	REG_INITIAL = 0x380, REG_CURRENT = 0x390, REG_DIVIDE = 0x3e0, REG_SELF_IPI = 0x3f0,
};

#define LVT_MASKED 0x10000u
#define SVR_ENABLE 0x100u

/* lapic_timer.c */
void lapic_timer_init(struct xvcpu *x);
void lapic_timer_stop(struct xvcpu *x);
void lapic_timer_start(struct xvcpu *x, u32 initial);
void lapic_timer_mode(struct xvcpu *x, u32 lvt);     /* before the LVT register changes */
u32 lapic_timer_count(struct xvcpu *x);
void lapic_timer_restore(struct xvcpu *x, u32 initial, u32 current);
/* lapic.c, for ipi.c: an illegal vector was to be sent */
void lapic_send_error(struct xvcpu *x);

#endif
