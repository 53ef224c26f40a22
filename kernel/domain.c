/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/domain.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/string.h"
#include "kernel/trace.h"
#include "kernel/vcpu.h"

#define AREA_BYTES (DAIS_DOM_AREA_PAGES * PAGE_SIZE)

spinlock_t mgmt_lock;
struct domain *control_domain;

static struct domain *slots[MAX_DOMAINS];
static u32 next_id, alive;

mgmt_t mgmt_acquire(void)
{
	spin_lock(&mgmt_lock);
	return (mgmt_t){ 1 };
}

void mgmt_release(mgmt_t m)
{
	CHECK(m.held);
	spin_unlock(&mgmt_lock);
}

struct domain *domain_by_slot(u32 slot)
{
	return slot < MAX_DOMAINS ? slots[slot] : NULL;
}

u32 domain_count(void)
{
	return atomic_load_relaxed(&alive);
}

/* --- life --- */

static void domain_free(struct object *o)
{
	struct domain *d = container_of(o, struct domain, obj);

	heap_free(d->vcpu, d->max_vcpus * sizeof(*d->vcpu));
	arch_domain_free(d);
	atomic_sub(&alive, 1);
}

static u32 free_slot(void)
{
	u32 i = 0;

	while (i < MAX_DOMAINS && slots[i])
		i++;
	return i;
}

/* What every domain has: slot, number, pool, tables of vCPUs and capabilities. */
static status_t new_domain(struct pool *pool, u32 max_vcpus, u32 caps, struct domain **out)
{
	u32 slot = free_slot();
	struct domain *d;
	status_t s;

	if (slot == MAX_DOMAINS)
		return DAIS_NO_SPACE;
	d = arch_domain_alloc();
	if (!d)
		return DAIS_NO_MEMORY;
	s = DAIS_NO_MEMORY;
	d->vcpu = heap_alloc(max_vcpus * sizeof(*d->vcpu));
	if (!d->vcpu)
		goto fail;
	s = cap_table_init(&d->caps, caps);
	if (s != DAIS_OK)
		goto fail_vcpus;
	object_init(&d->obj, DAIS_T_DOMAIN, domain_free);
	object_get(&pool->obj);
	d->pool = pool;
	d->max_vcpus = max_vcpus;
	atomic_add(&d->heap_bytes, max_vcpus * sizeof(*d->vcpu));
	d->slot = (u16)slot;
	d->id = next_id++;
	slots[slot] = d;
	atomic_add(&alive, 1);
	*out = d;
	return DAIS_OK;

fail_vcpus:
	heap_free(d->vcpu, max_vcpus * sizeof(*d->vcpu));
fail:
	arch_domain_free(d);
	return s;
}

/* The reverse; vCPUs may keep the struct itself for a while. */
static void end_domain(struct domain *d)
{
	slots[d->slot] = NULL;
	cap_table_free(&d->caps);
	object_put(&d->pool->obj);
	object_put(&d->obj);
}

status_t domain_create_control(u32 vcpus)
{
	u64 index;
	status_t s = new_domain(pool_root(), vcpus, DAIS_MAX_CAPS, &control_domain);

	if (s != DAIS_OK)
		return s;
	control_domain->state = DAIS_DOM_RUNNING;
	s = cap_insert(&control_domain->caps, &pool_root()->obj, DAIS_R_ALL, &index);
	CHECK(s != DAIS_OK || index == DAIS_CAP_POOL);
	return s;
}

static status_t show_area(struct domain *d, struct domain *creator)
{
	status_t s;

	d->page = heap_pages(DAIS_DOM_AREA_PAGES);
	if (!d->page)
		return DAIS_NO_MEMORY;
	d->page->id = d->id;
	d->page->max_vcpus = d->max_vcpus;
	d->page->created_tsc = time_now();
	s = mem_show(creator, d->page, DAIS_DOM_AREA_PAGES, true);
	if (s != DAIS_OK) {
		heap_pages_free(d->page, DAIS_DOM_AREA_PAGES);
		return s;
	}
	d->creator = creator;
	atomic_add(&d->heap_bytes, AREA_BYTES);
	return DAIS_OK;
}

