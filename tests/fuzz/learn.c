/* SPDX-License-Identifier: GPL-2.0-only */
/* What an answer says about the objects: kept so that later calls make sense. */
#include "internal.h"

#define RECIPE_PERCENT 40

static uint32_t new_object(struct fuzz *f, uint32_t type)
{
	uint32_t i;

	for (i = 0; i < FUZZ_CAPS; i++)
		if (!f->object[i].used) {
			fuzz_zero(&f->object[i], sizeof(f->object[i]));
			f->object[i].used = true;
			f->object[i].type = type;
			return i;
		}
	return FUZZ_CAPS;
}

/* Objects without a known capability are forgotten. */
static void forget_objects(struct fuzz *f)
{
	bool named[FUZZ_CAPS] = { false };
	uint32_t i;

	for (i = 0; i < FUZZ_CAPS; i++)
		if (f->cap[i].used)
			named[f->cap[i].object] = true;
	for (i = 0; i < FUZZ_CAPS; i++)
		if (f->object[i].used && !named[i])
			f->object[i].used = false;
}

static struct fuzz_cap *find(struct fuzz *f, uint64_t index)
{
	uint32_t i;

	for (i = 0; i < FUZZ_CAPS; i++)
		if (f->cap[i].used && f->cap[i].index == index)
			return &f->cap[i];
	return NULL;
}

static void forget(struct fuzz *f, uint64_t index)
{
	struct fuzz_cap *c = find(f, index);

	if (c && !c->foreign)
		c->used = false;
}

/* Too many to keep: it is dropped at once. */
static void drop(struct fuzz *f, uint64_t index)
{
	struct fuzz_call c = { .nr = DAIS_NR_cap_drop, .args = { index } };

	f->invoke(f, &c);
}

static struct fuzz_cap *add(struct fuzz *f, uint64_t index, uint32_t rights, uint32_t object)
{
	uint32_t i;

	forget(f, index);
	if (index > f->highest)
		f->highest = index;
	for (i = 0; i < FUZZ_CAPS && object < FUZZ_CAPS; i++)
		if (!f->cap[i].used) {
			f->cap[i] = (struct fuzz_cap){ .index = index, .rights = rights, .object = object, .used = true };
			return &f->cap[i];
		}
	drop(f, index);
	return NULL;
}

void fuzz_know(struct fuzz *f, uint64_t index, uint32_t type, uint32_t rights)
{
	struct fuzz_cap *c = add(f, index, rights, new_object(f, type));

	if (c)
		c->foreign = true;
	if (index >= f->reserved_caps)
		f->reserved_caps = index + 1;
}

static void learn_copy(struct fuzz *f, const struct fuzz_call *c)
{
	struct fuzz_cap *src = find(f, c->args[0]);

	if (c->args[1] != DAIS_CAP_SELF)
		return;		/* in another domain's table */
	if (!src)
		drop(f, c->value);
	else
		add(f, c->value, src->rights & c->args[2], src->object);
}

static void learn_domain(struct fuzz *f, const struct fuzz_call *c)
{
	struct fuzz_cap *cap = add(f, c->value, DAIS_R_ALL, new_object(f, DAIS_T_DOMAIN));

	if (!cap)
		return;
	f->object[cap->object].max_vcpus = c->args[1];
	if (f->list_gpa && !f->recipe_step && !f->few_rights && fuzz_percent(f, RECIPE_PERCENT)) {
		f->recipe_domain = c->value;
		f->recipe_step = 1;
	}
}

static void learn_vcpu(struct fuzz *f, const struct fuzz_call *c)
{
	struct fuzz_cap *dom = find(f, c->args[0]), *cap = add(f, c->value, DAIS_R_ALL, new_object(f, DAIS_T_VCPU));

	if (!cap)
		return;
	f->object[cap->object].autonomous = c->args[2] & DAIS_VCPU_AUTONOMOUS;
	f->object[cap->object].domain = dom ? dom->object : FUZZ_CAPS;
}

