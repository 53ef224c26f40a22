/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/string.h"
#include "kernel/trace.h"

#define CAPS_DEFAULT 16

spinlock_t mgmt_lock;
struct domain *control_domain;

struct domain *domains[MAX_DOMAINS];

static u32 next_id;

mgmt_t mgmt_acquire(void)
{
	spin_lock(&mgmt_lock);
	return (mgmt_t){ 1 };
}

void mgmt_release(mgmt_t m)
{
	(void)m;
	spin_unlock(&mgmt_lock);
}

/* --- creation --- */

static void domain_free(struct object *o)
{
	struct domain *d = container_of(o, struct domain, obj);

	for_vcpus(v, d)
		vcpu_free(v);
	heap_free(d->vcpu, d->max_vcpus * sizeof(*d->vcpu));
	arch_domain_free(d);
	atomic_sub(&counters.domains, 1);
}

void domain_undo(mgmt_t m, struct domain *d)
{
	(void)m;
	atomic_store(&d->state, DAIS_DOM_DEAD);
	if (d->page) {
		mem_unshow(control_domain, d->page, DAIS_DOM_AREA_PAGES);
		heap_pages_free(d->page, DAIS_DOM_AREA_PAGES);
		d->page = NULL;
	}
	nested_free(d);
	domains[d->slot] = NULL;
	cap_table_free(&d->caps);
	object_put(&d->pool->obj);
	object_put(&d->obj);
}

/* What every domain has: slot, number, pool, tables of vCPUs and capabilities. */
static status_t new_domain(mgmt_t m, struct pool *pool, u32 max_vcpus, u32 caps,
			   struct domain **out)
{
	struct domain *d;
	u32 slot = 0;

	while (slot < MAX_DOMAINS && domains[slot])
		slot++;
	if (slot == MAX_DOMAINS)
		return DAIS_NO_SPACE;
	d = arch_domain_alloc();
	if (!d)
		return DAIS_NO_MEMORY;
	object_init(&d->obj, DAIS_T_DOMAIN, domain_free);
	atomic_add(&counters.domains, 1);
	object_get(&pool->obj);
	d->pool = pool;
	d->slot = (u16)slot;
	d->vcpu = heap_alloc(max_vcpus * sizeof(*d->vcpu));
	d->max_vcpus = d->vcpu ? max_vcpus : 0;
	if (!d->vcpu || cap_table_init(&d->caps, caps) != DAIS_OK) {
		domain_undo(m, d);
		return DAIS_NO_MEMORY;
	}
	atomic_add(&d->heap_bytes, max_vcpus * sizeof(*d->vcpu));
	d->id = next_id++;
	domains[slot] = d;
	*out = d;
	return DAIS_OK;
}

status_t domain_create_control(u32 vcpus)
{
	mgmt_t m = mgmt_acquire();
	u64 index;
	status_t s = new_domain(m, &pool_root, vcpus, DAIS_MAX_CAPS, &control_domain);

	if (s == DAIS_OK) {
		control_domain->state = DAIS_DOM_RUNNING;
		s = cap_insert(&control_domain->caps, &pool_root.obj, DAIS_R_ALL, &index);
		CHECK(s != DAIS_OK || index == DAIS_CAP_POOL);
	}
	mgmt_release(m);
	return s;
}

status_t domain_create(mgmt_t m, struct pool *pool, u32 max_vcpus, u32 caps, struct domain **out)
{
	struct dais_dom_page *page;
	struct domain *d;
	status_t s = new_domain(m, pool, max_vcpus, caps, &d);

	if (s != DAIS_OK)
		return s;
	s = DAIS_NO_MEMORY;
	page = heap_pages(DAIS_DOM_AREA_PAGES);
	if (!page)
		goto fail;
	page->id = d->id;
	page->max_vcpus = d->max_vcpus;
	page->created_tsc = time_now();
	s = mem_show(control_domain, page, DAIS_DOM_AREA_PAGES, true);
	if (s != DAIS_OK)
		goto fail_page;
	d->page = page;
	atomic_add(&d->heap_bytes, DAIS_DOM_AREA_PAGES * PAGE_SIZE);
	*out = d;
	return DAIS_OK;

fail_page:
	heap_pages_free(page, DAIS_DOM_AREA_PAGES);
fail:
	domain_undo(m, d);
	return s;
}

/* --- life --- */

static void notify_vcpus(struct domain *d)
{
	for_vcpus(v, d)
		vcpu_notify(v, VP_STOP);
}

void domain_go(struct domain *d)
{
	for_vcpus(v, d)
		sched_thaw(&v->sc);
	notify_vcpus(d);
}

/* True: none of its vCPUs runs, nor will before domain_go. They were notified after the state changed. */
static bool all_frozen(struct domain *d)
{
	bool all = true;

	for_vcpus(v, d)
		all &= vcpu_freeze(v);
	return all;
}

static bool change_state(struct domain *d, u32 from, u32 to)
{
	if (!atomic_cas(&d->state, from, to))
		return false;
	atomic_cas(&d->page->state, from, to); /* DEAD may have come meanwhile */
	return true;
}

void domain_kill(struct domain *d, enum dais_death why, const char *fmt, ...)
{
	char text[sizeof(d->page->reason)];
	va_list ap;

	if (atomic_xchg(&d->state, DAIS_DOM_DEAD) == DAIS_DOM_DEAD)
		return;
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
	event_raise_link(&d->on_death, 0);
}