status_t domain_create(mgmt_t m, struct domain *creator, struct pool *pool, u32 max_vcpus, u32 caps,
		       struct domain **out)
{
	struct domain *d;
	status_t s;

	CHECK(m.held);
	s = new_domain(pool, max_vcpus, caps, &d);
	if (s != DAIS_OK)
		return s;
	s = show_area(d, creator);
	if (s != DAIS_OK) {
		nested_free(d);
		end_domain(d);
		return s;
	}
	*out = d;
	return DAIS_OK;
}

void domain_undo(mgmt_t m, struct domain *d)
{
	CHECK(m.held);
	atomic_store(&d->state, DAIS_DOM_DEAD);
	mem_unshow(d->creator, d->page, DAIS_DOM_AREA_PAGES);
	heap_pages_free(d->page, DAIS_DOM_AREA_PAGES);
	d->page = NULL;
	nested_free(d);
	end_domain(d);
}

bool domain_enter(struct domain *d)
{
	/* Reclaiming finds DEAD first and then waits for users to be 0: one side sees the other. */
	atomic_add(&d->users, 1);
	if (atomic_load(&d->state) != DAIS_DOM_DEAD)
		return true;
	domain_leave(d);
	return false;
}

void domain_leave(struct domain *d)
{
	atomic_sub(&d->users, 1);
}

static void notify_vcpus(struct domain *d)
{
	for (u32 i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = atomic_load(&d->vcpu[i]);

		if (v)
			vcpu_notify(v, VP_STOP);
	}
}

static bool is_still(struct domain *d)
{
	for (u32 i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i] && !vcpu_is_still(d->vcpu[i]))
			return false;
	return true;
}

static bool change_state(struct domain *d, u32 from, u32 to)
{
	if (!atomic_cas32(&d->state, from, to))
		return false;
	if (d->page)
		atomic_cas32(&d->page->state, from, to); /* DEAD may have come meanwhile */
	return true;
}

void domain_kill(struct domain *d, enum dais_death why, const char *fmt, ...)
{
	char text[sizeof(d->page->reason)];
	u32 state;
	va_list ap;

	if (!domain_enter(d))
		return;
	do {
		state = atomic_load(&d->state);
	} while (state != DAIS_DOM_DEAD && !atomic_cas32(&d->state, state, DAIS_DOM_DEAD));
	if (state == DAIS_DOM_DEAD)
		goto out;
	va_start(ap, fmt);
	vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_info("domain %u: %s", d->id, text);
	if (d->page) {
		memcpy(d->page->reason, text, sizeof(text));
		d->page->death = why;
		/* Last: whoever sees it finds the reason. */
		atomic_xchg(&d->page->state, (u32)DAIS_DOM_DEAD);
	}
	notify_vcpus(d);
	event_raise_binding(&d->on_death, 0);
out:
	domain_leave(d);
}

/* --- dom_ctl --- */

static status_t activate(struct domain *d)
{
	if (!d->vcpu[0] || !(d->frames || d->shared))
		return DAIS_BAD_STATE;
	if (!change_state(d, DAIS_DOM_CONFIG, DAIS_DOM_RUNNING))
		return DAIS_BAD_STATE;
	for (u32 i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			vcpu_start(d->vcpu[i]);
	return DAIS_OK;
}

static status_t pause(struct domain *d)
{
	if (!change_state(d, DAIS_DOM_RUNNING, DAIS_DOM_PAUSED) &&
	    atomic_load(&d->state) != DAIS_DOM_PAUSED)
		return DAIS_BAD_STATE;
	/* not those that sleep already: woken for every AGAIN, they would never be still */
	for (u32 i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i] && !vcpu_is_still(d->vcpu[i]))
			vcpu_notify(d->vcpu[i], VP_STOP);
	return is_still(d) ? DAIS_OK : DAIS_AGAIN;
}

static status_t unpause(struct domain *d)
{
	if (!change_state(d, DAIS_DOM_PAUSED, DAIS_DOM_RUNNING))
		return DAIS_BAD_STATE;
	notify_vcpus(d); /* they look at the state again */
	return DAIS_OK;
}

