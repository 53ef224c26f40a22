/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's interface (kernel/sched/): per-CPU queues of scheduling
 * contexts. Round robin with time slices for now; contexts marked `urgent` (the
 * control domain's) pre-empt others when they wake, until they have used up a
 * slice: then they queue behind the others, so that nobody starves. Sleep refills
 * the slice, tick for tick: what sleeps half of the time stays urgent. A context's
 * slice is longer or shorter in proportion to its weight.
 */
#ifndef DAIS_SCHED_H
#define DAIS_SCHED_H

#include "kernel/list.h"

/* Requests to a CPU (cpu_request): looked at once before every entry. */
#define CPU_RESCHED (1u << 0)
#define CPU_TIMER   (1u << 1)
void cpu_request(u32 cpu, u32 bits); /* arch: sets the bits, pokes when it is another CPU */

#define SCHED_ANY_CPU 0xffffffffu
enum sched_state { SCHED_DETACHED = 0, SCHED_BLOCKED, SCHED_QUEUED, SCHED_RUNNING };

struct sched_ctx {
	struct list link;        /* run queue */
	u32 cpu;                 /* home; changes only while BLOCKED, under its run-queue lock */
	u32 state;               /* enum sched_state; run-queue lock */
	bool urgent;
	u32 weight;              /* 1..10000 */
	u64 slice;               /* TSC ticks */
	u64 slice_end, started;  /* TSC; started: when it began to run, or to sleep */
	u64 left;                /* of its slice, when it last stopped; 0: a new one */
	u64 ran;                 /* TSC ticks, total */
};

void sched_init_cpu(u32 cpu);
/* Gives it a home (SCHED_ANY_CPU: the CPU with the fewest), state BLOCKED. */
void sched_attach(struct sched_ctx *c, u32 cpu);
void sched_detach(struct sched_ctx *c);  /* BLOCKED or QUEUED, never RUNNING */
void sched_wake(struct sched_ctx *c);    /* BLOCKED -> QUEUED; asks its CPU to reschedule where that matters. Any CPU. */
/* The running context of this CPU stops running, unless *word & mask (checked under the lock): then false. */
bool sched_block(struct sched_ctx *c, const u32 *word, u32 mask);
/* Chooses what this CPU runs next; the running one goes to the tail when its slice is over, else stays. NULL: idle. */
struct sched_ctx *sched_pick(u64 now);
/* BAD_ARG; BUSY: another home for one that does not sleep. */
status_t sched_set_param(struct sched_ctx *c, u64 param, u64 value) __must_check;
u64 sched_idle_time(u32 cpu);             /* TSC ticks */

#endif
