/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/rr.c tests/unit/fake.c */
#include "tests/unit/fake.h"
#include "kernel/sched.h"
#include "kernel/timer.h"

#define SLICE 5000000ULL /* ns = ticks */

static struct sched_ctx c[8];
static u32 word;

static void attach(struct sched_ctx *x, u64 cpu)
{
	sched_attach(x);
	assert_int_equal(sched_set_param(x, DAIS_SCHED_CPU, cpu), DAIS_OK);
	sched_thaw(x);
}

static int setup(void **state)
{
	(void)state;
	fake_boot();
	fake_now = 1000;
	word = 0;
	memset(c, 0, sizeof(c));
	for (u32 i = 0; i < ARRAY_SIZE(c); i++)
		attach(&c[i], 0);
	return 0;
}

static struct sched_ctx *pick(void)
{
	struct sched_ctx *p;

	fake_requests[fake_cpu] = 0;
	timers_run(fake_now);
	p = sched_pick(fake_now);
	return p;
}

static void test_round_robin(void **state)
{
	(void)state;
	assert_null(pick());
	for (u32 i = 0; i < 3; i++)
		sched_wake(&c[i]);
	assert_int_equal(fake_requests[0], CPU_RESCHED);
	assert_ptr_equal(pick(), &c[0]);
	assert_int_equal(fake_timer[0], fake_now + SLICE);
	fake_now += SLICE - 1;
	assert_ptr_equal(pick(), &c[0]);
	fake_now += 1;
	assert_ptr_equal(pick(), &c[1]);
	assert_int_equal(fake_timer[0], fake_now + SLICE);
	fake_now += SLICE;
	assert_ptr_equal(pick(), &c[2]);
	fake_now += SLICE;
	assert_ptr_equal(pick(), &c[0]);
	sched_wake(&c[1]); /* queued already: nothing */
	assert_true(sched_block(&c[0], &word, 1));
	assert_ptr_equal(pick(), &c[1]);
	assert_false(sched_freeze(&c[1]));
	assert_true(sched_freeze(&c[2]));
	assert_true(sched_freeze(&c[2]));
	sched_wake(&c[2]); /* not while it is frozen */
	assert_true(sched_block(&c[1], &word, 1));
	assert_null(pick());
	sched_thaw(&c[2]);
	sched_wake(&c[2]);
	assert_ptr_equal(pick(), &c[2]);
}

static void test_alone(void **state)
{
	(void)state;
	sched_wake(&c[0]);
	assert_ptr_equal(pick(), &c[0]);
	fake_now += 10 * SLICE;
	assert_ptr_equal(pick(), &c[0]);
	/* a second one comes: its CPU must set a slice timer */
	fake_requests[0] = 0;
	sched_wake(&c[1]);
	assert_int_equal(fake_requests[0], CPU_RESCHED);
	assert_ptr_equal(pick(), &c[0]);
	assert_true(fake_timer[0] <= fake_now + SLICE);
	fake_requests[0] = 0;
	sched_wake(&c[2]);
	assert_int_equal(fake_requests[0], 0); /* no need to disturb it */
}

static void test_block_refused(void **state)
{
	(void)state;
	sched_wake(&c[0]);
	pick();
	word = 4;
	assert_false(sched_block(&c[0], &word, 6));
	assert_int_equal(c[0].state, SCHED_RUNNING);
	assert_true(sched_block(&c[0], &word, 2));
	assert_int_equal(c[0].state, SCHED_BLOCKED);
}

static void test_urgent(void **state)
{
	(void)state;
	c[0].urgent = true;
	sched_wake(&c[1]);
	sched_wake(&c[2]);
	assert_ptr_equal(pick(), &c[1]);
	fake_now += SLICE / 5;
	fake_requests[0] = 0;
	sched_wake(&c[0]);
	assert_int_equal(fake_requests[0], CPU_RESCHED);
	assert_ptr_equal(pick(), &c[0]);
	fake_now += 1000;
	assert_true(sched_block(&c[0], &word, 1));
	/* who was pre-empted goes on with the rest of its slice */
	assert_ptr_equal(pick(), &c[1]);
	fake_now += SLICE - SLICE / 5 - 1;
	assert_ptr_equal(pick(), &c[1]);
	fake_now += 1;
	assert_ptr_equal(pick(), &c[2]);
}

/* An urgent one that never sleeps, or only for moments, gets no more than its share. */
static void test_no_starving(void **state)
{
	u64 ran = 0, start = fake_now;

	(void)state;
	c[0].urgent = true;
	sched_wake(&c[0]);
	sched_wake(&c[1]);
	for (u32 i = 0; i < 100000; i++) {
		struct sched_ctx *p = pick();

		fake_now += 10000; /* 10 us */
		if (p == &c[0] && i % 3 == 0) {
			assert_true(sched_block(p, &word, 1));
			fake_now += 10;
			sched_wake(p);
		} else if (p == &c[1]) {
			ran += 10000;
		}
	}
	assert_true(ran > (fake_now - start) * 4 / 10);
}

