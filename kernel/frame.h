/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns which frame of RAM. Two levels: an entry per 2 MiB, split into 512
 * entries of 4 KiB on demand and merged again when all are free, so that a
 * terabyte costs 8 MiB and not 1 GiB.
 *
 * Invariant: every RAM frame has exactly one state and owner;
 *   FREE      in no table, content arbitrary, scrubbed when it is given out
 *   DAIS      heap and image; in no nested table but pages lent by mem_show
 *   CONTROL   the control domain's; `shares`: times that a guest maps it (DAIS_MEM_OWN)
 *   GUEST     a pool frame of domain slot `owner`; mapped by it at most once, and perhaps
 *             by the control domain at GPA = HPA (its view)
 *   FIRMWARE  the control domain's, but not as RAM
 * The sum of frames by state equals the total at boot.
 */
#pragma once

#include "boot/boot_info.h"
#include "kernel/object.h"

/*
 * A budget of frames. Pools form a tree; a frame allocated from a pool counts against
 * it alone, since a split moved the budget. References: its capabilities together, each
 * pool split off it, each domain that draws from it. With the last one, the budget
 * goes back to the parent.
 */
struct pool {
	struct object obj;
	struct pool *parent;
	u64 free;            /* frames that may still be taken; memory_lock */
};
extern struct pool pool_root;

/* Takes over the database as the loader built it. */
void frames_init(struct frame_block **group, u64 groups);
/* Takes 2^order frames (ORDER_4K or ORDER_2M) for the guest in slot `owner`. Not scrubbed here. NO_MEMORY. */
status_t frame_alloc(struct pool *p, u32 order, u16 owner, hpa_t *out) __must_check;
/* The same for who holds memory_lock; the frames become `as`. */
status_t frame_take(struct pool *p, u32 order, struct frame as, hpa_t *out) __must_check;
void frame_free(struct pool *p, hpa_t a, u32 order);   /* CHECKs that they are a guest's */
struct frame frame_get(hpa_t a);                       /* a copy; state FRAME_NONE when not RAM */
/* Makes 4 KiB entries of the 2 MiB that hold a, so that single frames of it may be freed. NO_MEMORY. */
status_t frame_split(hpa_t a) __must_check;
status_t frame_share(hpa_t a) __must_check; /* shares++; DENIED unless CONTROL; NO_MEMORY; NO_SPACE: shared too often */
void frame_unshare(hpa_t a);
extern struct frame_counts {
	union {
		u64 by_state[FRAME_STATES];
		struct { u64 none, firmware, free, dais, control, guests; };
	};
	u64 pool; /* free at boot */
} frame_counts; /* memory_lock; each may be read without */
u64 frames_check(void);                                /* walks all: 0, or the number of a broken invariant */
