/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/mem.h"

/* An event to a vCPU can raise that vCPU's in turn: longer chains end before the stack does. */
#define MAX_DEPTH  8
#define VECTOR_MIN 32 /* below are exceptions */
#define VECTOR_MAX 255

static u8 depth[MAX_CPUS];
struct dais_pending *events_pending;

/* --- links --- */

void link_set(struct link *l, struct object *to, u64 value)
{
	struct object *old;

	if (to)
		object_get(to);
	spin_lock(&l->lock);
	old = l->to;
	l->to = to;
	l->value = value;
	spin_unlock(&l->lock);
	if (old)
		object_put(old);
}

/* Where it leads, referenced, or NULL */
static struct object *follow(struct link *l, u64 *value)
{
	spin_guard(&l->lock);

	*value = l->value;
	if (l->to)
		object_get(l->to);
	return l->to;
}

/* --- events --- */

static void event_free(struct object *o)
{
	heap_free(o, sizeof(struct event));
	atomic_sub(&counters.events, 1);
}

status_t event_create(struct event **out)
{
	struct event *e = *out = heap_alloc(sizeof(*e));

	_Static_assert(!offsetof(struct event, obj), "event_free");
	if (!e)
		return DAIS_NO_MEMORY;
	object_init(&e->obj, DAIS_T_EVENT, event_free);
	atomic_add(&counters.events, 1);
	return DAIS_OK;
}

static void notify_msix(u32 index, u32 number)
{
	u64 word = number / 64, bit = 1ULL << word;

	atomic_or(&events_pending[index].word[word], 1ULL << number % 64);
	/* The receiver clears select, then reads the words: a set bit means that it comes. */
	if (!(atomic_or(&events_pending[index].select, bit) & bit))
		control_msix_raise(index);
}

static void notify(struct event *e)
{
	u64 value;
	struct object *to = follow(&e->target, &value);

	if (!to)
		return;
	if (to->type == DAIS_T_DOMAIN) {
		notify_msix((u32)value, value >> 32);
	} else if (depth[cpu_id()] < MAX_DEPTH) {
		depth[cpu_id()]++;
		arch_vcpu_interrupt(container_of(to, struct vcpu, obj), (u32)value);
		depth[cpu_id()]--;
	}
	object_put(to);
}

/* Takers clear the bits they have seen: whoever sets one that was clear must tell. */
void event_raise(struct event *e, u64 bits)
{
	if ((atomic_or(&e->word, bits) & bits) != bits)
		notify(e);
}

void event_raise_link(struct link *l, u64 bits)
{
	u64 value;
	struct object *o = follow(l, &value);

	if (!o)
		return;
	event_raise(container_of(o, struct event, obj), bits ? bits : value);
	object_put(o);
}

u64 event_take(struct event *e, u64 mask)
{
	return atomic_and(&e->word, ~mask) & mask;
}

void event_set_target(struct event *e, struct object *to, u64 value)
{
	link_set(&e->target, to, value);
	if (atomic_load(&e->word))
		notify(e);
}

void event_end(struct event *e)
{
	link_set(&e->target, NULL, 0);
	object_put(&e->obj);
}

status_t events_init(u32 vectors)
{
	u32 pages = (u32)(ALIGN_UP(vectors * sizeof(*events_pending), PAGE_SIZE) / PAGE_SIZE);

	_Static_assert(sizeof(struct dais_pending) == 1024, "the ABI says so");
	events_pending = heap_pages(pages);
	if (!events_pending)
		return DAIS_NO_MEMORY;
	facts[DAIS_STAT_PENDING] = hva_to_hpa(events_pending).v;
	facts[DAIS_STAT_PENDING_COUNT] = vectors;
	return mem_show(control_domain, events_pending, pages, true);
}

/* --- hypercalls --- */

status_t call_ev_create(struct call *c)
{
	struct event *e;
	status_t s = event_create(&e);

	if (s != DAIS_OK)
		return s;
	s = cap_insert(&c->dom->caps, &e->obj, DAIS_R_ALL, &c->out[0]);
	if (s != DAIS_OK)
		event_end(e);
	return s;
}

static status_t bind_target(struct call *c, u64 kind, u64 value)
{
	struct object *to = c->cap[2].obj;

	if (kind == DAIS_EV_TO_MSIX) {
		to = &control_domain->obj;
		if (c->dom != control_domain)
			return DAIS_DENIED;
		if ((u32)value >= control_msix_count() || value >> 32 >= DAIS_MAX_EVENTS)
			return DAIS_BAD_ARG;
	} else if (kind == DAIS_EV_TO_VCPU) {
		if (vcpu_arg(c, 2)->dom != c->dom)
			return DAIS_DENIED;
		if (value < VECTOR_MIN || value > VECTOR_MAX)
			return DAIS_BAD_ARG;
	} else if (value) {
		return DAIS_BAD_ARG;
	}
	event_set_target(event_arg(c, 0), to, value);
	return DAIS_OK;
}

static status_t bind_source(struct call *c, u64 kind, u64 value)
{
	struct vcpu *v = vcpu_arg(c, 2);
	struct domain *d = kind == DAIS_EV_FROM_VCPU ? v->dom : domain_arg(c, 2);
	bool dead = atomic_load(&d->state) == DAIS_DOM_DEAD;

	if (!value != (kind == DAIS_EV_FROM_TRAP))
		return DAIS_BAD_ARG;
	/* What can be raised is limited by the event's capability; traps name their bits later. */
	if ((value ? value : ~0ULL) & ~c->cap[0].badge)
		return DAIS_DENIED;
	if (dead && kind != DAIS_EV_FROM_DOM)
		return DAIS_BAD_STATE;
	link_set(kind == DAIS_EV_FROM_VCPU ? &v->on_exit : kind == DAIS_EV_FROM_DOM ? &d->on_death : &d->on_trap,
		 c->cap[0].obj, value);
	if (atomic_load(&d->state) == DAIS_DOM_DEAD)
		event_raise(event_arg(c, 0), value);
	return DAIS_OK;
}

status_t call_ev_bind(struct call *c)
{
	/* By enum dais_ev_bind: the object's type, or ANY for no object. */
	static const u32 types[] = {
		[DAIS_EV_TO_VCPU] = DAIS_T_VCPU, [DAIS_EV_FROM_VCPU] = DAIS_T_VCPU,
		[DAIS_EV_FROM_DOM] = DAIS_T_DOMAIN, [DAIS_EV_FROM_TRAP] = DAIS_T_DOMAIN,
		[DAIS_EV_TO_NONE] = DAIS_T_ANY,
	};
	struct object *o = c->cap[2].obj;
	u64 kind = c->arg[1];

	if (!o != !types[kind])
		return DAIS_BAD_ARG;
	if (o && o->type != types[kind])
		return DAIS_BAD_TYPE;
	return o && kind != DAIS_EV_TO_VCPU ? bind_source(c, kind, c->arg[3]) : bind_target(c, kind, c->arg[3]);
}

status_t call_ev_send(struct call *c)
{
	if (!c->arg[1])
		return DAIS_BAD_ARG;
	if (c->arg[1] & ~c->cap[0].badge)
		return DAIS_DENIED;
	event_raise(event_arg(c, 0), c->arg[1]);
	return DAIS_OK;
}

status_t call_ev_take(struct call *c)
{
	c->out[0] = event_take(event_arg(c, 0), c->cap[0].badge);
	return DAIS_OK;
}
