// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every hypercall with a wrong argument at a time, all others right: the status
 * must be the documented one. Capability arguments and unused ones come from
 * calls.def; values from the table below. Output: TAP.
 */
#include <stdio.h>
#include <string.h>

#include "mgmt/libdais/libdais.h"

enum { NONE = 0, IS_VAL, IS_CAP, IS_OPT };
struct arg { int kind; uint32_t type, rights; };
#define CAP(name, type, rights) { IS_CAP, DAIS_T_##type, DAIS_R_##rights }
#define OPT(name, type, rights) { IS_OPT, DAIS_T_##type, DAIS_R_##rights }
#define VAL(name, max) { IS_VAL, 0, 0 }
#define UNPACK(...) __VA_ARGS__
#define DAIS_CALL(nr, name, args) [nr] = { #name, { UNPACK args } },
static const struct { const char *name; struct arg arg[6]; } calls[DAIS_CALL_COUNT] = {
#include <dais/calls.def>
};

#define HUGE_VALUE 0x8000000000000000ULL
#define POOL_FRAMES 64
#define NO_FUNCTION 0xffffULL /* the last of bus 255: never there */

static struct dais_conn *conn;
static uint64_t pool, dom, vcpu, hosted, event, weak[5], dead, empty_slot;
static unsigned int number, failed;

static uint64_t call(uint64_t nr, const uint64_t *args, uint64_t *value)
{
	struct dais_ioc_raw r = { .nr = nr };

	memcpy(r.args, args, sizeof(r.args));
	if (dais_raw(conn, &r))
		return ~0ULL;
	if (value)
		*value = r.value;
	return r.status;
}

#define CALL(name, value, ...) call(DAIS_NR_##name, (uint64_t[6]){ __VA_ARGS__ }, value)

static void expect(uint64_t nr, const uint64_t *args, uint64_t want, const char *what)
{
	uint64_t got = call(nr, args, NULL);
	const char *name = nr < DAIS_CALL_COUNT ? calls[nr].name : "no such call";

	number++;
	if (got == want) {
		printf("ok %u - %s: %s gives %s\n", number, name, what, dais_status_name(want));
		return;
	}
	failed++;
	printf("not ok %u - %s: %s: %s expected, got %s (%lu)\n", number, name, what, dais_status_name(want),
	       got < DAIS_STATUS_COUNT ? dais_status_name(got) : "?", got);
}

/* Right values for every call, so that only the argument under test is wrong. */
static void right_args(uint64_t nr, uint64_t *a)
{
	memset(a, 0, 6 * sizeof(*a));
	switch (nr) {
	case DAIS_NR_cap_copy: a[0] = event; a[1] = 0; a[2] = DAIS_R_NONE; break;
	case DAIS_NR_cap_drop: a[0] = dom; break;
	case DAIS_NR_cap_revoke: a[0] = event; break;
	case DAIS_NR_dom_create: a[0] = pool; a[1] = 1; break;
	case DAIS_NR_dom_ctl: a[0] = dom; a[1] = DAIS_DOM_UNPAUSE; break;
	case DAIS_NR_mem_split: a[0] = pool; a[1] = 1; break;
	case DAIS_NR_mem_map: a[0] = dom; a[2] = 0x200000; a[3] = 1; a[4] = DAIS_MAP_RWX; break;
	case DAIS_NR_mem_unmap: a[0] = dom; a[1] = 0x100000; a[2] = 1; break;
	case DAIS_NR_mem_protect: a[0] = dom; a[1] = 0x100000; a[2] = 1; a[3] = DAIS_MAP_RWX; break;
	case DAIS_NR_mem_reclaim: a[0] = dom; break;
	case DAIS_NR_vcpu_create: a[0] = dom; a[1] = 1; break;
	case DAIS_NR_vcpu_state: a[0] = vcpu; a[1] = DAIS_STATE_GPRS; a[3] = sizeof(struct dais_gprs); break;
	case DAIS_NR_vcpu_run:
	case DAIS_NR_vcpu_kick: a[0] = hosted; break;
	case DAIS_NR_vcpu_resume: a[0] = vcpu; break;
	case DAIS_NR_sched_set: a[0] = vcpu; a[2] = 100; break;
	case DAIS_NR_stat: a[1] = DAIS_STAT_DOMAINS; break;
	case DAIS_NR_trap_set: a[0] = dom; a[2] = 0x100; a[3] = 8; a[4] = DAIS_TRAP_EXIT; break;
	case DAIS_NR_irq_set: a[0] = dom; a[1] = 0xfee00000; a[2] = 0x40; break;
	case DAIS_NR_ev_bind: a[0] = event; a[1] = DAIS_EV_TO_NONE; break;
	case DAIS_NR_ev_send: a[0] = event; a[1] = 1; break;
	case DAIS_NR_ev_take: a[0] = event; break;
	case DAIS_NR_dev_assign:
	case DAIS_NR_dev_return: a[0] = dom; a[1] = NO_FUNCTION; break;
	}
}

