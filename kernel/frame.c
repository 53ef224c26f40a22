/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame database: for each GiB with RAM, an array of 512 blocks of 2 MiB. A
 * block is whole (one entry holds for its 512 frames) or split (a table of 512
 * entries). It becomes whole again when all its frames are free, or all are the
 * control domain's and unshared.
 */
#include "boot/boot_info.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define BLOCK_FRAMES 512u
#define GROUP_BLOCKS (SIZE_1G / SIZE_2M)
#define TABLE_SIZE   (BLOCK_FRAMES * sizeof(struct frame))
#define MAX_SHARES   ((1u << 18) - 1)

struct block {
	struct frame *table; /* NULL: whole */
	struct frame e;      /* whole: the entry; split: what all frames must be for it to merge */
	u16 same;            /* split: how many frames are so */
	bool fixed;          /* its table lies in the store: it never merges */
};

_Static_assert(sizeof(struct frame) == 4 && sizeof(struct block) == 16, "a terabyte costs 8 MiB");
_Static_assert(MAX_DOMAINS <= 1 << 10, "owner fits");

static struct {
	spinlock_t lock;
	struct block **group;   /* by GiB; NULL without RAM */
	u64 groups;
	u64 whole_free;         /* blocks */
	u64 whole_at, split_at; /* where the search for a free one goes on: addresses */
	struct frame_counts count;
	struct pool root;
} db;

static const struct frame entry_free = { .state = FRAME_FREE };
static const struct frame entry_plain = { .state = FRAME_OWNED };

static struct block *block_of(hpa_t a)
{
	u64 g = a.v / SIZE_1G;

	return g < db.groups && db.group[g] ? &db.group[g][a.v / SIZE_2M % GROUP_BLOCKS] : NULL;
}

static struct frame *entry_of(struct block *b, hpa_t a)
{
	return b->table ? &b->table[(a.v >> PAGE_SHIFT) % BLOCK_FRAMES] : &b->e;
}

/* Adds n frames of this kind to the counts. */
static void tally(struct frame_counts *c, struct frame e, u64 n)
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

static void split_with(struct block *b, struct frame *table)
{
	struct frame e = b->e;

	for (u32 i = 0; i < BLOCK_FRAMES; i++)
		table[i] = e;
	db.whole_free -= e.raw == entry_free.raw;
	b->table = table;
	b->e = e.raw == entry_plain.raw ? entry_plain : entry_free;
	b->same = e.raw == b->e.raw ? BLOCK_FRAMES : 0;
}

/* Sets 2^order frames. Returns a table that is needed no more: for heap_free once unlocked. */
static struct frame *set(hpa_t a, u32 order, struct frame e)
{
	struct block *b = block_of(a);
	struct frame *f = entry_of(b, a), *table = b->table;

	CHECK(table || order == ORDER_2M);
	tally(&db.count, e, 1ULL << order);
	if (!table) {
		tally(&db.count, *f, -(1ULL << order));
		db.whole_free += (e.raw == entry_free.raw) - (u64)(f->raw == entry_free.raw);
		*f = e;
		return NULL;
	}
	for (u64 i = 0; i < 1ULL << order; i++, f++) {
		tally(&db.count, *f, -1ULL);
		b->same += (e.raw == b->e.raw) - (f->raw == b->e.raw);
		*f = e;
	}
	if (b->same < BLOCK_FRAMES || b->fixed)
		return NULL;
	b->table = NULL;
	db.whole_free += b->e.raw == entry_free.raw;
	return table;
}

/* --- at boot --- */

struct layout { u64 groups, filled; };

/* What the ranges need; with `b`, gives each group its blocks. */
static struct layout lay_out(const struct boot_mem *mem, u32 count, struct block *b)
{
	struct layout l = { 0, 0 };

	for (u32 i = 0; i < count; i++) {
		u64 end = mem[i].base + mem[i].pages * PAGE_SIZE;

		l.groups = MAX(mem[i].base / SIZE_1G, l.groups);
		for (; l.groups * SIZE_1G < end; l.groups++, l.filled++)
			if (b)
				db.group[l.groups] = b + l.filled * GROUP_BLOCKS;
	}
	return l;
}

u64 frames_cost(const struct boot_mem *mem, u32 count)
{
	struct layout l = lay_out(mem, count, NULL);

	/* Both ends of each range may need a table. */
	return ALIGN_UP(l.groups * sizeof(struct block *) + 2 * count * TABLE_SIZE +
			l.filled * GROUP_BLOCKS * sizeof(struct block), PAGE_SIZE);
}

