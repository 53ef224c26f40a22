/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving memory to domains; taking it away is in unmap.c. */
#include "kernel/arch.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/mem_leaf.h"

#define LIST_ENTRIES (PAGE_SIZE / sizeof(u64))
/* Work of one call, in frames of 4 KiB: 2 MiB in one go cost as much as 128 of them. */
#define WORK_MAX 512u
#define WORK_2M  128u

mem_locked_t mem_lock(struct domain *d)
{
	spin_lock(&d->mem_lock);
	return (mem_locked_t){ d };
}

void mem_unlock(mem_locked_t m)
{
	spin_unlock(&m.d->mem_lock);
}

status_t mem_check_range(struct domain *d, u64 gpa, u64 frames)
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

static status_t check_args(struct domain *caller, struct domain *d, const struct mem_map_args *a)
{
	status_t s = mem_check_range(d, a->gpa, a->frames);

	if (s != DAIS_OK)
		return s;
	if (a->source > DAIS_MEM_OWN || (a->flags & ~(DAIS_MAP_RWX | DAIS_MAP_SHARE)) ||
	    !(a->flags & DAIS_MAP_READ))
		return DAIS_BAD_ARG;
	if (a->source == DAIS_MEM_OWN &&
	    (!a->list || a->frames > LIST_ENTRIES || (a->flags & DAIS_MAP_SHARE)))
		return DAIS_BAD_ARG;
	if (caller != control_domain && (a->source == DAIS_MEM_OWN || (a->flags & DAIS_MAP_SHARE)))
		return DAIS_DENIED;
	return DAIS_OK;
}

/* The frame at the caller's own gpa, with all of prot. mgmt_lock keeps it in place. */
static status_t own_frame(struct domain *caller, u64 gpa_value, u64 prot, hpa_t *out)
{
	mem_locked_t m;
	u64 have;
	u32 order;
	bool found;

	if (gpa_value % PAGE_SIZE || gpa_value >= GPA_LIMIT)
		return DAIS_BAD_ARG;
	m = mem_lock(caller);
	found = nested_get(caller, gpa(gpa_value), out, &order, &have);
	mem_unlock(m);
	return found && (have & prot) == prot ? DAIS_OK : DAIS_BAD_ARG;
}

static status_t open_list(struct domain *caller, const struct mem_map_args *a, u64 **list)
{
	u64 prot = a->source == DAIS_MEM_OWN ? DAIS_MAP_READ : DAIS_MAP_READ | DAIS_MAP_WRITE;
	struct frame f;
	hpa_t at;
	status_t s;

	*list = NULL;
	if (!a->list)
		return DAIS_OK;
	s = own_frame(caller, a->list, prot, &at);
	if (s != DAIS_OK)
		return s;
	f = frame_get(at);
	if (f.state != FRAME_OWNED || f.owner != caller->slot)
		return DAIS_BAD_ARG;
	*list = window_open(WIN_MEM, at);
	return DAIS_OK;
}

/* 2 MiB when wanted and to be had, else 4 KiB. */
static status_t take_frame(struct domain *d, u32 *order, hpa_t *at)
{
	if (*order == ORDER_2M && frame_alloc(d->pool, ORDER_2M, d->slot, at) == DAIS_OK)
		return DAIS_OK;
	*order = ORDER_4K;
	return frame_alloc(d->pool, ORDER_4K, d->slot, at);
}

/* The control domain's view of a guest's frame, at GPA = HPA. */
static status_t view(hpa_t at, u32 order)
{
	mem_locked_t m = mem_lock(control_domain);
	status_t s = nested_prepare(control_domain, gpa(at.v), order);

	if (s == DAIS_OK)
		nested_set(control_domain, gpa(at.v), at, order, DAIS_MAP_READ | DAIS_MAP_WRITE);
	mem_unlock(m);
	if (s == DAIS_OK)
		frame_set_viewed(at, order, true);
	return s;
}

