/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/hypercall.h"
#include "kernel/string.h"
#include "kernel/trace.h"

#define ARGS 6

enum arg_kind { ARG_NONE = 0, ARG_VAL, ARG_CAP, ARG_OPT };

struct arg_spec { u8 kind, type; u16 rights; };
struct call_spec { status_t (*handler)(struct call *c); struct arg_spec arg[ARGS]; };

#define UNPACK(...) __VA_ARGS__
#define CAP(name, type, rights) { ARG_CAP, DAIS_T_##type, DAIS_R_##rights }
#define OPT(name, type, rights) { ARG_OPT, DAIS_T_##type, DAIS_R_##rights }
#define VAL(name) { ARG_VAL, 0, 0 }
#define DAIS_CALL(nr, name, args, doc) [nr] = { call_##name, { UNPACK args } },
static const struct call_spec specs[] = {
#include <dais/calls.def>
};
#undef DAIS_CALL

/* What a domain may do to itself without a capability. */
static u32 rights_on_self(const struct domain *d)
{
	return d == control_domain ? DAIS_R_ALL : DAIS_R_GRANT | DAIS_R_IRQ;
}

static status_t resolve(struct call *c, u32 i, const struct arg_spec *spec)
{
	if (!c->arg[i] && spec->kind == ARG_OPT)
		return DAIS_OK;
	if (c->arg[i] != DAIS_CAP_SELF || spec->type != DAIS_T_DOMAIN)
		return cap_get(&c->dom->caps, c->arg[i], spec->type, spec->rights, &c->cap[i]);
	if (spec->rights & ~rights_on_self(c->dom))
		return DAIS_DENIED;
	c->cap[i] = (struct cap){ &c->dom->obj, rights_on_self(c->dom), ~0ULL };
	object_get(&c->dom->obj);
	return DAIS_OK;
}

static status_t resolve_all(struct call *c, const struct call_spec *spec)
{
	status_t s = DAIS_OK;

	for (u32 i = 0; i < ARGS; i++)
		if (spec->arg[i].kind == ARG_NONE && c->arg[i])
			return DAIS_BAD_CALL;
	for (u32 i = 0; i < ARGS && s == DAIS_OK; i++)
		if (spec->arg[i].kind >= ARG_CAP)
			s = resolve(c, i, &spec->arg[i]);
	return s;
}

/* What happens at every interrupt or exit takes no lock of all domains. */
static bool is_hot(u64 nr)
{
	return nr == DAIS_NR_vcpu_run || nr == DAIS_NR_vcpu_resume || nr == DAIS_NR_vcpu_kick ||
	       nr == DAIS_NR_irq_set || nr == DAIS_NR_ev_send || nr == DAIS_NR_ev_take;
}

static status_t act(struct call *c, const struct call_spec *spec)
{
	status_t s = resolve_all(c, spec);

	if (s == DAIS_OK)
		s = spec->handler(c);
	for (u32 i = 0; i < ARGS; i++)
		if (c->cap[i].obj)
			object_put(c->cap[i].obj);
	return s;
}

status_t hypercall(struct vcpu *self, u64 nr, const u64 arg[6], u64 out[2])
{
	struct call c = { .self = self, .dom = self->dom };
	status_t s = DAIS_BAD_CALL;

	memcpy(c.arg, arg, sizeof(c.arg));
	if (nr < ARRAY_SIZE(specs) && is_hot(nr)) {
		s = act(&c, &specs[nr]);
	} else if (nr < ARRAY_SIZE(specs)) {
		c.mgmt = mgmt_acquire();
		s = act(&c, &specs[nr]);
		mgmt_release(c.mgmt);
	}
	memcpy(out, c.out, sizeof(c.out));
	trace(DAIS_TRACE_CALL, self->dom->id << 16 | self->index, nr, s);
	return s;
}
