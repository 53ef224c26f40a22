/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/domain.h"
#include "kernel/event.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/vcpu.h"

/* An event to a vCPU can raise that vCPU's in turn: longer chains end before the stack does. */
#define MAX_DEPTH 8

static spinlock_t number_lock; /* domains' events[] and event_count; before any event's lock */
static struct dais_pending *pending;
static u64 alive;
static u8 depth[MAX_CPUS];

u64 event_count(void)
{
	return atomic_load_relaxed(&alive);
}

static void event_free(struct object *o)
{
	struct event *e = container_of(o, struct event, obj);

	spin_lock(&number_lock);
	if (e->dom) {
		e->dom->events[e->number] = NULL;
		e->dom->event_count--;
	}
	spin_unlock(&number_lock);
	if (e->to_vcpu)
		object_put(&e->to_vcpu->obj);
	heap_free(e, sizeof(*e));
	atomic_sub(&alive, 1);
}

static status_t take_number(struct domain *d, struct event *e)
{
	status_t s = DAIS_NO_SPACE;

	spin_lock(&number_lock);
	for (u32 i = 0; i < DAIS_MAX_EVENTS; i++) {
		if (d->events[i])
			continue;
		d->events[i] = e;
		d->event_count++;
		e->number = i;
		s = DAIS_OK;
		break;
	}
	spin_unlock(&number_lock);
	return s;
}

status_t event_create(struct domain *d, struct event **out)
{
	struct event *e;
	status_t s;

	if (!d->events) {
		d->events = heap_alloc(DAIS_MAX_EVENTS * sizeof(*d->events));
		if (!d->events)
			return DAIS_NO_MEMORY;
		atomic_add(&d->heap_bytes, DAIS_MAX_EVENTS * sizeof(*d->events));
	}
	e = heap_alloc(sizeof(*e));
	if (!e)
		return DAIS_NO_MEMORY;
	object_init(&e->obj, DAIS_T_EVENT, event_free);
	e->dom = d;
	e->to = DAIS_EV_TO_NONE;
	s = take_number(d, e);
	if (s != DAIS_OK) {
		heap_free(e, sizeof(*e));
		return s;
	}
	atomic_add(&alive, 1);
	*out = e;
	return DAIS_OK;
}

static void notify_msix(u32 index, u32 number)
{
	u64 word = number / 64, bit = 1ULL << word;

	atomic_or(&pending[index].word[word], 1ULL << number % 64);
	/* The receiver clears select, then reads the words: a set bit means that it comes. */
	if (!(atomic_or(&pending[index].select, bit) & bit))
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

void event_end(struct event *e)
{
	CHECK(!e->ended);
	e->ended = true;
	cap_purge(&e->obj);
	event_set_target(e, DAIS_EV_TO_NONE, 0, NULL);
	object_put(&e->obj);
}

void events_end(struct domain *d)
{
	for (u32 i = 0; d->events && i < DAIS_MAX_EVENTS; i++) {
		struct event *e, *live = NULL;

		/* One that ended already may be freed as soon as the lock is given back. */
		spin_lock(&number_lock);
		e = d->events[i];
		if (e) {
			e->dom = NULL;
			d->events[i] = NULL;
			d->event_count--;
			live = e->ended ? NULL : e;
		}
		spin_unlock(&number_lock);
		if (live)
			event_end(live);
	}
	heap_free(d->events, DAIS_MAX_EVENTS * sizeof(*d->events));
	d->events = NULL;
}

status_t events_init(u32 vectors)
{
	u32 pages = (u32)(ALIGN_UP(vectors * sizeof(*pending), PAGE_SIZE) / PAGE_SIZE);

	_Static_assert(sizeof(struct dais_pending) == 1024, "the ABI says so");
	pending = heap_pages(pages);
	if (!pending)
		return DAIS_NO_MEMORY;
	return mem_show(control_domain, pending, pages, true);
}

hpa_t events_pending_hpa(void)
{
	return hva_to_hpa(pending);
}
