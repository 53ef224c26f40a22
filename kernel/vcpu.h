/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vCPUs: one state machine for both ways to get time; they differ only in who
 * supplies the scheduling context. An autonomous vCPU (and every one of the
 * control domain) has its own; a hosted one runs in its lender's while
 * lender->borrower == v.
 *
 * Wake-up protocol: the waker sets bits in v->pending (full barrier), then calls
 * sched_wake / raises the event / pokes the CPU. The sleeper sleeps only if,
 * after announcing it (run-queue lock, or activity = HALTED), pending is clear.
 */
#pragma once

#include "kernel/atomic.h"
#include "kernel/event.h"
#include "kernel/object.h"
#include "kernel/sched.h"

struct domain;

/* v->pending: work before the next entry; tested once. */
#define VP_IRQ     (1u << 0) /* local APIC changed: look for an interrupt to inject */
#define VP_NMI     (1u << 1)
#define VP_INIT    (1u << 2)
#define VP_SIPI    (1u << 3)
#define VP_KICK    (1u << 4) /* sticky: vcpu_run returns */
#define VP_STOP    (1u << 5) /* the domain's state changed: look at it */
#define VP_RESUMED (1u << 6) /* the exit was served */
/* What ends a HLT */
#define VP_WAKE (VP_IRQ | VP_NMI | VP_INIT | VP_SIPI | VP_KICK | VP_STOP)

struct vcpu {
	struct object obj;
	struct domain *dom;
	u32 index;
	bool autonomous;         /* has a scheduling context of its own */
	u32 pending;             /* atomic VP_* */
	u16 activity;            /* enum dais_activity: written by the CPU that runs it, or by state calls while it does not run */
	u16 leaving;             /* enum dais_exit: what vcpu_leave is to report; only touched by the CPU that runs it */
	u32 on_cpu;              /* atomic: CPU number + 1 while a CPU works for it, else 0 */
	u32 in_guest;            /* atomic: 1 from before the last check of pending to after the exit; 2 in a lender as long as it lends */
	bool posted;             /* atomic: it can take an interrupt that is posted without leaving guest mode */
	u32 last_cpu;
	struct sched_ctx sc;
	struct vcpu *lender;     /* hosted: whose time it runs on, or who looks at its state; taken by compare-exchange */
	struct vcpu *borrower;   /* whom this one lends to; only touched by the CPU that runs it */
	struct dais_vcpu_page *page;
	struct link on_exit;  /* EV_FROM_VCPU */
	u64 cpu_time, exits;     /* statistics; cpu_time: TSC ticks, less the time now while a CPU works for it */
};

/* Sets bits and makes the vCPU notice: wakes it, pokes its CPU, or raises its event. Any context without the run-queue lock. */
void vcpu_notify(struct vcpu *v, u32 bits);
/* Exit for the monitor: takes effect in vcpu_leave, when whoever handles the exit is done with v. */
void vcpu_exit_to_monitor(struct vcpu *v, enum dais_exit reason);
/* Called by the run loop when v->leaving is set: ends a hosted vCPU's loan (v may run elsewhere on return), or
 * raises a parked autonomous one's event. */
void vcpu_leave(struct vcpu *v);
/* False: it runs. True: it does not before it is thawed (sched_thaw) or, when hosted, as long as its domain's state is not RUNNING. */
bool vcpu_freeze(struct vcpu *v);
/* What v's access to a port, or to memory that is not there, does (kernel/trap.c). True: done, *value holds what a read
 * returns. False: exit to the monitor. size 1, 2, 4, 8. An access that is not wholly inside a range is denied. */
bool trap_access(struct vcpu *v, u32 kind, u64 addr, u32 size, bool write, u64 *value);
/* Creation and end, under mgmt_lock. BAD_ARG, EXISTS, NO_MEMORY */
status_t vcpu_create(struct domain *d, u64 index, u64 flags, struct vcpu **out) __must_check;
void vcpu_end(struct vcpu *v);   /* frozen; its memory stays as long as its domain's */
