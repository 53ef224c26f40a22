/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"
#include "kernel/hypercall.h"
#include "kernel/mem.h"

static u64 out[2];

/* Of each argument: 0: value, else a capability's type + 1. */
#define CAP(name, type, rights) 1 + DAIS_T_##type
#define OPT(name, type, rights) 1 + DAIS_T_##type
#define VAL(name, max) 0
#define COUNT(...) sizeof((u8[]){ __VA_ARGS__ })
#define UNPACK(...) __VA_ARGS__
static const u8 argc[] = {
#define DAIS_CALL(nr, name, args) COUNT args,
#include <dais/calls.def>
#undef DAIS_CALL
};
static const u8 types[][6] = {
#define DAIS_CALL(nr, name, args) { UNPACK args },
#include <dais/calls.def>
#undef DAIS_CALL
};

#undef CAP
#undef OPT
#undef VAL
#define CAP(name, type, rights) DAIS_ANY
#define OPT(name, type, rights) DAIS_ANY
#define VAL(name, max) max
static const u64 limits[][6] = {
#define DAIS_CALL(nr, name, args) { UNPACK args },
#include <dais/calls.def>
#undef DAIS_CALL
};

static status_t call_with(struct vcpu *v, u64 nr, const u64 arg[CALL_ARGS])
{
	struct call c = { .self = v };
	status_t s;

	memcpy(c.arg, arg, sizeof(c.arg));
	memset(c.cap, 0x5a, sizeof(c.cap));
	s = hypercall(&c, nr);
	memcpy(out, c.out, sizeof(out));
	return s;
}

static status_t call_as(struct vcpu *v, u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	return call_with(v, nr, (u64[]){ a, b, c, d, e, f });
}

#define PICK(_1, _2, _3, _4, _5, _6, ...) _1, _2, _3, _4, _5, _6
#define CALL(nr, ...) call_as(fake_control_vcpu(), DAIS_NR_##nr, PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0))
#define AS(v, nr, ...) call_as(v, DAIS_NR_##nr, PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0))

#define OK(...)   assert_int_equal(__VA_ARGS__, DAIS_OK)
#define IS(s, x)  assert_int_equal(s, DAIS_##x)

static void assert_check(void)
{
	OK(CALL(stat, 0, DAIS_STAT_CHECK));
	assert_int_equal(out[0], 0);
}

static int setup(void **state)
{
	(void)state;
	fake_boot_control();
	fake_irqs_off = fake_has_work = false;
	return 0;
}

static u64 value(void) { return out[0]; }

/* A domain with one hosted vCPU; *dom: its capability. */
static struct vcpu *new_domain(u64 *dom, u64 *vcpu, u64 flags)
{
	struct cap c;

	OK(CALL(dom_create, DAIS_CAP_POOL, 2));
	*dom = value();
	OK(CALL(vcpu_create, *dom, 0, flags));
	*vcpu = value();
	OK(cap_get(&control_domain->caps, *vcpu, DAIS_T_VCPU, 0, &c));
	object_put(c.obj);
	return container_of(c.obj, struct vcpu, obj);
}

static void end(u64 dom)
{
	status_t s;

	OK(CALL(dom_ctl, dom, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED));
	fake_settle();
	do {
		s = CALL(mem_reclaim, dom);
		assert_check();
	} while (s == DAIS_AGAIN);
	IS(s, OK);
	IS(CALL(mem_reclaim, dom), BAD_CAP);
}

static void test_dispatch(void **state)
{
	struct vcpu *v = fake_control_vcpu();
	u64 arg[6];

	(void)state;
	IS(call_as(v, DAIS_CALL_COUNT, 0, 0, 0, 0, 0, 0), BAD_CALL);
	IS(call_as(v, ~0ULL, 0, 0, 0, 0, 0, 0), BAD_CALL);
	/* every call: an argument that it does not have */
	for (u32 nr = 0; nr < DAIS_CALL_COUNT; nr++) {
		for (u32 i = argc[nr]; i < 6; i++) {
			memset(arg, 0, sizeof(arg));
			arg[i] = 1;
			IS(call_with(v, nr, arg), BAD_CALL);
			assert_int_equal(out[0] | out[1], 0);
		}
	}
	/* and a value beyond its limit */
	for (u32 nr = 0; nr < DAIS_CALL_COUNT; nr++) {
		for (u32 i = 0; i < argc[nr]; i++) {
			memset(arg, 0, sizeof(arg));
			arg[i] = limits[nr][i] + 1;
			if (arg[i])
				IS(call_with(v, nr, arg), BAD_ARG);
		}
	}
	IS(CALL(cap_drop, 0), BAD_CAP);
	IS(CALL(cap_drop, ~0ULL), BAD_CAP);
	IS(CALL(vcpu_run, DAIS_CAP_POOL), BAD_TYPE);
	IS(CALL(dom_create, 0, 1), BAD_CAP); /* 0 is the caller only where a domain is wanted */
	assert_check();
}

