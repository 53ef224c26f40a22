/* SPDX-License-Identifier: GPL-2.0-only */
/* dais-selftest: shared by its files. */
#ifndef DAIS_SELFTEST_H
#define DAIS_SELFTEST_H

#include <pthread.h>
#include "libdais.h"

#define GUEST_MEMORY (4UL << 20)
#define GUEST_VCPUS  2

/* Real-mode programs for every vCPU */
enum program {
	WRITES = 0, /* out 0x3f8, al; inc al; again */
	HALTS = 1,  /* hlt, again; an interrupt's handler does the out */
	SPINS = 2,  /* jmp . */
	PROGRAMS
};

struct runner {
	struct dais_vcpu *vcpu;
	pthread_t thread;
	int exits, kicks, last; /* atomic; last: what dais_vcpu_run returned */
	int gaps;               /* WRITES: values that did not follow on each other */
};

struct guest {
	struct dais_dom *dom;
	char *mem;
	struct runner runner[GUEST_VCPUS];
};

extern struct dais_conn *conn;
extern int failed;

/* Prints "ok - …" or "not ok - …"; true when good. */
bool check(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* ret of a function of libdais must be want. */
bool expect(int ret, int want, const char *what);
/* Waits until *value differs from old; false after ten seconds. */
bool changes(const int *value, int old);
int value_of(const int *value);

void guest_make(struct guest *g, const char *name, bool autonomous, enum program program);
void guest_run(struct guest *g);          /* activates; a thread for each hosted vCPU */
void guest_join(struct guest *g);         /* after its death */
void guest_close(struct guest *g);        /* maps and descriptors of vCPUs */
void guest_destroy(struct guest *g);

/* Dais's own counts of objects and frames are as at the first call. */
void balanced(const char *after);

void test_refusals(void);
void test_memory(void);
void test_hosted(void);
void test_autonomous(void);
void test_ends(int kills);
void test_hostile(int rounds);

#endif
