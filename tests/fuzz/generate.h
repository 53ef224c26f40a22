/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall fuzzer's generator: a seeded stream of calls that knows which
 * capabilities live and in what state their objects are. Freestanding: the same
 * file is in the control domain's program and in a guest payload.
 *
 * Left out by name, since they end the machine or the caller itself:
 * dom_ctl(SELF, SHUTDOWN); dropping, revoking the caller's first capabilities;
 * interrupts to the caller's own vectors of the system (irq_set on SELF is
 * limited to the vectors FUZZ_SELF_VECTOR_*).
 */
#ifndef FUZZ_GENERATE_H
#define FUZZ_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <dais/abi.h>

#define FUZZ_CAPS 96        /* known at a time */
#define FUZZ_DOMAINS 6
#define FUZZ_SELF_VECTOR_MIN 0x81 /* Linux panics by design when its 0x80, the system call, comes from outside */
#define FUZZ_SELF_VECTOR_MAX 0xdf
#define FUZZ_RESET_PAGE 0xfffff000ULL /* where a vCPU starts: the code page goes there */
#define FUZZ_PORT 0x80      /* what the code page writes to */

struct fuzz_call { uint64_t nr, args[6], status, value, value2; };

struct fuzz_object {
	uint32_t type;
	uint32_t state;        /* of a domain: enum dais_dom_state */
	uint32_t domain;       /* of a vCPU: its domain's place in objects[] */
	uint32_t max_vcpus, index;
	uint64_t frames;       /* of a pool; mapped at one place of a domain */
	uint64_t gpa, traps;
	bool autonomous, used;
};

struct fuzz_cap { uint64_t index, badge; uint32_t rights, object; bool used, foreign; };

struct fuzz {
	uint64_t seed, random;
	void (*invoke)(struct fuzz *f, struct fuzz_call *c);
	uint64_t list_gpa;     /* a page of the caller's for mem_map, 0: none */
	void (*set_list)(struct fuzz *f, bool code); /* fills it with the code page's address, or garbage */
	uint64_t reserved_caps; /* indices below are the caller's, not ours to drop */
	bool few_rights;
	uint64_t recipe_domain;  /* a domain being made able to run and park */
	uint32_t recipe_step;    /* 0: none */
	uint64_t highest;      /* index ever seen */
	struct fuzz_object object[FUZZ_CAPS];
	struct fuzz_cap cap[FUZZ_CAPS];
	uint64_t count[DAIS_CALL_COUNT + 1][DAIS_STATUS_COUNT + 1]; /* last: unknown call, unknown status */
};

extern const char *const fuzz_call_names[DAIS_CALL_COUNT];
extern const char *const fuzz_status_names[DAIS_STATUS_COUNT];

void fuzz_init(struct fuzz *f, uint64_t seed);
/* A capability that the caller holds from the start. */
void fuzz_know(struct fuzz *f, uint64_t index, uint32_t type, uint32_t rights);
/* Makes up one call, makes it, learns from the answer. */
void fuzz_step(struct fuzz *f, struct fuzz_call *c);
/* Kills and reclaims every domain, drops every capability that was made here. False: could not. */
bool fuzz_clean_up(struct fuzz *f);
uint64_t fuzz_random(struct fuzz *f);
/* The code page: OUT to FUZZ_PORT eight times, HLT, again; at the reset vector. */
void fuzz_code_page(uint8_t *page);

#endif