static void test_stat(void **state)
{
	u64 dom, vcpu, sum = 0;

	(void)state;
	new_domain(&dom, &vcpu, 0);
	for (u64 what = 0; what < DAIS_STAT_MACHINE_COUNT; what++)
		OK(CALL(stat, 0, what));
	IS(CALL(stat, 0, DAIS_STAT_MACHINE_COUNT), BAD_ARG);
	IS(CALL(stat, 0, ~0ULL), BAD_ARG);
	OK(CALL(stat, 0, DAIS_STAT_CPUS));
	assert_int_equal(value(), FAKE_CPUS);
	OK(CALL(stat, 0, DAIS_STAT_PENDING_COUNT));
	assert_int_equal(value(), 8);
	IS(CALL(stat, 0, DAIS_STAT_DOM_FRAMES), BAD_ARG);
	OK(CALL(stat, dom, DAIS_STAT_DOM_FRAMES));
	OK(CALL(stat, dom, DAIS_STAT_DOM_STATE));
	OK(CALL(stat, dom, DAIS_STAT_DOM_HEAP));
	assert_true(value() >= 4 * PAGE_SIZE);
	IS(CALL(stat, dom, DAIS_STAT_VCPU_TSC), BAD_ARG);
	for (u64 what = DAIS_STAT_VCPU_TSC; what <= DAIS_STAT_VCPU_MISSED; what++)
		OK(CALL(stat, vcpu, what));
	IS(CALL(stat, vcpu, DAIS_STAT_VCPU_MISSED + 1), BAD_ARG);
	OK(CALL(stat, DAIS_CAP_POOL, DAIS_STAT_POOL_FREE));
	IS(CALL(stat, DAIS_CAP_POOL, 0), BAD_ARG);
	OK(CALL(ev_create, 0));
	IS(CALL(stat, value(), 0), BAD_TYPE);
	OK(CALL(cap_drop, 4));
	OK(CALL(stat, 0, DAIS_STAT_FRAMES_FREE));
	sum += value();
	OK(CALL(stat, 0, DAIS_STAT_FRAMES_GUEST));
	sum += value();
	assert_true(sum <= (FAKE_RAM - FAKE_POOL) >> 12);
	end(dom);
}

