/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The run loop's stage: one CPU, a guest with one vCPU and the control domain's, which lends to it. A guest is a function
 * that is called at each entry and says what happens until the exit; the loop ends when the scheduler is asked after the
 * last entry. What is here in place of the kernel does the least that the loop can tell.
 */
#ifndef FAKE_RUN_H
#define FAKE_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"

/* What happens inside the guest; x->exit: what it ends with (EXIT_NOTHING). entry: its number, from 0. */
typedef void (*guest_fn)(struct xvcpu *x, u32 entry);

extern struct fake_run {
	guest_fn run;
	u32 entries, until;      /* of both vCPUs; picks after entry number `until` end the loop */
	u32 blocks, pokes, events, served, flushes, unloads, timers;
	u32 others;              /* entries of the lender: each asks for a new choice */
	u32 block_mask;
	int irq[16];             /* offered to the guest at each entry */
	struct guest_event injected[16];
	bool waits[16];          /* nmi_waits at each entry */
	bool refuse_irq;         /* the interrupt is not delivered */
	void (*before_block)(void);
	u64 result;              /* the reason that the lender was given, + 1 */
} t;

extern struct cpu cpu;
extern struct xdomain domain;
extern struct xvcpu guest, lender;
extern struct dais_vcpu_page guest_page;

void start(bool autonomous);
/* True: until the scheduler was asked after entry number `until`; false: nobody was left to run before. */
bool loop(guest_fn run, u32 until);
void lend(void);

#endif
