/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools: budgets of frames, in a tree. The frames lock guards them. */
#include "kernel/frame_db.h"

static void pool_release(struct object *o)
{
	heap_free(o, sizeof(struct pool));
}

struct pool *pool_root(void)
{
	return &frame_db.root;
}

status_t pool_split(struct pool *p, u64 frames, struct pool **out)
{
	struct pool *new;
	status_t s = DAIS_OK;

	if (!frames)
		return DAIS_BAD_ARG;
	new = heap_alloc(sizeof(*new));
	if (!new)
		return DAIS_NO_MEMORY;
	object_init(&new->obj, DAIS_T_POOL, pool_release);
	spin_lock(&frame_db.lock);
	if (p->limit - p->used < frames) {
		s = DAIS_NO_MEMORY;
	} else {
		p->limit -= frames;
		p->children++;
		new->limit = frames;
		new->parent = p;
		frame_db.pools++;
		*out = new;
	}
	spin_unlock(&frame_db.lock);
	if (s != DAIS_OK)
		heap_free(new, sizeof(*new));
	return s;
}

status_t pool_destroy(struct pool *p)
{
	status_t s = DAIS_BUSY;

	spin_lock(&frame_db.lock);
	if (p->parent && !p->used && !p->children) {
		p->parent->limit += p->limit;
		p->parent->children--;
		p->parent = NULL;
		p->limit = 0;
		frame_db.pools--;
		s = DAIS_OK;
	}
	spin_unlock(&frame_db.lock);
	if (s == DAIS_OK)
		object_put(&p->obj);
	return s;
}

void pool_attach(struct pool *p)
{
	spin_lock(&frame_db.lock);
	p->children++;
	spin_unlock(&frame_db.lock);
}

void pool_detach(struct pool *p)
{
	spin_lock(&frame_db.lock);
	CHECK(p->children);
	p->children--;
	spin_unlock(&frame_db.lock);
}

void pool_collect(struct pool *p)
{
	while (p && p->parent && list_empty(&p->obj.slots)) {
		struct pool *parent = p->parent;

		if (pool_destroy(p) != DAIS_OK)
			return;
		p = parent;
	}
}

u64 pool_free_frames(struct pool *p)
{
	u64 n;

	spin_lock(&frame_db.lock);
	n = MIN(p->limit - p->used, frame_db.count.free);
	spin_unlock(&frame_db.lock);
	return n;
}

u64 frames_pool_total(void)
{
	return frame_db.pool_frames;
}

u64 pool_count(void)
{
	return frame_db.pools;
}
