/* SPDX-License-Identifier: GPL-2.0-only */
/* Arguments that make sense, and the ways to spoil them. */
#include "internal.h"

#define MIB2_FRAMES 512

static struct fuzz_object *object_of(struct fuzz *f, uint64_t index)
{
	uint32_t i;

	for (i = 0; i < FUZZ_CAPS; i++)
		if (f->cap[i].used && f->cap[i].index == index)
			return &f->object[f->cap[i].object];
	return NULL;
}

/* A capability to a domain in that state, or any. */
static uint64_t domain_in(struct fuzz *f, uint32_t state, uint32_t rights)
{
	struct fuzz_cap *c = NULL;
	uint32_t tries;

	for (tries = 0; tries < 16; tries++) {
		c = fuzz_pick(f, DAIS_T_DOMAIN, rights);
		if (!c || f->object[c->object].state == state)
			break;
	}
	return c ? c->index : fuzz_below(f, 64);
}

static uint64_t any_cap(struct fuzz *f, uint32_t type, uint32_t rights)
{
	struct fuzz_cap *c = fuzz_pick(f, type, rights);

	return c ? c->index : f->highest + 1 + fuzz_below(f, 64);
}

static void fill_caps(struct fuzz *f, struct fuzz_call *c)
{
	uint32_t i;

	for (i = 0; i < 6; i++) {
		const struct fuzz_arg *a = &fuzz_specs[c->nr].arg[i];

		if (a->kind == FUZZ_ARG_CAP || (a->kind == FUZZ_ARG_OPT && fuzz_percent(f, 60)))
			c->args[i] = any_cap(f, a->type, a->rights);
	}
}

static void fill_cap_copy(struct fuzz *f, struct fuzz_call *c)
{
	if (fuzz_percent(f, 70))
		c->args[1] = DAIS_CAP_SELF;
	c->args[2] = fuzz_percent(f, 50) ? DAIS_R_ALL : fuzz_random(f) & DAIS_R_ALL;
	if (fuzz_percent(f, 30))
		c->args[3] = fuzz_random(f);
}

static void fill_dom_create(struct fuzz *f, struct fuzz_call *c)
{
	c->args[1] = 1 + fuzz_below(f, 4);
	c->args[2] = fuzz_percent(f, 30) ? 1 + fuzz_below(f, 3) : fuzz_percent(f, 10) ? fuzz_below(f, 70000) : 0;
}

static void fill_dom_ctl(struct fuzz *f, struct fuzz_call *c)
{
	static const uint8_t self_ops[] = { DAIS_DOM_LOG_LEVEL, DAIS_DOM_TRACE };
	static const struct { uint8_t op, state; } ops[] = {
		{ DAIS_DOM_ACTIVATE, DAIS_DOM_CONFIG }, { DAIS_DOM_ACTIVATE, DAIS_DOM_CONFIG },
		{ DAIS_DOM_ACTIVATE, DAIS_DOM_CONFIG }, { DAIS_DOM_PAUSE, DAIS_DOM_RUNNING },
		{ DAIS_DOM_UNPAUSE, DAIS_DOM_PAUSED }, { DAIS_DOM_UNPAUSE, DAIS_DOM_PAUSED },
		{ DAIS_DOM_KILL, DAIS_DOM_RUNNING }, { DAIS_DOM_KILL, DAIS_DOM_CONFIG },
	};
	uint32_t i = fuzz_below(f, sizeof(ops) / sizeof(ops[0]));

	if (fuzz_percent(f, 10)) {
		c->args[0] = DAIS_CAP_SELF;
		c->args[1] = self_ops[fuzz_below(f, 2)];
		c->args[2] = fuzz_below(f, 3);
		return;
	}
	c->args[0] = domain_in(f, ops[i].state, DAIS_R_CONTROL);
	c->args[1] = ops[i].op;
	if (ops[i].op == DAIS_DOM_KILL)
		c->args[2] = DAIS_DEATH_POWEROFF + fuzz_below(f, 3);
}

static uint64_t some_gpa(struct fuzz *f)
{
	return fuzz_percent(f, 50) ? fuzz_below(f, 64) << 21 : fuzz_below(f, 1 << 16) << 12;
}

