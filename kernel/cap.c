/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"

#define SLOTS_PER_PAGE ((u32)(PAGE_SIZE / sizeof(struct cap_slot)))

static spinlock_t lock;

/* --- objects --- */

void object_init(struct object *o, u32 type, void (*free)(struct object *o))
{
	o->type = type;
	o->refs = 1;
	o->free = free;
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

static u32 pages_of(u32 size)
{
	return (size + SLOTS_PER_PAGE - 1) / SLOTS_PER_PAGE;
}

status_t cap_table_init(struct cap_table *t, u32 size)
{
	*t = (struct cap_table){ .page = heap_alloc(pages_of(size) * sizeof(*t->page)) };
	if (!t->page)
		return DAIS_NO_MEMORY;
	t->size = size;
	return DAIS_OK;
}

/* The slot, or NULL: out of the table, its page never used, or empty. */
static struct cap_slot *filled_at(const struct cap_table *t, u64 index)
{
	struct cap_slot *page;

	if (!index || index > t->size)
		return NULL;
	page = atomic_load(&t->page[(index - 1) / SLOTS_PER_PAGE]);
	page = page ? &page[(index - 1) % SLOTS_PER_PAGE] : NULL;
	return page && page->obj ? page : NULL;
}

/* Fills a free slot with *from, in its object's list after `after`. */
static status_t fill(struct cap_table *t, struct cap_slot *from, struct list *after, u64 *index)
{
	struct cap_slot **page, *s, *new;

	if (t->used == t->size)
		return DAIS_NO_SPACE;
	while (filled_at(t, t->hint + 1))
		t->hint = (t->hint + 1) % t->size;
	page = &t->page[t->hint / SLOTS_PER_PAGE];
	if (!*page) {
		new = heap_pages(1);
		if (!new)
			return DAIS_NO_MEMORY;
		atomic_store(page, new);
	}
	s = &(*page)[t->hint % SLOTS_PER_PAGE];
	from->table = t;
	spin_lock(&lock);
	*s = *from;
	spin_unlock(&lock);
	list_add(after, &s->of_object);
	t->used++;
	counters.caps++;
	*index = t->hint + 1;
	return DAIS_OK;
}

static struct cap_slot *after(const struct cap_slot *s)
{
	struct list *l = s->of_object.next;

	return l == &s->obj->slots ? NULL : list_entry(l, struct cap_slot, of_object);
}

/* What was derived from s stays, one step nearer to the root. */
static void empty(struct cap_slot *s)
{
	for (struct cap_slot *c = after(s); c && c->depth > s->depth; c = after(c))
		c->depth--;
	list_del(&s->of_object);
	spin_lock(&lock);
	s->obj = NULL;
	spin_unlock(&lock);
	s->table->used--;
	s->table->hint = 0; /* low slots first: fewer pages */
	counters.caps--;
}

status_t cap_get(struct cap_table *t, u64 index, u32 type, u32 rights, struct cap *out)
{
	struct cap_slot *s;
	status_t r = DAIS_OK;

	spin_lock(&lock);
	s = filled_at(t, index);
	if (!s)
		r = DAIS_BAD_CAP;
	else if (type != DAIS_T_ANY && s->obj->type != type)
		r = DAIS_BAD_TYPE;
	else if ((s->rights & rights) != rights)
		r = DAIS_DENIED;
	if (r == DAIS_OK) {
		*out = (struct cap){ s->obj, s->rights, s->badge };
		object_get(s->obj);
	}
	spin_unlock(&lock);
	return r;
}

status_t cap_insert(struct cap_table *t, struct object *o, u32 rights, u64 *index)
{
	struct cap_slot new = { .obj = o, .rights = rights, .badge = ~0ULL };

	return fill(t, &new, o->slots.prev, index);
}

status_t cap_derive(struct cap_table *t, u64 src, struct cap_table *dst, u32 rights, u64 badge,
		    u64 *index)
{
	struct cap_slot *s = filled_at(t, src), new;

	if (!s)
		return DAIS_BAD_CAP;
	if (badge && s->obj->type != DAIS_T_EVENT)
		return DAIS_BAD_ARG;
	if (badge & ~s->badge)
		return DAIS_DENIED;
	new = (struct cap_slot){ .obj = s->obj, .rights = s->rights & rights,
				 .badge = badge ? badge : s->badge, .depth = s->depth + 1 };
	return fill(dst, &new, &s->of_object, index);
}

status_t cap_drop(struct cap_table *t, u64 index, struct object **last)
{
	struct cap_slot *s = filled_at(t, index);
	struct object *o;

	if (!s)
		return DAIS_BAD_CAP;
	o = s->obj;
	empty(s);
	*last = list_empty(&o->slots) ? o : NULL;
	return DAIS_OK;
}

status_t cap_revoke(struct cap_table *t, u64 index, u64 *count)
{
	struct cap_slot *s = filled_at(t, index), *child;

	*count = 0;
	if (!s)
		return DAIS_BAD_CAP;
	while ((child = after(s)) && child->depth > s->depth) {
		child->depth = ~0u; /* all that follows goes too or is no child of it */
		empty(child);
		++*count;
	}
	return DAIS_OK;
}

void cap_purge(struct object *o)
{
	while (!list_empty(&o->slots))
		empty(list_entry(o->slots.prev, struct cap_slot, of_object));
}

void cap_table_free(struct cap_table *t)
{
	for (u64 i = 1; i <= t->size && t->used; i++)
		if (filled_at(t, i))
			empty(filled_at(t, i));
	for (u32 i = 0; i < pages_of(t->size); i++)
		if (t->page[i])
			heap_pages_free(t->page[i], 1);
	heap_free(t->page, pages_of(t->size) * sizeof(*t->page));
	*t = (struct cap_table){ 0 };
}

u64 cap_check(struct cap_table *t)
{
	u64 n = 0;

	for (u64 i = 1; i <= t->size; i++) {
		const struct cap_slot *s = filled_at(t, i), *next = s ? after(s) : NULL;

		if (!s)
			continue;
		if (s->table != t || !s->obj->refs || s->obj->type > DAIS_T_EVENT)
			return 1;
		if ((next && next->depth > s->depth + 1) ||
		    (s->of_object.prev == &s->obj->slots && s->depth))
			return 2;
		n++;
	}
	return n == t->used ? 0 : 3;
}

/* --- hypercalls --- */

status_t call_cap_copy(struct call *c)
{
	struct domain *to = domain_arg(c, 1);

	if (c->arg[2] & ~(u64)DAIS_R_ALL)
		return DAIS_BAD_ARG;
	if (atomic_load(&to->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	return cap_derive(&c->dom->caps, c->arg[0], &to->caps, (u32)c->arg[2], c->arg[3],
			  &c->out[0]);
}

status_t call_cap_drop(struct call *c)
{
	struct object *o = c->cap[0].obj, *last;
	bool is_last = o->slots.next->next == &o->slots;
	status_t s;

	/* A domain never loses its last one; a pool only when nobody else refers to it. */
	if (is_last && (o->type == DAIS_T_DOMAIN ||
			(o->type == DAIS_T_POOL && atomic_load(&o->refs) > 2)))
		return DAIS_BUSY;
	s = cap_drop(&c->dom->caps, c->arg[0], &last);
	if (s == DAIS_OK && last)
		object_orphaned(c->mgmt, last);
	return s;
}

status_t call_cap_revoke(struct call *c)
{
	return cap_revoke(&c->dom->caps, c->arg[0], &c->out[0]);
}
