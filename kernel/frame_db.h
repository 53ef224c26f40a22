/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the frame database. A range of RAM is an array of blocks of 2 MiB. A
 * block is whole (one entry holds for its 512 frames) or split (a table of 512
 * entries). It becomes whole again when all its frames are free, or all are the
 * control domain's and unshared. All under frame_db.lock.
 */
#ifndef DAIS_FRAME_DB_H
#define DAIS_FRAME_DB_H

#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/log.h"

#define BLOCK_SHIFT  21
#define BLOCK_FRAMES 512u
#define TABLE_SIZE   (BLOCK_FRAMES * sizeof(entry_t))
#define TABLE_SHIFT  11
#define RANGE_GAP    512 /* blocks; ranges nearer than this become one */
#define MAX_SHARES   ((1u << 18) - 1)

typedef union {
	struct { u32 owner : 10, state : 2, viewed : 1, firmware : 1, shares : 18; };
	u32 raw;
} entry_t;

struct block {
	u64 is_split : 1;
	u64 free : 10;  /* split: how many frames are free */
	u64 plain : 10; /* split: how many are the control domain's and unshared */
	s64 at : 43;    /* split: address of the table >> TABLE_SHIFT; whole: the entry */
};

_Static_assert(sizeof(entry_t) == 4 && sizeof(struct block) == 8, "a terabyte costs 4 MiB");
_Static_assert(TABLE_SIZE == 1u << TABLE_SHIFT && TABLE_SIZE <= HEAP_SMALL, "tables lie aligned");
_Static_assert(MAX_DOMAINS <= 1 << 10, "owner fits");

struct range { u64 first, count; struct block *block; };
struct cursor { u32 range; u64 block; };

struct frame_db {
	spinlock_t lock;
	struct range *range;
	u32 ranges;
	char *store, *store_end;        /* tables made at boot lie here, not in the heap */
	u64 whole_free, split_free;     /* blocks; frames */
	struct frame_counts count;
	u64 pool_frames, allocated;     /* frames that pools had at boot; taken from pools */
	struct cursor whole_at, split_at;
	struct pool root;
	u64 pools;
};

extern struct frame_db frame_db;

static const entry_t entry_free = { .state = FRAME_FREE };
static const entry_t entry_plain = { .state = FRAME_OWNED };

static inline entry_t entry_of(const struct block *b)
{
	return (entry_t){ .raw = (u32)b->at };
}

static inline entry_t *table_of(const struct block *b)
{
	return (entry_t *)(intptr_t)((u64)(s64)b->at << TABLE_SHIFT);
}

static inline struct block whole_block(entry_t e)
{
	return (struct block){ .at = e.raw };
}

static inline entry_t entry_get(const struct block *b, hpa_t a)
{
	if (!b)
		return (entry_t){ .raw = 0 };
	return b->is_split ? table_of(b)[(a.v >> PAGE_SHIFT) % BLOCK_FRAMES] : entry_of(b);
}

struct block *block_of(u64 number);
/* Adds n frames of this kind to the counts. */
void tally(struct frame_counts *c, entry_t e, u64 n);
void split_with(struct block *b, entry_t *table);
/* Sets all of a whole block. */
void set_block(struct block *b, entry_t e);
/* Sets one frame of a split block. Returns the table when it is needed no more: for drop_table once unlocked. */
entry_t *set_frame(struct block *b, u32 i, entry_t e);

#endif