/* The code page, where a vCPU starts. */
static void fill_code(struct fuzz *f, struct fuzz_call *c)
{
	f->set_list(f, true);
	c->args[1] = DAIS_MEM_OWN;
	c->args[2] = FUZZ_RESET_PAGE;
	c->args[3] = 1;
	c->args[4] = DAIS_MAP_RWX;
	c->args[5] = f->list_gpa;
}

static void fill_mem_map(struct fuzz *f, struct fuzz_call *c)
{
	c->args[0] = domain_in(f, DAIS_DOM_CONFIG, DAIS_R_MEMORY);
	if (fuzz_percent(f, 20)) {
		fill_code(f, c);
		return;
	}
	c->args[1] = DAIS_MEM_POOL;
	c->args[2] = some_gpa(f);
	c->args[3] = fuzz_percent(f, 5) ? 3 * MIB2_FRAMES : fuzz_percent(f, 10) ? MIB2_FRAMES : 1 + fuzz_below(f, 16);
	c->args[4] = DAIS_MAP_READ | fuzz_below(f, 8) | (f->few_rights ? 0 : fuzz_below(f, 2) * DAIS_MAP_SHARE);
	if (fuzz_percent(f, 20))
		c->args[5] = f->list_gpa;
}

/* The range mapped last at some domain, or a part of it. */
static void fill_range(struct fuzz *f, struct fuzz_call *c)
{
	struct fuzz_object *d = object_of(f, c->args[0]);

	c->args[1] = d && d->frames ? d->gpa : some_gpa(f);
	c->args[2] = d && d->frames && fuzz_percent(f, 70) ? d->frames : 1;
	if (d && d->frames > 1 && fuzz_percent(f, 40))
		c->args[2] = 1 + fuzz_below(f, d->frames);
	if (c->nr == DAIS_NR_mem_protect)
		c->args[3] = DAIS_MAP_READ | fuzz_below(f, 16);
}

static void fill_vcpu_create(struct fuzz *f, struct fuzz_call *c)
{
	struct fuzz_object *d;

	c->args[0] = domain_in(f, DAIS_DOM_CONFIG, DAIS_R_CONTROL);
	d = object_of(f, c->args[0]);
	c->args[1] = fuzz_percent(f, 60) ? 0 : fuzz_below(f, d && d->max_vcpus ? d->max_vcpus : 4);
	c->args[2] = fuzz_below(f, 2) ? DAIS_VCPU_AUTONOMOUS : 0;
}

static const uint16_t group_sizes[] = {
	[DAIS_STATE_GPRS] = sizeof(struct dais_gprs), [DAIS_STATE_SREGS] = sizeof(struct dais_sregs),
};

static void fill_vcpu_state(struct fuzz *f, struct fuzz_call *c)
{
	uint32_t group = fuzz_below(f, sizeof(group_sizes) / sizeof(group_sizes[0]));

	c->args[1] = (fuzz_percent(f, 80) ? DAIS_STATE_GET : DAIS_STATE_SET) | group;
	c->args[3] = group_sizes[group];
	if (fuzz_percent(f, 20)) {
		c->args[2] = fuzz_below(f, group_sizes[group]) & ~7ULL;
		c->args[3] = group_sizes[group] - c->args[2];
	}
}

/* A vCPU that can be run: hosted for vcpu_run, autonomous for resume and scheduling. */
static uint64_t vcpu_that(struct fuzz *f, bool autonomous, uint32_t rights)
{
	struct fuzz_cap *c = NULL;
	uint32_t tries;

	for (tries = 0; tries < 16; tries++) {
		c = fuzz_pick(f, DAIS_T_VCPU, rights);
		if (!c || f->object[c->object].autonomous == autonomous)
			break;
	}
	return c ? c->index : f->highest + 1 + fuzz_below(f, 64);
}

static void fill_sched_set(struct fuzz *f, struct fuzz_call *c)
{
	c->args[0] = vcpu_that(f, true, DAIS_R_SCHED);
	c->args[1] = fuzz_below(f, DAIS_SCHED_PARAMS);
	switch (c->args[1]) {
	case DAIS_SCHED_WEIGHT: c->args[2] = 1 + fuzz_below(f, 10000); break;
	case DAIS_SCHED_CAP: c->args[2] = fuzz_below(f, 100); break;
	case DAIS_SCHED_RESERVE: c->args[2] = (100 + fuzz_below(f, 8000)) << 32 | (500 + fuzz_below(f, 20000)); break;
	case DAIS_SCHED_SLICE: c->args[2] = 100 + fuzz_below(f, 99900); break;
	case DAIS_SCHED_CORE: c->args[2] = fuzz_below(f, 2); break;
	}
}

