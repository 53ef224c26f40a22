/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/sched/[a-z]*.c tests/sched/sim.c */
/* The short form of the scheduler's simulation; the long one is tests/sched/long.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "tests/sched/sim.h"

#define MS 1000000ULL
#define S  (1000 * MS)

static void near(u64 ran, u64 fair, u64 permille)
{
	assert_in_range(ran, fair - fair * permille / 1000, fair + fair * permille / 1000);
}

/* Shares by weight on two CPUs, whatever the order they come in. */
static void test_shares(void **state)
{
	static const u32 order[][6] = {
		{ 1, 2, 4, 1, 2, 4 }, { 4, 4, 2, 2, 1, 1 }, { 1, 1, 2, 2, 4, 4 }, { 4, 1, 1, 2, 4, 2 }, { 2, 4, 2, 1, 1, 4 },
	};

	(void)state;
	for (u32 k = 0; k < ARRAY_SIZE(order); k++) {
		struct sim_task *t[6];
		u64 before[6];

		sim_start(&(struct sim_config){ .cpus = 2, .seed = k + 1 });
		for (u32 i = 0; i < 6; i++) {
			t[i] = sim_add(SIM_HOG, 0, 0);
			sim_set(t[i], DAIS_SCHED_WEIGHT, 1000 * order[k][i]);
		}
		sim_run(1 * S);
		for (u32 i = 0; i < 6; i++)
			before[i] = t[i]->ran;
		sim_run(10 * S);
		for (u32 i = 0; i < 6; i++)
			near(t[i]->ran - before[i], 20 * S * order[k][i] / 14, 10);
		assert_true(sim_lag_worst < 10 * MS);
		sim_end();
	}
}

static void test_caps(void **state)
{
	static const u32 cap[] = { 1, 10, 33, 50, 99 };
	struct sim_task *t[5];

	(void)state;
	sim_start(&(struct sim_config){ .cpus = 2, .seed = 1 });
	for (u32 i = 0; i < 5; i++) {
		t[i] = sim_add(SIM_HOG, 0, 0);
		sim_set(t[i], DAIS_SCHED_CAP, cap[i]);
	}
	sim_run(10 * S);
	for (u32 i = 0; i < 4; i++)
		near(t[i]->ran, 10 * S * cap[i] / 100, 10);
	sim_end();
}

/* Who sleeps just before its slice ends gets no more than its share. */
static void test_cheat(void **state)
{
	struct sim_task *hog[3], *cheat;

	(void)state;
	sim_start(&(struct sim_config){ .cpus = 1, .seed = 3 });
	for (u32 i = 0; i < 3; i++)
		hog[i] = sim_add(SIM_HOG, 0, 0);
	cheat = sim_add(SIM_CHEAT, 0, 0);
	sim_run(100 * S);
	assert_true(cheat->ran <= 25 * S + 25 * S / 100);
	for (u32 i = 0; i < 3; i++)
		assert_true(hog[i]->ran >= 25 * S - 25 * S / 100);
	sim_end();
}

/* Each of many light sleepers wakes soon, though hogs want all. */
static void test_latency(void **state)
{
	struct sim_task *t;

	(void)state;
	sim_start(&(struct sim_config){ .cpus = 1, .seed = 4 });
	for (u32 i = 0; i < 4; i++)
		sim_add(SIM_HOG, 0, 0);
	t = sim_add(SIM_PERIODIC, 100000, 10 * MS);
	sim_run(20 * S);
	assert_true(t->wakes > 1900);
	assert_true(t->latency_sum / t->wakes < 100000);
	sim_end();
}

/* 2 ms of 10 ms beside eight hogs: never a deadline missed, and at once after a wake-up. */
static void test_reserve(void **state)
{
	struct sim_task *always, *now_and_then;

	(void)state;
	sim_start(&(struct sim_config){ .cpus = 1, .seed = 5 });
	for (u32 i = 0; i < 8; i++)
		sim_add(SIM_HOG, 0, 0);
	always = sim_add(SIM_HOG, 0, 0);
	sim_set(always, DAIS_SCHED_RESERVE, 2000ULL << 32 | 10000);
	now_and_then = sim_add(SIM_PERIODIC, 1 * MS, 7 * MS);
	sim_set(now_and_then, DAIS_SCHED_RESERVE, 1100ULL << 32 | 7000);
	now_and_then->latency_worst = 0;
	sim_run(70 * S);
	assert_int_equal(always->c.missed, 0);
	assert_int_equal(now_and_then->c.missed, 0);
	near(always->ran, 70 * S / 5, 5);
	assert_true(now_and_then->latency_worst <= 2 * MS + 10000); /* the other's budget, when that is due first */
	sim_end();
}

