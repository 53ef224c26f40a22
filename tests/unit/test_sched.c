/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"
#include "kernel/sched/queue.h"
#include "kernel/timer.h"

#define SLICE 4000000ULL /* ns = ticks */

static struct sched_ctx c[8]; /* the last one is urgent */
static u32 word;

static void attach(struct sched_ctx *x)
{
	fake_cpus = 1;
	sched_attach(x, 1, x == &c[7]);
	sched_thaw(x);
	fake_cpus = FAKE_CPUS;
}

static int setup(void **state)
{
	(void)state;
	fake_boot();
	fake_now = 1000;
	word = 0;
	memset(c, 0, sizeof(c));
	for (u32 i = 0; i < ARRAY_SIZE(c); i++)
		attach(&c[i]);
	memset(&cpus_idle, 0, sizeof(cpus_idle));
	memset(&cpus_waiting, 0, sizeof(cpus_waiting));
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
	assert_ptr_equal(pick(), &c[1]);
	assert_true(fake_timer[0] <= fake_now + SLICE);
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
	sched_wake(&c[1]);
	sched_wake(&c[2]);
	assert_ptr_equal(pick(), &c[1]);
	fake_now += SLICE / 5;
	fake_requests[0] = 0;
	sched_wake(&c[7]);
	assert_int_equal(fake_requests[0], CPU_RESCHED);
	assert_ptr_equal(pick(), &c[7]);
	fake_now += 1000;
	assert_true(sched_block(&c[7], &word, 1));
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
	sched_wake(&c[7]);
	sched_wake(&c[1]);
	for (u32 i = 0; i < 100000; i++) {
		struct sched_ctx *p = pick();

		fake_now += 10000; /* 10 us */
		if (p == &c[7] && i % 3 == 0) {
			assert_true(sched_block(p, &word, 1));
			fake_now += 10;
			sched_wake(p);
		} else if (p == &c[1]) {
			ran += 10000;
		}
	}
	assert_true(ran > (fake_now - start) * 4 / 10);
}

/* One that sleeps half of the time hardly waits: no longer than its own slice. */
static void test_stays_urgent(void **state)
{
	(void)state;
	sched_wake(&c[1]);
	for (u32 i = 0; i < 10000; i++) {
		u64 woken = fake_now;

		sched_wake(&c[7]);
		while (pick() != &c[7])
			fake_now += 10000;
		assert_true(fake_now - woken <= SLICE / 4);
		fake_now += 100000;
		assert_true(sched_block(&c[7], &word, 1));
		assert_ptr_equal(pick(), &c[1]);
		fake_now += 100000;
	}
}

static status_t set(u32 i, u64 param, u64 value, u64 cpus, u64 *left)
{
	struct cpu_mask m = { { cpus } };

	return sched_set(&c[i], param, value, &m, left);
}

#define RESERVE(budget, period) ((u64)(budget) << 32 | (period))

/* What is out of range is refused, and changes nothing. */
static void test_params(void **state)
{
	static const struct { u64 param, value; status_t s; } tried[] = {
		{ DAIS_SCHED_WEIGHT, 0, DAIS_BAD_ARG }, { DAIS_SCHED_WEIGHT, 10001, DAIS_BAD_ARG }, { DAIS_SCHED_WEIGHT, 10000, DAIS_OK },
		{ DAIS_SCHED_WEIGHT, 1ULL << 32 | 1, DAIS_BAD_ARG }, { DAIS_SCHED_CAP, 100, DAIS_BAD_ARG }, { DAIS_SCHED_CAP, 99, DAIS_OK },
		{ DAIS_SCHED_RESERVE, RESERVE(99, 10000), DAIS_BAD_ARG }, { DAIS_SCHED_RESERVE, RESERVE(100, 499), DAIS_BAD_ARG },
		{ DAIS_SCHED_RESERVE, RESERVE(100, 1000001), DAIS_BAD_ARG }, { DAIS_SCHED_RESERVE, RESERVE(1001, 1000), DAIS_BAD_ARG },
		{ DAIS_SCHED_RESERVE, RESERVE(2000, 10000), DAIS_OK }, { DAIS_SCHED_RESERVE, 0, DAIS_OK },
		{ DAIS_SCHED_SLICE, 99, DAIS_BAD_ARG }, { DAIS_SCHED_SLICE, 100001, DAIS_BAD_ARG }, { DAIS_SCHED_SLICE, 250, DAIS_OK },
		{ DAIS_SCHED_CORE, 2, DAIS_BAD_ARG }, { DAIS_SCHED_CORE, 1, DAIS_OK }, { DAIS_SCHED_PARAMS, 0, DAIS_BAD_ARG },
	};
	u64 left, value;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(tried); i++) {
		struct sched_params before = c[0].p;

		assert_int_equal(set(0, tried[i].param, tried[i].value, 0, &left), tried[i].s);
		if (tried[i].s != DAIS_OK) {
			assert_memory_equal(&before, &c[0].p, sizeof(before));
			continue;
		}
		assert_int_equal(sched_get(&c[0], tried[i].param, &value), DAIS_OK);
		assert_int_equal(value, tried[i].value);
	}
	assert_int_equal(sched_get(&c[0], DAIS_STAT_VCPU_CPUS - DAIS_STAT_VCPU_SCHED + MAX_CPUS / 64, &value), DAIS_BAD_ARG);
}

