/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains: create -> configure -> activate -> kill -> reclaim. Each step refuses what is out of order. */
#pragma once

#include "kernel/atomic.h"
#include "kernel/cap.h"
#include "kernel/event.h"
#include "kernel/frame.h"
#include "kernel/lock.h"
#include "kernel/object.h"

struct guest_trap { u64 base, length, value; u8 kind, action; };

struct domain {
	struct object obj;
	u16 slot;                 /* in domains[]: owner in the frame database; 0 = control domain */
	u32 id;                   /* never reused; 0 = control domain */
	u32 state;                /* enum dais_dom_state; written under mgmt_lock, read anywhere */
	struct pool *pool;        /* referenced */
	struct cap_table caps;

	u64 frames;               /* pool frames owned */
	u64 shared;               /* frames of the control domain mapped (DAIS_MEM_OWN) */
	u64 heap_bytes;           /* of Dais's heap held for it; atomic */
	u64 flush_gen;            /* atomic: raised by nested_flush (arch); no two domains' are ever the same */

	u32 max_vcpus;
	struct vcpu **vcpu;       /* max_vcpus entries, NULL where not created; written under mgmt_lock, release; they stay as long as the domain */

	struct guest_trap trap[DAIS_MAX_TRAPS]; /* in no order; trap_lock */
	u32 traps;
	spinlock_t trap_lock;     /* and of the console ring; never held for long */
	struct link on_trap, on_death;
	struct dais_dom_page *page; /* DAIS_DOM_AREA_PAGES pages */
	u64 ring_head;            /* the page's copy can be overwritten by the control domain */
	u64 reclaim_next;         /* where mem_reclaim goes on (gpa) */
	u64 tsc_offset;           /* guest TSC = TSC + this */
};

extern spinlock_t mgmt_lock;
/* What only the holder of mgmt_lock has. */
typedef struct { int held; } mgmt_t;
mgmt_t mgmt_acquire(void);
void mgmt_release(mgmt_t m);

extern struct domain *control_domain;
extern struct domain *domains[MAX_DOMAINS]; /* by slot, or NULL; under mgmt_lock */

#define for_vcpus(v, d) \
	for (u32 v##_i = 0; v##_i < (d)->max_vcpus; v##_i++) \
		for (struct vcpu *v = atomic_load(&(d)->vcpu[v##_i]); v; v = NULL)

/* At boot: the control domain in state RUNNING, root pool capability at DAIS_CAP_POOL. */
status_t domain_create_control(u32 vcpus) __must_check;
status_t domain_create(mgmt_t m, struct pool *pool, u32 max_vcpus, u32 caps, struct domain **out) __must_check;
void domain_notify(struct domain *d);  /* its state was set: all its vCPUs look at it */
/* What an object whose last capability was dropped (or NULL) comes to. Unless the caller has a reference, it may be gone then. */
void object_orphaned(mgmt_t m, struct object *o);
u64 domains_check(mgmt_t m); /* 0, or the number of a broken invariant of domains and capabilities */
/* State DEAD, reason text, death event, every vCPU stopped. First one wins. The caller holds mgmt_lock, or works for a vCPU of
 * d (on_cpu or lender says so): d cannot be reclaimed meanwhile. */
void domain_kill(struct domain *d, enum dais_death why, const char *fmt, ...) __printf(3, 4);
