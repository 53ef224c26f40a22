/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timers on the TSC: a sorted list per CPU, as long as vCPUs on it have timers set. No
 * allocation. Who sets and cancels a timer is one CPU at a time: the one that runs its vCPU.
 */
#ifndef DAIS_TIMER_H
#define DAIS_TIMER_H

#include "kernel/types.h"

struct timer {
	struct timer *next;             /* in its CPU's list */
	u64 deadline, period;           /* TSC; period 0: fires once */
	void (*fire)(struct timer *t);  /* on the CPU that set it, no locks held, interrupts off */
	u32 cpu;                        /* where it was set */
};

void timer_set(struct timer *t, u64 deadline, u64 period); /* on this CPU; moves it when it was set before, anywhere */
void timer_cancel(struct timer *t);  /* on return it is neither queued nor firing on another CPU. No lock that fire() takes is held. */
void timers_run(u64 now);            /* this CPU's due timers; programs the next */
void timer_look_at(u64 deadline);    /* this CPU is interrupted then at the latest */

#endif