static uint64_t of_other_type(uint32_t type)
{
	return type == DAIS_T_EVENT ? dom : event;
}

static void capability_argument(uint64_t nr, int i, const struct arg *a)
{
	uint64_t args[6];

	right_args(nr, args);
	args[i] = empty_slot;
	expect(nr, args, DAIS_BAD_CAP, "empty slot");
	args[i] = DAIS_MAX_CAPS;
	expect(nr, args, DAIS_BAD_CAP, "slot beyond the table");
	args[i] = HUGE_VALUE | 1;
	expect(nr, args, DAIS_BAD_CAP, "huge slot number");
	if (a->type != DAIS_T_ANY) {
		args[i] = of_other_type(a->type);
		expect(nr, args, DAIS_BAD_TYPE, "capability to another type");
	}
	if (a->rights != DAIS_R_NONE && a->kind == IS_CAP) {
		args[i] = weak[a->type ? a->type : DAIS_T_EVENT];
		expect(nr, args, DAIS_DENIED, "capability without the right");
	}
}

static void from_the_list(void)
{
	uint64_t nr, args[6];

	for (nr = 0; nr < DAIS_CALL_COUNT; nr++)
		for (int i = 0; i < 6; i++) {
			const struct arg *a = &calls[nr].arg[i];

			if (a->kind == IS_CAP || a->kind == IS_OPT)
				capability_argument(nr, i, a);
			if (a->kind != NONE)
				continue;
			right_args(nr, args);
			args[i] = 1;
			expect(nr, args, DAIS_BAD_CALL, "unused argument 1");
			args[i] = HUGE_VALUE;
			expect(nr, args, DAIS_BAD_CALL, "unused argument huge");
		}
	memset(args, 0, sizeof(args));
	expect(DAIS_CALL_COUNT, args, DAIS_BAD_CALL, "first number beyond the list");
	expect(0xffff, args, DAIS_BAD_CALL, "number ffff");
}