/* Maps one new frame or 2 MiB; `left`: frames still wanted from g on. */
static status_t map_new(struct domain *d, gpa_t g, u64 left, u64 flags, u32 *order, hpa_t *at)
{
	u64 prot;
	status_t s;

	if (nested_get(d, g, at, order, &prot))
		return DAIS_EXISTS;
	if (*order > ORDER_2M)
		*order = ORDER_2M;
	if (*order != ORDER_2M || g.v % SIZE_2M || left < 1u << ORDER_2M)
		*order = ORDER_4K;
	s = take_frame(d, order, at);
	if (s != DAIS_OK)
		return s;
	s = nested_prepare(d, g, *order);
	if (s != DAIS_OK)
		goto fail;
	frame_scrub(*at, *order);
	if (flags & DAIS_MAP_SHARE)
		s = view(*at, *order);
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
	u32 work = 0, extents = 0, order;
	hpa_t at;
	status_t s;

	while (*done < a->frames) {
		if (work >= WORK_MAX)
			return DAIS_AGAIN;
		s = map_new(d, gpa(a->gpa + *done * PAGE_SIZE), a->frames - *done, a->flags, &order,
			    &at);
		if (s != DAIS_OK)
			return s;
		if (list)
			list[extents++] = at.v | order;
		work += order == ORDER_2M ? WORK_2M : 1;
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
	if (s != DAIS_OK)
		return s;
	s = frame_share(at, control_domain->slot);
	if (s != DAIS_OK)
		return s;
	nested_set(d, g, at, ORDER_4K, prot);
	d->shared++;
	return DAIS_OK;
}

static status_t map_own(struct domain *d, const struct mem_map_args *a, const u64 *list, u64 *done)
{
	u64 prot = a->flags & (DAIS_MAP_READ | DAIS_MAP_WRITE);
	hpa_t at;
	status_t s;

	for (; *done < a->frames; ++*done) {
		/* The caller's CPUs may write there now: each entry is read once. */
		s = own_frame(control_domain, atomic_load_relaxed(&list[*done]), prot, &at);
		if (s != DAIS_OK)
			return s;
		s = map_shared(d, gpa(a->gpa + *done * PAGE_SIZE), at, a->flags & DAIS_MAP_RWX);
		if (s != DAIS_OK)
			return s;
	}
	return DAIS_OK;
}

status_t mem_map(struct domain *caller, struct domain *d, const struct mem_map_args *a, u64 *done)
{
	mem_locked_t m;
	u64 *list;
	status_t s;

	*done = 0;
	s = check_args(caller, d, a);
	if (s != DAIS_OK)
		return s;
	s = open_list(caller, a, &list);
	if (s != DAIS_OK)
		return s;
	m = mem_lock(d);
	s = a->source == DAIS_MEM_POOL ? map_pool(d, a, list, done) : map_own(d, a, list, done);
	mem_unlock(m);
	if (list)
		window_close(WIN_MEM);
	return s;
}

/* --- pages of Dais's own --- */

status_t mem_show(struct domain *to, const void *page, u32 pages, bool writable)
{
	gpa_t at = gpa(hva_to_hpa(page).v);
	u64 prot;
	u32 order;
	hpa_t there;
	mem_locked_t m;
	status_t s = DAIS_OK;

	if (!to)
		return DAIS_BAD_STATE;
	m = mem_lock(to);
	for (u32 i = 0; i < pages && s == DAIS_OK; i++) {
		gpa_t g = gpa(at.v + i * PAGE_SIZE);

		s = nested_get(to, g, &there, &order, &prot) ? DAIS_EXISTS :
							      nested_prepare(to, g, ORDER_4K);
	}
	for (u32 i = 0; i < pages && s == DAIS_OK; i++)
		nested_set(to, gpa(at.v + i * PAGE_SIZE), hpa(at.v + i * PAGE_SIZE), ORDER_4K,
			   DAIS_MAP_READ | (writable ? DAIS_MAP_WRITE : 0));
	mem_unlock(m);
	return s;
}

void mem_unshow(struct domain *to, const void *page, u32 pages)
{
	hpa_t at = hva_to_hpa(page), there;
	u64 prot;
	u32 order;
	mem_locked_t m;

	if (!to)
		return;
	m = mem_lock(to);
	for (u32 i = 0; i < pages; i++) {
		gpa_t g = gpa(at.v + i * PAGE_SIZE);

		CHECK(nested_get(to, g, &there, &order, &prot) && order == ORDER_4K);
		nested_set(to, g, hpa(0), ORDER_4K, 0);
	}
	nested_flush(to);
	mem_unlock(m);
}