/* Full to the limit with odd periods, and hogs. */
static void test_reserve_many(void **state)
{
	static const u32 budget[] = { 700, 1900, 3300, 9700, 21000 }, period[] = { 5000, 11000, 17000, 53000, 101000 };
	struct sim_task *t[5];

	(void)state;
	sim_start(&(struct sim_config){ .cpus = 1, .seed = 6 });
	for (u32 i = 0; i < 3; i++)
		sim_add(SIM_HOG, 0, 0);
	for (u32 i = 0; i < 5; i++) {
		t[i] = sim_add(i % 2 ? SIM_HOG : SIM_BURST, 3 * MS, 2 * MS);
		sim_set(t[i], DAIS_SCHED_RESERVE, (u64)budget[i] << 32 | period[i]);
	}
	sim_run(50 * S);
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(t[i]->c.missed, 0);
	sim_end();
}

/* A CPU without work, or with one context, takes no ticks. */
static void test_tickless(void **state)
{
	(void)state;
	sim_start(&(struct sim_config){ .cpus = 4, .seed = 7 });
	for (u32 i = 0; i < 3; i++)
		sim_add(SIM_HOG, 0, 0);
	sim_run(1 * S);
	sim_run(100 * S);
	assert_true(sim_idle_timers() <= 3);
	assert_true(sim_events < 100);
	sim_end();
}

/* Three hogs on two CPUs take turns. */
static void test_turns(void **state)
{
	struct sim_task *t[3];

	(void)state;
	sim_start(&(struct sim_config){ .cpus = 2, .seed = 8 });
	for (u32 i = 0; i < 3; i++)
		t[i] = sim_add(SIM_HOG, 0, 0);
	sim_run(60 * S);
	for (u32 i = 0; i < 3; i++)
		near(t[i]->ran, 40 * S, 100);
	sim_end();
}

/* Two domains that share a core's threads with nobody else: never at the same time, and each has its half. */
static void test_core(void **state)
{
	struct sim_task *t[6];

	(void)state;
	for (u32 on = 0; on < 2; on++) {
		sim_start(&(struct sim_config){ .cpus = 2, .per_core = 2, .group = 2, .seed = 9 });
		for (u32 i = 0; i < 4; i++) {
			t[i] = sim_add(i < 3 ? SIM_HOG : SIM_BURST, 2 * MS, 1 * MS);
			sim_set(t[i], DAIS_SCHED_CORE, on);
		}
		sim_run(20 * S);
		assert_int_equal(!sim_mixed, on);
		near(t[0]->ran + t[1]->ran, 20 * S, on ? 100 : 250);
		assert_true(t[2]->ran > 5 * S);
		sim_end();
	}
	/* Two contexts that drive each other out all the time would get nothing done. */
	sim_start(&(struct sim_config){ .cpus = 2, .per_core = 2, .seed = 12, .latency = 100, .skew = 500 });
	for (u32 i = 0; i < 2; i++) {
		t[i] = sim_add(SIM_HOG, 0, 0);
		sim_bind(t[i], i, i);
		sim_set(t[i], DAIS_SCHED_CORE, i);
	}
	sim_run(1 * S);
	assert_true(sim_switches < 260); /* each has its turn of 4 ms */
	for (u32 i = 0; i < 2; i++)
		near(t[i]->ran, 1 * S / 2, 100);
	sim_end();
	/* Who waits on one thread is not forgotten while two others take turns on the other one, whatever their slices. */
	for (u64 slice = 500; slice <= 8000; slice *= 2) {
		sim_start(&(struct sim_config){ .cpus = 2, .per_core = 2, .seed = 13, .skew = 500 });
		for (u32 i = 0; i < 3; i++) {
			t[i] = sim_add(SIM_HOG, 0, 0);
			sim_bind(t[i], !!i, !!i);
			sim_set(t[i], DAIS_SCHED_CORE, !!i);
			if (i)
				sim_set(t[i], DAIS_SCHED_SLICE, slice);
		}
		sim_run(2 * S);
		near(t[0]->ran, 1 * S, 200);
		sim_end();
	}
	/* nor with more threads than two */
	sim_start(&(struct sim_config){ .cpus = 3, .per_core = 3, .seed = 14, .skew = 500 });
	for (u32 i = 0; i < 3; i++) {
		t[i] = sim_add(SIM_HOG, 0, 0);
		sim_bind(t[i], i, i);
		t[i]->c.group = i < 1 ? 1 : 2;
		sim_set(t[i], DAIS_SCHED_CORE, i > 0);
	}
	sim_run(2 * S);
	for (u32 i = 0; i < 3; i++)
		assert_true(t[i]->ran > S / 2);
	sim_end();
	/* a reservation takes the core at once, and nobody starves beside those who do not ask for it */
	sim_start(&(struct sim_config){ .cpus = 4, .per_core = 2, .group = 2, .seed = 10 });
	for (u32 i = 0; i < 6; i++) {
		t[i] = sim_add(SIM_HOG, 0, 0);
		sim_bind(t[i], 0, 1);
		sim_set(t[i], DAIS_SCHED_CORE, i < 4);
	}
	sim_set(t[0], DAIS_SCHED_RESERVE, 2000ULL << 32 | 10000);
	sim_run(20 * S);
	assert_int_equal(t[0]->c.missed, 0);
	for (u32 i = 0; i < 6; i++)
		assert_true(t[i]->ran > 1 * S);
	sim_end();
}

