/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's own files under a deterministic discrete-event driver: CPUs that take requests and timers, contexts
 * that run, sleep and change as their kind says. A seed makes a run repeatable. After every event the queues that it
 * touched are checked, from time to time all; a broken invariant prints what and when, and aborts.
 */
#ifndef DAIS_SIM_H
#define DAIS_SIM_H

#include "kernel/sched/queue.h"

enum sim_kind {
	SIM_HOG,       /* always wants to run */
	SIM_BURST,     /* runs and sleeps at random, about `run` and `sleep` ns */
	SIM_CHEAT,     /* runs until just before its slice ends, then sleeps for a moment */
	SIM_PERIODIC,  /* wakes every `sleep` ns and then wants `run` ns */
};

struct sim_task {
	struct sched_ctx c;
	enum sim_kind kind;
	u64 run, sleep;         /* ns */
	/* the driver's */
	bool wants, frozen;
	u32 index, on;          /* on: CPU + 1 */
	u64 need, began, event; /* what is left of this burst; since when on the CPU; number of its only valid event */
	u64 woke;
	u64 latency_worst, latency_sum, wakes; /* from wake-up to running, ns */
	u64 ran;                /* ns, as the driver saw it */
	u64 window, window_ran; /* begin of a stretch of ten periods, and ran then */
};

struct sim_config {
	u32 cpus, per_cache, per_core; /* CPUs that share a last-level cache, a core; 0: all, 1 */
	u64 seed;
	u64 latency;            /* ns of a poke, at most */
	u32 check_all;          /* events between checks of everything */
	u32 group;              /* contexts of a domain; 0: 1 */
	u32 skew;               /* ns that a CPU looks at its clock before it has the locks, at most */
};

extern u64 sim_now, sim_events, sim_switches, sim_steals;
extern u64 sim_mixed;           /* times that a core's threads ran contexts of two domains */
extern u64 sim_lag_worst;       /* ns of any fair context behind or ahead of its share, at weight */
u64 sim_random(void);
void sim_start(const struct sim_config *config);
struct sim_task *sim_add(enum sim_kind kind, u64 run, u64 sleep); /* attached, thawed, woken */
void sim_set(struct sim_task *t, u64 param, u64 value);           /* must be accepted */
bool sim_try(struct sim_task *t, u64 param, u64 value);
void sim_bind(struct sim_task *t, u32 first, u32 last);           /* to these CPUs */
void sim_freeze(struct sim_task *t);
void sim_thaw(struct sim_task *t);
void sim_run(u64 ns);
void sim_end(void);
u64 sim_idle_timers(void);      /* timers that fired on a CPU with nothing else to do */

#endif
