/* SPDX-License-Identifier: GPL-2.0-only */
/* One-shot timers on the TSC: a sorted list per CPU, as long as vCPUs on it have timers set. No allocation. */
#ifndef DAIS_TIMER_H
#define DAIS_TIMER_H

#include "kernel/list.h"

struct timer {
	struct list link;                  /* in its CPU's list */
	u64 deadline;                      /* TSC */
	void (*fire)(struct timer *t);     /* on the CPU that set it, no locks held, interrupts off; may set it again */
	u32 cpu;                           /* where it is queued */
	u32 firing;                        /* atomic: CPUs that are in fire() */
	bool queued;
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
void timer_set(struct timer *t, u64 deadline);  /* on this CPU; moves it when it was set before, anywhere */
void timer_cancel(struct timer *t);             /* on return it is not queued; it may be firing on another CPU */
/* Before t's memory goes: on return it is neither queued nor firing. Nobody else sets it, no lock that fire() takes is held. */
void timer_retire(struct timer *t);
void timers_run(u64 now);                       /* this CPU's due timers; programs the next */

#endif
