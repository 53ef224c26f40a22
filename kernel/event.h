/* SPDX-License-Identifier: GPL-2.0-only */
/* Events: a 64-bit OR-word with at most one receiver: an MSI-X vector of the control domain's virtual function, or a vCPU's local APIC. */
#ifndef DAIS_EVENT_H
#define DAIS_EVENT_H

#include "kernel/lock.h"
#include "kernel/object.h"

/* A place that leads to an object and has a value for it; it holds a reference. Zeroed: to none. */
struct link { spinlock_t lock; struct object *to; u64 value; };
void link_set(struct link *l, struct object *to, u64 value); /* NULL: to none */

struct event {
	struct object obj;
	u64 word;            /* atomic */
	struct link target;  /* the control domain (value: MSI-X index | number in the pending area << 32), or a vCPU (vector) */
};

status_t event_create(struct event **out) __must_check;
void event_raise(struct event *e, u64 bits);       /* any context, no run-queue lock held */
void event_raise_link(struct link *l, u64 bits);   /* the event that l leads to: by `bits`, or l's value when they are zero */
u64 event_take(struct event *e, u64 mask);         /* the bits of mask that were set; clears them */
/* Notifies at once when bits are set already. */
void event_set_target(struct event *e, struct object *to, u64 value);
/* Under mgmt_lock, once: its last capability is gone; it lives on, mute, while something is linked to raise it. */
void event_end(struct event *e);
/* Pending areas of the control domain (struct dais_pending each 1 KiB), allocated and shown to it at boot: one per MSI-X vector. */
status_t events_init(u32 vectors) __must_check;
extern struct dais_pending *events_pending;

#endif
