/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame database at boot, and its invariants. */
#include "boot/boot_info.h"
#include "kernel/frame_db.h"
#include "kernel/string.h"

struct layout { u64 ranges, blocks, tables; };

/* What the ranges need; with r, the ranges themselves. */
static struct layout lay_out(const struct boot_mem *mem, u32 count, struct range *r)
{
	struct layout l = { 0, 0, 0 };
	u64 first, last, begin = 0, end = 0, ragged = ~0ULL;

	for (u32 i = 0; i < count; i++) {
		first = mem[i].base >> BLOCK_SHIFT;
		last = (mem[i].base + mem[i].pages * PAGE_SIZE - 1) >> BLOCK_SHIFT;
		if (mem[i].base % SIZE_2M && first != ragged) {
			ragged = first;
			l.tables++;
		}
		if ((mem[i].base + mem[i].pages * PAGE_SIZE) % SIZE_2M && last != ragged) {
			ragged = last;
			l.tables++;
		}
		if (!l.ranges || first > end + RANGE_GAP) {
			l.ranges++;
			begin = end = first;
		}
		l.blocks += last + 1 > end ? last + 1 - end : 0;
		end = MAX(end, last + 1);
		if (r)
			r[l.ranges - 1] = (struct range){ begin, end - begin, NULL };
	}
	return l;
}

u64 frames_cost(const struct boot_mem *mem, u32 count)
{
	struct layout l = lay_out(mem, count, NULL);

	/* One table more: Dais cuts a range in two to have a place for this. */
	return ALIGN_UP((l.tables + 1) * TABLE_SIZE + l.blocks * sizeof(struct block) +
			l.ranges * sizeof(struct range), PAGE_SIZE);
}

static entry_t entry_of_kind(u32 kind)
{
	switch (kind) {
	case BOOT_MEM_POOL:
		return entry_free;
	case BOOT_MEM_DAIS:
		return (entry_t){ .state = FRAME_DAIS };
	case BOOT_MEM_FIRMWARE:
		return (entry_t){ .state = FRAME_OWNED, .firmware = 1 };
	default:
		return entry_plain;
	}
}

/* Enters one range; takes tables for its ragged ends from *tables. */
static void enter(const struct boot_mem *m, entry_t **tables)
{
	u64 a = m->base, end = m->base + m->pages * PAGE_SIZE;
	entry_t e = entry_of_kind(m->kind);

	while (a < end) {
		struct block *b = block_of(a >> BLOCK_SHIFT);

		if (a % SIZE_2M == 0 && end - a >= SIZE_2M) {
			set_block(b, e);
			a += SIZE_2M;
			continue;
		}
		if (!b->is_split) {
			split_with(b, *tables);
			*tables += BLOCK_FRAMES;
		}
		/* A table that merges here is not used again. */
		set_frame(b, (a >> PAGE_SHIFT) % BLOCK_FRAMES, e);
		a += PAGE_SIZE;
	}
}

void frames_init(const struct boot_mem *mem, u32 count, void *store)
{
	struct layout l = lay_out(mem, count, NULL);
	entry_t *tables = store;
	struct block *b = (struct block *)(tables + l.tables * BLOCK_FRAMES);

	CHECK((uintptr_t)store % TABLE_SIZE == 0);
	memset(&frame_db, 0, sizeof(frame_db));
	frame_db.store = store;
	frame_db.store_end = (char *)store + frames_cost(mem, count);
	frame_db.range = (struct range *)(b + l.blocks);
	frame_db.ranges = (u32)l.ranges;
	lay_out(mem, count, frame_db.range);
	for (u32 i = 0; i < frame_db.ranges; i++) {
		frame_db.range[i].block = b;
		b += frame_db.range[i].count;
	}
	for (u32 i = 0; i < count; i++)
		enter(&mem[i], &tables);
	object_init(&frame_db.root.obj, DAIS_T_POOL, NULL);
	frame_db.root.limit = frame_db.count.free;
	frame_db.pool_frames = frame_db.count.free;
	frame_db.pools = 1;
}


/* --- invariants --- */

/* Counts a block's frames anew; false: its own counts are wrong. */
static bool recount(const struct block *b, struct frame_counts *c, u64 *split_free)
{
	u64 free = 0, plain = 0;
	entry_t e;

	if (!b->is_split) {
		tally(c, entry_of(b), BLOCK_FRAMES);
		return !entry_of(b).shares;
	}
	for (u32 i = 0; i < BLOCK_FRAMES; i++) {
		e = table_of(b)[i];
		tally(c, e, 1);
		free += e.raw == entry_free.raw;
		plain += e.raw == entry_plain.raw;
		if ((e.viewed && !e.owner) || (e.shares && e.owner))
			return false;
	}
	*split_free += free;
	return free == b->free && plain == b->plain && free < BLOCK_FRAMES;
}

static u64 check_locked(void)
{
	struct frame_counts c = { 0 };
	u64 split_free = 0, whole_free = 0;

	for (u32 i = 0; i < frame_db.ranges; i++) {
		for (u64 n = 0; n < frame_db.range[i].count; n++) {
			const struct block *b = &frame_db.range[i].block[n];

			if (!recount(b, &c, &split_free))
				return 1;
			whole_free += !b->is_split && entry_of(b).raw == entry_free.raw;
		}
	}
	if (memcmp(&c, &frame_db.count, sizeof(c)))
		return 2;
	if (split_free != frame_db.split_free || whole_free != frame_db.whole_free)
		return 3;
	if (c.free != whole_free * BLOCK_FRAMES + split_free)
		return 4;
	if (c.free + frame_db.allocated != frame_db.pool_frames)
		return 5;
	return 0;
}

u64 frames_check(void)
{
	u64 broken;

	spin_lock(&frame_db.lock);
	broken = check_locked();
	spin_unlock(&frame_db.lock);
	return broken;
}