/* One value wrong (or the order), the rest as right_args has it. */
static const struct value_case { uint64_t nr; int arg; uint64_t value; uint64_t want; const char *what; } values[] = {
	{ DAIS_NR_cap_copy, 2, DAIS_R_ALL + 1, DAIS_BAD_ARG, "rights beyond all" },
	{ DAIS_NR_cap_copy, 2, HUGE_VALUE, DAIS_BAD_ARG, "huge rights" },
	{ DAIS_NR_dom_create, 1, 0, DAIS_BAD_ARG, "0 vCPUs" },
	{ DAIS_NR_dom_create, 1, DAIS_MAX_VCPUS + 1, DAIS_BAD_ARG, "too many vCPUs" },
	{ DAIS_NR_dom_create, 1, 1ULL << 32, DAIS_BAD_ARG, "2^32 vCPUs" },
	{ DAIS_NR_dom_create, 2, DAIS_MAX_CAPS + 1, DAIS_BAD_ARG, "too many capabilities" },
	{ DAIS_NR_dom_create, 3, 1, DAIS_BAD_ARG, "reserved flag" },
	{ DAIS_NR_dom_ctl, 1, 99, DAIS_BAD_ARG, "unknown operation" },
	{ DAIS_NR_dom_ctl, 1, ~0ULL, DAIS_BAD_ARG, "operation -1" },
	{ DAIS_NR_dom_ctl, 1, DAIS_DOM_UNPAUSE, DAIS_BAD_STATE, "unpause before activate" },
	{ DAIS_NR_dom_ctl, 1, DAIS_DOM_PAUSE, DAIS_BAD_STATE, "pause before activate" },
	{ DAIS_NR_mem_split, 1, 0, DAIS_BAD_ARG, "0 frames" },
	{ DAIS_NR_mem_split, 1, ~0ULL, DAIS_NO_MEMORY, "more frames than there are" },
	{ DAIS_NR_mem_map, 1, 3, DAIS_BAD_ARG, "unknown source" },
	{ DAIS_NR_mem_map, 1, DAIS_MEM_DEVICE, DAIS_BAD_ARG, "device memory at no address" },
	{ DAIS_NR_mem_map, 2, 0x200001, DAIS_BAD_ARG, "misaligned address" },
	{ DAIS_NR_mem_map, 2, HUGE_VALUE, DAIS_BAD_ARG, "huge address" },
	{ DAIS_NR_mem_map, 2, 0xfee00000, DAIS_BAD_ARG, "the local APIC's page" },
	{ DAIS_NR_mem_map, 2, 0x100000, DAIS_EXISTS, "mapped already" },
	{ DAIS_NR_mem_map, 3, 0, DAIS_BAD_ARG, "0 frames" },
	{ DAIS_NR_mem_map, 3, ~0ULL, DAIS_BAD_ARG, "-1 frames" },
	{ DAIS_NR_mem_map, 3, POOL_FRAMES * 2, DAIS_NO_MEMORY, "more than its pool has" },
	{ DAIS_NR_mem_map, 4, 0x10, DAIS_BAD_ARG, "reserved flag" },
	{ DAIS_NR_mem_map, 4, 0, DAIS_BAD_ARG, "no access" },
	{ DAIS_NR_mem_map, 5, 0x1008, DAIS_BAD_ARG, "misaligned list" },
	{ DAIS_NR_mem_map, 5, HUGE_VALUE, DAIS_BAD_ARG, "huge list" },
	{ DAIS_NR_mem_map, 0, 0, DAIS_DENIED, "the caller itself" },
	{ DAIS_NR_mem_unmap, 1, 0x100001, DAIS_BAD_ARG, "misaligned address" },
	{ DAIS_NR_mem_unmap, 1, 0x300000, DAIS_BAD_ARG, "not mapped" },
	{ DAIS_NR_mem_unmap, 2, 0, DAIS_BAD_ARG, "0 frames" },
	{ DAIS_NR_mem_unmap, 0, 0, DAIS_DENIED, "the caller itself" },
	{ DAIS_NR_mem_protect, 1, 0x100001, DAIS_BAD_ARG, "misaligned address" },
	{ DAIS_NR_mem_protect, 1, 0x300000, DAIS_BAD_ARG, "not mapped" },
	{ DAIS_NR_mem_protect, 3, 0x10, DAIS_BAD_ARG, "reserved flag" },
	{ DAIS_NR_mem_reclaim, 0, -1, DAIS_BAD_STATE, "a domain that is not dead" },
	{ DAIS_NR_vcpu_create, 1, 0, DAIS_EXISTS, "an index in use" },
	{ DAIS_NR_vcpu_create, 1, 3, DAIS_BAD_ARG, "an index beyond max_vcpus" },
	{ DAIS_NR_vcpu_create, 1, ~0ULL, DAIS_BAD_ARG, "index -1" },
	{ DAIS_NR_vcpu_create, 2, 2, DAIS_BAD_ARG, "reserved flag" },
	{ DAIS_NR_vcpu_state, 1, 0x1000, DAIS_BAD_ARG, "unknown operation" },
	{ DAIS_NR_vcpu_state, 1, 0x77, DAIS_BAD_ARG, "unknown group" },
	{ DAIS_NR_vcpu_state, 2, HUGE_VALUE, DAIS_BAD_ARG, "huge offset" },
	{ DAIS_NR_vcpu_state, 3, HUGE_VALUE, DAIS_BAD_ARG, "huge length" },
	{ DAIS_NR_vcpu_state, 3, 4096, DAIS_BAD_ARG, "longer than the page's data" },
	{ DAIS_NR_vcpu_run, 0, -1, DAIS_BAD_STATE, "before activate" },
	{ DAIS_NR_vcpu_resume, 0, -1, DAIS_BAD_STATE, "a vCPU that is not parked" },
	{ DAIS_NR_sched_set, 1, DAIS_SCHED_PARAMS, DAIS_BAD_ARG, "unknown parameter" },
	{ DAIS_NR_sched_set, 2, 0, DAIS_BAD_ARG, "weight 0" },
	{ DAIS_NR_sched_set, 2, 10001, DAIS_BAD_ARG, "weight 10001" },
	{ DAIS_NR_stat, 1, DAIS_STAT_MACHINE_COUNT, DAIS_BAD_ARG, "unknown counter" },
	{ DAIS_NR_trap_set, 1, 2, DAIS_BAD_ARG, "unknown kind" },
	{ DAIS_NR_trap_set, 2, 0x10000, DAIS_BAD_ARG, "port 10000" },
	{ DAIS_NR_trap_set, 3, 0, DAIS_BAD_ARG, "length 0" },
	{ DAIS_NR_trap_set, 3, 0x10000, DAIS_BAD_ARG, "beyond the last port" },
	{ DAIS_NR_trap_set, 3, ~0ULL, DAIS_BAD_ARG, "length -1" },
	{ DAIS_NR_trap_set, 4, DAIS_TRAP_REGISTER + 1, DAIS_BAD_ARG, "unknown action" },
	{ DAIS_NR_trap_set, 2, 0x7c, DAIS_EXISTS, "over another range" },
	{ DAIS_NR_trap_set, 0, 0, DAIS_DENIED, "the caller itself" },
	{ DAIS_NR_irq_set, 1, 0x1000, DAIS_BAD_ARG, "no MSI address" },
	{ DAIS_NR_irq_set, 2, 0x40 | 2 << 8, DAIS_BAD_ARG, "SMI" },
	{ DAIS_NR_irq_set, 2, 0x40 | 5 << 8, DAIS_BAD_ARG, "INIT" },
	{ DAIS_NR_irq_set, 2, 1ULL << 32, DAIS_BAD_ARG, "data beyond 32 bits" },
	{ DAIS_NR_ev_create, 0, 1, DAIS_BAD_ARG, "reserved flag" },
	{ DAIS_NR_ev_bind, 1, 6, DAIS_BAD_ARG, "unknown kind" },
	{ DAIS_NR_ev_bind, 1, DAIS_EV_FROM_DOM, DAIS_BAD_ARG, "no object" },
	{ DAIS_NR_ev_send, 1, 0, DAIS_BAD_ARG, "no bits" },
	{ DAIS_NR_dev_assign, 0, 0, DAIS_DENIED, "the caller itself" },
	{ DAIS_NR_dev_assign, 1, NO_FUNCTION, DAIS_BAD_ARG, "a function that is not there" },
	{ DAIS_NR_dev_assign, 1, 0, DAIS_DENIED, "the host bridge" },
	{ DAIS_NR_dev_assign, 1, 1ULL << 32, DAIS_BAD_ARG, "beyond 32 bits" },
	{ DAIS_NR_dev_return, 1, NO_FUNCTION, DAIS_BAD_ARG, "a function that is not there" },
	{ DAIS_NR_dev_return, 1, 0, DAIS_BAD_ARG, "a function that it does not have" },
	{ DAIS_NR_dev_return, 0, 0, DAIS_BAD_ARG, "a function that is not blocked" },
};