/* One that sleeps half of the time is never kept waiting. */
static void test_stays_urgent(void **state)
{
	(void)state;
	c[0].urgent = true;
	sched_wake(&c[1]);
	for (u32 i = 0; i < 10000; i++) {
		sched_wake(&c[0]);
		assert_ptr_equal(pick(), &c[0]);
		fake_now += 100000;
		assert_true(sched_block(&c[0], &word, 1));
		assert_ptr_equal(pick(), &c[1]);
		fake_now += 100000;
	}
}

static void test_params(void **state)
{
	(void)state;
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_WEIGHT, 0), DAIS_BAD_ARG);
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_WEIGHT, 10001), DAIS_BAD_ARG);
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_CPU, FAKE_CPUS), DAIS_BAD_ARG);
	assert_int_equal(sched_set_param(&c[0], 2, 1), DAIS_BAD_ARG);
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_WEIGHT, 300), DAIS_OK);
	sched_wake(&c[0]);
	sched_wake(&c[1]);
	assert_ptr_equal(pick(), &c[0]);
	fake_now += 2 * SLICE;
	assert_ptr_equal(pick(), &c[0]);
	assert_in_range(fake_timer[0], fake_now + SLICE, fake_now + SLICE + 3);
	fake_now += SLICE + 3;
	assert_ptr_equal(pick(), &c[1]);
	fake_now += SLICE;
	assert_ptr_equal(pick(), &c[0]);
}

static void test_spread(void **state)
{
	static struct sched_ctx more[6];

	(void)state;
	memset(more, 0, sizeof(more));
	for (u32 i = 0; i < 6; i++)
		sched_attach(&more[i]); /* CPU 0 has eight */
	assert_int_equal(more[0].cpu, 1);
	assert_int_equal(more[1].cpu, 2);
	assert_int_equal(more[2].cpu, 3);
	assert_int_equal(more[3].cpu, 1);
}

static void test_move(void **state)
{
	(void)state;
	/* only while it sleeps */
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_CPU, 1), DAIS_OK);
	sched_wake(&c[0]);
	assert_null(pick());
	assert_int_equal(fake_requests[1], CPU_RESCHED);
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_CPU, 2), DAIS_BUSY);
	fake_cpu = 1;
	assert_ptr_equal(pick(), &c[0]);
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_CPU, 2), DAIS_BUSY);
	assert_true(sched_block(&c[0], &word, 1));
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_CPU, 2), DAIS_OK);
	assert_int_equal(c[0].cpu, 2);
	sched_wake(&c[0]);
	assert_true(sched_freeze(&c[0]));
	assert_int_equal(sched_set_param(&c[0], DAIS_SCHED_CPU, 1), DAIS_OK);
	assert_null(pick());
	fake_cpu = 0;
}

static void test_idle(void **state)
{
	u64 before = sched_idle_time(0);

	(void)state;
	fake_now += 500;
	assert_int_equal(sched_idle_time(0), before + 500);
	assert_null(pick());
	fake_now += 500;
	sched_wake(&c[0]);
	pick();
	fake_now += 1000;
	assert_int_equal(sched_idle_time(0), before + 1000);
	assert_true(sched_block(&c[0], &word, 1));
	pick();
	fake_now += 10;
	assert_int_equal(sched_idle_time(0), before + 1010);
}

/* Shares are by weight, whoever sleeps now and then. */
static void test_shares(void **state)
{
	u64 ran[3] = { 0 };

	(void)state;
	assert_int_equal(sched_set_param(&c[1], DAIS_SCHED_WEIGHT, 200), DAIS_OK);
	assert_int_equal(sched_set_param(&c[2], DAIS_SCHED_WEIGHT, 50), DAIS_OK);
	for (u32 i = 0; i < 3; i++)
		sched_wake(&c[i]);
	for (u32 i = 0; i < 100000; i++) {
		struct sched_ctx *p = pick();

		fake_now += SLICE / 10;
		ran[p - c] += SLICE / 10;
		if (i % 7)
			continue;
		assert_true(sched_block(p, &word, 1));
		sched_wake(p);
	}
	assert_in_range(ran[1] * 100 / ran[0], 180, 220);
	assert_in_range(ran[0] * 100 / ran[2], 180, 220);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_round_robin, setup),
		cmocka_unit_test_setup(test_alone, setup),
		cmocka_unit_test_setup(test_block_refused, setup),
		cmocka_unit_test_setup(test_urgent, setup),
		cmocka_unit_test_setup(test_no_starving, setup),
		cmocka_unit_test_setup(test_stays_urgent, setup),
		cmocka_unit_test_setup(test_params, setup),
		cmocka_unit_test_setup(test_spread, setup),
		cmocka_unit_test_setup(test_move, setup),
		cmocka_unit_test_setup(test_idle, setup),
		cmocka_unit_test_setup(test_shares, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