static void test_caps(void **state)
{
	u64 dom, vcpu, pool, copy;
	struct vcpu *v = new_domain(&dom, &vcpu, 0);

	(void)state;
	IS(CALL(cap_copy, vcpu, 0, DAIS_R_ALL + 1, 0), BAD_ARG);
	IS(CALL(cap_copy, vcpu, 0, DAIS_R_ALL, 1), BAD_ARG);
	OK(CALL(cap_copy, vcpu, 0, DAIS_R_STATE, 0));
	copy = value();
	IS(CALL(cap_copy, copy, 0, DAIS_R_STATE, 0), DENIED);
	IS(CALL(vcpu_kick, copy), DENIED);
	IS(CALL(cap_revoke, copy), DENIED);
	OK(CALL(cap_revoke, vcpu));
	assert_int_equal(value(), 1);
	/* into the guest's table, and what it may do then */
	OK(CALL(cap_copy, DAIS_CAP_POOL, dom, DAIS_R_USE, 0));
	assert_int_equal(value(), 1);
	IS(AS(v, stat, 0, DAIS_STAT_CHECK), DENIED);
	IS(AS(v, stat, 0, DAIS_STAT_VERSION), DENIED);
	IS(AS(v, dom_ctl, 0, DAIS_DOM_KILL, 3), DENIED);
	IS(AS(v, mem_map, 0, 0, 0, 1, 7, 0), DENIED);
	IS(AS(v, mem_reclaim, 0), DENIED);
	IS(AS(v, trap_set, 0, 0, 0, 1, 1, 0), DENIED);
	OK(AS(v, irq_set, 0, 0xfee00000, 0x40));
	OK(AS(v, mem_split, 1, 10));
	pool = value();
	OK(AS(v, cap_drop, pool));
	IS(AS(v, cap_copy, 1, 0, DAIS_R_ALL, 0), DENIED);
	/* a table gets full */
	for (u32 i = 0; i < 15; i++)
		OK(AS(v, ev_create, 0));
	IS(AS(v, ev_create, 0), NO_SPACE);
	IS(AS(v, mem_split, 1, 10), NO_SPACE);
	IS(CALL(cap_copy, vcpu, dom, 0, 0), NO_SPACE);
	assert_check();
	IS(CALL(cap_drop, dom), BUSY);  /* the last to a domain */
	IS(CALL(cap_drop, DAIS_CAP_POOL), OK); /* its guest has one */
	IS(AS(v, dom_create, 1, 1), NO_SPACE);
	/* the root pool's last capability stays */
	IS(AS(v, cap_drop, 1), BUSY);
	OK(AS(v, ev_take, 2));
	OK(AS(v, cap_drop, 2));
	assert_check();
	/* back to the control domain */
	OK(cap_insert(&control_domain->caps, &pool_root.obj, DAIS_R_ALL, &pool));
	assert_int_equal(pool, DAIS_CAP_POOL);
	end(dom);
}

static void test_pools(void **state)
{
	u64 a, b, dom;

	(void)state;
	IS(CALL(mem_split, DAIS_CAP_POOL, 0), BAD_ARG);
	IS(CALL(mem_split, DAIS_CAP_POOL, 1ULL << 40), NO_MEMORY);
	OK(CALL(mem_split, DAIS_CAP_POOL, 1000));
	a = value();
	OK(CALL(mem_split, a, 400));
	b = value();
	IS(CALL(cap_drop, a), BUSY);
	OK(CALL(dom_create, b, 1));
	dom = value();
	IS(CALL(cap_drop, b), BUSY);
	IS(CALL(mem_map, dom, 0, 0, 401, 7, 0), NO_MEMORY);
	assert_int_equal(value(), 400);
	end(dom);
	OK(CALL(cap_drop, b));
	OK(CALL(stat, a, DAIS_STAT_POOL_FREE));
	assert_int_equal(value(), 1000);
	OK(CALL(cap_drop, a));
	OK(CALL(stat, 0, DAIS_STAT_POOLS));
	assert_int_equal(value(), 1);
	assert_check();
}

