/* SPDX-License-Identifier: GPL-2.0-only */
/* Hypercalls on domains, pools and memory. */
#include "kernel/arch.h"
#include "kernel/hypercall.h"
#include "kernel/mem.h"
#include "kernel/trap.h"

#define CAPS_DEFAULT 16

status_t call_dom_create(struct call *c)
{
	struct pool *p = pool_arg(c, 0);
	u64 caps = c->arg[2] ? c->arg[2] : CAPS_DEFAULT;
	struct domain *d;
	status_t s;

	if (!c->arg[1] || c->arg[1] > DAIS_MAX_VCPUS || caps > DAIS_MAX_CAPS || c->arg[3])
		return DAIS_BAD_ARG;
	s = domain_create(c->mgmt, c->dom, p, (u32)c->arg[1], (u32)caps, &d);
	if (s != DAIS_OK)
		return s;
	s = cap_insert(&c->dom->caps, &d->obj, DAIS_R_ALL, &c->out[0]);
	if (s == DAIS_OK)
		c->out[1] = hva_to_hpa(d->page).v;
	else
		domain_undo(c->mgmt, d);
	return s;
}

status_t call_dom_ctl(struct call *c)
{
	return domain_ctl(c->mgmt, domain_arg(c, 0), c->arg[1], c->arg[2]);
}

status_t call_mem_split(struct call *c)
{
	struct pool *p;
	status_t s = pool_split(pool_arg(c, 0), c->arg[1], &p);

	if (s != DAIS_OK)
		return s;
	s = cap_insert(&c->dom->caps, &p->obj, DAIS_R_ALL, &c->out[0]);
	if (s != DAIS_OK)
		object_put(&p->obj);
	return s;
}

status_t call_mem_map(struct call *c)
{
	struct mem_map_args a = { c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5] };

	return mem_map(c->dom, domain_arg(c, 0), &a, &c->out[0]);
}

status_t call_mem_unmap(struct call *c)
{
	return mem_unmap(domain_arg(c, 0), c->arg[1], c->arg[2], &c->out[0]);
}

status_t call_mem_protect(struct call *c)
{
	return mem_protect(c->dom, domain_arg(c, 0), c->arg[1], c->arg[2], c->arg[3], &c->out[0]);
}

status_t call_mem_reclaim(struct call *c)
{
	return domain_reclaim(c->mgmt, domain_arg(c, 0));
}

status_t call_trap_set(struct call *c)
{
	return trap_set(domain_arg(c, 0), c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
}

status_t call_irq_set(struct call *c)
{
	struct domain *d = domain_arg(c, 0);
	status_t s;

	if (c->arg[2] >> 32)
		return DAIS_BAD_ARG;
	if (!domain_enter(d))
		return DAIS_BAD_STATE;
	s = arch_msi(d, c->arg[1], (u32)c->arg[2]);
	domain_leave(d);
	return s;
}
