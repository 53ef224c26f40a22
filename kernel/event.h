/* SPDX-License-Identifier: GPL-2.0-only */
/* Events: a 64-bit OR-word with at most one receiver: an MSI-X vector of the control domain's virtual function, or a vCPU's local APIC. */
#ifndef DAIS_EVENT_H
#define DAIS_EVENT_H

#include "kernel/lock.h"
#include "kernel/object.h"

struct domain;
struct vcpu;

#define EVENT_UNNUMBERED DAIS_MAX_EVENTS /* of another domain than the control domain */

struct event {
	struct object obj;
	spinlock_t lock;
	u64 word;            /* atomic */
	u32 number;          /* in the control domain's pending areas */
	u32 to;              /* DAIS_EV_TO_MSIX, _TO_VCPU or _TO_NONE */
	u32 to_value;        /* MSI-X index or vector */
	struct vcpu *to_vcpu; /* referenced */
};

/* A place that raises an event: it holds a reference. Zeroed: none. */
struct event_binding { spinlock_t lock; struct event *event; u64 bits; };
void event_bind(struct event_binding *b, struct event *e, u64 bits); /* NULL unbinds */
/* Raises b's own bits, or `bits` when they are not zero. */
void event_raise_binding(struct event_binding *b, u64 bits);

status_t event_create(struct domain *d, struct event **out) __must_check; /* NO_SPACE, NO_MEMORY */
void event_raise(struct event *e, u64 bits);   /* any context, no run-queue lock held */
u64 event_take(struct event *e, u64 mask);     /* the bits of mask that were set; clears them */
/* ev_bind TO_*: v NULL but for TO_VCPU. Notifies at once when bits are set already. */
void event_set_target(struct event *e, u32 to, u32 value, struct vcpu *v);
/* Under mgmt_lock, once: its last capability is gone; it lives on, mute, while something is bound to raise it. */
void event_end(struct event *e);
/* Pending areas of the control domain (struct dais_pending each 1 KiB), allocated and shown to it at boot: one per MSI-X vector. */
status_t events_init(u32 vectors) __must_check;
extern struct dais_pending *events_pending;

#endif
