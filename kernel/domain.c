/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/heap.h"
#include "kernel/hypercall.h"
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

	for_vcpus(v, d) {
		arch_vcpu_free(v);
		atomic_sub(&counters.vcpus, 1);
	}
	heap_free(d->vcpu, d->max_vcpus * sizeof(*d->vcpu));
	arch_domain_free(d);
	atomic_sub(&counters.domains, 1);
}

/* What is left of it goes with the last reference. */
static void domain_end(struct domain *d)
{
	atomic_store(&d->state, DAIS_DOM_DEAD);
	nested_free(d);
	domains[d->slot] = NULL;
	cap_table_free(&d->caps);
	object_put(&d->pool->obj);
	object_put(&d->obj);
}

status_t domain_create(mgmt_t m, struct pool *pool, u32 max_vcpus, u32 caps, struct domain **out)
{
	struct domain *d;
	u32 slot = 0;

	(void)m;
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
	d->page = heap_pages(DAIS_DOM_AREA_PAGES);
	if (!d->vcpu || !d->page || cap_table_init(&d->caps, caps) != DAIS_OK ||
	    (slot && mem_show(d->page, DAIS_DOM_AREA_PAGES, true) != DAIS_OK)) {
		heap_pages_free(d->page, DAIS_DOM_AREA_PAGES);
		domain_end(d);
		return DAIS_NO_MEMORY;
	}
	d->id = d->page->id = next_id++;
	d->flush_gen = (u64)d->id << 32;
	d->page->max_vcpus = max_vcpus;
	d->page->created_tsc = time_now();
	d->heap_bytes += max_vcpus * sizeof(*d->vcpu) + DAIS_DOM_AREA_PAGES * PAGE_SIZE;
	domains[slot] = *out = d;
	return DAIS_OK;
}

status_t domain_create_control(u32 vcpus)
{
	mgmt_t m = mgmt_acquire();
	u64 index;
	status_t s = domain_create(m, &pool_root, vcpus, DAIS_MAX_CAPS, &control_domain);

	if (s == DAIS_OK) {
		control_domain->state = DAIS_DOM_RUNNING;
		s = cap_insert(&control_domain->caps, &pool_root.obj, DAIS_R_ALL, &index);
		CHECK(s != DAIS_OK || index == DAIS_CAP_POOL);
	}
	mgmt_release(m);
	return s;
}

/* --- life --- */

void domain_notify(struct domain *d)
{
	for_vcpus(v, d) {
		if (d->state == DAIS_DOM_RUNNING)
			sched_thaw(&v->sc);
		vcpu_notify(v, VP_STOP);
	}
}

/* True: none of its vCPUs runs, nor will before its state is RUNNING again. They were notified after the state changed. */
static bool all_frozen(struct domain *d)
{
	bool all = true;

	for_vcpus(v, d)
		all &= vcpu_freeze(v);
	return all;
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
	if (d == control_domain) /* nobody could read why, nor end or restart it */
		panic("control domain: %s", text);
	log_info("domain %u: %s", d->id, text);
	memcpy(d->page->reason, text, sizeof(text));
	d->page->death = why;
	/* Last: whoever sees it finds the reason. */
	atomic_xchg(&d->page->state, (u32)DAIS_DOM_DEAD);
	domain_notify(d);
	event_raise_link(&d->on_death, 0);
}

/* ACTIVATE, PAUSE, UNPAUSE */
static status_t change_state(struct domain *d, u64 op)
{
	static const struct { u32 from, to; } change[] = {
		{ DAIS_DOM_CONFIG, DAIS_DOM_RUNNING }, { DAIS_DOM_RUNNING, DAIS_DOM_PAUSED },
		{ DAIS_DOM_PAUSED, DAIS_DOM_RUNNING },
	};
	u32 from = change[op].from, to = change[op].to;

	if (op == DAIS_DOM_ACTIVATE && (!d->vcpu[0] || !(d->frames || d->shared)))
		return DAIS_BAD_STATE;
	if (atomic_cas(&d->state, from, to)) {
		atomic_cas(&d->page->state, from, to); /* DEAD may have come meanwhile */
		domain_notify(d);
	} else if (op != DAIS_DOM_PAUSE || atomic_load(&d->state) != DAIS_DOM_PAUSED) {
		return DAIS_BAD_STATE;
	}
	return op != DAIS_DOM_PAUSE || all_frozen(d) ? DAIS_OK : DAIS_AGAIN;
}

