/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/hypercall.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/string.h"

#define LIST_ENTRIES (PAGE_SIZE / sizeof(u64))
#define RW           (DAIS_MAP_READ | DAIS_MAP_WRITE)
/* Work of one call, in mappings. 2 MiB are scrubbed at once at most: a reservation on this CPU waits for it. */
#define WORK_MAX     512u
#define WORK_SCRUB   512u

/* What a call has to do, and how far it is. */
struct range {
	struct domain *caller, *d;
	u64 gpa, frames, flags; /* flags 0: unmap */
	u64 *list;              /* NULL, or the caller's page */
	u64 done, work, extents;
	u64 device;             /* source: device memory from here on; 0: not */
	bool own, holes;        /* source: the caller's; what is not mapped is passed over */
};

/* One mapping of a guest. */
struct leaf { gpa_t at; hpa_t to; u32 order; bool viewed; u64 type; };

spinlock_t view_lock;
/* What left the tables and is given back after the flush; under mgmt_lock. */
static struct { struct leaf leaf[WORK_MAX]; u32 count; } batch;

static status_t check(const struct range *r)
{
	if (r->d == control_domain)
		return DAIS_DENIED;
	if (atomic_load(&r->d->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	if (r->gpa % PAGE_SIZE || r->gpa >= GPA_LIMIT || !r->frames ||
	    r->frames > (GPA_LIMIT - r->gpa) / PAGE_SIZE ||
	    (r->gpa <= GPA_APIC && GPA_APIC < r->gpa + r->frames * PAGE_SIZE) ||
	    (r->flags & ~(DAIS_MAP_RWX | DAIS_MAP_SHARE)) || (r->flags && !(r->flags & DAIS_MAP_READ)))
		return DAIS_BAD_ARG;
	return r->caller != control_domain && (r->own || r->device || r->flags & DAIS_MAP_SHARE) ? DAIS_DENIED : DAIS_OK;
}

/* Does one mapping after the other, until the range or the work that one call may do ends. */
static status_t walk(struct range *r, status_t (*step)(struct range *r, struct leaf *l))
{
	status_t s = DAIS_OK;

	while (s == DAIS_OK && r->done < r->frames) {
		struct leaf l = { .at = gpa(r->gpa + r->done * PAGE_SIZE) };

		s = r->work++ < WORK_MAX ? step(r, &l) : DAIS_AGAIN;
		/* to the end of the mapping or hole */
		if (s == DAIS_OK)
			r->done += (1ULL << l.order) - (l.at.v >> PAGE_SHIFT) % (1ULL << l.order);
	}
	return s;
}

/* --- mapping --- */

/* The frame at the caller's own gpa, with all of prot. mgmt_lock keeps it in place. */
static bool own_frame(struct domain *caller, u64 at, u64 prot, hpa_t *out)
{
	u32 order;

	return at % PAGE_SIZE == 0 && (nested_get(caller, gpa(at), out, &order) & prot) == prot;
}

/* Makes tables for the control domain's view of a frame, GPA = HPA; with prot, sets it. */
static status_t view(u64 at, u32 order, u64 prot)
{
	spin_guard(&view_lock);
	status_t s = nested_prepare(control_domain, gpa(at), order);

	if (s == DAIS_OK && prot)
		nested_set(control_domain, gpa(at), hpa(at), order, prot);
	return s;
}

static void end_view(u64 at, u32 order)
{
	spin_guard(&view_lock);

	nested_set(control_domain, gpa(at), hpa(0), order, 0);
}

static void scrub(hpa_t a, u32 order)
{
	for (u64 end = a.v + (PAGE_SIZE << order); a.v < end; a.v += PAGE_SIZE)
		memset(window_open(WIN_SCRUB, a), 0, PAGE_SIZE);
	window_close(WIN_SCRUB);
}

/* New frames: 2 MiB where that fits into the range and the hole, and is to be had. */
static status_t take_new(struct range *r, struct leaf *l)
{
	bool large = l->order >= ORDER_2M && l->at.v % SIZE_2M == 0 && r->frames - r->done >= 1u << ORDER_2M;
	status_t s;

	l->order = large ? ORDER_2M : ORDER_4K;
	s = frame_alloc(r->d->pool, l->order, r->d->slot, &l->to);
	if (s != DAIS_OK && large) {
		l->order = ORDER_4K;
		s = frame_alloc(r->d->pool, l->order, r->d->slot, &l->to);
	}
	if (s != DAIS_OK)
		return s;
	r->work += l->order == ORDER_2M ? WORK_SCRUB - 1 : 0;
	r->d->frames += 1ULL << l->order;
	scrub(l->to, l->order);
	return DAIS_OK;
}

static status_t take_own(struct range *r, struct leaf *l)
{
	/* The caller's CPUs may write there now: each entry is read once. */
	u64 at = atomic_load_relaxed(&r->list[r->done]);
	status_t s = DAIS_BAD_ARG;

	l->order = ORDER_4K;
	if (own_frame(control_domain, at, r->flags & RW, &l->to))
		s = frame_share(l->to);
	r->d->shared += s == DAIS_OK;
	return s;
}

/* Belongs to no domain in the frame database: nothing to count or to give back. */
static status_t take_device(struct range *r, struct leaf *l)
{
	u64 at = r->device + r->done * PAGE_SIZE;
	bool large = l->order >= ORDER_2M && (l->at.v | at) % SIZE_2M == 0 && r->frames - r->done >= 1u << ORDER_2M;

	l->order = large && arch_device_memory(at, SIZE_2M) ? ORDER_2M : ORDER_4K;
	l->to = hpa(at);
	l->type = NESTED_UC;
	return arch_device_memory(at, PAGE_SIZE << l->order) ? DAIS_OK : DAIS_BAD_ARG;
}

static bool is_pool(const struct leaf *l)
{
	return frame_get(l->to).state == FRAME_GUEST;
}

static void give_back(struct domain *d, const struct leaf *l)
{
	if (is_pool(l)) {
		frame_free(d->pool, l->to, l->order);
		d->frames -= 1ULL << l->order;
	} else if (!l->type) {
		frame_unshare(l->to);
		d->shared--;
	}
}

static status_t map_next(struct range *r, struct leaf *l)
{
	status_t s;

	if (nested_get(r->d, l->at, &l->to, &l->order))
		return DAIS_EXISTS;
	s = r->own ? take_own(r, l) : r->device ? take_device(r, l) : take_new(r, l);
	if (s != DAIS_OK)
		return s;
	s = nested_prepare(r->d, l->at, l->order);
	if (s == DAIS_OK && (r->flags & DAIS_MAP_SHARE))
		s = view(l->to.v, l->order, RW);
	if (s != DAIS_OK) {
		give_back(r->d, l);
		return s;
	}
	nested_set(r->d, l->at, l->to, l->order, (r->flags & DAIS_MAP_RWX) | l->type);
	if (r->list && !r->own)
		r->list[r->extents++] = l->to.v | l->order;
	return DAIS_OK;
}

static status_t open_list(struct range *r, u64 at)
{
	struct frame f;
	hpa_t to;

	if (!own_frame(r->caller, at, r->own ? DAIS_MAP_READ : RW, &to))
		return DAIS_BAD_ARG;
	f = frame_get(to);
	if (f.state < FRAME_CONTROL || f.owner != r->caller->slot)
		return DAIS_BAD_ARG;
	r->list = window_open(WIN_MEM, to);
	return DAIS_OK;
}

status_t call_mem_map(struct call *c)
{
	u64 source = c->arg[1], list = c->arg[5];
	struct range r = { .caller = c->dom, .d = domain_arg(c, 0), .gpa = c->arg[2], .frames = c->arg[3], .flags = c->arg[4],
			   .own = source == DAIS_MEM_OWN, .device = source == DAIS_MEM_DEVICE ? list : 0 };
	status_t s = check(&r);

	if (s == DAIS_OK && !r.flags)
		s = DAIS_BAD_ARG;
	if (s == DAIS_OK && source == DAIS_MEM_DEVICE && (!list || list % PAGE_SIZE || list >= GPA_LIMIT || r.flags & DAIS_MAP_SHARE))
		s = DAIS_BAD_ARG;
	if (s == DAIS_OK && r.own && (!list || r.frames > LIST_ENTRIES || (r.flags & DAIS_MAP_SHARE)))
		s = DAIS_BAD_ARG;
	if (s == DAIS_OK && list && !r.device)
		s = open_list(&r, list);
	if (s != DAIS_OK)
		return s;
	s = walk(&r, map_next);
	window_close(WIN_MEM);
	c->out[0] = r.done;
	return s;
}

/* --- changing and taking away --- */

/* Fills l; false for a hole (of l->order). */
static bool find(struct domain *d, struct leaf *l)
{
	u64 prot = nested_get(d, l->at, &l->to, &l->order);
	u32 order;
	hpa_t to;

	if (!prot)
		return false;
	l->type = prot & NESTED_UC;
	l->viewed = is_pool(l) && nested_get(control_domain, gpa(l->to.v), &to, &order);
	return true;
}

/* flags 0: takes it out. */
static void set_leaf(struct domain *d, const struct leaf *l, u64 flags)
{
	nested_set(d, l->at, l->to, l->order, flags ? (flags & DAIS_MAP_RWX) | l->type : 0);
	if (l->viewed && !(flags & DAIS_MAP_SHARE))
		end_view(l->to.v, l->order);
	if (!flags)
		batch.leaf[batch.count++] = *l;
}

/* A mapping becomes single pages: in the guest's table last, so that the others are never coarser than it. */
static status_t split(struct domain *d, struct leaf *l)
{
	status_t s = DAIS_OK;

	l->order = ORDER_4K;
	if (l->viewed)
		s = view(l->to.v, ORDER_4K, 0);
	if (s == DAIS_OK && !l->type)
		s = frame_split(l->to);
	return s == DAIS_OK ? nested_prepare(d, l->at, ORDER_4K) : s;
}

static status_t change_next(struct range *r, struct leaf *l)
{
	status_t s = DAIS_OK;

	if (!find(r->d, l))
		return r->holes ? DAIS_OK : DAIS_BAD_ARG;
	/* The control domain's frames: only that may widen what may be done with them. */
	if (r->flags && !is_pool(l) && r->caller != control_domain)
		return DAIS_DENIED;
	if (l->at.v % (PAGE_SIZE << l->order) || r->frames - r->done < 1ULL << l->order)
		s = split(r->d, l);
	if (s == DAIS_OK)
		set_leaf(r->d, l, r->flags);
	return s;
}

/* Flushes once, then gives back what was taken out. */
static status_t change(struct range *r)
{
	status_t s = walk(r, change_next);

	nested_flush(r->d);
	nested_flush(control_domain);
	while (batch.count)
		give_back(r->d, &batch.leaf[--batch.count]);
	return s;
}

static status_t call_change(struct call *c, u64 flags)
{
	struct range r = { .caller = c->dom, .d = domain_arg(c, 0), .gpa = c->arg[1], .frames = c->arg[2],
			   .flags = flags };
	status_t s = check(&r);

	if (s == DAIS_OK)
		s = change(&r);
	c->out[0] = r.done;
	return s;
}

status_t call_mem_unmap(struct call *c)
{
	return call_change(c, 0);
}

status_t call_mem_protect(struct call *c)
{
	return c->arg[3] ? call_change(c, c->arg[3]) : DAIS_BAD_ARG;
}

bool mem_reclaim_some(struct domain *d)
{
	struct range r = { .d = d, .gpa = d->reclaim_next, .frames = (GPA_LIMIT - d->reclaim_next) / PAGE_SIZE,
			   .holes = true };
	status_t s = change(&r);

	d->reclaim_next += r.done * PAGE_SIZE;
	return s == DAIS_OK;
}

bool mem_execute(struct domain *d, u64 at)
{
	mgmt_t m = mgmt_acquire();
	struct leaf l = { .at = gpa(at & PAGE_MASK) };
	bool may = nested_get(d, l.at, &l.to, &l.order) & DAIS_MAP_EXEC;

	if (may && find(d, &l) && split(d, &l) != DAIS_OK)
		domain_kill(d, DAIS_DEATH_MEMORY, "no memory to execute what is at %lx from small pages", at);
	mgmt_release(m);
	return may;
}

/* --- pages of Dais's own --- */

status_t mem_show(const void *page, u32 pages, bool writable)
{
	status_t s = DAIS_OK;

	for (u32 i = 0; i < pages && s == DAIS_OK; i++) {
		s = view(hva_to_hpa(page).v + i * PAGE_SIZE, ORDER_4K, writable ? RW : DAIS_MAP_READ);
		if (s != DAIS_OK)
			mem_unshow(page, i);
	}
	return s;
}

void mem_unshow(const void *page, u32 pages)
{
	for (u32 i = 0; i < pages; i++)
		end_view(hva_to_hpa(page).v + i * PAGE_SIZE, ORDER_4K);
	nested_flush(control_domain);
}
