/* SPDX-License-Identifier: GPL-2.0-only */
/* Between generate.c, values.c and learn.c. */
#ifndef FUZZ_INTERNAL_H
#define FUZZ_INTERNAL_H

#include "generate.h"

#define MUTATE_PERCENT 30

enum { FUZZ_ARG_NONE = 0, FUZZ_ARG_VAL, FUZZ_ARG_CAP, FUZZ_ARG_OPT };
struct fuzz_arg { uint8_t kind, type; uint16_t rights; };
struct fuzz_spec { struct fuzz_arg arg[6]; };
extern const struct fuzz_spec fuzz_specs[DAIS_CALL_COUNT];

uint64_t fuzz_below(struct fuzz *f, uint64_t n);
bool fuzz_percent(struct fuzz *f, uint32_t percent);
struct fuzz_cap *fuzz_pick(struct fuzz *f, uint32_t type, uint32_t rights);
uint32_t fuzz_domains(const struct fuzz *f);

void fuzz_fill(struct fuzz *f, struct fuzz_call *c);
/* The next call of the recipe under way; false: there is none. */
bool fuzz_recipe(struct fuzz *f, struct fuzz_call *c);
void fuzz_mutate(struct fuzz *f, struct fuzz_call *c);
void fuzz_learn(struct fuzz *f, const struct fuzz_call *c, bool plain);

static inline void fuzz_zero(void *p, size_t n)
{
	volatile uint8_t *b = p;

	while (n--)
		*b++ = 0;
}

#endif
