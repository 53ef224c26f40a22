/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/frame_db.h"

struct frame_db frame_db;

struct block *block_of(u64 number)
{
	for (u32 i = 0; i < frame_db.ranges; i++)
		if (number - frame_db.range[i].first < frame_db.range[i].count)
			return &frame_db.range[i].block[number - frame_db.range[i].first];
	return NULL;
}

void tally(struct frame_counts *c, entry_t e, u64 n)
{
	if (e.state == FRAME_NONE || e.firmware)
		return;
	c->total += n;
	if (e.state == FRAME_FREE)
		c->free += n;
	else if (e.state == FRAME_DAIS)
		c->dais += n;
	else if (e.owner)
		c->guests += n;
	else
		c->control += n;
}

void split_with(struct block *b, entry_t *table)
{
	entry_t e = entry_of(b);
	bool free = e.raw == entry_free.raw, plain = e.raw == entry_plain.raw;

	for (u32 i = 0; i < BLOCK_FRAMES; i++)
		table[i] = e;
	*b = (struct block){ .is_split = 1, .free = free * BLOCK_FRAMES,
			     .plain = plain * BLOCK_FRAMES,
			     .at = (s64)(intptr_t)table >> TABLE_SHIFT };
	frame_db.whole_free -= free;
	frame_db.split_free += free * BLOCK_FRAMES;
}

void set_block(struct block *b, entry_t e)
{
	entry_t old = entry_of(b);

	CHECK(!b->is_split);
	tally(&frame_db.count, old, -(u64)BLOCK_FRAMES);
	tally(&frame_db.count, e, BLOCK_FRAMES);
	frame_db.whole_free += (e.raw == entry_free.raw) - (u64)(old.raw == entry_free.raw);
	*b = whole_block(e);
}

entry_t *set_frame(struct block *b, u32 i, entry_t e)
{
	entry_t *table = table_of(b), old;

	CHECK(b->is_split);
	old = table[i];
	tally(&frame_db.count, old, -1ULL);
	tally(&frame_db.count, e, 1);
	b->free += (e.raw == entry_free.raw) - (old.raw == entry_free.raw);
	b->plain += (e.raw == entry_plain.raw) - (old.raw == entry_plain.raw);
	frame_db.split_free += (e.raw == entry_free.raw) - (u64)(old.raw == entry_free.raw);
	table[i] = e;
	if (b->free != BLOCK_FRAMES && b->plain != BLOCK_FRAMES)
		return NULL;
	if (b->free == BLOCK_FRAMES) {
		frame_db.split_free -= BLOCK_FRAMES;
		frame_db.whole_free++;
	}
	*b = whole_block(e);
	return table;
}

static void drop_table(entry_t *table)
{
	if ((char *)table < frame_db.store || (char *)table >= frame_db.store_end)
		heap_free(table, TABLE_SIZE);
}

/* --- allocation --- */

/* The next block with free frames of its kind; the caller knows that there is one. */
static u64 seek(struct cursor *c, bool split)
{
	for (;;) {
		const struct range *r = &frame_db.range[c->range];

		for (; c->block < r->count; c->block++) {
			const struct block *b = &r->block[c->block];

			if (split ? b->is_split && b->free
				  : !b->is_split && entry_of(b).raw == entry_free.raw)
				return r->first + c->block;
		}
		c->block = 0;
		c->range = (c->range + 1) % frame_db.ranges;
	}
}

/* *table: NULL, or one for a split; NULL again when it was used. False: a table is missing. */
static bool take_frame(entry_t e, entry_t **table, hpa_t *out)
{
	u64 number;
	u32 i = 0;

	if (!frame_db.split_free) {
		if (!*table)
			return false;
		split_with(block_of(seek(&frame_db.whole_at, false)), *table);
		frame_db.split_at = frame_db.whole_at;
		*table = NULL;
	}
	number = seek(&frame_db.split_at, true);
	while (table_of(block_of(number))[i].raw != entry_free.raw)
		i++;
	CHECK(!set_frame(block_of(number), i, e));
	*out = hpa(number << BLOCK_SHIFT | (u64)i << PAGE_SHIFT);
	return true;
}

static status_t alloc_locked(struct pool *p, u32 order, entry_t e, entry_t **table, hpa_t *out)
{
	u64 n = 1ULL << order, number;

	if (p->limit - p->used < n)
		return DAIS_NO_MEMORY;
	if (!frame_db.whole_free && (order == ORDER_2M || !frame_db.split_free))
		return DAIS_NO_MEMORY;
	if (order == ORDER_2M) {
		number = seek(&frame_db.whole_at, false);
		set_block(block_of(number), e);
		*out = hpa(number << BLOCK_SHIFT);
	} else if (!take_frame(e, table, out)) {
		return DAIS_AGAIN;
	}
	p->used += n;
	frame_db.allocated += n;
	return DAIS_OK;
}