/* Four sleepers on four cores of two threads: each wakes onto a core of its own, in its cache. */
static void test_cores_first(void **state)
{
	struct sim_task *t[4];

	(void)state;
	sim_start(&(struct sim_config){ .cpus = 16, .per_core = 2, .per_cache = 8, .seed = 11 });
	for (u32 i = 0; i < 4; i++) {
		t[i] = sim_add(SIM_BURST, 2 * MS, 2 * MS);
		sim_bind(t[i], 0, 0); /* all from CPU 0 on, ... */
	}
	sim_run(50 * MS);
	for (u32 i = 0; i < 4; i++) {
		sim_set(t[i], DAIS_SCHED_SLICE, 4000);
		sim_bind(t[i], 0, 15); /* ... then free to go */
	}
	sim_run(1 * S);
	for (u32 i = 0; i < 4; i++) {
		assert_in_range(t[i]->c.cpu, 0, 7);
		for (u32 k = 0; k < i; k++)
			assert_int_not_equal(t[i]->c.cpu / 2, t[k]->c.cpu / 2);
	}
	sim_end();
}

/* Everything at once, changed all the time: only the invariants count. */
static void churn(u32 cpus, u32 tasks, u64 ns, u64 seed)
{
	struct sim_task **t = calloc(tasks, sizeof(*t));
	u32 r;

	sim_start(&(struct sim_config){ .cpus = cpus, .per_cache = 4, .per_core = 2, .group = 3, .seed = seed, .check_all = cpus > 16 ? 64 : 1 });
	for (u32 i = 0; i < tasks; i++)
		t[i] = sim_add(sim_random() % 4, 1 + sim_random() % (3 * MS), 1 + sim_random() % (8 * MS));
	for (u64 end = sim_now + ns; sim_now < end; ) {
		struct sim_task *x = t[sim_random() % tasks];

		sim_run(sim_random() % (20 * MS / tasks));
		r = sim_random();
		switch (r % 9) {
		case 8: sim_set(x, DAIS_SCHED_CORE, r >> 4 & 1); break;
		case 0: sim_set(x, DAIS_SCHED_WEIGHT, 1 + (r >> 3) % 10000); break;
		case 1: sim_set(x, DAIS_SCHED_CAP, (r >> 3) % 100); break;
		case 2: sim_bind(x, 0, cpus - 1); break;
		case 3: if (!x->c.p.reserved) { r = (r >> 3) % cpus; sim_bind(x, r, r + sim_random() % (cpus - r)); } break;
		case 4: sim_try(x, DAIS_SCHED_RESERVE, (u64)(100 + (r >> 3) % 5000) << 32 | (5000 + (r >> 9) % 20000)); break;
		case 5: sim_set(x, DAIS_SCHED_SLICE, 100 + (r >> 3) % 5000); break;
		case 6: if (!x->frozen) sim_freeze(x); break;
		default: if (x->frozen) sim_thaw(x); break;
		}
	}
	free(t);
	assert_true(sim_events < cpus * 20ULL * (ns / MS)); /* nobody pokes anybody all the time */
	sim_end();
}

static void test_churn(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 20; seed++)
		churn(1 + seed % 5, 1 + seed * 3 % 17, 2 * S, seed);
	churn(96, 700, 300 * MS, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares), cmocka_unit_test(test_caps), cmocka_unit_test(test_cheat),
		cmocka_unit_test(test_latency), cmocka_unit_test(test_reserve), cmocka_unit_test(test_reserve_many),
		cmocka_unit_test(test_tickless), cmocka_unit_test(test_turns), cmocka_unit_test(test_core), cmocka_unit_test(test_cores_first), cmocka_unit_test(test_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