status_t call_dom_ctl(struct call *c)
{
	static const u8 max_arg[] = {
		[DAIS_DOM_KILL] = DAIS_DEATH_MACHINE_CHECK, [DAIS_DOM_SHUTDOWN] = 1,
		[DAIS_DOM_LOG_LEVEL] = LOG_DEBUG, [DAIS_DOM_TRACE] = 2,
	};
	struct domain *d = domain_arg(c, 0);
	u64 op = c->arg[1], arg = c->arg[2];

	if (arg > max_arg[op] || (op == DAIS_DOM_KILL && !arg))
		return DAIS_BAD_ARG;
	/* The latter ones are what the control domain does to itself, and only that. */
	if ((op >= DAIS_DOM_SHUTDOWN) != (d == control_domain))
		return DAIS_DENIED;
	switch (op) {
	default:
		return change_state(d, op);
	case DAIS_DOM_KILL:
		domain_kill(d, arg, "ended by hypercall");
		break;
	case DAIS_DOM_SHUTDOWN:
		arch_shutdown_allowed(arg);
		break;
	case DAIS_DOM_LOG_LEVEL:
		log_level = arg;
		break;
	case DAIS_DOM_TRACE:
		trace_on = arg;
		break;
	}
	return DAIS_OK;
}

/* --- the end --- */

void object_orphaned(mgmt_t m, struct object *o)
{
	u64 index;

	(void)m;
	if (!o)
		return;
	if (o->type == DAIS_T_EVENT)
		event_end(container_of(o, struct event, obj));
	else if (o->type == DAIS_T_POOL)
		object_put(o);
	else if (o->type == DAIS_T_DOMAIN && cap_insert(&control_domain->caps, o, DAIS_R_ALL, &index) != DAIS_OK)
		log_warn("domain %u has no owner any more", container_of(o, struct domain, obj)->id);
}

status_t call_mem_reclaim(struct call *c)
{
	struct domain *d = domain_arg(c, 0);

	if (d == control_domain)
		return DAIS_DENIED;
	if (atomic_load(&d->state) != DAIS_DOM_DEAD || domains[d->slot] != d)
		return DAIS_BAD_STATE;
	devices_end(d);
	if (!all_frozen(d) || !mem_reclaim_some(d))
		return DAIS_AGAIN;
	for_vcpus(v, d)
		vcpu_end(v);
	link_set(&d->on_trap, NULL, 0);
	link_set(&d->on_death, NULL, 0);
	cap_purge(&d->obj);
	/* One by one: what nobody else names ends with them, or falls to the control domain. */
	for (u64 i = 1; i <= d->caps.size && d->caps.used; i++)
		object_orphaned(c->mgmt, cap_drop(&d->caps, i));
	mem_unshow(d->page, DAIS_DOM_AREA_PAGES);
	heap_pages_free(d->page, DAIS_DOM_AREA_PAGES);
	domain_end(d);
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
	if (frames != frame_counts.guests)
		return 8;
	return caps == counters.caps ? 0 : 9;
}

/* --- hypercalls --- */

status_t call_dom_create(struct call *c)
{
	u64 caps = c->arg[2] ? c->arg[2] : CAPS_DEFAULT;
	struct domain *d;
	status_t s = DAIS_BAD_ARG;

	if (c->arg[1])
		s = domain_create(c->mgmt, pool_arg(c, 0), (u32)c->arg[1], (u32)caps, &d);
	if (s == DAIS_OK) {
		c->made = &d->obj;
		c->out[1] = hva_to_hpa(d->page).v;
	}
	return s;
}

status_t call_irq_set(struct call *c)
{
	struct domain *d = domain_arg(c, 0);

	return atomic_load(&d->state) == DAIS_DOM_DEAD ? DAIS_BAD_STATE : arch_msi(d, c->arg[1], (u32)c->arg[2]);
}