/* CONFIG or PAUSED -> RUNNING */
static status_t go(struct domain *d, u32 from)
{
	if (from == DAIS_DOM_CONFIG && (!d->vcpu[0] || !(d->frames || d->shared)))
		return DAIS_BAD_STATE;
	if (!change_state(d, from, DAIS_DOM_RUNNING))
		return DAIS_BAD_STATE;
	domain_go(d);
	return DAIS_OK;
}

static status_t pause(struct domain *d)
{
	if (change_state(d, DAIS_DOM_RUNNING, DAIS_DOM_PAUSED))
		notify_vcpus(d);
	else if (atomic_load(&d->state) != DAIS_DOM_PAUSED)
		return DAIS_BAD_STATE;
	return all_frozen(d) ? DAIS_OK : DAIS_AGAIN;
}

status_t call_dom_ctl(struct call *c)
{
	static const u8 max_arg[] = {
		[DAIS_DOM_KILL] = DAIS_DEATH_MACHINE_CHECK, [DAIS_DOM_SHUTDOWN] = 1,
		[DAIS_DOM_LOG_LEVEL] = LOG_DEBUG, [DAIS_DOM_TRACE] = 1,
	};
	struct domain *d = domain_arg(c, 0);
	u64 op = c->arg[1], arg = c->arg[2];

	if (arg > max_arg[op] || (op == DAIS_DOM_KILL && !arg))
		return DAIS_BAD_ARG;
	/* The latter ones are what the control domain does to itself, and only that. */
	if ((op >= DAIS_DOM_SHUTDOWN) != (d == control_domain))
		return DAIS_DENIED;
	switch (op) {
	case DAIS_DOM_ACTIVATE:
		return go(d, DAIS_DOM_CONFIG);
	case DAIS_DOM_PAUSE:
		return pause(d);
	case DAIS_DOM_UNPAUSE:
		return go(d, DAIS_DOM_PAUSED);
	case DAIS_DOM_KILL:
		domain_kill(d, arg, "ended by hypercall");
		break;
	case DAIS_DOM_SHUTDOWN:
		arch_shutdown_allowed(arg);
		break;
	case DAIS_DOM_LOG_LEVEL:
		log_set_level(arg);
		break;
	case DAIS_DOM_TRACE:
		atomic_store(&trace_on, arg);
		break;
	}
	return DAIS_OK;
}

/* --- the end --- */

void object_orphaned(mgmt_t m, struct object *o)
{
	u64 index;

	(void)m;
	if (o->type == DAIS_T_EVENT)
		event_end(container_of(o, struct event, obj));
	else if (o->type == DAIS_T_POOL)
		object_put(o);
	else if (o->type == DAIS_T_DOMAIN &&
		 cap_insert(&control_domain->caps, o, DAIS_R_ALL, &index) != DAIS_OK)
		log_warn("domain %u has no owner any more",
			 container_of(o, struct domain, obj)->id);
}

status_t domain_reclaim(mgmt_t m, struct domain *d)
{
	struct object *last;

	if (d == control_domain)
		return DAIS_DENIED;
	if (atomic_load(&d->state) != DAIS_DOM_DEAD || domains[d->slot] != d)
		return DAIS_BAD_STATE;
	if (!all_frozen(d) || !mem_reclaim_some(d))
		return DAIS_AGAIN;
	for_vcpus(v, d)
		vcpu_end(v);
	link_set(&d->on_trap, NULL, 0);
	link_set(&d->on_death, NULL, 0);
	cap_purge(&d->obj);
	/* One by one: what nobody else names ends with them, or falls to the control domain. */
	for (u64 i = 1; i <= d->caps.size && d->caps.used; i++)
		if (cap_drop(&d->caps, i, &last) == DAIS_OK && last)
			object_orphaned(m, last);
	domain_undo(m, d);
	return DAIS_OK;
}

u64 domains_check(mgmt_t m)
{
	u64 frames = 0, caps = 0, broken;

	(void)m;
	for (u32 i = 0; i < MAX_DOMAINS; i++) {
		struct domain *d = domains[i];

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
	return caps == counters.caps ? 0 : 9;
}

/* --- hypercalls --- */

status_t call_dom_create(struct call *c)
{
	u64 caps = c->arg[2] ? c->arg[2] : CAPS_DEFAULT;
	struct domain *d;
	status_t s;

	if (!c->arg[1])
		return DAIS_BAD_ARG;
	s = domain_create(c->mgmt, pool_arg(c, 0), (u32)c->arg[1], (u32)caps, &d);
	if (s != DAIS_OK)
		return s;
	s = cap_insert(&c->dom->caps, &d->obj, DAIS_R_ALL, &c->out[0]);
	if (s == DAIS_OK)
		c->out[1] = hva_to_hpa(d->page).v;
	else
		domain_undo(c->mgmt, d);
	return s;
}

status_t call_mem_reclaim(struct call *c)
{
	return domain_reclaim(c->mgmt, domain_arg(c, 0));
}

status_t call_irq_set(struct call *c)
{
	struct domain *d = domain_arg(c, 0);

	return atomic_load(&d->state) == DAIS_DOM_DEAD ? DAIS_BAD_STATE : arch_msi(d, c->arg[1], (u32)c->arg[2]);
}
