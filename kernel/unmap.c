/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking memory away from domains, and changing what they may do with it. */
#include "kernel/arch.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/mem_leaf.h"

#define BATCH     512u
#define SKIPS_MAX 4096u /* holes that one step of reclaiming passes over */

/* One mapping of a guest. */
struct leaf { gpa_t at; hpa_t to; u32 order; bool pool, viewed; };

/* What left the tables and is given back after the flush; under mgmt_lock. */
static struct { struct leaf leaf[BATCH]; u32 count; bool viewed; } batch;

static status_t split_view(hpa_t at)
{
	mem_locked_t m = mem_lock(control_domain);
	status_t s = nested_prepare(control_domain, gpa(at.v), ORDER_4K);

	mem_unlock(m);
	return s;
}

/*
 * Makes single pages of a larger mapping, wherever one page alone is to change:
 * the guest's table last, so that the others are never coarser than it.
 */
static status_t split(struct domain *d, struct leaf *l)
{
	status_t s = l->viewed ? split_view(l->to) : DAIS_OK;

	if (s == DAIS_OK && l->pool)
		s = frame_split(l->to);
	if (s == DAIS_OK)
		s = nested_prepare(d, l->at, ORDER_4K);
	l->order = ORDER_4K;
	return s;
}

/* Fills l; false for a hole (of l->order), or a page of Dais's own: mem_unshow takes those. */
static bool find(struct domain *d, gpa_t g, struct leaf *l)
{
	struct frame f;
	u64 prot;

	l->at = g;
	if (!nested_get(d, g, &l->to, &l->order, &prot))
		return false;
	f = frame_get(l->to);
	l->pool = f.owner == d->slot;
	l->viewed = f.viewed;
	return f.state == FRAME_OWNED;
}

/* The mapping at g, not more than `left` frames of it. */
static status_t leaf_at(struct domain *d, gpa_t g, u64 left, struct leaf *l)
{
	if (!find(d, g, l))
		return DAIS_BAD_ARG;
	if (l->order != ORDER_4K && (g.v % (PAGE_SIZE << l->order) || left < 1ULL << l->order))
		return split(d, l);
	return DAIS_OK;
}

static void drop_view(struct leaf *l)
{
	mem_locked_t m = mem_lock(control_domain);
	u64 prot, a = l->to.v, end = a + (PAGE_SIZE << l->order);
	u32 order;
	hpa_t to;

	for (; a < end; a += PAGE_SIZE << order) {
		CHECK(nested_get(control_domain, gpa(a), &to, &order, &prot));
		nested_set(control_domain, gpa(a), hpa(0), order, 0);
	}
	mem_unlock(m);
	batch.viewed = true;
}

static void flush_control(void)
{
	mem_locked_t m;

	if (!batch.viewed)
		return;
	m = mem_lock(control_domain);
	nested_flush(control_domain);
	mem_unlock(m);
}

static void take_out(struct domain *d, struct leaf *l)
{
	nested_set(d, l->at, hpa(0), l->order, 0);
	if (l->viewed)
		drop_view(l);
	batch.leaf[batch.count++] = *l;
}

/* Flushes once, then gives everything back. */
static void give_back(struct domain *d)
{
	nested_flush(d);
	flush_control();
	for (u32 i = 0; i < batch.count; i++) {
		struct leaf *l = &batch.leaf[i];

		if (!l->pool) {
			frame_unshare(l->to);
			d->shared--;
			continue;
		}
		if (l->viewed)
			frame_set_viewed(l->to, l->order, false);
		frame_free(d->pool, l->to, l->order);
		d->frames -= 1ULL << l->order;
	}
	batch.count = 0;
	batch.viewed = false;
}

status_t mem_unmap(struct domain *d, u64 gpa_value, u64 frames, u64 *done)
{
	struct leaf l;
	mem_locked_t m;
	status_t s = mem_check_range(d, gpa_value, frames);

	*done = 0;
	if (s != DAIS_OK)
		return s;
	m = mem_lock(d);
	while (s == DAIS_OK && *done < frames) {
		if (batch.count == BATCH) {
			s = DAIS_AGAIN;
			break;
		}
		s = leaf_at(d, gpa(gpa_value + *done * PAGE_SIZE), frames - *done, &l);
		if (s != DAIS_OK)
			break;
		take_out(d, &l);
		*done += 1ULL << l.order;
	}
	give_back(d);
	mem_unlock(m);
	return s;
}

static void set_prot(struct domain *d, struct leaf *l, u64 flags)
{
	nested_set(d, l->at, l->to, l->order, flags & DAIS_MAP_RWX);
	if (!l->viewed || (flags & DAIS_MAP_SHARE))
		return;
	drop_view(l);
	frame_set_viewed(l->to, l->order, false);
}

status_t mem_protect(struct domain *caller, struct domain *d, u64 gpa_value, u64 frames, u64 flags,
		     u64 *done)
{
	struct leaf l;
	mem_locked_t m;
	status_t s = mem_check_range(d, gpa_value, frames);

	*done = 0;
	if (s != DAIS_OK)
		return s;
	if ((flags & ~(DAIS_MAP_RWX | DAIS_MAP_SHARE)) || !(flags & DAIS_MAP_READ))
		return DAIS_BAD_ARG;
	if ((flags & DAIS_MAP_SHARE) && caller != control_domain)
		return DAIS_DENIED;
	m = mem_lock(d);
	for (u32 n = 0; s == DAIS_OK && *done < frames; n++) {
		if (n == BATCH) {
			s = DAIS_AGAIN;
			break;
		}
		s = leaf_at(d, gpa(gpa_value + *done * PAGE_SIZE), frames - *done, &l);
		if (s == DAIS_OK && !l.pool && caller != control_domain)
			s = DAIS_DENIED; /* the control domain's: only that may widen it */
		if (s != DAIS_OK)
			break;
		set_prot(d, &l, flags);
		*done += 1ULL << l.order;
	}
	nested_flush(d);
	flush_control();
	batch.viewed = false;
	mem_unlock(m);
	return s;
}

bool mem_reclaim_some(struct domain *d)
{
	mem_locked_t m = mem_lock(d);
	u32 skips = 0;
	struct leaf l;

	while (batch.count < BATCH && skips < SKIPS_MAX && d->reclaim_next < GPA_LIMIT) {
		if (find(d, gpa(d->reclaim_next), &l))
			take_out(d, &l);
		else
			skips++;
		/* To the end of the mapping or hole. */
		d->reclaim_next = ALIGN_DOWN(d->reclaim_next, PAGE_SIZE << l.order) +
				  (PAGE_SIZE << l.order);
	}
	give_back(d);
	mem_unlock(m);
	return d->reclaim_next >= GPA_LIMIT;
}