/* No CPU, or none that is there: refused. Else it goes there at once, wherever it is. */
static void test_affinity(void **state)
{
	u64 left, value;

	(void)state;
	assert_int_equal(set(0, DAIS_SCHED_CPUS, 0, 0, &left), DAIS_BAD_ARG);
	assert_int_equal(set(0, DAIS_SCHED_CPUS, 0, 1ULL << FAKE_CPUS, &left), DAIS_BAD_ARG);
	sched_wake(&c[0]);
	sched_wake(&c[1]);
	assert_ptr_equal(pick(), &c[0]);
	assert_int_equal(set(1, DAIS_SCHED_CPUS, 0, 4, &left), DAIS_OK); /* it waits */
	assert_int_equal(c[1].cpu, 2);
	assert_int_equal(c[1].state, SCHED_QUEUED);
	assert_int_equal(set(0, DAIS_SCHED_CPUS, 0, ~1ULL, &left), DAIS_OK); /* it runs */
	assert_int_equal(fake_requests[0], CPU_RESCHED);
	assert_null(pick());
	assert_int_equal(c[0].cpu, 1);
	assert_int_equal(c[0].state, SCHED_QUEUED);
	assert_int_equal(sched_get(&c[0], DAIS_STAT_VCPU_CPUS - DAIS_STAT_VCPU_SCHED, &value), DAIS_OK);
	assert_int_equal(value, 14);
	assert_int_equal(c[0].moved, 1);
	fake_cpu = 1;
	assert_ptr_equal(pick(), &c[0]);
	fake_cpu = 0;
}

/* Promises add up on each CPU, are packed, and never exceed what there is; who was refused keeps what it had. */
static void test_admission(void **state)
{
	u64 left;

	(void)state;
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(set(i, DAIS_SCHED_CPUS, 0, ~0ULL, &left), DAIS_OK);
	assert_int_equal(set(0, DAIS_SCHED_RESERVE, RESERVE(6000, 10000), 0, &left), DAIS_OK);
	assert_int_equal(c[0].p.home, 0);
	assert_int_equal(set(1, DAIS_SCHED_RESERVE, RESERVE(2000, 10000), 0, &left), DAIS_OK);
	assert_int_equal(c[1].p.home, 0); /* the fullest that has room */
	assert_int_equal(set(2, DAIS_SCHED_RESERVE, RESERVE(2000, 10000), 0, &left), DAIS_OK);
	assert_int_equal(c[2].p.home, 1);
	assert_int_equal(set(3, DAIS_SCHED_CPUS, 0, 1, &left), DAIS_OK);
	assert_int_equal(set(3, DAIS_SCHED_RESERVE, RESERVE(2000, 10000), 0, &left), DAIS_NO_SPACE);
	assert_int_equal(left, 150000);
	assert_false(c[3].p.reserved);
	assert_int_equal(set(3, DAIS_SCHED_RESERVE, RESERVE(1500, 10000), 0, &left), DAIS_OK);
	/* its CPU cannot be taken away when the others have no room */
	assert_int_equal(set(2, DAIS_SCHED_CPUS, 0, 1, &left), DAIS_NO_SPACE);
	assert_int_equal(left, 0);
	assert_true(mask_has(&c[2].p.cpus, 1));
	/* its own share counts as free when it changes, and what it gives up is there again */
	assert_int_equal(set(0, DAIS_SCHED_RESERVE, RESERVE(5000, 10000), 0, &left), DAIS_OK);
	assert_int_equal(set(2, DAIS_SCHED_CPUS, 0, 1, &left), DAIS_NO_SPACE);
	assert_int_equal(set(1, DAIS_SCHED_CAP, 50, 0, &left), DAIS_OK);
	assert_int_equal(set(2, DAIS_SCHED_CPUS, 0, 1, &left), DAIS_OK);
	assert_int_equal(c[2].p.home, 0);
	assert_true(sched_freeze(&c[0]));
	sched_detach(&c[0]);
	assert_int_equal(queues[0]->promised, 350000);
	assert_int_equal(queues[1]->promised, 0);
}

