// SPDX-License-Identifier: GPL-2.0-only
/* Guests of a few bytes of real-mode code, and the threads that run them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "selftest.h"

#define PROGRAM_AT   0x1000
#define PROGRAM_SIZE 16
#define HANDLER_AT   0x500
#define PORT         0x3f8
#define PORTS        8
#define IVT_ENTRIES  256
#define PATIENCE_S   10

static const unsigned char programs[PROGRAMS][PROGRAM_SIZE] = {
	[WRITES] = { 0xba, 0xf8, 0x03, 0xee, 0xfe, 0xc0, 0xeb, 0xfb },
	[HALTS] = { 0xf4, 0xeb, 0xfd },
	[SPINS] = { 0xeb, 0xfe },
};
/* Of every interrupt: the exit is here, as an NMI may come just before the HLT that it shall end. */
static const unsigned char handler[] = { 0xba, 0xf8, 0x03, 0xee, 0xcf };

int value_of(const int *value)
{
	return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

bool changes(const int *value, int old)
{
	const struct timespec moment = { 0, 1000000 };
	struct timespec now, start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (value_of(value) != old)
			return true;
		nanosleep(&moment, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < PATIENCE_S);
	return false;
}

static void fatal(const char *what, int ret)
{
	printf("not ok - %s: %s\n", what, dais_strerror(ret));
	exit(1);
}

/* Every vCPU starts at the program, also those that would wait for a SIPI. */
static int vcpu_set_up(struct dais_vcpu *vcpu, enum program program)
{
	struct dais_gprs gprs;
	struct dais_sregs sregs;
	int ret = dais_vcpu_get(vcpu, DAIS_STATE_GPRS, &gprs, sizeof(gprs));

	if (!ret)
		ret = dais_vcpu_get(vcpu, DAIS_STATE_SREGS, &sregs, sizeof(sregs));
	if (ret)
		return ret;
	gprs.rip = PROGRAM_AT + program * PROGRAM_SIZE;
	gprs.rax = 0;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	ret = dais_vcpu_set(vcpu, DAIS_STATE_SREGS, &sregs, sizeof(sregs));
	if (!ret)
		ret = dais_vcpu_set(vcpu, DAIS_STATE_GPRS, &gprs, sizeof(gprs));
	return ret;
}

static void load(char *mem)
{
	unsigned char *b = (unsigned char *)mem;

	memcpy(mem + PROGRAM_AT, programs, sizeof(programs));
	for (int i = 0; i < IVT_ENTRIES; i++)
		b[4 * i + 1] = HANDLER_AT >> 8;
	memcpy(mem + HANDLER_AT, handler, sizeof(handler));
}

void guest_make(struct guest *g, const char *name, bool autonomous, enum program program)
{
	struct dais_dom_config config = {
		.name = name, .max_vcpus = GUEST_VCPUS, .autonomous = autonomous,
	};
	int ret;

	memset(g, 0, sizeof(*g));
	ret = dais_dom_create(conn, &config, &g->dom);
	if (ret)
		fatal(name, ret);
	ret = dais_mem_map(g->dom, 0, GUEST_MEMORY, DAIS_MAP_RWX, (void **)&g->mem);
	if (!ret)
		ret = dais_trap_set(g->dom, DAIS_TRAP_PORT, PORT, PORTS, DAIS_TRAP_EXIT, 0);
	if (ret)
		fatal(name, ret);
	load(g->mem);
	for (int i = 0; i < GUEST_VCPUS; i++) {
		ret = dais_vcpu_create(g->dom, i, autonomous ? DAIS_VCPU_AUTONOMOUS : 0,
				       &g->runner[i].vcpu);
		if (!ret)
			ret = vcpu_set_up(g->runner[i].vcpu, program);
		if (ret)
			fatal(name, ret);
	}
}

static void count_exit(struct runner *r)
{
	unsigned char value = dais_vcpu_page(r->vcpu)->access.data;

	if (value != (unsigned char)r->exits)
		r->gaps++;
	__atomic_add_fetch(&r->exits, 1, __ATOMIC_SEQ_CST);
}

static void *run(void *arg)
{
	struct runner *r = arg;
	int ret;

	do {
		ret = dais_vcpu_run(r->vcpu);
		if (ret == DAIS_EXIT_IO)
			count_exit(r);
		else if (ret == DAIS_EXIT_KICK)
			__atomic_add_fetch(&r->kicks, 1, __ATOMIC_SEQ_CST);
	} while (ret == DAIS_EXIT_IO || ret == DAIS_EXIT_KICK || ret == -EINTR);
	__atomic_store_n(&r->last, ret, __ATOMIC_SEQ_CST);
	return NULL;
}

void guest_run(struct guest *g)
{
	struct dais_ioc_dom_info info;
	int ret = dais_dom_activate(g->dom);

	if (!ret)
		ret = dais_dom_info(g->dom, &info);
	if (ret)
		fatal("activate", ret);
	for (int i = 0; i < GUEST_VCPUS && !(info.flags & DAIS_DOM_AUTONOMOUS); i++)
		pthread_create(&g->runner[i].thread, NULL, run, &g->runner[i]);
}

void guest_join(struct guest *g)
{
	for (int i = 0; i < GUEST_VCPUS; i++)
		pthread_join(g->runner[i].thread, NULL);
}

void guest_close(struct guest *g)
{
	for (int i = 0; i < GUEST_VCPUS; i++)
		dais_vcpu_close(g->runner[i].vcpu);
	dais_mem_detach(g->mem, GUEST_MEMORY);
}

void guest_destroy(struct guest *g)
{
	int ret;

	guest_close(g);
	ret = dais_dom_destroy(g->dom, -1);
	if (ret)
		fatal("destroy", ret);
}