static void test_domains(void **state)
{
	u64 dom, vcpu, done;

	(void)state;
	IS(CALL(dom_create, 1, 0), BAD_ARG);
	IS(CALL(dom_create, 1, DAIS_MAX_VCPUS + 1), BAD_ARG);
	IS(CALL(dom_create, 1, 1, DAIS_MAX_CAPS + 1), BAD_ARG);
	IS(CALL(dom_create, 1, 1, 0, 1), BAD_ARG);
	new_domain(&dom, &vcpu, DAIS_VCPU_AUTONOMOUS);
	IS(CALL(dom_ctl, dom, 99), BAD_ARG);
	IS(CALL(dom_ctl, dom, DAIS_DOM_KILL, DAIS_DEATH_MACHINE_CHECK + 1), BAD_ARG);
	IS(CALL(dom_ctl, dom, DAIS_DOM_KILL, 0), BAD_ARG);
	IS(CALL(dom_ctl, dom, DAIS_DOM_PAUSE, 1), BAD_ARG);
	IS(CALL(vcpu_create, dom, 0, 0), EXISTS);
	IS(CALL(vcpu_create, dom, 2, 0), BAD_ARG);
	IS(CALL(vcpu_create, dom, 1, 2), BAD_ARG);
	IS(CALL(vcpu_create, 0, 1, 0), BAD_STATE);
	IS(CALL(dom_ctl, dom, DAIS_DOM_ACTIVATE), BAD_STATE);
	OK(CALL(mem_map, dom, DAIS_MEM_POOL, 0, 100, 7, 0));
	IS(CALL(mem_map, dom, DAIS_MEM_POOL, 0, 100, 7, 0), EXISTS);
	OK(CALL(mem_protect, dom, 0x1000, 2, DAIS_MAP_READ));
	OK(CALL(mem_unmap, dom, 0x1000, 2));
	IS(CALL(mem_unmap, dom, 0, 3), BAD_ARG);
	done = value();
	assert_int_equal(done, 1);
	OK(CALL(vcpu_state, vcpu, DAIS_STATE_GET, 0, 16));
	IS(CALL(vcpu_state, vcpu, 0x200, 0, 16), BAD_ARG);
	OK(CALL(sched_set, vcpu, DAIS_SCHED_WEIGHT, 50));
	IS(CALL(sched_set, vcpu, DAIS_SCHED_WEIGHT, 0), BAD_ARG);
	IS(CALL(vcpu_run, vcpu), BAD_CALL); /* IF = 1 */
	fake_irqs_off = true;
	IS(CALL(vcpu_run, vcpu), BAD_STATE);
	IS(CALL(vcpu_kick, vcpu), BAD_STATE);
	IS(CALL(vcpu_resume, vcpu), BAD_STATE);
	IS(CALL(trap_set, dom, 0, 0x3f8, 8, DAIS_TRAP_EXIT, 0), OK);
	IS(CALL(trap_set, dom, 0, 0x3f8, 8, DAIS_TRAP_DENY, 0), OK);
	IS(CALL(irq_set, dom, 0xfee00000, 1ULL << 32), BAD_ARG);
	IS(CALL(irq_set, dom, 0xdee00000, 1), BAD_ARG);
	OK(CALL(irq_set, dom, 0xfee00000, 0x31));
	end(dom);
	new_domain(&dom, &vcpu, 0);
	IS(CALL(sched_set, vcpu, DAIS_SCHED_WEIGHT, 50), BAD_STATE);
	OK(CALL(dom_ctl, dom, DAIS_DOM_KILL, DAIS_DEATH_MONITOR));
	IS(CALL(mem_map, dom, DAIS_MEM_POOL, 0, 1, 7, 0), BAD_STATE);
	IS(CALL(irq_set, dom, 0xfee00000, 0x31), BAD_STATE);
	IS(CALL(trap_set, dom, 0, 0, 1, 1, 0), BAD_STATE);
	IS(CALL(vcpu_create, dom, 1, 0), BAD_STATE);
	IS(CALL(cap_copy, vcpu, dom, 0, 0), BAD_STATE);
	IS(CALL(vcpu_state, vcpu, 0, 0, 8), BAD_STATE);
	end(dom);
	IS(CALL(dom_ctl, 0, DAIS_DOM_KILL, 3), DENIED);
}

static void test_run(void **state)
{
	u64 dom, vcpu;
	struct vcpu *v = new_domain(&dom, &vcpu, 0), *self = fake_control_vcpu();

	(void)state;
	fake_irqs_off = true;
	IS(CALL(vcpu_run, vcpu), BAD_STATE); /* CONFIG */
	OK(CALL(mem_map, dom, DAIS_MEM_POOL, 0, 1, 7, 0));
	OK(CALL(dom_ctl, dom, DAIS_DOM_ACTIVATE));
	fake_has_work = true;
	OK(CALL(vcpu_run, vcpu));
	assert_int_equal(value(), DAIS_EXIT_INTR);
	fake_has_work = false;
	OK(CALL(vcpu_run, vcpu));
	assert_ptr_equal(self->borrower, v);
	IS(CALL(vcpu_run, vcpu), BUSY);
	IS(CALL(vcpu_state, vcpu, 0, 0, 8), BUSY);
	OK(CALL(vcpu_kick, vcpu));
	assert_true(v->pending & VP_KICK);
	IS(CALL(dom_ctl, dom, DAIS_DOM_PAUSE), AGAIN);
	OK(CALL(dom_ctl, dom, DAIS_DOM_UNPAUSE));
	vcpu_exit_to_monitor(v, DAIS_EXIT_KICK);
	vcpu_leave(v);
	assert_null(self->borrower);
	IS(CALL(dom_ctl, dom, DAIS_DOM_PAUSE), OK);
	end(dom);
}