static void wrong_values(void)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct value_case *v = &values[i];
		uint64_t args[6];

		right_args(v->nr, args);
		if (v->value != ~0ULL || v->want != DAIS_BAD_STATE)
			args[v->arg] = v->value;
		expect(v->nr, args, v->want, v->what);
	}
}

/* Everything with a dead domain: out of order. */
static void after_death(void)
{
	static const uint64_t with_domain[] = { DAIS_NR_mem_map, DAIS_NR_mem_unmap, DAIS_NR_mem_protect,
		DAIS_NR_vcpu_create, DAIS_NR_trap_set, DAIS_NR_irq_set, DAIS_NR_dom_ctl };
	uint64_t args[6];

	for (size_t i = 0; i < sizeof(with_domain) / sizeof(with_domain[0]); i++) {
		right_args(with_domain[i], args);
		args[0] = dead;
		expect(with_domain[i], args, DAIS_BAD_STATE, "a dead domain");
	}
}

static void badges(void)
{
	uint64_t narrow = 0, args[6] = { 0 };

	CALL(cap_copy, &narrow, event, 0, DAIS_R_SEND | DAIS_R_TAKE | DAIS_R_COPY, 0xf0);
	args[0] = narrow;
	args[1] = 0x0f;
	expect(DAIS_NR_ev_send, args, DAIS_DENIED, "bits outside the badge");
	args[1] = 0x10;
	expect(DAIS_NR_ev_send, args, DAIS_OK, "bits inside the badge");
	CALL(cap_drop, NULL, narrow);
}

