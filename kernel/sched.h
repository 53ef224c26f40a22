/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's interface (kernel/sched/): per-CPU queues of scheduling contexts, in two classes.
 * Reserved ones have a budget in each period (a constant-bandwidth server, hard: when it is used up they wait for the
 * next period) and run first, earliest deadline first, on the CPU that admitted them. Fair ones share what is left by
 * weight: who is owed time runs, earliest virtual deadline first; a cap is a server, too. Times are TSC ticks.
 *
 * BLOCKED contexts have a CPU but are in no queue: who moves one between CPUs makes it BLOCKED and wakes it there, so
 * that whoever comes in between (a waker, a freezer) finds a state that he knows.
 */
#pragma once

#include "kernel/types.h"

/* Requests to a CPU (cpu_request): looked at once before every entry. */
#define CPU_RESCHED (1u << 0)
#define CPU_TIMER   (1u << 1)
void cpu_request(u32 cpu, u32 bits); /* arch: sets the bits, pokes when it is another CPU */

struct cpu_mask { u64 word[MAX_CPUS / 64]; };

/* Of a balanced tree (kernel/sched/tree.c) */
struct node {
	struct node *child[2], *up;
	u64 key;                 /* its place */
	u64 start, first;        /* may be taken from here on; the least of its subtree */
	u64 where, any;          /* CPUs it may run on, as bits of number % 64; of its subtree together */
	int tilt;                /* by how much the right subtree is higher: -1, 0, 1 */
};

struct tree { struct node *root, *end[2]; }; /* end: the least, the greatest key */

enum sched_state { SCHED_FROZEN = 0 /* no wake-up counts */, SCHED_BLOCKED, SCHED_QUEUED, SCHED_RUNNING };

struct sched_params {
	u64 set[DAIS_SCHED_PARAMS]; /* as in the ABI; the others follow from it */
	u32 weight;              /* 1..10000 */
	u32 home;                /* reserved: where it was admitted */
	u64 slice;               /* what it asks for at once: the shorter, the sooner it runs after a wake-up */
	u64 budget, period;      /* reserved or capped; 0: neither */
	bool reserved;
	struct cpu_mask cpus;    /* not empty */
};

struct sched_ctx {
	struct node node;
	struct tree *tree;       /* its CPU's tree that it is in, or NULL */
	u32 cpu;                 /* whose queue's lock guards it; changes under that lock */
	u32 state;               /* enum sched_state */
	u32 group;               /* its domain's id */
	bool counted;            /* in its queue's fair average */
	struct sched_params p;
	u64 vtime, request;      /* virtual: what it ran, by weight; up to where it may run before others have their turn */
	s64 left;                /* of the budget, until */
	u64 deadline;
	u64 started, since;      /* when it began to run, to wait */
	u64 ran, waited, moved, missed; /* statistics */
};

void sched_init_cpu(u32 cpu, u32 core, u32 cache); /* on it; CPUs with equal numbers share a core, the last-level cache */
void sched_attach(struct sched_ctx *c, u32 group, bool control); /* FROZEN, on the CPU with the fewest; the control domain's stay there and run soon */
void sched_detach(struct sched_ctx *c);  /* FROZEN */
bool sched_freeze(struct sched_ctx *c);  /* false: it is running. True: it does not until it is thawed */
void sched_thaw(struct sched_ctx *c);    /* some wake-up may have been lost meanwhile */
void sched_wake(struct sched_ctx *c);    /* BLOCKED -> QUEUED; asks a CPU to reschedule where that matters. Any CPU. */
/* The running context of this CPU stops running, unless *word & mask (checked under the lock): then false. */
bool sched_block(struct sched_ctx *c, const u32 *word, u32 mask);
/* Chooses what this CPU runs next; the running one goes back when its slice is over, else stays. NULL: idle. Nothing of
 * the one that ran is loaded any more: another CPU may take it at once. */
struct sched_ctx *sched_pick(u64 now);
/* DAIS_SCHED_*, under mgmt_lock. BAD_ARG: range, or no CPU of the mask is there; NO_SPACE: no CPU that is allowed has that
 * much left: *left millionths. cpus: of DAIS_SCHED_CPUS. */
status_t sched_set(struct sched_ctx *c, u64 param, u64 value, const struct cpu_mask *cpus, u64 *left) __must_check;
status_t sched_get(const struct sched_ctx *c, u64 param, u64 *value); /* from DAIS_STAT_VCPU_SCHED on. BAD_ARG */
/* `to`, when it waits and may run here, runs next on this CPU in the place of the running one. False: it does not wait. */
bool sched_yield_to(struct sched_ctx *to);
u64 sched_idle_time(void);                /* TSC ticks, summed over CPUs */