/* Enters one range; takes tables for its ragged ends from *tables. */
static void enter(const struct boot_mem *m, struct frame **tables)
{
	static const struct frame kinds[] = {
		[BOOT_MEM_CONTROL] = { .state = FRAME_OWNED },
		[BOOT_MEM_FIRMWARE] = { .state = FRAME_OWNED, .firmware = 1 },
		[BOOT_MEM_DAIS] = { .state = FRAME_DAIS },
		[BOOT_MEM_POOL] = { .state = FRAME_FREE },
	};
	u64 a = m->base, end = m->base + m->pages * PAGE_SIZE;

	for (u32 order; a < end; a += PAGE_SIZE << order) {
		struct block *b = block_of(hpa(a));

		order = a % SIZE_2M == 0 && end - a >= SIZE_2M ? ORDER_2M : ORDER_4K;
		if (order == ORDER_4K && !b->table) {
			split_with(b, *tables);
			b->fixed = true;
			*tables += BLOCK_FRAMES;
		}
		set(hpa(a), order, kinds[m->kind]);
	}
}

void frames_init(const struct boot_mem *mem, u32 count, void *store)
{
	struct layout l = lay_out(mem, count, NULL);
	struct block *blocks = (struct block *)((struct block **)store + l.groups);
	struct frame *tables = (struct frame *)(blocks + l.filled * GROUP_BLOCKS);

	memset(&db, 0, sizeof(db));
	db.group = store;
	db.groups = l.groups;
	lay_out(mem, count, blocks);
	for (u32 i = 0; i < count; i++)
		enter(&mem[i], &tables);
	object_init(&db.root.obj, DAIS_T_POOL, NULL);
	db.root.limit = db.count.pool = db.count.free;
	counters.pools = 1;
}

/* --- pools --- */

struct pool *pool_root(void)
{
	return &db.root;
}

/* Not by object_put of the parent: a long chain would use up the stack. */
static void pool_free(struct object *o)
{
	struct pool *p = container_of(o, struct pool, obj), *parent;

	do {
		CHECK(!p->used);
		parent = p->parent;
		spin_lock(&db.lock);
		parent->limit += p->limit;
		counters.pools--;
		spin_unlock(&db.lock);
		heap_free(p, sizeof(*p));
		p = parent;
	} while (!atomic_sub(&p->obj.refs, 1));
}

status_t pool_split(struct pool *p, u64 frames, struct pool **out)
{
	struct pool *new;
	bool fits;

	if (!frames)
		return DAIS_BAD_ARG;
	new = heap_alloc(sizeof(*new));
	if (!new)
		return DAIS_NO_MEMORY;
	object_init(&new->obj, DAIS_T_POOL, pool_free);
	spin_lock(&db.lock);
	fits = p->limit - p->used >= frames;
	if (fits) {
		p->limit -= frames;
		counters.pools++;
	}
	spin_unlock(&db.lock);
	if (!fits) {
		heap_free(new, sizeof(*new));
		return DAIS_NO_MEMORY;
	}
	object_get(&p->obj);
	new->limit = frames;
	new->parent = p;
	*out = new;
	return DAIS_OK;
}

status_t call_mem_split(struct call *c)
{
	struct pool *p;
	status_t s = pool_split(pool_arg(c, 0), c->arg[1], &p);

	if (s != DAIS_OK)
		return s;
	s = cap_insert(&c->dom->caps, &p->obj, DAIS_R_ALL, &c->out[0]);
	if (s != DAIS_OK)
		object_put(&p->obj);
	return s;
}

/* --- allocation --- */

/* The next block with free frames, split or whole; the caller knows that there is one. */
static struct block *seek(u64 *at, bool split)
{
	for (;;) {
		struct block *b = block_of(hpa(*at));

		if (b && !b->table == !split && b->e.raw == entry_free.raw && (!split || b->same))
			return b;
		*at = b ? *at + SIZE_2M : ALIGN_DOWN(*at, SIZE_1G) + SIZE_1G;
		if (*at >= db.groups * SIZE_1G)
			*at = 0;
	}
}

/* Splits the block of a, unless it is split or, if so asked, not free. The heap comes back for 2 MiB. */
static status_t split(hpa_t a, bool if_free)
{
	struct block *b = block_of(a);
	struct frame *table = heap_alloc(TABLE_SIZE);

	if (!table)
		return DAIS_NO_MEMORY;
	spin_lock(&db.lock);
	if (!b->table && (!if_free || b->e.raw == entry_free.raw)) {
		split_with(b, table);
		table = NULL;
	}
	spin_unlock(&db.lock);
	heap_free(table, TABLE_SIZE);
	return DAIS_OK;
}

status_t frame_split(hpa_t a)
{
	return split(a, false);
}