static void fill_stat(struct fuzz *f, struct fuzz_call *c)
{
	struct fuzz_object *o = c->args[0] ? object_of(f, c->args[0]) : NULL;

	/* DAIS_STAT_CHECK walks everything: the caller's own, at intervals */
	c->args[1] = fuzz_below(f, DAIS_STAT_CHECK);
	if (!o)
		return;
	if (o->type == DAIS_T_DOMAIN)
		c->args[1] = DAIS_STAT_DOM_FRAMES + fuzz_below(f, 3);
	else if (o->type == DAIS_T_VCPU)
		c->args[1] = DAIS_STAT_VCPU_TSC + fuzz_below(f, 4);
	else if (o->type == DAIS_T_POOL)
		c->args[1] = DAIS_STAT_POOL_FREE;
}

/* The port that the code page writes to. */
static void fill_port(struct fuzz_call *c, uint64_t action)
{
	c->args[2] = FUZZ_PORT;
	c->args[3] = 1;
	c->args[4] = action;
}

static void fill_trap_set(struct fuzz *f, struct fuzz_call *c)
{
	if (fuzz_percent(f, 20)) {
		fill_port(c, fuzz_percent(f, 80) ? DAIS_TRAP_EXIT : DAIS_TRAP_DENY);
		return;
	}
	c->args[1] = fuzz_below(f, 2);
	c->args[2] = c->args[1] ? 0xd0000000 + (fuzz_below(f, 512) << 12) : 0x1000 + fuzz_below(f, 512) * 8;
	c->args[3] = c->args[1] ? 0x1000 : 8;
	c->args[4] = fuzz_below(f, DAIS_TRAP_REGISTER + 1);
	if (c->args[4] == DAIS_TRAP_REGISTER)
		c->args[5] = 2 * fuzz_below(f, DAIS_PAGE_SIZE / 2);
	if (c->args[4] == DAIS_TRAP_EVENT || c->args[4] == DAIS_TRAP_CONST)
		c->args[5] = 1 + fuzz_below(f, 255);
}

static void fill_irq_set(struct fuzz *f, struct fuzz_call *c)
{
	c->args[1] = 0xfee00000 | fuzz_below(f, 4) << 12;
	c->args[2] = 32 + fuzz_below(f, 224);
	if (fuzz_percent(f, 20))
		c->args[2] |= 0x400; /* NMI */
}

static void fill_ev_bind(struct fuzz *f, struct fuzz_call *c)
{
	c->args[1] = fuzz_below(f, 6);
	c->args[2] = 0;
	switch (c->args[1]) {
	case DAIS_EV_TO_VCPU:
		c->args[2] = any_cap(f, DAIS_T_VCPU, DAIS_R_BIND);
		c->args[3] = 32 + fuzz_below(f, 224);
		break;
	case DAIS_EV_FROM_VCPU:
		c->args[2] = any_cap(f, DAIS_T_VCPU, DAIS_R_BIND);
		c->args[3] = 1 + fuzz_below(f, 255);
		break;
	case DAIS_EV_FROM_DOM:
		c->args[2] = any_cap(f, DAIS_T_DOMAIN, DAIS_R_BIND);
		c->args[3] = 1 + fuzz_below(f, 255);
		break;
	case DAIS_EV_FROM_TRAP:
		c->args[2] = any_cap(f, DAIS_T_DOMAIN, DAIS_R_BIND);
		break;
	}
}