static void test_events(void **state)
{
	u64 dom, vcpu, ev, narrow;

	(void)state;
	new_domain(&dom, &vcpu, 0);
	IS(CALL(ev_create, 1), BAD_ARG);
	OK(CALL(ev_create, 0));
	ev = value();
	IS(CALL(ev_send, ev, 0), BAD_ARG);
	OK(CALL(ev_send, ev, 0x101));
	OK(CALL(cap_copy, ev, 0, DAIS_R_ALL, 0xff));
	narrow = value();
	IS(CALL(ev_send, narrow, 0x100), DENIED);
	IS(CALL(cap_copy, narrow, 0, DAIS_R_ALL, 0x1ff), DENIED);
	OK(CALL(ev_take, narrow));
	assert_int_equal(value(), 1);
	OK(CALL(ev_take, ev));
	assert_int_equal(value(), 0x100);
	IS(CALL(ev_bind, ev, 6, 0, 0), BAD_ARG);
	IS(CALL(ev_bind, ev, DAIS_EV_TO_MSIX, vcpu, 0), BAD_ARG);
	IS(CALL(ev_bind, ev, DAIS_EV_TO_MSIX, 0, 8), BAD_ARG);
	IS(CALL(ev_bind, ev, DAIS_EV_TO_MSIX, 0, 7 | (u64)DAIS_MAX_EVENTS << 32), BAD_ARG);
	OK(CALL(ev_bind, ev, DAIS_EV_TO_MSIX, 0, 7 | 5ULL << 32));
	IS(CALL(ev_bind, ev, DAIS_EV_TO_VCPU, 0, 40), BAD_ARG);
	IS(CALL(ev_bind, ev, DAIS_EV_TO_VCPU, dom, 40), BAD_TYPE);
	IS(CALL(ev_bind, ev, DAIS_EV_TO_VCPU, vcpu, 40), DENIED);
	IS(CALL(ev_bind, ev, DAIS_EV_FROM_VCPU, vcpu, 0), BAD_ARG);
	OK(CALL(ev_bind, ev, DAIS_EV_FROM_VCPU, vcpu, 4));
	IS(CALL(ev_bind, narrow, DAIS_EV_FROM_VCPU, vcpu, 0x100), DENIED);
	OK(CALL(ev_bind, ev, DAIS_EV_FROM_DOM, dom, 8));
	IS(CALL(ev_bind, ev, DAIS_EV_FROM_TRAP, dom, 8), BAD_ARG);
	IS(CALL(ev_bind, narrow, DAIS_EV_FROM_TRAP, dom, 0), DENIED);
	OK(CALL(ev_bind, ev, DAIS_EV_FROM_TRAP, dom, 0));
	OK(CALL(dom_ctl, dom, DAIS_DOM_KILL, DAIS_DEATH_POWEROFF));
	OK(CALL(ev_take, ev));
	assert_int_equal(value(), 8 | 4); /* death, and the hosted vCPU's stop */
	OK(CALL(ev_bind, ev, DAIS_EV_FROM_DOM, dom, 16)); /* too late: told at once */
	OK(CALL(ev_take, ev));
	assert_int_equal(value(), 16);
	IS(CALL(ev_bind, ev, DAIS_EV_FROM_VCPU, vcpu, 4), BAD_STATE);
	OK(CALL(ev_bind, ev, DAIS_EV_TO_NONE, 0, 0));
	end(dom);
	OK(CALL(cap_drop, narrow));
	OK(CALL(cap_drop, ev));
	OK(CALL(stat, 0, DAIS_STAT_EVENTS));
	assert_int_equal(value(), 0);
	assert_check();
}

/* A capability of that type in the table, if it is found soon. */
static u64 some_cap(struct cap_table *t, u32 type)
{
	struct cap c;
	u64 i = 0;

	for (u32 tries = 0; tries < 20; tries++) {
		i = 1 + (u64)rand() % (t->used + 4);
		if (cap_get(t, i, type, 0, &c) != DAIS_OK)
			continue;
		object_put(c.obj);
		return i;
	}
	return type == DAIS_T_DOMAIN ? 0 : i;
}

