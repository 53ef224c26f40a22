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

static u64 numbers[DAIS_MAX_EVENTS / 64]; /* atomic; bits are set only under mgmt_lock */
static u8 depth[MAX_CPUS];
struct dais_pending *events_pending;

static void event_free(struct object *o)
{
	struct event *e = container_of(o, struct event, obj);

	if (e->number != EVENT_UNNUMBERED)
		atomic_and(&numbers[e->number / 64], ~(1ULL << e->number % 64));
	if (e->to_vcpu)
		object_put(&e->to_vcpu->obj);
	heap_free(e, sizeof(*e));
	atomic_sub(&counters.events, 1);
}

static u32 take_number(void)
{
	u32 i = 0;

	while (i < DAIS_MAX_EVENTS && (atomic_load(&numbers[i / 64]) >> i % 64 & 1))
		i++;
	if (i < DAIS_MAX_EVENTS)
		atomic_or(&numbers[i / 64], 1ULL << i % 64);
	return i;
}

status_t event_create(struct domain *d, struct event **out)
{
	struct event *e = heap_alloc(sizeof(*e));

	if (!e)
		return DAIS_NO_MEMORY;
	e->number = d == control_domain ? take_number() : EVENT_UNNUMBERED;
	if (d == control_domain && e->number == EVENT_UNNUMBERED) {
		heap_free(e, sizeof(*e));
		return DAIS_NO_SPACE;
	}
	object_init(&e->obj, DAIS_T_EVENT, event_free);
	e->to = DAIS_EV_TO_NONE;
	atomic_add(&counters.events, 1);
	*out = e;
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
	struct vcpu *v = NULL;
	u32 value;

	spin_lock(&e->lock);
	value = e->to_value;
	if (e->to == DAIS_EV_TO_MSIX) {
		notify_msix(value, e->number);
	} else if (e->to == DAIS_EV_TO_VCPU) {
		v = e->to_vcpu;
		object_get(&v->obj);
	}
	spin_unlock(&e->lock);
	if (!v)
		return;
	/* Unlocked: v's waking may raise another event. */
	if (depth[cpu_id()] < MAX_DEPTH) {
		depth[cpu_id()]++;
		arch_vcpu_interrupt(v, value);
		depth[cpu_id()]--;
	}
	object_put(&v->obj);
}

/* Takers clear the bits they have seen: whoever sets one that was clear must tell. */
void event_raise(struct event *e, u64 bits)
{
	if ((atomic_or(&e->word, bits) & bits) != bits)
		notify(e);
}

u64 event_take(struct event *e, u64 mask)
{
	return atomic_and(&e->word, ~mask) & mask;
}

void event_set_target(struct event *e, u32 to, u32 value, struct vcpu *v)
{
	struct vcpu *old;

	if (v)
		object_get(&v->obj);
	spin_lock(&e->lock);
	old = e->to_vcpu;
	e->to = to;
	e->to_value = value;
	e->to_vcpu = v;
	spin_unlock(&e->lock);
	if (old)
		object_put(&old->obj);
	if (atomic_load(&e->word))
		notify(e);
}

void event_end(struct event *e)
{
	event_set_target(e, DAIS_EV_TO_NONE, 0, NULL);
	object_put(&e->obj);
}

void event_bind(struct event_binding *b, struct event *e, u64 bits)
{
	struct event *old;

	if (e)
		object_get(&e->obj);
	spin_lock(&b->lock);
	old = b->event;
	b->event = e;
	b->bits = bits;
	spin_unlock(&b->lock);
	if (old)
		object_put(&old->obj);
}

void event_raise_binding(struct event_binding *b, u64 bits)
{
	struct event *e;

	spin_lock(&b->lock);
	e = b->event;
	bits = bits ? bits : b->bits;
	if (e)
		object_get(&e->obj);
	spin_unlock(&b->lock);
	if (e) {
		event_raise(e, bits);
		object_put(&e->obj);
	}
}

status_t events_init(u32 vectors)
{
	u32 pages = (u32)(ALIGN_UP(vectors * sizeof(*events_pending), PAGE_SIZE) / PAGE_SIZE);

	_Static_assert(sizeof(struct dais_pending) == 1024, "the ABI says so");
	events_pending = heap_pages(pages);
	if (!events_pending)
		return DAIS_NO_MEMORY;
	return mem_show(control_domain, events_pending, pages, true);
}

/* --- hypercalls --- */

status_t call_ev_create(struct call *c)
{
	struct event *e;
	status_t s = c->arg[0] ? DAIS_BAD_ARG : event_create(c->dom, &e);

	if (s != DAIS_OK)
		return s;
	s = cap_insert(&c->dom->caps, &e->obj, DAIS_R_ALL, &c->out[0]);
	if (s == DAIS_OK)
		c->out[1] = e->number;
	else
		event_end(e);
	return s;
}

static status_t bind_target(struct call *c, struct event *e, u32 kind, u64 value)
{
	struct vcpu *v = kind == DAIS_EV_TO_VCPU ? vcpu_arg(c, 2) : NULL;

	if (v ? v->dom != c->dom : kind == DAIS_EV_TO_MSIX && e->number == EVENT_UNNUMBERED)
		return DAIS_DENIED;
	if (v ? value < VECTOR_MIN || value > VECTOR_MAX :
	    kind == DAIS_EV_TO_MSIX ? value >= control_msix_count() : value)
		return DAIS_BAD_ARG;
	event_set_target(e, kind, (u32)value, v);
	return DAIS_OK;
}

static status_t bind_source(struct call *c, struct event *e, u32 kind, u64 value)
{
	struct vcpu *v = kind == DAIS_EV_FROM_VCPU ? vcpu_arg(c, 2) : NULL;
	struct domain *d = v ? v->dom : domain_arg(c, 2);
	struct event_binding *b = v ? &v->on_exit :
				  kind == DAIS_EV_FROM_DOM ? &d->on_death : &d->on_trap;

	if (!value != (kind == DAIS_EV_FROM_TRAP))
		return DAIS_BAD_ARG;
	/* What can be raised is limited by the event's capability; traps name their bits later. */
	if ((value ? value : ~0ULL) & ~c->cap[0].badge)
		return DAIS_DENIED;
	if (kind != DAIS_EV_FROM_DOM && atomic_load(&d->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	event_bind(b, e, value);
	if (kind == DAIS_EV_FROM_DOM && atomic_load(&d->state) == DAIS_DOM_DEAD)
		event_raise_binding(b, 0);
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
	struct event *e = event_arg(c, 0);
	struct object *o = c->cap[2].obj;
	u64 kind = c->arg[1];

	if (kind >= ARRAY_SIZE(types) || !o != !types[kind])
		return DAIS_BAD_ARG;
	if (o && o->type != types[kind])
		return DAIS_BAD_TYPE;
	if (kind == DAIS_EV_TO_MSIX || kind == DAIS_EV_TO_VCPU || kind == DAIS_EV_TO_NONE)
		return bind_target(c, e, (u32)kind, c->arg[3]);
	return bind_source(c, e, (u32)kind, c->arg[3]);
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