static void test_spread(void **state)
{
	static struct sched_ctx more[6];

	(void)state;
	memset(more, 0, sizeof(more));
	for (u32 i = 0; i < 6; i++)
		sched_attach(&more[i], 1, false); /* CPU 0 has eight */
	assert_int_equal(more[0].cpu, 1);
	assert_int_equal(more[1].cpu, 2);
	assert_int_equal(more[2].cpu, 3);
	assert_int_equal(more[3].cpu, 1);
	assert_int_equal(more[5].cpu, 3);
	/* a place that became free is taken */
	sched_detach(&more[1]);
	assert_int_equal(more[1].cpu, 2);
	memset(&more[0], 0, sizeof(more[0]));
	sched_attach(&more[0], 1, false);
	assert_int_equal(more[0].cpu, 2);
}

/* Who is named runs next, wherever it waits and whoever else is due; nobody that does not wait, or may not come. */
static void test_yield(void **state)
{
	u64 left;

	(void)state;
	for (u32 i = 0; i < 4; i++)
		sched_wake(&c[i]);
	assert_ptr_equal(pick(), &c[0]);
	assert_false(sched_yield_to(&c[0]));
	assert_false(sched_yield_to(&c[4]));
	fake_requests[0] = 0;
	assert_true(sched_yield_to(&c[3]));
	assert_int_equal(fake_requests[0], CPU_RESCHED);
	assert_ptr_equal(pick(), &c[3]);
	assert_true(sched_yield_to(&c[2]));
	assert_true(sched_freeze(&c[2])); /* gone meanwhile */
	assert_ptr_not_equal(pick(), &c[2]);
	assert_int_equal(set(5, DAIS_SCHED_CPUS, 0, 6, &left), DAIS_OK);
	sched_wake(&c[5]);
	assert_false(sched_yield_to(&c[5])); /* not allowed here */
	assert_int_equal(set(5, DAIS_SCHED_CPUS, 0, ~0ULL, &left), DAIS_OK);
	fake_requests[0] = 0;
	assert_true(sched_yield_to(&c[5]));
	assert_ptr_equal(pick(), &c[5]);
	assert_int_equal(c[5].cpu, 0);
}

static void test_idle(void **state)
{
	u64 before;

	(void)state;
	fake_cpus = 1;
	before = sched_idle_time();
	fake_now += 500;
	assert_int_equal(sched_idle_time(), before + 500);
	assert_null(pick());
	fake_now += 500;
	sched_wake(&c[0]);
	pick();
	fake_now += 1000;
	assert_int_equal(sched_idle_time(), before + 1000);
	assert_true(sched_block(&c[0], &word, 1));
	pick();
	fake_now += 10;
	assert_int_equal(sched_idle_time(), before + 1010);
	fake_cpus = FAKE_CPUS;
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
		cmocka_unit_test_setup(test_idle, setup),
		cmocka_unit_test_setup(test_yield, setup),
		cmocka_unit_test_setup(test_affinity, setup),
		cmocka_unit_test_setup(test_admission, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