static u64 some_value(void)
{
	static const u64 values[] = {
		0, 0, 0, 1, 1, 1, 1, 2, 3, 4, 7, 7, 8, 15, 100, 0x1000, 0x2000, 0x200000, 0x10000, 0xfee00000, 1ULL << 46, ~0ULL,
	};

	return rand() % 4 ? values[(u64)rand() % ARRAY_SIZE(values)] : (u64)rand() % 10;
}

/* Calls that would take the tools away from this test, or leave few domains alive. */
static bool spared(u64 nr, const u64 *arg, u64 dom)
{
	return (nr == DAIS_NR_cap_drop && arg[0] <= 3) || (nr == DAIS_NR_cap_revoke && arg[0] <= 3) ||
	       (nr == DAIS_NR_dom_ctl && (arg[0] == dom || (arg[1] == DAIS_DOM_KILL && rand() % 8))) || (nr == DAIS_NR_vcpu_run && !fake_has_work);
}

/* Hypercalls at random, with arguments that are often right, as the control domain and as a guest. */
static void test_random(void **state)
{
	static u32 seen[DAIS_STATUS_COUNT], succeeded[DAIS_CALL_COUNT];
	u64 dom, vcpu, made = 0, ok = 0;
	struct vcpu *guest = new_domain(&dom, &vcpu, 0);

	(void)state;
	srand(6);
	OK(CALL(cap_copy, DAIS_CAP_POOL, dom, DAIS_R_USE | DAIS_R_COPY, 0));
	OK(CALL(mem_map, dom, DAIS_MEM_POOL, SIZE_1G, 1, 7, 0));
	OK(CALL(dom_ctl, dom, DAIS_DOM_ACTIVATE));
	while (made < 100000) {
		u64 arg[6] = { 0 }, nr = (u64)rand() % DAIS_CALL_COUNT;
		bool as_guest = rand() % 8 == 0;
		struct cap_table *t = as_guest ? &guest->dom->caps : &control_domain->caps;
		status_t s;

		fake_irqs_off = rand() % 2;
		fake_has_work = rand() % 2;
		fake_nested_fails_in = rand() % 64 ? -1 : rand() % 16;
		for (u32 k = 0; k < argc[nr]; k++)
			arg[k] = types[nr][k] && rand() % 8 ? some_cap(t, types[nr][k] - 1u) : some_value();
		if (nr >= DAIS_NR_mem_map && nr <= DAIS_NR_mem_protect && rand() % 2) {
			u32 first = nr == DAIS_NR_mem_map ? 2 : 1; /* a range that others are likely to hit */

			arg[1] = arg[5] = 0;
			arg[first] = (u64)(rand() % 4) * PAGE_SIZE;
			arg[first + 1] = 1;
			arg[first + 2] = nr == DAIS_NR_mem_unmap ? 0 : DAIS_MAP_RWX;
		}
		if (spared(nr, arg, dom))
			continue;
		fake_settle();
		s = call_with(as_guest ? guest : fake_control_vcpu(), nr, arg);
		assert_in_range(s, 0, DAIS_STATUS_COUNT - 1);
		made++;
		seen[s]++;
		ok += s == DAIS_OK;
		succeeded[nr] += s == DAIS_OK;
		for (u64 k = 4; t->used > (as_guest ? 13u : 300u) && k <= t->size; k++)
			(void)!call_as(as_guest ? guest : fake_control_vcpu(), DAIS_NR_cap_drop, k, 0, 0, 0, 0, 0);
		if (made % 256 == 0)
			assert_check();
	}
	fake_nested_fails_in = -1;
	for (u32 i = 0; i < DAIS_CALL_COUNT; i++)
		if (!succeeded[i] && i != DAIS_NR_vcpu_resume) /* nothing parks here */
			fail_msg("call %u never succeeded", i);
	for (u32 i = 0; i < DAIS_AGAIN; i++)
		assert_true(seen[i]);
	assert_true(ok > made / 8);
	assert_check();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_dispatch), T(test_stat), T(test_caps), T(test_pools), T(test_domains), T(test_run),
		T(test_events), T(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
