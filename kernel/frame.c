/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame database: for each GiB with RAM, an array of 512 blocks of 2 MiB. A
 * block is whole (one entry holds for its 512 frames) or split (a table of 512
 * entries). It becomes whole again when all its frames are free, or all are the
 * control domain's and unshared.
 */
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define TABLE_SIZE (FRAME_BLOCK * sizeof(struct frame))
#define MAX_SHARES ((1u << 19) - 1)

_Static_assert(sizeof(struct frame) == 4 && sizeof(struct frame_block) == 16, "a terabyte costs 8 MiB");
_Static_assert(MAX_DOMAINS <= 1 << 10, "owner fits");

enum kind { WHOLE, SPLIT };

struct pool pool_root;
struct frame_counts frame_counts;
static struct {
	struct frame_block **group; /* by GiB; NULL without RAM */
	u64 groups;
	u64 at[2];            /* by kind of block: where the search for free frames goes on */
} db;

static struct frame_block *block_of(hpa_t a)
{
	struct frame_block *group = a.v / SIZE_1G < db.groups ? db.group[a.v / SIZE_1G] : NULL;

	return group ? &group[a.v / SIZE_2M % FRAME_GROUP] : NULL;
}

static struct frame *entry_of(struct frame_block *b, hpa_t a)
{
	return b->table ? &b->table[(a.v >> PAGE_SHIFT) % FRAME_BLOCK] : &b->e;
}

/* The heap may have to grow for it, and may take just this block if it is free. */
static status_t split(hpa_t a)
{
	struct frame_block *b = block_of(a);
	struct frame e = b->e, *table = b->table ? NULL : heap_take(TABLE_SIZE);

	if (b->table || b->e.raw != e.raw) {
		heap_give(table, TABLE_SIZE);
		return DAIS_OK;
	}
	if (!table)
		return DAIS_NO_MEMORY;
	for (u32 i = 0; i < FRAME_BLOCK; i++)
		table[i] = e;
	if (e.state != FRAME_CONTROL)
		b->e = (struct frame){ .state = FRAME_FREE };
	b->same = e.raw == b->e.raw ? FRAME_BLOCK : 0;
	b->table = table;
	return DAIS_OK;
}

/* Sets 2^order frames, a whole block or frames of a split one, which were in state `from`. */
static void set(hpa_t a, u32 order, enum frame_state from, struct frame e)
{
	struct frame_block *b = block_of(a);
	struct frame *f = entry_of(b, a);
	u32 weight = b->table ? 1 : FRAME_BLOCK;

	CHECK(b->table || order == ORDER_2M);
	for (u32 left = 1u << order; left; left -= weight, f++) {
		CHECK(f->state == from);
		frame_counts.by_state[from] -= weight;
		frame_counts.by_state[e.state] += weight;
		b->same += (e.raw == b->e.raw) - (f->raw == b->e.raw);
		*f = e;
	}
	if (b->table && b->same == FRAME_BLOCK) {
		heap_give(b->table, TABLE_SIZE);
		b->table = NULL;
	}
}

/* --- pools --- */

/* Not by object_put of the parent: a long chain would use up the stack. */
static void pool_free(struct object *o)
{
	struct pool *p = container_of(o, struct pool, obj), *parent;

	do {
		parent = p->parent;
		spin_lock(&memory_lock);
		parent->free += p->free;
		counters.pools--;
		heap_give(p, sizeof(*p));
		spin_unlock(&memory_lock);
		p = parent;
	} while (!atomic_sub(&p->obj.refs, 1));
}

status_t call_mem_split(struct call *c)
{
	struct pool *p = pool_arg(c, 0), *new;
	u64 frames = c->arg[1];

	if (!frames)
		return DAIS_BAD_ARG;
	spin_guard(&memory_lock);
	new = heap_take(sizeof(*new));
	if (!new)
		return DAIS_NO_MEMORY;
	if (p->free < frames) {
		heap_give(new, sizeof(*new));
		return DAIS_NO_MEMORY;
	}
	*new = (struct pool){ .parent = p, .free = frames };
	object_init(&new->obj, DAIS_T_POOL, pool_free);
	object_get(&p->obj);
	p->free -= frames;
	counters.pools++;
	c->made = &new->obj;
	return DAIS_OK;
}

/* --- allocation --- */

