/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"

static spinlock_t lock;

/* --- objects --- */

void object_init(struct object *o, u32 type, void (*free)(struct object *o))
{
	*o = (struct object){ .type = type, .refs = 1, .free = free };
	list_init(&o->slots);
}

void object_get(struct object *o)
{
	o = o->whole ? o->whole : o;
	CHECK(atomic_add(&o->refs, 1) > 1);
}

void object_put(struct object *o)
{
	u32 left;

	o = o->whole ? o->whole : o;
	left = atomic_sub(&o->refs, 1);
	CHECK(left != ~0u);
	if (!left) {
		CHECK(list_empty(&o->slots));
		o->free(o);
	}
}

/* --- tables --- */

status_t cap_table_init(struct cap_table *t, u32 size)
{
	*t = (struct cap_table){ heap_alloc(size * sizeof(*t->slot)), size, 0, 0 };
	return t->slot ? DAIS_OK : DAIS_NO_MEMORY;
}

void cap_table_free(struct cap_table *t)
{
	CHECK(!t->used);
	heap_free(t->slot, t->size * sizeof(*t->slot));
	*t = (struct cap_table){ 0 };
}

/* NULL: out of the table, or empty. */
static struct cap_slot *filled_at(const struct cap_table *t, u64 index)
{
	struct cap_slot *s = index - 1 < t->size ? &t->slot[index - 1] : NULL;

	return s && s->cap.obj ? s : NULL;
}

status_t cap_prepare(struct cap_table *t)
{
	return t->used < t->size ? DAIS_OK : DAIS_NO_SPACE;
}

/* Fills a free slot, in its object's list after `after`. */
static status_t fill(struct cap_table *t, struct cap cap, struct list *after, u64 *index)
{
	struct cap_slot *s;

	if (cap_prepare(t) != DAIS_OK)
		return DAIS_NO_SPACE;
	while (t->slot[t->next].cap.obj)
		t->next = (t->next + 1) % t->size;
	s = &t->slot[t->next];
	s->table = t;
	list_add(after, &s->of_object);
	spin_lock(&lock);
	s->cap = cap;
	spin_unlock(&lock);
	t->used++;
	counters.caps++;
	*index = t->next + 1;
	return DAIS_OK;
}

/* What comes after s in its object's list; NULL: nothing. */
static struct cap_slot *after(const struct cap_slot *s)
{
	struct list *l = s->of_object.next;

	return l == &s->cap.obj->slots ? NULL : list_entry(l, struct cap_slot, of_object);
}

/* What was derived from s stays, one step nearer to the root. */
static void empty(struct cap_slot *s)
{
	for (struct cap_slot *c = after(s); c && c->cap.depth > s->cap.depth; c = after(c))
		c->cap.depth--;
	list_del(&s->of_object);
	spin_lock(&lock);
	s->cap.obj = NULL;
	spin_unlock(&lock);
	s->table->used--;
	s->table->next = MIN(s->table->next, (u32)(s - s->table->slot)); /* low ones first */
	counters.caps--;
}

status_t cap_get(struct cap_table *t, u64 index, u32 type, u32 rights, struct cap *out)
{
	spin_guard(&lock);
	const struct cap_slot *s = filled_at(t, index);

	if (!s)
		return DAIS_BAD_CAP;
	if (type != DAIS_T_ANY && s->cap.obj->type != type)
		return DAIS_BAD_TYPE;
	if (rights & ~s->cap.rights)
		return DAIS_DENIED;
	*out = s->cap;
	object_get(out->obj);
	return DAIS_OK;
}

status_t cap_insert(struct cap_table *t, struct object *o, u32 rights, u64 *index)
{
	return fill(t, (struct cap){ o, ~0ULL, rights, 0 }, o->slots.prev, index);
}

status_t cap_derive(struct cap_table *t, u64 src, struct cap_table *dst, u32 rights, u64 badge, u64 *index)
{
	struct cap_slot *s = filled_at(t, src);
	struct cap new;

	if (!s)
		return DAIS_BAD_CAP;
	new = s->cap;
	if (badge && new.obj->type != DAIS_T_EVENT)
		return DAIS_BAD_ARG;
	if (badge & ~new.badge)
		return DAIS_DENIED;
	new.badge = badge ? badge : new.badge;
	new.rights &= rights;
	new.depth++;
	return fill(dst, new, &s->of_object, index);
}

struct object *cap_drop(struct cap_table *t, u64 index)
{
	struct cap_slot *s = filled_at(t, index);
	struct object *o = s ? s->cap.obj : NULL;

	if (s)
		empty(s);
	return o && list_empty(&o->slots) ? o : NULL;
}

u64 cap_revoke(struct cap_table *t, u64 index)
{
	struct cap_slot *s = filled_at(t, index), *child;
	u64 count = 0;

	for (; s && (child = after(s)) && child->cap.depth > s->cap.depth; count++) {
		child->cap.depth = ~0u; /* all that follows goes too or is no child of it */
		empty(child);
	}
	return count;
}

void cap_purge(struct object *o)
{
	while (!list_empty(&o->slots))
		empty(list_entry(o->slots.prev, struct cap_slot, of_object));
}

u64 cap_check(struct cap_table *t)
{
	u64 used = 0;

	for (u32 i = 1; i <= t->size; i++) {
		const struct cap_slot *s = filled_at(t, i), *next = s ? after(s) : NULL;

		if (s && (s->table != t || !s->cap.obj->refs || s->cap.obj->type > DAIS_T_EVENT))
			return 1;
		if ((next && next->cap.depth > s->cap.depth + 1) ||
		    (s && s->of_object.prev == &s->cap.obj->slots && s->cap.depth))
			return 2;
		used += !!s;
	}
	return used == t->used ? 0 : 3;
}

/* --- hypercalls --- */

status_t call_cap_copy(struct call *c)
{
	struct domain *to = domain_arg(c, 1);

	if (c->arg[2] & ~(u64)DAIS_R_ALL)
		return DAIS_BAD_ARG;
	if (atomic_load(&to->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	return cap_derive(&c->dom->caps, c->arg[0], &to->caps, (u32)c->arg[2], c->arg[3], &c->out[0]);
}

status_t call_cap_drop(struct call *c)
{
	struct object *o = c->cap[0].obj;
	bool is_last = o->slots.next->next == &o->slots;

	/* A domain never loses its last one; a pool only when nobody else refers to it. */
	if (is_last && (o->type == DAIS_T_DOMAIN || (o->type == DAIS_T_POOL && atomic_load(&o->refs) > 2)))
		return DAIS_BUSY;
	object_orphaned(c->mgmt, cap_drop(&c->dom->caps, c->arg[0]));
	return DAIS_OK;
}

status_t call_cap_revoke(struct call *c)
{
	c->out[0] = cap_revoke(&c->dom->caps, c->arg[0]);
	return DAIS_OK;
}
