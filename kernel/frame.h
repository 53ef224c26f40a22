/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns which frame of RAM. Two levels: an entry per 2 MiB, split into 512
 * entries of 4 KiB on demand and merged again when all are free, so that a
 * terabyte costs 8 MiB and not 1 GiB.
 *
 * Invariant: every RAM frame has exactly one state and owner;
 *   FREE    in no table, content arbitrary, scrubbed when it is given out
 *   DAIS    heap and image; in no nested table but pages lent by mem_show
 *   OWNED   belongs to domain slot `owner`; mapped by it at most once.
 *           `viewed`: the control domain maps it too, at GPA = HPA (pool frames of guests)
 *           `shares`: times that another domain maps it (the control domain's own frames, DAIS_MEM_OWN)
 * The sum of frames by state equals the total at boot.
 */
#ifndef DAIS_FRAME_H
#define DAIS_FRAME_H

#include "kernel/object.h"

struct boot_mem;

enum frame_state { FRAME_NONE = 0 /* not RAM */, FRAME_FREE = 1, FRAME_DAIS = 2, FRAME_OWNED = 3 };

struct frame {
	union {
		struct { u32 owner : 10, state : 2, viewed : 1, firmware : 1, shares : 18; };
		u32 raw;
	};
};

/*
 * A budget of frames. Pools form a tree; a frame allocated from a pool counts against
 * it alone, since a split moved the budget. References: its capabilities together, each
 * pool split off it, each domain that draws from it. With the last one, the budget
 * goes back to the parent.
 */
struct pool {
	struct object obj;
	struct pool *parent;
	u64 limit, used;     /* frames; frames lock */
};

/* Bytes of Dais's memory that frames_init takes for these ranges, ascending. Pure. */
u64 frames_cost(const struct boot_mem *mem, u32 count);
/* Builds the database in `store` (zeroed, frames_cost bytes). CONTROL and FIRMWARE ranges: owned by slot 0 (FIRMWARE not as RAM:
 * FRAME_OWNED too, so that its own mapping passes); POOL: free; DAIS: Dais's. */
void frames_init(const struct boot_mem *mem, u32 count, void *store);
struct pool *pool_root(void);
status_t pool_split(struct pool *p, u64 frames, struct pool **out) __must_check; /* BAD_ARG for 0, NO_MEMORY */

/* Takes 2^order frames (ORDER_4K or ORDER_2M), OWNED by slot `owner` or DAIS when owner is FRAME_FOR_DAIS. Not scrubbed here. NO_MEMORY. */
#define FRAME_FOR_DAIS 0xffff
status_t frame_alloc(struct pool *p, u32 order, u16 owner, hpa_t *out) __must_check;
void frame_free(struct pool *p, hpa_t a, u32 order);  /* CHECKs that it is the owner's, unviewed and unshared */
struct frame frame_get(hpa_t a);                       /* a copy; state FRAME_NONE when not RAM */
/* Makes 4 KiB entries of the 2 MiB that hold a, so that single frames of it may change. NO_MEMORY. */
status_t frame_split(hpa_t a) __must_check;
void frame_set_viewed(hpa_t a, u32 order, bool viewed);
status_t frame_share(hpa_t a, u16 owner) __must_check; /* shares++; DENIED unless RAM OWNED by owner and not viewed; NO_MEMORY; NO_SPACE: shared too often */
void frame_unshare(hpa_t a);
struct frame_counts { u64 total, free, dais, control, guests, pool /* free at boot */; };
struct frame_counts frames_count(void);
u64 frames_check(void);                                /* walks all: 0, or the number of a broken invariant */

#endif
