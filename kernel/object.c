/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/atomic.h"
#include "kernel/log.h"
#include "kernel/object.h"

void object_init(struct object *o, u32 type, void (*free)(struct object *o))
{
	o->type = type;
	o->refs = 1;
	o->free = free;
	list_init(&o->slots);
}

void object_get(struct object *o)
{
	CHECK(atomic_add(&o->refs, 1) > 1);
}

void object_put(struct object *o)
{
	u32 left = atomic_sub(&o->refs, 1);

	CHECK(left != ~0u);
	if (!left) {
		CHECK(list_empty(&o->slots));
		o->free(o);
	}
}
