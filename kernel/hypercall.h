/* SPDX-License-Identifier: GPL-2.0-only */
/* Dispatch of hypercalls: decode, check capabilities by the list, trace, act. */
#ifndef DAIS_HYPERCALL_H
#define DAIS_HYPERCALL_H

#include "kernel/domain.h"
#include "kernel/vcpu.h"

#define CALL_ARGS 6

struct call {
	struct vcpu *self;
	struct domain *dom;   /* the caller's */
	u64 arg[CALL_ARGS];
	struct cap cap[CALL_ARGS];    /* of the CAP/OPT arguments: referenced while the call runs; obj NULL for an absent OPT. For a DOMAIN argument of 0: the caller's own */
	u64 out[2];
	mgmt_t mgmt;          /* held by every call but the hot ones (see hypercall.c) */
};

/* Argument i's object, of the type that the list says. */
static inline struct domain *domain_arg(const struct call *c, u32 i)
{ return container_of(c->cap[i].obj, struct domain, obj); }
static inline struct vcpu *vcpu_arg(const struct call *c, u32 i)
{ return container_of(c->cap[i].obj, struct vcpu, obj); }
static inline struct event *event_arg(const struct call *c, u32 i)
{ return container_of(c->cap[i].obj, struct event, obj); }
static inline struct pool *pool_arg(const struct call *c, u32 i)
{ return container_of(c->cap[i].obj, struct pool, obj); }

/* arg and out as in the ABI. */
status_t hypercall(struct vcpu *self, u64 nr, const u64 arg[CALL_ARGS], u64 out[2]);

/* Handlers, one per call, named after the list: status_t call_<name>(struct call *c) */
#define DAIS_CALL(nr, name, args) status_t call_##name(struct call *c);
#include <dais/calls.def>
#undef DAIS_CALL

#endif
