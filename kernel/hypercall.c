/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/hypercall.h"
#include "kernel/string.h"
#include "kernel/trace.h"

enum arg_kind { ARG_VAL, ARG_CAP, ARG_OPT };

struct arg_spec { u8 kind, type; u16 rights; u64 max; };
struct call_spec { status_t (*handler)(struct call *c); u32 args; struct arg_spec arg[CALL_ARGS]; };

#define UNPACK(...) __VA_ARGS__
#define CAP(name, type, rights) { ARG_CAP, DAIS_T_##type, DAIS_R_##rights, 0 }
#define OPT(name, type, rights) { ARG_OPT, DAIS_T_##type, DAIS_R_##rights, 0 }
#define VAL(name, max) { ARG_VAL, 0, 0, max }
#define DAIS_CALL(nr, name, args) \
	[nr] = { call_##name, sizeof((const struct arg_spec[]){ UNPACK args }) / sizeof(struct arg_spec), { UNPACK args } },
static const struct call_spec specs[] = {
#include <dais/calls.def>
};

/* What happens at every interrupt or exit takes no lock of all domains. */
#define BIT(name) (1u << DAIS_NR_##name)
#define HOT (BIT(vcpu_run) | BIT(vcpu_resume) | BIT(vcpu_kick) | BIT(irq_set) | BIT(ev_send) | BIT(ev_take))
/* A slot is there before the object, so that nothing has to be taken back. */
#define MAKES (BIT(dom_create) | BIT(mem_split) | BIT(vcpu_create) | BIT(ev_create))

/* What a domain may do to itself without a capability. */
static u32 rights_on_self(const struct domain *d)
{
	return d == control_domain ? DAIS_R_ALL : DAIS_R_GRANT | DAIS_R_IRQ;
}

static status_t check(struct call *c, const struct call_spec *call, u32 i)
{
	const struct arg_spec *spec = &call->arg[i];
	u64 arg = c->arg[i];

	c->cap[i].obj = NULL;
	if (spec->kind == ARG_VAL)
		return arg > spec->max ? DAIS_BAD_ARG : DAIS_OK;
	if (!arg && spec->kind == ARG_OPT)
		return DAIS_OK;
	if (arg != DAIS_CAP_SELF || spec->type != DAIS_T_DOMAIN)
		return cap_get(&c->dom->caps, arg, spec->type, spec->rights, &c->cap[i]);
	if (spec->rights & ~rights_on_self(c->dom))
		return DAIS_DENIED;
	c->cap[i] = (struct cap){ .obj = &c->dom->obj, .badge = ~0ULL, .rights = rights_on_self(c->dom) };
	object_get(&c->dom->obj);
	return DAIS_OK;
}

static status_t act(struct call *c, const struct call_spec *spec)
{
	status_t s = DAIS_OK;
	u64 surplus = 0;
	u32 i;

#pragma GCC unroll 6
	for (i = CALL_ARGS; i-- > spec->args; )
		surplus |= c->arg[i];
	if (surplus)
		return DAIS_BAD_CALL;
	for (i = spec->args; i && s == DAIS_OK; )
		s = check(c, spec, --i);
	if (s == DAIS_OK && (MAKES >> (spec - specs) & 1))
		s = cap_prepare(&c->dom->caps);
	if (s == DAIS_OK)
		s = spec->handler(c);
	if (s == DAIS_OK && c->made)
		CHECK(cap_insert(&c->dom->caps, c->made, DAIS_R_ALL, &c->out[0]) == DAIS_OK);
	for (; i < spec->args; i++) /* those that were looked at */
		if (c->cap[i].obj)
			object_put(c->cap[i].obj);
	return s;
}

status_t hypercall(struct call *c, u64 nr)
{
	status_t s = DAIS_BAD_CALL;

	c->dom = c->self->dom;
	c->out[0] = c->out[1] = 0;
	c->made = NULL;
	if (nr < ARRAY_SIZE(specs) && (HOT >> nr & 1)) {
		s = act(c, &specs[nr]);
	} else if (nr < ARRAY_SIZE(specs)) {
		c->mgmt = mgmt_acquire();
		s = act(c, &specs[nr]);
		mgmt_release(c->mgmt);
	}
	trace(DAIS_TRACE_CALL, c->self, nr, s);
	return s;
}
