/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's interface (kernel/sched/): per-CPU queues of scheduling contexts.
 * Round robin in virtual time for now: a context's runs slower the greater its weight,
 * and who is due first by it gets a slice. `urgent` ones (the control domain's) are due a
 * slice early, so that they pre-empt others when they wake, unless they had more than
 * their share: nobody starves.
 */
#ifndef DAIS_SCHED_H
#define DAIS_SCHED_H

#include "kernel/list.h"

/* Requests to a CPU (cpu_request): looked at once before every entry. */
#define CPU_RESCHED (1u << 0)
#define CPU_TIMER   (1u << 1)
void cpu_request(u32 cpu, u32 bits); /* arch: sets the bits, pokes when it is another CPU */

enum sched_state { SCHED_FROZEN = 0 /* no wake-up counts */, SCHED_BLOCKED, SCHED_QUEUED, SCHED_RUNNING };

struct sched_ctx {
	struct list link;        /* run queue */
	u32 cpu;                 /* home; changes only while FROZEN or BLOCKED, under its run-queue lock */
	u32 state;               /* enum sched_state; run-queue lock */
	bool urgent;
	u32 weight;              /* 1..10000 */
	u64 vtime;               /* TSC ticks it ran, by weight */
	u64 slice_end;           /* in the same time */
	u64 started;             /* TSC: when it began to run */
};

void sched_init_cpu(u32 cpu);
void sched_attach(struct sched_ctx *c);  /* gives it the CPU with the fewest as home, state FROZEN */
void sched_detach(struct sched_ctx *c);  /* FROZEN */
bool sched_freeze(struct sched_ctx *c);  /* false: it is running. True: it does not until it is thawed */
void sched_thaw(struct sched_ctx *c);    /* some wake-up may have been lost meanwhile */
void sched_wake(struct sched_ctx *c);    /* BLOCKED -> QUEUED; asks its CPU to reschedule where that matters. Any CPU. */
/* The running context of this CPU stops running, unless *word & mask (checked under the lock): then false. */
bool sched_block(struct sched_ctx *c, const u32 *word, u32 mask);
/* Chooses what this CPU runs next; the running one goes back when its slice is over, else stays. NULL: idle. */
struct sched_ctx *sched_pick(u64 now);
/* BAD_ARG; BUSY: another home for one that does not sleep. */
status_t sched_set_param(struct sched_ctx *c, u64 param, u64 value) __must_check;
u64 sched_idle_time(u32 cpu);             /* TSC ticks */

#endif
