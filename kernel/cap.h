/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capability tables. All changes, and all that reads more than one slot, under
 * mgmt_lock; one lock more for the contents of single slots, since look-ups come
 * without mgmt_lock.
 *
 * An object's list of slots is its derivation tree in pre-order: what was derived
 * from a slot follows it, with a greater depth.
 */
#pragma once

#include "kernel/object.h"

struct cap_table;

struct cap {
	struct object *obj;
	u64 badge;               /* events: bits that may be sent or taken; ~0 = all */
	u32 rights;
	u32 depth;               /* 0: original */
};

struct cap_slot {
	struct cap cap;          /* obj NULL: empty */
	struct cap_table *table;
	struct list of_object;   /* in obj->slots */
};

/* Indices 1..size */
struct cap_table { struct cap_slot *slot; u32 size, used, next /* where the search for a free one begins */; };

status_t cap_table_init(struct cap_table *t, u32 size) __must_check;  /* NO_MEMORY */
void cap_table_free(struct cap_table *t);                             /* all its slots are empty */
/* A copy, with a reference on its object: object_put when done. type DAIS_T_ANY takes any. Needs all of `rights`.
 * Order of checks: BAD_CAP, BAD_TYPE, DENIED. */
status_t cap_get(struct cap_table *t, u64 index, u32 type, u32 rights, struct cap *out) __must_check;
status_t cap_prepare(struct cap_table *t) __must_check; /* room for the next capability: its insertion cannot fail */
/* A new original capability. NO_SPACE. *index != 0. */
status_t cap_insert(struct cap_table *t, struct object *o, u32 rights, u64 *index) __must_check;
/* The new one has those of `rights` that src has. badge: 0 for src's own. BAD_ARG: badge of what is no event; DENIED: bits beyond src's badge. */
status_t cap_derive(struct cap_table *t, u64 src, struct cap_table *dst, u32 rights, u64 badge, u64 *index) __must_check;
struct object *cap_drop(struct cap_table *t, u64 index); /* the object whose last slot this was, for object_orphaned, or NULL */
u64 cap_revoke(struct cap_table *t, u64 index);          /* how many went */
void cap_purge(struct object *o);  /* empties every slot that names o, in all tables */
u64 cap_check(struct cap_table *t); /* 0, or the number of a broken invariant */