static status_t control_ctl(u64 op, u64 arg)
{
	switch (op) {
	case DAIS_DOM_SHUTDOWN:
		if (arg > 1)
			return DAIS_BAD_ARG;
		arch_shutdown_allowed(arg);
		return DAIS_OK;
	case DAIS_DOM_LOG_LEVEL:
		if (arg > LOG_DEBUG)
			return DAIS_BAD_ARG;
		log_set_level(arg);
		return DAIS_OK;
	case DAIS_DOM_TRACE:
		if (arg > 1)
			return DAIS_BAD_ARG;
		atomic_store(&trace_on, arg);
		return DAIS_OK;
	default:
		return op <= DAIS_DOM_TRACE ? DAIS_DENIED : DAIS_BAD_ARG;
	}
}

status_t domain_ctl(mgmt_t m, struct domain *d, u64 op, u64 arg)
{
	CHECK(m.held);
	if (d == control_domain)
		return control_ctl(op, arg);
	if (op == DAIS_DOM_KILL) {
		if (arg == DAIS_DEATH_NONE || arg > DAIS_DEATH_MACHINE_CHECK)
			return DAIS_BAD_ARG;
		domain_kill(d, arg, "ended by hypercall");
		return DAIS_OK;
	}
	if (op > DAIS_DOM_TRACE || (arg && op <= DAIS_DOM_UNPAUSE))
		return DAIS_BAD_ARG;
	switch (op) {
	case DAIS_DOM_ACTIVATE:
		return activate(d);
	case DAIS_DOM_PAUSE:
		return pause(d);
	case DAIS_DOM_UNPAUSE:
		return unpause(d);
	default:
		return DAIS_DENIED;
	}
}

/* --- the end --- */

void object_orphaned(mgmt_t m, struct object *o)
{
	u64 index;

	CHECK(m.held);
	if (o->type == DAIS_T_EVENT)
		event_end(container_of(o, struct event, obj));
	else if (o->type == DAIS_T_POOL)
		object_put(o);
	else if (o->type == DAIS_T_DOMAIN &&
		 cap_insert(&control_domain->caps, o, DAIS_R_ALL, &index) != DAIS_OK)
		log_warn("domain %u has no owner any more",
			 container_of(o, struct domain, obj)->id);
}

/* One by one: what nobody else names ends with them, or falls to the control domain. */
static void drop_caps(mgmt_t m, struct domain *d)
{
	struct object *last;

	for (u64 i = 1; i <= d->caps.size && d->caps.used; i++) {
		if (cap_drop(&d->caps, i, &last) != DAIS_OK || !last)
			continue;
		object_orphaned(m, last);
	}
}

static void forget_creator(struct domain *creator)
{
	for (u32 i = 0; i < MAX_DOMAINS; i++)
		if (slots[i] && slots[i]->creator == creator)
			slots[i]->creator = NULL;
}

status_t domain_reclaim(mgmt_t m, struct domain *d)
{
	if (d == control_domain)
		return DAIS_DENIED;
	if (atomic_load(&d->state) != DAIS_DOM_DEAD || slots[d->slot] != d)
		return DAIS_BAD_STATE;
	if (atomic_load(&d->users) || !is_still(d) || !mem_reclaim_some(d))
		return DAIS_AGAIN;
	for (u32 i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			vcpu_destroy(d->vcpu[i]);
	event_bind(&d->on_trap, NULL, 0);
	event_bind(&d->on_death, NULL, 0);
	cap_purge(&d->obj);
	drop_caps(m, d);
	forget_creator(d);
	domain_undo(m, d);
	return DAIS_OK;
}

u64 domains_check(mgmt_t m)
{
	u64 frames = 0, caps = 0, broken;

	CHECK(m.held);
	for (u32 i = 0; i < MAX_DOMAINS; i++) {
		struct domain *d = slots[i];

		if (!d)
			continue;
		if (d->slot != i || d->state > DAIS_DOM_DEAD || !d->obj.refs)
			return 1;
		broken = cap_check(&d->caps);
		if (broken)
			return 1 + broken;
		frames += d->frames;
		caps += d->caps.used;
	}
	if (frames != frames_count().guests)
		return 8;
	return caps == cap_count() ? 0 : 9;
}
