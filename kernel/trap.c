/* SPDX-License-Identifier: GPL-2.0-only */
/* What an access of a guest to a port, or to memory that is not there, does. */
#include "kernel/hypercall.h"
#include "kernel/string.h"

#define PORTS 0x10000ULL

static bool args_ok(const struct guest_trap *t)
{
	u64 limit = t->kind == DAIS_TRAP_PORT ? PORTS : GPA_LIMIT;

	if (t->base >= limit || !t->length || t->length > limit - t->base)
		return false;
	if (t->action == DAIS_TRAP_EVENT)
		return t->value;
	if (t->action == DAIS_TRAP_REGISTER)
		return t->value <= PAGE_SIZE - sizeof(struct dais_register) && !(t->value & 1);
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

/* To the console ring; trap_lock is held. True: its reader waits. */
static bool post(struct domain *d, u64 value, u32 size)
{
	u8 *ring = (u8 *)d->page + DAIS_DOM_RING_PAGE * PAGE_SIZE;
	u64 before = d->ring_head;

	for (u32 i = 0; i < size; i++, value >>= 8)
		ring[d->ring_head++ % DAIS_DOM_RING_SIZE] = (u8)value;
	atomic_store(&d->page->ring_head, d->ring_head);
	atomic_fence(); /* the reader stores ring_tail, then looks at ring_head again */
	return atomic_load(&d->page->ring_tail) == before;
}

/* What an access leads to once trap_lock is free */
struct outcome { u64 event, message; bool exit; };

/* trap_lock is held. The page is the monitor's too: every offset from it is cut to a page, and the ring lies behind. */
static void access_register(struct domain *d, u64 where, u32 size, bool write, u64 *value, struct outcome *o)
{
	u8 *page = (u8 *)d->page + DAIS_DOM_MONITOR_PAGE * PAGE_SIZE, *at;
	struct dais_register r = *(struct dais_register *)(page + where);
	u32 bank = page[r.select % PAGE_SIZE] & r.select_mask;

	if (!write) {
		o->exit = !bank && r.input && (page[r.input % PAGE_SIZE] & 1);
		*value = 0;
		memcpy(value, &page[(r.read + bank * size) % PAGE_SIZE], size);
		return;
	}
	at = &page[(r.write + bank * size) % PAGE_SIZE];
	for (u32 i = 0; i < size; i++)
		at[i] = (u8)((at[i] & ~r.writable) | (*value >> 8 * i & r.writable));
	if ((!bank && (r.flags & DAIS_REGISTER_POST) && post(d, *value, size)) || (r.flags & DAIS_REGISTER_EVENT))
		o->event = DAIS_REGISTER_BITS;
	if (r.line && !(page[(r.line + (page[r.line_select % PAGE_SIZE] & r.line_mask)) % PAGE_SIZE] & 1))
		memcpy(&o->message, &page[r.message % PAGE_SIZE], sizeof(o->message));
}

bool trap_access(struct vcpu *v, u32 kind, u64 addr, u32 size, bool write, u64 *value)
{
	struct domain *d = v->dom;
	struct guest_trap t = { .action = DAIS_TRAP_DENY }, *there;
	struct outcome o = { 0 };
	u64 ones = size < 8 ? (1ULL << size * 8) - 1 : ~0ULL;

	spin_lock(&d->trap_lock);
	there = overlapping(d, kind, addr, size);
	if (there && addr >= there->base && addr + size <= there->base + there->length &&
	    (there->action != DAIS_TRAP_REGISTER || size == there->length))
		t = *there;
	o.exit = t.action == DAIS_TRAP_EXIT;
	if (t.action == DAIS_TRAP_REGISTER)
		access_register(d, t.value, size, write, value, &o);
	else if (write && t.action == DAIS_TRAP_POST)
		post(d, *value, size);
	spin_unlock(&d->trap_lock);
	if (o.exit)
		return false;
	if (!write && t.action != DAIS_TRAP_REGISTER)
		*value = t.action == DAIS_TRAP_CONST ? t.value & ones : ones;
	if (write && (t.action == DAIS_TRAP_EVENT || t.action == DAIS_TRAP_POST))
		o.event = t.value;
	if (o.event)
		event_raise_link(&d->on_trap, o.event);
	if (o.message) /* what makes no sense goes nowhere, as on a bus */
		arch_msi(d, (u32)o.message, o.message >> 32);
	return true;
}