void fuzz_fill(struct fuzz *f, struct fuzz_call *c)
{
	fill_caps(f, c);
	switch (c->nr) {
	case DAIS_NR_cap_copy:    fill_cap_copy(f, c); break;
	case DAIS_NR_dom_create:  fill_dom_create(f, c); break;
	case DAIS_NR_dom_ctl:     fill_dom_ctl(f, c); break;
	case DAIS_NR_mem_split:   c->args[1] = 1 + fuzz_below(f, 256); break;
	case DAIS_NR_mem_map:     fill_mem_map(f, c); break;
	case DAIS_NR_mem_unmap:
	case DAIS_NR_mem_protect: fill_range(f, c); break;
	case DAIS_NR_mem_reclaim: c->args[0] = domain_in(f, DAIS_DOM_DEAD, DAIS_R_CONTROL); break;
	case DAIS_NR_vcpu_create: fill_vcpu_create(f, c); break;
	case DAIS_NR_vcpu_state:  fill_vcpu_state(f, c); break;
	case DAIS_NR_vcpu_run:    c->args[0] = vcpu_that(f, false, DAIS_R_RUN); break;
	case DAIS_NR_vcpu_resume: c->args[0] = vcpu_that(f, true, DAIS_R_RUN); break;
	case DAIS_NR_sched_set:   fill_sched_set(f, c); break;
	case DAIS_NR_stat:        fill_stat(f, c); break;
	case DAIS_NR_trap_set:    fill_trap_set(f, c); break;
	case DAIS_NR_irq_set:     fill_irq_set(f, c); break;
	case DAIS_NR_ev_bind:     fill_ev_bind(f, c); break;
	case DAIS_NR_ev_send:     c->args[1] = 1ULL << fuzz_below(f, 64); break;
	case DAIS_NR_dev_assign:
	case DAIS_NR_dev_return:  c->args[1] = fuzz_below(f, 256); break;
	}
}

enum { RECIPE_MEMORY = 1, RECIPE_TRAP, RECIPE_VCPU, RECIPE_ACTIVATE };

bool fuzz_recipe(struct fuzz *f, struct fuzz_call *c)
{
	if (!f->recipe_step)
		return false;
	c->args[0] = f->recipe_domain;
	switch (f->recipe_step++) {
	case RECIPE_MEMORY:
		c->nr = DAIS_NR_mem_map;
		fill_code(f, c);
		break;
	case RECIPE_TRAP:
		c->nr = DAIS_NR_trap_set;
		fill_port(c, DAIS_TRAP_EXIT);
		break;
	case RECIPE_VCPU:
		c->nr = DAIS_NR_vcpu_create;
		c->args[2] = fuzz_percent(f, 70) ? DAIS_VCPU_AUTONOMOUS : 0;
		break;
	case RECIPE_ACTIVATE:
		c->nr = DAIS_NR_dom_ctl;
		c->args[1] = DAIS_DOM_ACTIVATE;
		f->recipe_step = 0;
		break;
	}
	return true;
}

static uint64_t strange_value(struct fuzz *f, uint64_t old)
{
	switch (fuzz_below(f, 12)) {
	case 0: return 0;
	case 1: return ~0ULL;
	case 2: return old + 1;
	case 3: return old - 1;
	case 4: return old ^ 1ULL << fuzz_below(f, 64);
	case 5: return 1ULL << fuzz_below(f, 64);
	case 6: return (1ULL << fuzz_below(f, 64)) - 1;
	case 7: return fuzz_random(f);
	case 8: return fuzz_below(f, 0x1000);
	case 9: return 0xfee00000;
	case 10: return old << 32 | old;
	}
	return old + 0x1000;
}

/* A capability argument never becomes one that is not ours: any known, an empty one, or nonsense. */
static uint64_t strange_cap(struct fuzz *f)
{
	switch (fuzz_below(f, 4)) {
	case 0: return any_cap(f, DAIS_T_ANY, 0);
	case 1: return f->highest + 1 + fuzz_below(f, DAIS_MAX_CAPS);
	case 2: return DAIS_CAP_SELF;
	}
	return 1ULL << (20 + fuzz_below(f, 44));
}

void fuzz_mutate(struct fuzz *f, struct fuzz_call *c)
{
	uint32_t i = fuzz_below(f, 6);

	if (fuzz_percent(f, 3)) {
		c->nr = DAIS_CALL_COUNT + fuzz_below(f, 0x10000 - DAIS_CALL_COUNT);
		return;
	}
	if (fuzz_specs[c->nr].arg[i].kind >= FUZZ_ARG_CAP)
		c->args[i] = strange_cap(f);
	else
		c->args[i] = strange_value(f, c->args[i]);
	if (c->nr == DAIS_NR_mem_map && i == 5)
		c->args[5] = c->args[1] == DAIS_MEM_POOL ? 0 : c->args[5] & ~0xfffULL ? f->list_gpa + 8 : 0;
	if (c->nr == DAIS_NR_mem_map && i == 1 && f->list_gpa)
		f->set_list(f, false);
	if (c->nr == DAIS_NR_stat && c->args[1] == DAIS_STAT_CHECK)
		c->args[1]++;
}
