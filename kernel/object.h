/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that capabilities name: domain, vCPU, pool, event. An object lives as
 * long as its count: one for existing (dropped by its owner's teardown, or with the
 * last capability), one per reference a CPU holds while it works with it.
 * Capability slots hold no count: they are emptied before the object goes.
 */
#pragma once

#include "kernel/list.h"

struct object {
	u32 type;           /* DAIS_T_* */
	u32 refs;           /* atomic */
	struct object *whole; /* whose count is this one's too: a vCPU's domain; NULL: none */
	struct list slots;  /* capability slots that name it; mgmt_lock */
	void (*free)(struct object *o);
};

void object_init(struct object *o, u32 type, void (*free)(struct object *o));
void object_get(struct object *o);
void object_put(struct object *o); /* frees at zero */
