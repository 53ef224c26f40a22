/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls on capabilities and events. */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/hypercall.h"

#define VECTOR_MIN 32 /* below are exceptions */
#define VECTOR_MAX 255

status_t call_cap_copy(struct call *c)
{
	struct domain *to = container_of(c->cap[1].obj, struct domain, obj);

	if (c->arg[2] & ~(u64)DAIS_R_ALL)
		return DAIS_BAD_ARG;
	if (atomic_load(&to->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	return cap_derive(&c->dom->caps, c->arg[0], &to->caps, (u32)c->arg[2], c->arg[3],
			  &c->out[0]);
}

/* A pool goes before its last capability does, a domain never loses its last one. */
static status_t may_drop(struct object *o)
{
	if (!cap_is_last(o))
		return DAIS_OK;
	if (o->type == DAIS_T_DOMAIN)
		return DAIS_BUSY;
	/* Two references are its capabilities' and ours, more mean that it is in use. */
	return o->type == DAIS_T_POOL && atomic_load(&o->refs) > 2 ? DAIS_BUSY : DAIS_OK;
}

status_t call_cap_drop(struct call *c)
{
	struct object *last;
	status_t s = may_drop(c->cap[0].obj);

	if (s == DAIS_OK)
		s = cap_drop(&c->dom->caps, c->arg[0], &last);
	if (s == DAIS_OK && last) {
		object_orphaned(c->mgmt, last);
		object_put(last);
	}
	return s;
}

status_t call_cap_revoke(struct call *c)
{
	return cap_revoke(&c->dom->caps, c->arg[0], &c->out[0]);
}

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

static status_t bind_to_msix(struct call *c, struct event *e)
{
	if (e->dom != control_domain)
		return DAIS_DENIED;
	if (c->arg[3] >= control_msix_count())
		return DAIS_BAD_ARG;
	event_set_target(e, DAIS_EV_TO_MSIX, (u32)c->arg[3], NULL);
	return DAIS_OK;
}

static status_t bind_to_vcpu(struct call *c, struct event *e)
{
	struct vcpu *v = container_of(c->cap[2].obj, struct vcpu, obj);

	if (v->dom != c->dom)
		return DAIS_DENIED;
	if (c->arg[3] < VECTOR_MIN || c->arg[3] > VECTOR_MAX)
		return DAIS_BAD_ARG;
	event_set_target(e, DAIS_EV_TO_VCPU, (u32)c->arg[3], v);
	return DAIS_OK;
}

/* The event's own capability limits what can be raised through it. */
static status_t bits_ok(struct call *c)
{
	if (!c->arg[3])
		return DAIS_BAD_ARG;
	return c->arg[3] & ~c->cap[0].badge ? DAIS_DENIED : DAIS_OK;
}

static status_t bind_from_vcpu(struct call *c, struct event *e)
{
	struct vcpu *v = container_of(c->cap[2].obj, struct vcpu, obj);
	status_t s = bits_ok(c);

	if (s != DAIS_OK)
		return s;
	if (atomic_load(&v->dom->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	event_bind(&v->on_exit, e, c->arg[3]);
	return DAIS_OK;
}

static status_t bind_from_domain(struct call *c, struct event *e)
{
	struct domain *d = container_of(c->cap[2].obj, struct domain, obj);
	status_t s = bits_ok(c);

	if (s != DAIS_OK)
		return s;
	event_bind(&d->on_death, e, c->arg[3]);
	if (atomic_load(&d->state) == DAIS_DOM_DEAD)
		event_raise_binding(&d->on_death, 0);
	return DAIS_OK;
}

static status_t bind_from_trap(struct call *c, struct event *e)
{
	struct domain *d = container_of(c->cap[2].obj, struct domain, obj);

	if (c->arg[3])
		return DAIS_BAD_ARG;
	if (~c->cap[0].badge)
		return DAIS_DENIED; /* the traps name the bits */
	if (atomic_load(&d->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	event_bind(&d->on_trap, e, 0);
	return DAIS_OK;
}

static status_t bind_to_none(struct call *c, struct event *e)
{
	if (c->arg[3])
		return DAIS_BAD_ARG;
	event_set_target(e, DAIS_EV_TO_NONE, 0, NULL);
	return DAIS_OK;
}

/* By enum dais_ev_bind: the object's type, or ANY for no object. */
static const struct { u32 type; status_t (*bind)(struct call *c, struct event *e); } binders[] = {
	[DAIS_EV_TO_MSIX]   = { DAIS_T_ANY, bind_to_msix },
	[DAIS_EV_TO_VCPU]   = { DAIS_T_VCPU, bind_to_vcpu },
	[DAIS_EV_FROM_VCPU] = { DAIS_T_VCPU, bind_from_vcpu },
	[DAIS_EV_FROM_DOM]  = { DAIS_T_DOMAIN, bind_from_domain },
	[DAIS_EV_FROM_TRAP] = { DAIS_T_DOMAIN, bind_from_trap },
	[DAIS_EV_TO_NONE]   = { DAIS_T_ANY, bind_to_none },
};

status_t call_ev_bind(struct call *c)
{
	struct object *o = c->cap[2].obj;

	if (c->arg[1] >= ARRAY_SIZE(binders) || !o != !binders[c->arg[1]].type)
		return DAIS_BAD_ARG;
	if (o && o->type != binders[c->arg[1]].type)
		return DAIS_BAD_TYPE;
	return binders[c->arg[1]].bind(c, container_of(c->cap[0].obj, struct event, obj));
}

status_t call_ev_send(struct call *c)
{
	if (!c->arg[1])
		return DAIS_BAD_ARG;
	if (c->arg[1] & ~c->cap[0].badge)
		return DAIS_DENIED;
	event_raise(container_of(c->cap[0].obj, struct event, obj), c->arg[1]);
	return DAIS_OK;
}

status_t call_ev_take(struct call *c)
{
	c->out[0] = event_take(container_of(c->cap[0].obj, struct event, obj), c->cap[0].badge);
	return DAIS_OK;
}
