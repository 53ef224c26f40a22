/* SPDX-License-Identifier: GPL-2.0-only */
/* See generate.h. values.c makes the arguments, learn.c takes in the answers. */
#include "internal.h"

#define CAP(name, type, rights) { FUZZ_ARG_CAP, DAIS_T_##type, DAIS_R_##rights }
#define OPT(name, type, rights) { FUZZ_ARG_OPT, DAIS_T_##type, DAIS_R_##rights }
#define VAL(name, max) { FUZZ_ARG_VAL, 0, 0 }
#define UNPACK(...) __VA_ARGS__
#define DAIS_CALL(nr, name, args) [nr] = { { UNPACK args } },
const struct fuzz_spec fuzz_specs[DAIS_CALL_COUNT] = {
#include <dais/calls.def>
};
#undef DAIS_CALL

#define DAIS_CALL(nr, name, args) [nr] = #name,
const char *const fuzz_call_names[DAIS_CALL_COUNT] = {
#include <dais/calls.def>
};
#undef DAIS_CALL

const char *const fuzz_status_names[DAIS_STATUS_COUNT] = {
	"OK", "BAD_CALL", "BAD_ARG", "BAD_CAP", "BAD_TYPE", "DENIED", "NO_MEMORY", "NO_SPACE", "BUSY",
	"BAD_STATE", "EXISTS", "AGAIN",
};

/* xorshift64*, Vigna 2016 */
uint64_t fuzz_random(struct fuzz *f)
{
	f->random ^= f->random >> 12;
	f->random ^= f->random << 25;
	f->random ^= f->random >> 27;
	return f->random * 0x2545f4914f6cdd1dULL;
}

uint64_t fuzz_below(struct fuzz *f, uint64_t n)
{
	return (fuzz_random(f) >> 16) % n;
}

bool fuzz_percent(struct fuzz *f, uint32_t percent)
{
	return fuzz_below(f, 100) < percent;
}

void fuzz_init(struct fuzz *f, uint64_t seed)
{
	f->seed = seed;
	f->random = seed * 0x9e3779b97f4a7c15ULL + 0xda15;
}

/* A random known capability of that type with those rights, or NULL. */
struct fuzz_cap *fuzz_pick(struct fuzz *f, uint32_t type, uint32_t rights)
{
	uint32_t start = fuzz_below(f, FUZZ_CAPS), i;

	for (i = 0; i < FUZZ_CAPS; i++) {
		struct fuzz_cap *c = &f->cap[(start + i) % FUZZ_CAPS];

		if (c->used && (type == DAIS_T_ANY || f->object[c->object].type == type) &&
		    (c->rights & rights) == rights)
			return c;
	}
	return NULL;
}

uint32_t fuzz_domains(const struct fuzz *f)
{
	uint32_t n = 0, i;

	for (i = 0; i < FUZZ_CAPS; i++)
		n += f->object[i].used && f->object[i].type == DAIS_T_DOMAIN;
	return n;
}

static uint32_t caps_known(const struct fuzz *f)
{
	uint32_t n = 0, i;

	for (i = 0; i < FUZZ_CAPS; i++)
		n += f->cap[i].used;
	return n;
}

/* What would make too much is turned into what makes room. */
static uint64_t choose_call(struct fuzz *f)
{
	uint64_t nr = fuzz_below(f, DAIS_CALL_COUNT);

	if (nr == DAIS_NR_dom_create && fuzz_domains(f) >= FUZZ_DOMAINS)
		return fuzz_percent(f, 50) ? DAIS_NR_mem_reclaim : DAIS_NR_dom_ctl;
	if (caps_known(f) > FUZZ_CAPS * 3 / 4 &&
	    (nr == DAIS_NR_cap_copy || nr == DAIS_NR_ev_create || nr == DAIS_NR_mem_split))
		return DAIS_NR_cap_drop;
	return nr;
}

/* The last capability by which a domain of ours can be ended. */
static bool ends_control(const struct fuzz *f, uint64_t index)
{
	uint32_t i, object = FUZZ_CAPS, others = 0;

	for (i = 0; i < FUZZ_CAPS; i++)
		if (f->cap[i].used && f->cap[i].index == index)
			object = f->cap[i].object;
	if (object == FUZZ_CAPS || f->object[object].type != DAIS_T_DOMAIN)
		return false;
	for (i = 0; i < FUZZ_CAPS; i++)
		others += f->cap[i].used && f->cap[i].object == object && f->cap[i].index != index &&
			(f->cap[i].rights & DAIS_R_CONTROL);
	return !others;
}