static void learn_ctl(struct fuzz *f, const struct fuzz_call *c)
{
	static const uint8_t next[] = { DAIS_DOM_RUNNING, DAIS_DOM_PAUSED, DAIS_DOM_RUNNING, DAIS_DOM_DEAD };
	struct fuzz_cap *cap = find(f, c->args[0]);

	if (cap && c->args[1] <= DAIS_DOM_KILL)
		f->object[cap->object].state = next[c->args[1]];
}

static void learn_memory(struct fuzz *f, const struct fuzz_call *c)
{
	struct fuzz_cap *cap = find(f, c->args[0]);

	if (!cap)
		return;
	if (c->nr == DAIS_NR_mem_map) {
		f->object[cap->object].gpa = c->args[2];
		f->object[cap->object].frames = c->value;
	} else if (c->nr == DAIS_NR_mem_unmap) {
		f->object[cap->object].frames = 0;
	}
}

/* A reclaimed domain takes its vCPUs and all capabilities to them along. */
static void learn_reclaim(struct fuzz *f, uint64_t index)
{
	struct fuzz_cap *gone = find(f, index);
	uint32_t i, object;

	if (!gone)
		return;
	object = gone->object;
	for (i = 0; i < FUZZ_CAPS; i++) {
		struct fuzz_object *o = &f->object[f->cap[i].object];

		if (f->cap[i].used && (f->cap[i].object == object || (o->type == DAIS_T_VCPU && o->domain == object)))
			f->cap[i].used = false;
	}
}

/* An empty slot answers BAD_CAP, a filled one something else, to a counter that nobody has. */
static void look_again(struct fuzz *f)
{
	uint32_t i;

	for (i = 0; i < FUZZ_CAPS; i++) {
		struct fuzz_call c = { .nr = DAIS_NR_stat, .args = { f->cap[i].index, ~0ULL } };

		if (!f->cap[i].used || f->cap[i].foreign)
			continue;
		f->invoke(f, &c);
		if (c.status == DAIS_BAD_CAP)
			f->cap[i].used = false;
	}
}

static void learn_success(struct fuzz *f, const struct fuzz_call *c)
{
	switch (c->nr) {
	case DAIS_NR_cap_copy:    learn_copy(f, c); break;
	case DAIS_NR_cap_drop:    forget(f, c->args[0]); break;
	case DAIS_NR_cap_revoke:  if (c->value) look_again(f); break;
	case DAIS_NR_dom_create:  learn_domain(f, c); break;
	case DAIS_NR_dom_ctl:     learn_ctl(f, c); break;
	case DAIS_NR_mem_split:   add(f, c->value, DAIS_R_ALL, new_object(f, DAIS_T_POOL)); break;
	case DAIS_NR_mem_map:
	case DAIS_NR_mem_unmap:
	case DAIS_NR_mem_protect: learn_memory(f, c); break;
	case DAIS_NR_mem_reclaim: learn_reclaim(f, c->args[0]); break;
	case DAIS_NR_vcpu_create: learn_vcpu(f, c); break;
	case DAIS_NR_ev_create:   add(f, c->value, DAIS_R_ALL, new_object(f, DAIS_T_EVENT)); break;
	}
}

/* A domain may have died by itself: its state is asked for. */
static void learn_state(struct fuzz *f, uint64_t index)
{
	struct fuzz_call c = { .nr = DAIS_NR_stat, .args = { index, DAIS_STAT_DOM_STATE } };
	struct fuzz_cap *cap = find(f, index);

	if (!cap || f->object[cap->object].type != DAIS_T_DOMAIN)
		return;
	f->invoke(f, &c);
	if (c.status == DAIS_OK)
		f->object[cap->object].state = c.value;
}

void fuzz_learn(struct fuzz *f, const struct fuzz_call *c, bool plain)
{
	if (c->status == DAIS_OK)
		learn_success(f, c);
	else if (c->status == DAIS_AGAIN && c->nr == DAIS_NR_mem_map)
		learn_memory(f, c);
	else if (c->status == DAIS_BAD_CAP && plain)
		look_again(f);
	else if (c->status == DAIS_BAD_STATE)
		learn_state(f, c->args[0]);
	forget_objects(f);
}