static int set_up(void)
{
	uint64_t s = 0, root = DAIS_CAP_POOL;

	s |= CALL(mem_split, &pool, root, POOL_FRAMES);
	s |= CALL(dom_create, &dom, pool, 3, 4);
	s |= CALL(dom_create, &dead, pool, 1, 4);
	s |= CALL(vcpu_create, &vcpu, dom, 0, DAIS_VCPU_AUTONOMOUS);
	s |= CALL(vcpu_create, &hosted, dom, 2, 0);
	s |= CALL(ev_create, &event, 0);
	s |= CALL(mem_map, NULL, dom, DAIS_MEM_POOL, 0x100000, 1, DAIS_MAP_RWX, 0);
	s |= CALL(trap_set, NULL, dom, DAIS_TRAP_PORT, 0x80, 4, DAIS_TRAP_EXIT, 0);
	s |= CALL(dom_ctl, NULL, dead, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED);
	s |= CALL(cap_copy, &weak[DAIS_T_DOMAIN], dom, 0, DAIS_R_NONE);
	s |= CALL(cap_copy, &weak[DAIS_T_VCPU], vcpu, 0, DAIS_R_NONE);
	s |= CALL(cap_copy, &weak[DAIS_T_POOL], pool, 0, DAIS_R_NONE);
	s |= CALL(cap_copy, &weak[DAIS_T_EVENT], event, 0, DAIS_R_NONE);
	s |= CALL(cap_copy, &empty_slot, event, 0, DAIS_R_NONE);
	s |= CALL(cap_drop, NULL, empty_slot);
	return s ? -1 : 0;
}

static void end_domain(uint64_t d)
{
	uint64_t s;

	CALL(dom_ctl, NULL, d, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED);
	do
		s = CALL(mem_reclaim, NULL, d);
	while (s == DAIS_AGAIN);
}

int main(void)
{
	uint64_t broken = ~0ULL;

	if (dais_open(&conn)) {
		printf("Bail out! /dev/dais: %s\n", dais_strerror(-1));
		return 2;
	}
	if (set_up()) {
		printf("Bail out! the objects to test with could not be made\n");
		return 2;
	}
	from_the_list();
	wrong_values();
	badges();
	after_death();
	end_domain(dom);
	end_domain(dead);
	CALL(cap_drop, NULL, weak[DAIS_T_EVENT]);
	CALL(cap_drop, NULL, event);
	CALL(cap_drop, NULL, weak[DAIS_T_POOL]);
	CALL(cap_drop, NULL, pool);
	CALL(stat, &broken, 0, DAIS_STAT_CHECK);
	printf("%s %u - every invariant holds\n", broken ? "not ok" : "ok", ++number);
	printf("1..%u\n", number);
	return failed || broken;
}
