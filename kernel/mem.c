/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/hypercall.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#define LIST_ENTRIES (PAGE_SIZE / sizeof(u64))
#define RW           (DAIS_MAP_READ | DAIS_MAP_WRITE)
/* Work of one call, in frames of 4 KiB: 2 MiB to scrub cost as much as 128 of them. */
#define WORK_MAX  512u
#define WORK_2M   128u
#define SKIPS_MAX 4096u /* holes that one step of reclaiming passes over */

/* One mapping of a guest. */
struct leaf { gpa_t at; hpa_t to; u32 order; bool pool, viewed; };

/* What left the tables and is given back after the flush; under mgmt_lock. */
static struct { struct leaf leaf[WORK_MAX]; u32 count; bool viewed; } batch;

mem_locked_t mem_lock(struct domain *d)
{
	spin_lock(&d->mem_lock);
	return (mem_locked_t){ d };
}

void mem_unlock(mem_locked_t m)
{
	spin_unlock(&m.d->mem_lock);
}

static status_t check_range(struct domain *d, u64 gpa, u64 frames)
{
	if (d == control_domain)
		return DAIS_DENIED;
	if (atomic_load(&d->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	if (gpa % PAGE_SIZE || gpa >= GPA_LIMIT || !frames ||
	    frames > (GPA_LIMIT - gpa) / PAGE_SIZE)
		return DAIS_BAD_ARG;
	if (gpa <= GPA_APIC && GPA_APIC < gpa + frames * PAGE_SIZE)
		return DAIS_BAD_ARG;
	return DAIS_OK;
}

static status_t check_flags(struct domain *caller, u64 flags)
{
	if ((flags & ~(DAIS_MAP_RWX | DAIS_MAP_SHARE)) || !(flags & DAIS_MAP_READ))
		return DAIS_BAD_ARG;
	return caller != control_domain && (flags & DAIS_MAP_SHARE) ? DAIS_DENIED : DAIS_OK;
}

/* --- mapping --- */

/* The frame at the caller's own gpa, with all of prot. mgmt_lock keeps it in place. */
static status_t own_frame(struct domain *caller, u64 at, u64 prot, hpa_t *out)
{
	mem_locked_t m;
	u64 have;
	u32 order;
	bool found;

	if (at % PAGE_SIZE || at >= GPA_LIMIT)
		return DAIS_BAD_ARG;
	m = mem_lock(caller);
	found = nested_get(caller, gpa(at), out, &order, &have);
	mem_unlock(m);
	return found && (have & prot) == prot ? DAIS_OK : DAIS_BAD_ARG;
}

static status_t open_list(struct domain *caller, const struct mem_map_args *a, u64 **list)
{
	struct frame f;
	hpa_t at;
	status_t s;

	*list = NULL;
	if (!a->list)
		return DAIS_OK;
	s = own_frame(caller, a->list, a->source == DAIS_MEM_OWN ? DAIS_MAP_READ : RW, &at);
	if (s != DAIS_OK)
		return s;
	f = frame_get(at);
	if (f.state != FRAME_OWNED || f.owner != caller->slot)
		return DAIS_BAD_ARG;
	*list = window_open(WIN_MEM, at);
	return DAIS_OK;
}

/* Makes tables for the control domain's view of a guest's frame, GPA = HPA; with prot, sets it. */
static status_t view(hpa_t at, u32 order, u64 prot)
{
	mem_locked_t m = mem_lock(control_domain);
	status_t s = nested_prepare(control_domain, gpa(at.v), order);

	if (s == DAIS_OK && prot) {
		nested_set(control_domain, gpa(at.v), at, order, prot);
		frame_set_viewed(at, order, true);
	}
	mem_unlock(m);
	return s;
}

/* Maps one new frame or 2 MiB; `left`: frames still wanted from g on. */
static status_t map_new(struct domain *d, gpa_t g, u64 left, u64 flags, u32 *order, hpa_t *at)
{
	u64 prot;
	status_t s;

	if (nested_get(d, g, at, order, &prot))
		return DAIS_EXISTS;
	*order = *order >= ORDER_2M && g.v % SIZE_2M == 0 && left >= 1u << ORDER_2M ? ORDER_2M :
										     ORDER_4K;
	s = frame_alloc(d->pool, *order, d->slot, at);
	if (s != DAIS_OK && *order == ORDER_2M) {
		*order = ORDER_4K;
		s = frame_alloc(d->pool, *order, d->slot, at);
	}
	if (s != DAIS_OK)
		return s;
	s = nested_prepare(d, g, *order);
	if (s != DAIS_OK)
		goto fail;
	frame_scrub(*at, *order);
	if (flags & DAIS_MAP_SHARE)
		s = view(*at, *order, RW);
	if (s != DAIS_OK)
		goto fail;
	nested_set(d, g, *at, *order, flags & DAIS_MAP_RWX);
	d->frames += 1ULL << *order;
	return DAIS_OK;

fail:
	frame_free(d->pool, *at, *order);
	return s;
}

static status_t map_pool(struct domain *d, const struct mem_map_args *a, u64 *list, u64 *done)
{
	u32 extents = 0, order;
	hpa_t at;
	status_t s;

	for (u32 work = 0; *done < a->frames; work += order == ORDER_2M ? WORK_2M : 1) {
		if (work >= WORK_MAX)
			return DAIS_AGAIN;
		s = map_new(d, gpa(a->gpa + *done * PAGE_SIZE), a->frames - *done, a->flags, &order,
			    &at);
		if (s != DAIS_OK)
			return s;
		if (list)
			list[extents++] = at.v | order;
		*done += 1ULL << order;
	}
	return DAIS_OK;
}

static status_t map_shared(struct domain *d, gpa_t g, hpa_t at, u64 prot)
{
	u64 old;
	u32 order;
	hpa_t there;
	status_t s;

	if (nested_get(d, g, &there, &order, &old))
		return DAIS_EXISTS;
	s = nested_prepare(d, g, ORDER_4K);
	if (s == DAIS_OK)
		s = frame_share(at, control_domain->slot);
	if (s == DAIS_OK) {
		nested_set(d, g, at, ORDER_4K, prot);
		d->shared++;
	}
	return s;
}

static status_t map_own(struct domain *d, const struct mem_map_args *a, const u64 *list, u64 *done)
{
	hpa_t at;
	status_t s;

	for (; *done < a->frames; ++*done) {
		/* The caller's CPUs may write there now: each entry is read once. */
		s = own_frame(control_domain, atomic_load_relaxed(&list[*done]), a->flags & RW,
			      &at);
		if (s == DAIS_OK)
			s = map_shared(d, gpa(a->gpa + *done * PAGE_SIZE), at,
				       a->flags & DAIS_MAP_RWX);
		if (s != DAIS_OK)
			return s;
	}
	return DAIS_OK;
}

status_t mem_map(struct domain *caller, struct domain *d, const struct mem_map_args *a, u64 *done)
{
	bool own = a->source == DAIS_MEM_OWN;
	mem_locked_t m;
	u64 *list;
	status_t s;

	*done = 0;
	s = check_range(d, a->gpa, a->frames);
	if (s == DAIS_OK && (a->source > DAIS_MEM_OWN ||
			     (own && (!a->list || a->frames > LIST_ENTRIES ||
				      (a->flags & DAIS_MAP_SHARE)))))
		s = DAIS_BAD_ARG;
	if (s == DAIS_OK)
		s = check_flags(caller, a->flags);
	if (s == DAIS_OK && own && caller != control_domain)
		s = DAIS_DENIED;
	if (s == DAIS_OK)
		s = open_list(caller, a, &list);
	if (s != DAIS_OK)
		return s;
	m = mem_lock(d);
	s = own ? map_own(d, a, list, done) : map_pool(d, a, list, done);
	mem_unlock(m);
	if (list)
		window_close(WIN_MEM);
	return s;
}

/* --- changing and taking away --- */

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

/*
 * The mapping at g, not more than `left` frames of it. Where only a part of a larger
 * one is to change, it becomes single pages: in the guest's table last, so that the
 * others are never coarser than it.
 */
static status_t leaf_at(struct domain *d, gpa_t g, u64 left, struct leaf *l)
{
	status_t s = DAIS_OK;

	if (!find(d, g, l))
		return DAIS_BAD_ARG;
	if (g.v % (PAGE_SIZE << l->order) == 0 && left >= 1ULL << l->order)
		return DAIS_OK;
	if (l->viewed)
		s = view(l->to, ORDER_4K, 0);
	if (s == DAIS_OK && l->pool)
		s = frame_split(l->to);
	if (s == DAIS_OK)
		s = nested_prepare(d, l->at, ORDER_4K);
	l->order = ORDER_4K;
	return s;
}

static void drop_view(const struct leaf *l)
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
	frame_set_viewed(l->to, l->order, false);
	batch.viewed = true;
}

/* flags 0: takes it out. */
static void set_leaf(struct domain *d, const struct leaf *l, u64 flags)
{
	nested_set(d, l->at, l->to, l->order, flags & DAIS_MAP_RWX);
	if (l->viewed && !(flags & DAIS_MAP_SHARE))
		drop_view(l);
	if (!flags)
		batch.leaf[batch.count++] = *l;
}

/* Flushes once, then gives back what was taken out. */
static void settle(struct domain *d)
{
	mem_locked_t m;

	nested_flush(d);
	if (batch.viewed) {
		m = mem_lock(control_domain);
		nested_flush(control_domain);
		mem_unlock(m);
	}
	for (struct leaf *l = batch.leaf; l < batch.leaf + batch.count; l++) {
		if (l->pool) {
			frame_free(d->pool, l->to, l->order);
			d->frames -= 1ULL << l->order;
		} else {
			frame_unshare(l->to);
			d->shared--;
		}
	}
	batch.count = 0;
	batch.viewed = false;
}

static status_t change(struct domain *caller, struct domain *d, u64 at, u64 frames, u64 flags,
		       u64 *done)
{
	mem_locked_t m;
	struct leaf l;
	status_t s = check_range(d, at, frames);

	*done = 0;
	if (s != DAIS_OK)
		return s;
	m = mem_lock(d);
	for (u32 n = 0; *done < frames; n++) {
		s = n == WORK_MAX ? DAIS_AGAIN :
		    leaf_at(d, gpa(at + *done * PAGE_SIZE), frames - *done, &l);
		/* The control domain's frames: only that may widen what may be done with them. */
		if (s == DAIS_OK && flags && !l.pool && caller != control_domain)
			s = DAIS_DENIED;
		if (s != DAIS_OK)
			break;
		set_leaf(d, &l, flags);
		*done += 1ULL << l.order;
	}
	settle(d);
	mem_unlock(m);
	return s;
}

status_t mem_unmap(struct domain *d, u64 at, u64 frames, u64 *done)
{
	return change(NULL, d, at, frames, 0, done);
}

status_t mem_protect(struct domain *caller, struct domain *d, u64 at, u64 frames, u64 flags,
		     u64 *done)
{
	status_t s = check_flags(caller, flags);

	*done = 0;
	return s == DAIS_OK ? change(caller, d, at, frames, flags, done) : s;
}

bool mem_reclaim_some(struct domain *d)
{
	mem_locked_t m = mem_lock(d);
	u32 skips = 0;
	struct leaf l;

	while (batch.count < WORK_MAX && skips < SKIPS_MAX && d->reclaim_next < GPA_LIMIT) {
		if (find(d, gpa(d->reclaim_next), &l))
			set_leaf(d, &l, 0);
		else
			skips++;
		/* To the end of the mapping or hole. */
		d->reclaim_next = ALIGN_DOWN(d->reclaim_next, PAGE_SIZE << l.order) +
				  (PAGE_SIZE << l.order);
	}
	settle(d);
	mem_unlock(m);
	return d->reclaim_next >= GPA_LIMIT;
}

/* --- pages of Dais's own --- */

status_t mem_show(struct domain *to, const void *page, u32 pages, bool writable)
{
	u64 at = hva_to_hpa(page).v, end = at + pages * PAGE_SIZE, prot;
	u32 order;
	hpa_t there;
	mem_locked_t m;
	status_t s = DAIS_OK;

	if (!to)
		return DAIS_BAD_STATE;
	m = mem_lock(to);
	for (u64 a = at; a < end && s == DAIS_OK; a += PAGE_SIZE)
		s = nested_get(to, gpa(a), &there, &order, &prot) ? DAIS_EXISTS :
		    nested_prepare(to, gpa(a), ORDER_4K);
	for (u64 a = at; a < end && s == DAIS_OK; a += PAGE_SIZE)
		nested_set(to, gpa(a), hpa(a), ORDER_4K, writable ? RW : DAIS_MAP_READ);
	mem_unlock(m);
	return s;
}

void mem_unshow(struct domain *to, const void *page, u32 pages)
{
	u64 at = hva_to_hpa(page).v;
	mem_locked_t m;

	if (!to)
		return;
	m = mem_lock(to);
	for (u32 i = 0; i < pages; i++)
		nested_set(to, gpa(at + i * PAGE_SIZE), hpa(0), ORDER_4K, 0);
	nested_flush(to);
	mem_unlock(m);
}

/* --- hypercalls --- */

status_t call_mem_map(struct call *c)
{
	struct mem_map_args a = { c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5] };

	return mem_map(c->dom, domain_arg(c, 0), &a, &c->out[0]);
}

status_t call_mem_unmap(struct call *c)
{
	return mem_unmap(domain_arg(c, 0), c->arg[1], c->arg[2], &c->out[0]);
}

status_t call_mem_protect(struct call *c)
{
	return mem_protect(c->dom, domain_arg(c, 0), c->arg[1], c->arg[2], c->arg[3], &c->out[0]);
}