/* What must not be sent, whatever made it. */
static bool left_out(const struct fuzz *f, const struct fuzz_call *c)
{
	switch (c->nr) {
	case DAIS_NR_dom_ctl:
		return c->args[0] == DAIS_CAP_SELF && c->args[1] == DAIS_DOM_SHUTDOWN;
	case DAIS_NR_cap_drop:
		return c->args[0] < f->reserved_caps || ends_control(f, c->args[0]);
	case DAIS_NR_cap_revoke:
		return c->args[0] < f->reserved_caps;
	}
	return false;
}

static void tame_self_interrupt(struct fuzz *f, struct fuzz_call *c)
{
	uint64_t vector = c->args[2] & 0xff;

	if (c->nr != DAIS_NR_irq_set || c->args[0] != DAIS_CAP_SELF)
		return;
	if (vector < FUZZ_SELF_VECTOR_MIN || vector > FUZZ_SELF_VECTOR_MAX)
		vector = FUZZ_SELF_VECTOR_MIN + fuzz_below(f, FUZZ_SELF_VECTOR_MAX - FUZZ_SELF_VECTOR_MIN);
	c->args[2] = vector;
}

void fuzz_step(struct fuzz *f, struct fuzz_call *c)
{
	bool plain;

	do {
		fuzz_zero(c, sizeof(*c));
		plain = fuzz_recipe(f, c);
		if (plain)
			break;
		c->nr = choose_call(f);
		fuzz_fill(f, c);
		plain = !fuzz_percent(f, MUTATE_PERCENT);
		if (!plain)
			fuzz_mutate(f, c);
		tame_self_interrupt(f, c);
	} while (left_out(f, c));
	f->invoke(f, c);
	f->count[c->nr < DAIS_CALL_COUNT ? c->nr : DAIS_CALL_COUNT]
		[c->status < DAIS_STATUS_COUNT ? c->status : DAIS_STATUS_COUNT]++;
	fuzz_learn(f, c, plain);
}

static uint64_t call(struct fuzz *f, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct fuzz_call c = { .nr = nr, .args = { a0, a1, a2 } };

	f->invoke(f, &c);
	return c.status;
}

#define RECLAIM_STEPS 1000000

static bool end_domain(struct fuzz *f, uint64_t index)
{
	uint32_t i;

	call(f, DAIS_NR_dom_ctl, index, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED);
	for (i = 0; i < RECLAIM_STEPS; i++) {
		uint64_t status = call(f, DAIS_NR_mem_reclaim, index, 0, 0);

		if (status != DAIS_AGAIN)
			return status == DAIS_OK;
	}
	return false;
}

/* Domains go first: they hold pools and events. A capability with few rights may not do; another will. */
bool fuzz_clean_up(struct fuzz *f)
{
	uint32_t i, left = 0, pass;

	for (i = 0; i < FUZZ_CAPS; i++)
		if (f->cap[i].used && !f->cap[i].foreign && f->object[f->cap[i].object].type == DAIS_T_DOMAIN &&
		    (f->cap[i].rights & DAIS_R_CONTROL))
			end_domain(f, f->cap[i].index);
	for (pass = 0; pass < FUZZ_CAPS; pass++)	/* pools in pools: leaves first */
		for (i = 0, left = 0; i < FUZZ_CAPS; i++) {
			struct fuzz_cap *c = &f->cap[i];
			uint64_t status;

			if (!c->used || c->foreign)
				continue;
			status = call(f, DAIS_NR_cap_drop, c->index, 0, 0);
			if (status == DAIS_OK || status == DAIS_BAD_CAP)
				c->used = false;
			else
				left++;
		}
	return !left;
}

void fuzz_code_page(uint8_t *page)
{
	uint32_t at = 0xff0, i;
	uint8_t *p = page;

	/* reset vector: jmp near to 0xf00 of the page */
	page[at] = 0xe9;
	page[at + 1] = (uint8_t)(0xf00 - (at + 3));
	page[at + 2] = 0xff;
	p = page + 0xf00;
	for (i = 0; i < 8; i++) {
		*p++ = 0xe6; /* out FUZZ_PORT, al */
		*p++ = FUZZ_PORT;
	}
	*p++ = 0xf4; /* hlt */
	*p++ = 0xeb; /* jmp to the first out */
	*p++ = (uint8_t)-(8 * 2 + 1 + 2);
}