status_t frame_alloc(struct pool *p, u32 order, u16 owner, hpa_t *out)
{
	entry_t e = { .state = FRAME_DAIS }, *table = NULL;
	status_t s;

	CHECK(order == ORDER_4K || order == ORDER_2M);
	if (owner != FRAME_FOR_DAIS)
		e = (entry_t){ .state = FRAME_OWNED, .owner = owner };
	for (;;) {
		spin_lock(&frame_db.lock);
		s = alloc_locked(p, order, e, &table, out);
		spin_unlock(&frame_db.lock);
		if (s != DAIS_AGAIN)
			break;
		/* Unlocked: the heap may come back here for 2 MiB. */
		table = heap_alloc(TABLE_SIZE);
		if (!table)
			return DAIS_NO_MEMORY;
	}
	if (table)
		heap_free(table, TABLE_SIZE);
	return s;
}

static void check_freeable(entry_t e)
{
	CHECK(e.state == FRAME_OWNED || e.state == FRAME_DAIS);
	CHECK(!e.viewed && !e.shares && !e.firmware);
}

void frame_free(struct pool *p, hpa_t a, u32 order)
{
	struct block *b = block_of(a.v >> BLOCK_SHIFT);
	u32 i = (a.v >> PAGE_SHIFT) % BLOCK_FRAMES, n = 1u << order;
	entry_t *spare = NULL;

	CHECK(b && !(i % n));
	spin_lock(&frame_db.lock);
	CHECK(p->used >= n);
	if (n == BLOCK_FRAMES && !b->is_split) {
		check_freeable(entry_of(b));
		set_block(b, entry_free);
	} else {
		for (u32 end = i + n; i < end; i++) {
			check_freeable(entry_get(b, hpa((u64)i << PAGE_SHIFT)));
			spare = set_frame(b, i, entry_free);
		}
	}
	p->used -= n;
	frame_db.allocated -= n;
	spin_unlock(&frame_db.lock);
	if (spare)
		drop_table(spare);
}

/* --- single frames --- */

struct frame frame_get(hpa_t a)
{
	entry_t e;

	spin_lock(&frame_db.lock);
	e = entry_get(block_of(a.v >> BLOCK_SHIFT), a);
	spin_unlock(&frame_db.lock);
	return (struct frame){ e.owner, e.state, e.viewed, e.shares };
}

status_t frame_split(hpa_t a)
{
	struct block *b = block_of(a.v >> BLOCK_SHIFT);
	entry_t *table;

	CHECK(b);
	table = heap_alloc(TABLE_SIZE);
	if (!table)
		return DAIS_NO_MEMORY;
	spin_lock(&frame_db.lock);
	if (!b->is_split) {
		split_with(b, table);
		table = NULL;
	}
	spin_unlock(&frame_db.lock);
	if (table)
		heap_free(table, TABLE_SIZE);
	return DAIS_OK;
}

void frame_set_viewed(hpa_t a, u32 order, bool viewed)
{
	struct block *b = block_of(a.v >> BLOCK_SHIFT);
	u32 i = (a.v >> PAGE_SHIFT) % BLOCK_FRAMES;
	entry_t e;

	spin_lock(&frame_db.lock);
	e = entry_get(b, a);
	CHECK(e.state == FRAME_OWNED && e.owner);
	e.viewed = viewed;
	if (order == ORDER_2M && !b->is_split)
		set_block(b, e);
	else
		for (u32 end = i + (1u << order); i < end; i++)
			set_frame(b, i, e);
	spin_unlock(&frame_db.lock);
}

static status_t share_locked(struct block *b, hpa_t a, u16 owner)
{
	entry_t e = entry_get(b, a);

	if (e.state != FRAME_OWNED || e.owner != owner || e.viewed || e.firmware)
		return DAIS_DENIED;
	if (!b->is_split)
		return DAIS_AGAIN;
	if (e.shares == MAX_SHARES)
		return DAIS_NO_SPACE;
	e.shares++;
	set_frame(b, (a.v >> PAGE_SHIFT) % BLOCK_FRAMES, e);
	return DAIS_OK;
}

status_t frame_share(hpa_t a, u16 owner)
{
	status_t s;

	for (;;) {
		spin_lock(&frame_db.lock);
		s = share_locked(block_of(a.v >> BLOCK_SHIFT), a, owner);
		spin_unlock(&frame_db.lock);
		if (s != DAIS_AGAIN)
			return s;
		s = frame_split(a);
		if (s != DAIS_OK)
			return s;
	}
}

void frame_unshare(hpa_t a)
{
	struct block *b = block_of(a.v >> BLOCK_SHIFT);
	entry_t e, *spare;

	spin_lock(&frame_db.lock);
	e = entry_get(b, a);
	CHECK(e.shares);
	e.shares--;
	spare = set_frame(b, (a.v >> PAGE_SHIFT) % BLOCK_FRAMES, e);
	spin_unlock(&frame_db.lock);
	if (spare)
		drop_table(spare);
}

struct frame_counts frames_count(void)
{
	struct frame_counts c;

	spin_lock(&frame_db.lock);
	c = frame_db.count;
	spin_unlock(&frame_db.lock);
	return c;
}
