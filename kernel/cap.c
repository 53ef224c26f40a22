/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/atomic.h"
#include "kernel/cap.h"
#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/log.h"

#define SLOTS_PER_PAGE ((u32)(PAGE_SIZE / sizeof(struct cap_slot)))

static spinlock_t lock;
static u64 filled;

static u32 pages_of(u32 size)
{
	return (size + SLOTS_PER_PAGE - 1) / SLOTS_PER_PAGE;
}

status_t cap_table_init(struct cap_table *t, u32 size)
{
	*t = (struct cap_table){ .size = size };
	t->page = heap_alloc(pages_of(size) * sizeof(*t->page));
	return t->page ? DAIS_OK : DAIS_NO_MEMORY;
}

/* The slot, or NULL: out of the table, or its page never used. */
static struct cap_slot *slot_at(const struct cap_table *t, u64 index)
{
	struct cap_slot *page;

	if (!index || index > t->size)
		return NULL;
	page = t->page[(index - 1) / SLOTS_PER_PAGE];
	return page ? &page[(index - 1) % SLOTS_PER_PAGE] : NULL;
}

static struct cap_slot *filled_at(const struct cap_table *t, u64 index)
{
	struct cap_slot *s = slot_at(t, index);

	return s && s->obj ? s : NULL;
}

/* Finds an empty slot. No lock: only holders of mgmt_lock fill slots. */
static status_t reserve(struct cap_table *t, u64 *index)
{
	struct cap_slot **page;
	void *new;

	if (t->used == t->size)
		return DAIS_NO_SPACE;
	while (filled_at(t, t->hint + 1))
		t->hint = (t->hint + 1) % t->size;
	*index = t->hint + 1;
	page = &t->page[t->hint / SLOTS_PER_PAGE];
	if (*page)
		return DAIS_OK;
	new = heap_pages(1);
	if (!new)
		return DAIS_NO_MEMORY;
	spin_lock(&lock);
	*page = new;
	spin_unlock(&lock);
	return DAIS_OK;
}

/* Lock held. */
static void fill(struct cap_table *t, u64 index, const struct cap_slot *from, struct list *after)
{
	struct cap_slot *s = slot_at(t, index);

	*s = *from;
	s->table = t;
	list_add(after, &s->of_object);
	t->used++;
	filled++;
}

/* Lock held. What was derived from s stays, one step nearer to the root. */
static void empty(struct cap_slot *s)
{
	struct list *head = &s->obj->slots;

	for (struct list *l = s->of_object.next; l != head; l = l->next) {
		struct cap_slot *child = list_entry(l, struct cap_slot, of_object);

		if (child->depth <= s->depth)
			break;
		child->depth--;
	}
	list_del(&s->of_object);
	s->obj = NULL;
	s->table->used--;
	s->table->hint = 0; /* low slots first: fewer pages */
	filled--;
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
	status_t r = reserve(t, index);

	if (r != DAIS_OK)
		return r;
	spin_lock(&lock);
	fill(t, *index, &(struct cap_slot){ .obj = o, .rights = rights, .badge = ~0ULL },
	     o->slots.prev);
	spin_unlock(&lock);
	return DAIS_OK;
}

status_t cap_derive(struct cap_table *t, u64 src, struct cap_table *dst, u32 rights, u64 badge,
		    u64 *index)
{
	struct cap_slot *s = filled_at(t, src), new;
	status_t r;

	if (!s)
		return DAIS_BAD_CAP;
	if (badge && s->obj->type != DAIS_T_EVENT)
		return DAIS_BAD_ARG;
	if (badge & ~s->badge)
		return DAIS_DENIED;
	r = reserve(dst, index);
	if (r != DAIS_OK)
		return r;
	spin_lock(&lock);
	new = (struct cap_slot){ .obj = s->obj, .rights = s->rights & rights,
				 .badge = badge ? badge : s->badge, .depth = s->depth + 1 };
	fill(dst, *index, &new, &s->of_object);
	spin_unlock(&lock);
	return DAIS_OK;
}

status_t cap_drop(struct cap_table *t, u64 index, struct object **last)
{
	struct cap_slot *s;
	struct object *o;
	status_t r = DAIS_BAD_CAP;

	*last = NULL;
	spin_lock(&lock);
	s = filled_at(t, index);
	if (s) {
		o = s->obj;
		empty(s);
		if (list_empty(&o->slots)) {
			object_get(o);
			*last = o;
		}
		r = DAIS_OK;
	}
	spin_unlock(&lock);
	return r;
}

status_t cap_revoke(struct cap_table *t, u64 index, u64 *count)
{
	struct cap_slot *s, *child;
	status_t r = DAIS_BAD_CAP;

	*count = 0;
	spin_lock(&lock);
	s = filled_at(t, index);
	if (s) {
		r = DAIS_OK;
		while (s->of_object.next != &s->obj->slots) {
			child = list_entry(s->of_object.next, struct cap_slot, of_object);
			if (child->depth <= s->depth)
				break;
			child->depth = ~0u; /* all that follows goes too or is no child of it */
			empty(child);
			++*count;
		}
	}
	spin_unlock(&lock);
	return r;
}

void cap_purge(struct object *o)
{
	spin_lock(&lock);
	while (!list_empty(&o->slots))
		empty(list_entry(o->slots.prev, struct cap_slot, of_object));
	spin_unlock(&lock);
}

bool cap_is_last(const struct object *o)
{
	bool last;

	spin_lock(&lock);
	last = o->slots.next->next == &o->slots && !list_empty(&o->slots);
	spin_unlock(&lock);
	return last;
}

void cap_table_free(struct cap_table *t)
{
	spin_lock(&lock);
	for (u64 i = 1; i <= t->size && t->used; i++)
		if (filled_at(t, i))
			empty(filled_at(t, i));
	spin_unlock(&lock);
	for (u32 i = 0; i < pages_of(t->size); i++)
		if (t->page[i])
			heap_pages_free(t->page[i], 1);
	heap_free(t->page, pages_of(t->size) * sizeof(*t->page));
	*t = (struct cap_table){ 0 };
}

u64 cap_count(void)
{
	return atomic_load_relaxed(&filled);
}

/* The predecessor in its object's list, or NULL when it is the first. */
static bool depth_ok(const struct cap_slot *s)
{
	const struct list *prev = s->of_object.prev;

	if (prev == &s->obj->slots)
		return s->depth == 0;
	return s->depth <= list_entry(prev, struct cap_slot, of_object)->depth + 1;
}

u64 cap_check(struct cap_table *t)
{
	u64 broken = 0, n = 0;

	spin_lock(&lock);
	for (u64 i = 1; i <= t->size && !broken; i++) {
		const struct cap_slot *s = filled_at(t, i);

		if (!s)
			continue;
		n++;
		if (s->table != t || !s->obj->refs || s->obj->type > DAIS_T_EVENT)
			broken = 1;
		else if (!depth_ok(s))
			broken = 2;
	}
	if (!broken && n != t->used)
		broken = 3;
	spin_unlock(&lock);
	return broken;
}
