/* SPDX-License-Identifier: GPL-2.0-only */
/* What the scheduler's files know of each other: queues, trees, virtual time, servers, placement. */
#pragma once

#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/sched.h"

#define WEIGHT_DEFAULT 100u
#define WEIGHT_MAX     10000u
#define UNIT           (16ULL * WEIGHT_MAX) /* virtual time of a tick at weight 1: whole numbers at every weight, nearly */

/* Of the CPUs that are threads of one core: in the first one's queue. Its lock comes after the queues'. */
struct core {
	spinlock_t lock;
	u32 running, claimant;         /* threads that run something; the CPU that claimed the core */
	bool claimed, due;             /* due: those who have the core are to leave it */
	u64 group, since;              /* whom it belongs to, since when */
};

struct run_queue {
	spinlock_t lock;
	u32 cpu, core, cache;
	struct sched_ctx *current, *next; /* next: fair and ready, runs whoever else is due: sched_yield_to */
	struct tree fair, reserved;    /* ready, by virtual deadline, by deadline */
	struct tree later;             /* without budget, by when it comes */
	u64 base;                      /* the fair ones' average virtual time, by weight, ... */
	s64 sum, load;                 /* ... as of sum / load == 0; load: weights of those counted */
	u64 idle, idle_since;          /* idle_since: when nothing was current any more */
	u64 balanced, random;
	u64 promised;                  /* bandwidth of those whose home it is, millionths; mgmt_lock */
	u32 attached;                  /* atomic: contexts that were placed here first */
	struct cpu_mask near, mates;   /* share the cache, the core */
	struct run_queue *lead;        /* of its core */
	struct core threads;           /* of the lead: the whole core */
	bool smt, in_core;             /* the core has several threads; this one counts in running */
	bool held;                     /* somebody is ready, but not allowed onto the core now */
} __aligned(64);

extern struct run_queue *queues[MAX_CPUS];
extern struct cpu_mask cpus_idle, cpus_waiting; /* atomic words */

/* Wraps, so compared by difference. */
static inline bool before(u64 a, u64 b) { return (s64)(a - b) < 0; }

/* --- tree.c --- */
void tree_insert(struct tree *t, struct node *n);
void tree_remove(struct tree *t, struct node *n);
struct node *tree_first(const struct tree *t, u64 now);  /* the least key of those whose start has come; NULL: none */
struct node *tree_for(struct node *t, u32 cpu, bool (*may)(const struct node *n, u32 cpu)); /* the least key that may */
static inline struct sched_ctx *ctx_of(struct node *n) { return n ? container_of(n, struct sched_ctx, node) : NULL; }

/* --- fair.c: under the queue's lock --- */
void fair_rebase(struct run_queue *q);
void fair_enter(struct run_queue *q, struct sched_ctx *c);
void fair_leave(struct run_queue *q, struct sched_ctx *c);
void fair_ran(struct run_queue *q, struct sched_ctx *c, u64 ticks);
void fair_request(struct sched_ctx *c);             /* a new slice, when the last one is used up */
u64 fair_left(const struct sched_ctx *c);           /* ticks of its slice */

/* --- server.c --- */
void server_wake(struct sched_ctx *c, u64 now);
void server_renew(struct sched_ctx *c, u64 now);    /* once its deadline has come */
u64 server_bandwidth(const struct sched_params *p); /* millionths of a CPU */
/* The fullest CPU that it still fits on, into p->home; false: none, *left says how much the emptiest has. */
bool server_admit(const struct sched_ctx *c, struct sched_params *p, u64 *left);

/* --- place.c --- */
static inline bool mask_has(const struct cpu_mask *m, u32 cpu) { return m->word[cpu / 64] >> cpu % 64 & 1; }
static inline bool may_run(const struct sched_ctx *c, u32 cpu)
{
	return c->p.reserved ? c->p.home == cpu : mask_has(&c->p.cpus, cpu);
}
u64 place_fold(const struct sched_ctx *c);
u32 place_any(const struct sched_ctx *c);           /* some CPU that it may run on: its own, if that is one */
u32 place_wake(const struct sched_ctx *c);          /* an idle one, which is no longer offered to others; else place_any */
void place_idle(u32 cpu, bool yes);
void place_waiting(struct run_queue *q);            /* tells the idle whether somebody waits here */
void place_offer(const struct run_queue *q);        /* wakes an idle CPU for one that waits */
bool place_steal(struct run_queue *q);              /* this CPU's has nothing to do: now it has */
void place_balance(struct run_queue *q, u64 now);   /* no lock held */
bool place_fetch(struct run_queue *q, struct sched_ctx *c); /* a fair one that waits: into this CPU's queue. No lock held */

/* --- core.c: under the queue's lock --- */
/* Before it runs here: does the core allow c? c NULL: nobody wants to run. */
bool core_enter(struct run_queue *q, const struct sched_ctx *c, u64 now);
struct sched_ctx *core_join(struct run_queue *q);   /* it does not: a fair one that may join those on the core, for the rest of their turn; or NULL */
void core_leave(struct run_queue *q);

/* --- sched.c: under the queue's lock --- */
struct run_queue *lock_home(struct sched_ctx *c);   /* takes it */
void charge(struct run_queue *q, u64 now);
void enqueue(struct run_queue *q, struct sched_ctx *c, u64 now);
void dequeue(struct run_queue *q, struct sched_ctx *c, u64 now);
void migrate(struct run_queue *q, struct sched_ctx *c, u32 cpu); /* BLOCKED or FROZEN; it is in that CPU's from now on */