/* AGAIN: the block of *out must be split first. */
static status_t try_alloc(struct pool *p, u32 order, struct frame e, hpa_t *out)
{
	spin_guard(&db.lock);
	u64 n = 1ULL << order;
	struct frame *f;

	/* The pools' budgets together are what is free. */
	if (p->limit - p->used < n || (order == ORDER_2M && !db.whole_free))
		return DAIS_NO_MEMORY;
	if (order == ORDER_2M || db.count.free == db.whole_free * BLOCK_FRAMES) {
		seek(&db.whole_at, false);
		*out = hpa(db.whole_at);
		if (order == ORDER_4K)
			return DAIS_AGAIN;
	} else {
		f = seek(&db.split_at, true)->table;
		*out = hpa(db.split_at);
		for (; f->raw != entry_free.raw; f++)
			out->v += PAGE_SIZE;
	}
	CHECK(!set(*out, order, e));
	p->used += n;
	return DAIS_OK;
}

status_t frame_alloc(struct pool *p, u32 order, u16 owner, hpa_t *out)
{
	struct frame e = { .state = FRAME_DAIS };
	status_t s;

	CHECK(order == ORDER_4K || order == ORDER_2M);
	if (owner != FRAME_FOR_DAIS)
		e = (struct frame){ .state = FRAME_OWNED, .owner = owner };
	do
		s = try_alloc(p, order, e, out);
	while (s == DAIS_AGAIN && (s = split(*out, true)) == DAIS_OK);
	return s;
}

void frame_free(struct pool *p, hpa_t a, u32 order)
{
	struct block *b = block_of(a);
	u64 n = 1ULL << order;
	struct frame *f, *spare;

	CHECK(b && !(a.v % (PAGE_SIZE << order)));
	spin_lock(&db.lock);
	CHECK(p->used >= n);
	f = entry_of(b, a);
	for (u64 i = 0; i < (b->table ? n : 1); i++) {
		CHECK(f[i].state == FRAME_OWNED || f[i].state == FRAME_DAIS);
		CHECK(!f[i].viewed && !f[i].shares && !f[i].firmware);
	}
	spare = set(a, order, entry_free);
	p->used -= n;
	spin_unlock(&db.lock);
	heap_free(spare, TABLE_SIZE);
}

/* --- single frames --- */

static struct frame get_locked(hpa_t a)
{
	struct block *b = block_of(a);

	return b ? *entry_of(b, a) : (struct frame){ .raw = 0 };
}

struct frame frame_get(hpa_t a)
{
	spin_guard(&db.lock);

	return get_locked(a);
}

void frame_set_viewed(hpa_t a, u32 order, bool viewed)
{
	spin_guard(&db.lock);
	struct frame f = get_locked(a);

	CHECK(f.state == FRAME_OWNED && f.owner);
	f.viewed = viewed;
	set(a, order, f);
}

static status_t try_share(hpa_t a, u16 owner)
{
	spin_guard(&db.lock);
	struct frame f = get_locked(a);

	if (f.state != FRAME_OWNED || f.owner != owner || f.viewed || f.firmware)
		return DAIS_DENIED;
	if (!block_of(a)->table)
		return DAIS_AGAIN;
	if (f.shares == MAX_SHARES)
		return DAIS_NO_SPACE;
	f.shares++;
	set(a, ORDER_4K, f);
	return DAIS_OK;
}

status_t frame_share(hpa_t a, u16 owner)
{
	status_t s;

	do
		s = try_share(a, owner);
	while (s == DAIS_AGAIN && (s = frame_split(a)) == DAIS_OK);
	return s;
}

void frame_unshare(hpa_t a)
{
	struct frame f, *spare;

	spin_lock(&db.lock);
	f = get_locked(a);
	CHECK(f.shares);
	f.shares--;
	spare = set(a, ORDER_4K, f);
	spin_unlock(&db.lock);
	heap_free(spare, TABLE_SIZE);
}

/* --- counts and invariants --- */

struct frame_counts frames_count(void)
{
	spin_guard(&db.lock);

	return db.count;
}

/* Counts a block's frames anew; false: its own count or an entry is wrong. */
static bool recount(struct block *b, struct frame_counts *c)
{
	u32 same = 0;

	if (!b->table) {
		tally(c, b->e, BLOCK_FRAMES);
		return !b->e.shares;
	}
	for (struct frame *f = b->table; f < b->table + BLOCK_FRAMES; f++) {
		tally(c, *f, 1);
		same += f->raw == b->e.raw;
		if ((f->viewed && !f->owner) || (f->shares && f->owner))
			return false;
	}
	return same == b->same && (same < BLOCK_FRAMES || b->fixed);
}

u64 frames_check(void)
{
	spin_guard(&db.lock);
	struct frame_counts c = { .pool = db.count.pool };
	u64 whole_free = 0;

	for (u64 a = 0; a < db.groups * SIZE_1G; a += SIZE_2M) {
		struct block *b = block_of(hpa(a));

		if (b && !recount(b, &c))
			return 1;
		whole_free += b && !b->table && b->e.raw == entry_free.raw;
	}
	if (memcmp(&c, &db.count, sizeof(c)))
		return 2;
	return whole_free == db.whole_free ? 0 : 3;
}
