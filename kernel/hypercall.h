/* SPDX-License-Identifier: GPL-2.0-only */
/* Dispatch of hypercalls: decode, check capabilities by the list, trace, act. */
#pragma once

#include "kernel/arch.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/vcpu.h"

#define CALL_ARGS 6

struct call {
	struct vcpu *self;
	struct domain *dom;   /* the caller's */
	u64 arg[CALL_ARGS];
	struct cap cap[CALL_ARGS];    /* of the CAP/OPT arguments: referenced while the call runs; obj NULL for an absent OPT. For a DOMAIN argument of 0: the caller's own; others undefined */
	u64 out[2];
	struct object *made;  /* what the caller gets a capability to, in out[0] */
	mgmt_t mgmt;          /* held by every call but the hot ones (see hypercall.c) */
};

/* Argument i's object, of the type that the list says. */
#define domain_arg(c, i) container_of((c)->cap[i].obj, struct domain, obj)
#define vcpu_arg(c, i)   container_of((c)->cap[i].obj, struct vcpu, obj)
#define event_arg(c, i)  container_of((c)->cap[i].obj, struct event, obj)
#define pool_arg(c, i)   container_of((c)->cap[i].obj, struct pool, obj)

/* self and arg are filled, as in the ABI; the results are in out. */
status_t hypercall(struct call *c, u64 nr);

/* Handlers, one per call, named after the list: status_t call_<name>(struct call *c) */
#define DAIS_CALL(nr, name, args) status_t call_##name(struct call *c);
#include <dais/calls.def>
#undef DAIS_CALL