/* Moves db.at[kind] to the next block of that kind with free frames; false: there is none. */
static bool seek(enum kind kind)
{
	u64 *at = &db.at[kind], end = db.groups * SIZE_1G;

	for (u64 went = 0, step; went < end; went += step) {
		const struct frame_block *b = block_of(hpa(*at));

		if (b && b->e.state == FRAME_FREE && (kind == WHOLE ? !b->table : b->table && b->same))
			return true;
		step = b ? SIZE_2M : SIZE_1G;
		*at = (*at + step) % end;
	}
	return false;
}

status_t frame_take(struct pool *p, u32 order, struct frame as, hpa_t *out)
{
	enum kind kind = order == ORDER_2M ? WHOLE : SPLIT;

	if (p->free < 1u << order)
		return DAIS_NO_MEMORY;
	p->free -= 1u << order; /* first: a heap that grows must leave us what is ours */
	while (!seek(kind))
		if (kind == WHOLE || !seek(WHOLE) || split(hpa(db.at[WHOLE])) != DAIS_OK) {
			p->free += 1u << order;
			return DAIS_NO_MEMORY;
		}
	*out = hpa(db.at[kind]);
	for (struct frame *f = entry_of(block_of(*out), *out); f->state != FRAME_FREE; f++)
		out->v += PAGE_SIZE;
	set(*out, order, FRAME_FREE, as);
	return DAIS_OK;
}

status_t frame_alloc(struct pool *p, u32 order, u16 owner, hpa_t *out)
{
	spin_guard(&memory_lock);

	return frame_take(p, order, (struct frame){ .state = FRAME_GUEST, .owner = owner }, out);
}

void frame_free(struct pool *p, hpa_t a, u32 order)
{
	spin_guard(&memory_lock);

	set(a, order, FRAME_GUEST, (struct frame){ .state = FRAME_FREE });
	p->free += 1u << order;
}

/* --- single frames --- */

struct frame frame_get(hpa_t a)
{
	spin_guard(&memory_lock);
	struct frame_block *b = block_of(a);

	return b ? *entry_of(b, a) : (struct frame){ .raw = 0 };
}

status_t frame_split(hpa_t a)
{
	spin_guard(&memory_lock);

	return split(a);
}

status_t frame_share(hpa_t a)
{
	spin_guard(&memory_lock);
	struct frame_block *b = block_of(a);
	struct frame f;

	if (!b || entry_of(b, a)->state != FRAME_CONTROL)
		return DAIS_DENIED;
	f = *entry_of(b, a);
	if (f.shares == MAX_SHARES)
		return DAIS_NO_SPACE;
	if (split(a) != DAIS_OK)
		return DAIS_NO_MEMORY;
	f.shares++;
	set(a, ORDER_4K, FRAME_CONTROL, f);
	return DAIS_OK;
}

void frame_unshare(hpa_t a)
{
	spin_guard(&memory_lock);
	struct frame f = *entry_of(block_of(a), a);

	CHECK(f.shares);
	f.shares--;
	set(a, ORDER_4K, FRAME_CONTROL, f);
}

/* --- counts and invariants --- */

/* Counts a block's frames anew; false: its own count or an entry is wrong. */
static bool recount(struct frame_block *b, struct frame_counts *c)
{
	u32 same = 0, n = b->table ? FRAME_BLOCK : 1;

	for (u32 i = 0; i < n; i++) {
		struct frame f = entry_of(b, hpa(0))[i];

		c->by_state[f.state] += FRAME_BLOCK / n;
		same += f.raw == b->e.raw;
		if (!f.owner != (f.state != FRAME_GUEST) || (f.shares && (f.state != FRAME_CONTROL || n == 1)))
			return false;
	}
	return !b->table || (same == b->same && same < FRAME_BLOCK);
}

static bool recount_all(struct frame_counts *c)
{
	*c = (struct frame_counts){ .pool = frame_counts.pool };
	for (u64 a = 0; a < db.groups * SIZE_1G; a += SIZE_2M)
		if (block_of(hpa(a)) && !recount(block_of(hpa(a)), c))
			return false;
	return true;
}

u64 frames_check(void)
{
	spin_guard(&memory_lock);
	struct frame_counts c;

	return !recount_all(&c) ? 1 : memcmp(&c, &frame_counts, sizeof(c)) ? 2 : 0;
}

void frames_init(struct frame_block **group, u64 groups)
{
	db = (typeof(db)){ group, groups, { 0 } };
	CHECK(recount_all(&frame_counts));
	object_init(&pool_root.obj, DAIS_T_POOL, NULL);
	pool_root.free = frame_counts.pool = frame_counts.free;
	counters.pools = 1;
}
