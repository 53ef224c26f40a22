/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/atomic.h"
#include "kernel/mem.h"
#include "kernel/string.h"
#include "kernel/trap.h"
#include "kernel/vcpu.h"

#define PORTS 0x10000ULL

static bool args_ok(u64 kind, u64 base, u64 length, u64 action, u64 value)
{
	u64 limit = kind == DAIS_TRAP_PORT ? PORTS : GPA_LIMIT;

	if (kind > DAIS_TRAP_MMIO || action > DAIS_TRAP_CONST)
		return false;
	if (base >= limit || !length || length > limit - base)
		return false;
	if (action == DAIS_TRAP_EVENT)
		return value;
	return !value || action == DAIS_TRAP_POST || action == DAIS_TRAP_CONST;
}

/* The first range that ends after (kind, addr). */
static u32 lower_bound(const struct domain *d, u64 kind, u64 addr)
{
	u32 i = 0;

	while (i < d->traps && (d->trap[i].kind < kind ||
				(d->trap[i].kind == kind &&
				 d->trap[i].base + d->trap[i].length <= addr)))
		i++;
	return i;
}

/* Readers on other CPUs take nothing they have read while trap_seq was odd or changed. */
static void replace(struct domain *d, u32 at, u32 remove, const struct trap *insert)
{
	u32 tail = d->traps - at - remove, add = insert ? 1 : 0;

	atomic_add(&d->trap_seq, 1);
	memmove(&d->trap[at + add], &d->trap[at + remove], tail * sizeof(*insert));
	if (insert)
		d->trap[at] = *insert;
	d->traps = at + add + tail;
	atomic_add(&d->trap_seq, 1);
}

static status_t set_locked(struct domain *d, const struct trap *t)
{
	u32 i = lower_bound(d, t->kind, t->base);
	const struct trap *there = i < d->traps && d->trap[i].kind == t->kind ? &d->trap[i] : NULL;
	bool overlaps = there && there->base < t->base + t->length;
	bool same = there && there->base == t->base && there->length == t->length;

	if (t->action == DAIS_TRAP_DENY) {
		if (!same)
			return DAIS_BAD_ARG;
		replace(d, i, 1, NULL);
		return DAIS_OK;
	}
	if (overlaps)
		return DAIS_EXISTS;
	if (d->traps == DAIS_MAX_TRAPS)
		return DAIS_NO_SPACE;
	replace(d, i, 0, t);
	return DAIS_OK;
}

status_t trap_set(struct domain *d, u64 kind, u64 base, u64 length, u64 action, u64 value)
{
	struct trap t = { base, length, value, (u8)kind, (u8)action };
	mem_locked_t m;
	status_t s;

	if (d == control_domain)
		return DAIS_DENIED;
	if (!args_ok(kind, base, length, action, value))
		return DAIS_BAD_ARG;
	if (atomic_load(&d->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	m = mem_lock(d);
	s = set_locked(d, &t);
	mem_unlock(m);
	return s;
}

/* The range that holds all of the access; DENY when none does. */
static struct trap find(struct domain *d, u32 kind, u64 addr, u32 size)
{
	struct trap t;
	u32 seq;

	do {
		u32 i;

		seq = atomic_load(&d->trap_seq);
		t = (struct trap){ .action = DAIS_TRAP_DENY };
		i = lower_bound(d, kind, addr);
		if (i < d->traps && i < DAIS_MAX_TRAPS)
			t = d->trap[i];
		atomic_fence();
	} while (seq % 2 || seq != atomic_load(&d->trap_seq));
	if (t.kind != kind || addr < t.base || addr + size > t.base + t.length)
		t.action = DAIS_TRAP_DENY;
	return t;
}

static void post(struct domain *d, u64 value, u32 size)
{
	u8 *ring = (u8 *)d->page + DAIS_DOM_RING_PAGE * PAGE_SIZE;

	spin_lock(&d->ring_lock);
	for (u32 i = 0; i < size; i++, value >>= 8)
		ring[d->ring_head++ % DAIS_DOM_RING_SIZE] = (u8)value;
	atomic_store(&d->page->ring_head, d->ring_head);
	spin_unlock(&d->ring_lock);
}

bool trap_access(struct vcpu *v, u32 kind, u64 addr, u32 size, bool write, u64 *value)
{
	struct domain *d = v->dom;
	struct trap t = find(d, kind, addr, size);
	u64 ones = size < 8 ? (1ULL << size * 8) - 1 : ~0ULL;

	if (t.action == DAIS_TRAP_EXIT)
		return false;
	if (!write) {
		*value = t.action == DAIS_TRAP_CONST ? t.value & ones : ones;
		return true;
	}
	if (t.action == DAIS_TRAP_POST)
		post(d, *value, size);
	if ((t.action == DAIS_TRAP_EVENT || t.action == DAIS_TRAP_POST) && t.value)
		event_raise_binding(&d->on_trap, t.value);
	return true;
}
