/* SPDX-License-Identifier: GPL-2.0-only */
/* What an access of a guest to a port, or to memory that is not there, does. */
#include "kernel/hypercall.h"

#define PORTS 0x10000ULL

static bool args_ok(const struct guest_trap *t)
{
	u64 limit = t->kind == DAIS_TRAP_PORT ? PORTS : GPA_LIMIT;

	if (t->base >= limit || !t->length || t->length > limit - t->base)
		return false;
	if (t->action == DAIS_TRAP_EVENT)
		return t->value;
	return !t->value || t->action == DAIS_TRAP_POST || t->action == DAIS_TRAP_CONST;
}

/* The range that overlaps this one, or NULL. */
static struct guest_trap *overlapping(struct domain *d, u32 kind, u64 base, u64 length)
{
	for (struct guest_trap *t = d->trap; t < d->trap + d->traps; t++)
		if (t->kind == kind && base < t->base + t->length && t->base < base + length)
			return t;
	return NULL;
}

status_t call_trap_set(struct call *c)
{
	struct guest_trap t = { .kind = c->arg[1], .base = c->arg[2], .length = c->arg[3], .action = c->arg[4], .value = c->arg[5] };
	struct domain *d = domain_arg(c, 0);
	struct guest_trap *there;

	if (d == control_domain)
		return DAIS_DENIED;
	if (!args_ok(&t))
		return DAIS_BAD_ARG;
	if (atomic_load(&d->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	spin_guard(&d->trap_lock);
	there = overlapping(d, t.kind, t.base, t.length);
	if (t.action == DAIS_TRAP_DENY) {
		if (!there || there->base != t.base || there->length != t.length)
			return DAIS_BAD_ARG;
		*there = d->trap[--d->traps];
		return DAIS_OK;
	}
	if (there)
		return DAIS_EXISTS;
	if (d->traps == DAIS_MAX_TRAPS)
		return DAIS_NO_SPACE;
	d->trap[d->traps++] = t;
	return DAIS_OK;
}

/* To the console ring; trap_lock is held. */
static void post(struct domain *d, u64 value, u32 size)
{
	u8 *ring = (u8 *)d->page + DAIS_DOM_RING_PAGE * PAGE_SIZE;

	for (u32 i = 0; i < size; i++, value >>= 8)
		ring[d->ring_head++ % DAIS_DOM_RING_SIZE] = (u8)value;
	atomic_store(&d->page->ring_head, d->ring_head);
}

bool trap_access(struct vcpu *v, u32 kind, u64 addr, u32 size, bool write, u64 *value)
{
	struct domain *d = v->dom;
	struct guest_trap t = { .action = DAIS_TRAP_DENY }, *there;
	u64 ones = size < 8 ? (1ULL << size * 8) - 1 : ~0ULL;

	spin_lock(&d->trap_lock);
	there = overlapping(d, kind, addr, size);
	if (there && addr >= there->base && addr + size <= there->base + there->length)
		t = *there;
	if (write && t.action == DAIS_TRAP_POST)
		post(d, *value, size);
	spin_unlock(&d->trap_lock);
	if (t.action == DAIS_TRAP_EXIT)
		return false;
	if (!write)
		*value = t.action == DAIS_TRAP_CONST ? t.value & ones : ones;
	else if ((t.action == DAIS_TRAP_EVENT || t.action == DAIS_TRAP_POST) && t.value)
		event_raise_link(&d->on_trap, t.value);
	return true;
}
