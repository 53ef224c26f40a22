/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"
#include "kernel/timer.h"

enum { TIMERS = 200 };
static struct { struct timer t; u32 fired; u64 due; } timers[TIMERS];
static u64 last_due;
static u64 again_at;

static void set(u32 i, u64 deadline, u64 period)
{
	timers[i].due = deadline;
	timer_set(&timers[i].t, deadline, period);
}

static void fire(struct timer *t)
{
	__typeof__(timers[0]) *x = container_of(t, __typeof__(timers[0]), t);

	assert_true(x->due <= fake_now);
	assert_true(x->due >= last_due);
	last_due = x->due;
	x->fired++;
	if (again_at) {
		u64 at = again_at;

		again_at = 0;
		set((u32)(x - timers), at, 0);
	}
}

static int setup(void **state)
{
	(void)state;
	fake_boot();
	fake_now = 1;
	last_due = again_at = 0;
	for (u32 i = 0; i < TIMERS; i++) {
		timers[i].t = (struct timer){ .fire = fire };
		timers[i].fired = 0;
	}
	return 0;
}

static int drain(void **state)
{
	(void)state;
	for (u32 i = 0; i < TIMERS; i++)
		timer_cancel(&timers[i].t);
	for (fake_cpu = 0; fake_cpu < fake_cpus; fake_cpu++) {
		timers_run(~0ULL - 1);
		assert_int_equal(fake_timer[fake_cpu], ~0ULL);
	}
	fake_cpu = 0;
	return 0;
}

static void test_order(void **state)
{
	(void)state;
	set(0, 300, 0);
	assert_int_equal(fake_timer[0], 300);
	set(1, 200, 0);
	assert_int_equal(fake_timer[0], 200);
	set(2, 250, 0);
	assert_int_equal(fake_timer[0], 200);
	fake_now = 260;
	timers_run(fake_now);
	assert_int_equal(timers[1].fired + timers[2].fired, 2);
	assert_int_equal(timers[0].fired, 0);
	assert_int_equal(fake_timer[0], 300);
	set(0, 500, 0); /* moves it */
	fake_now = 400;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 0);
	again_at = 600; /* set again while it fires */
	fake_now = 500;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 1);
	assert_int_equal(fake_timer[0], 600);
	timer_cancel(&timers[0].t);
	timer_cancel(&timers[0].t);
	fake_now = 700;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 1);
	assert_int_equal(fake_timer[0], ~0ULL);
}

/* Missed periods are one; the next comes in step. */
static void test_periodic(void **state)
{
	(void)state;
	set(0, 100, 50);
	fake_now = 99;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 0);
	fake_now = 100;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 1);
	assert_int_equal(fake_timer[0], 150);
	fake_now = 349;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 2);
	assert_int_equal(fake_timer[0], 350);
	timer_cancel(&timers[0].t);
	fake_now = 1000;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 2);
}

static void test_look_at(void **state)
{
	(void)state;
	set(0, 300, 0);
	timer_look_at(400);
	assert_int_equal(fake_timer[0], 300);
	timer_look_at(200);
	assert_int_equal(fake_timer[0], 200);
	fake_now = 200;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 0);
	assert_int_equal(fake_timer[0], 300);
}

static void test_cpus(void **state)
{
	(void)state;
	set(0, 100, 0);
	fake_cpu = 1;
	set(0, 120, 0); /* moves over */
	assert_int_equal(fake_timer[1], 120);
	fake_now = 150;
	fake_cpu = 0;
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 0);
	set(1, 500, 0);
	fake_cpu = 1;
	timer_cancel(&timers[1].t);
	timers_run(fake_now);
	assert_int_equal(timers[0].fired, 1);
	timers_run(1000);
	fake_cpu = 0;
	timers_run(1000);
	assert_int_equal(timers[1].fired, 0);
}

static void test_random(void **state)
{
	static u64 deadline[TIMERS]; /* 0: not set */

	(void)state;
	memset(deadline, 0, sizeof(deadline));
	srand(4);
	for (u32 round = 0; round < 30000; round++) {
		u32 i = (u32)rand() % TIMERS;
		u32 due = 0, fired = 0;
		u64 next = ~0ULL;

		switch (rand() % 4) {
		case 0: case 1:
			deadline[i] = fake_now + 1 + (u64)rand() % 1000;
			set(i, deadline[i], 0);
			break;
		case 2:
			deadline[i] = 0;
			timer_cancel(&timers[i].t);
			break;
		default:
			fake_now += (u64)rand() % 50;
			last_due = 0;
			for (u32 k = 0; k < TIMERS; k++) {
				timers[k].fired = 0;
				due += deadline[k] && deadline[k] <= fake_now;
				if (deadline[k] > fake_now && deadline[k] < next)
					next = deadline[k];
			}
			timers_run(fake_now);
			for (u32 k = 0; k < TIMERS; k++) {
				fired += timers[k].fired;
				if (deadline[k] && deadline[k] <= fake_now) {
					assert_int_equal(timers[k].fired, 1);
					deadline[k] = 0;
				}
			}
			assert_int_equal(fired, due);
			assert_int_equal(fake_timer[0], next);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, drain),
		cmocka_unit_test_setup_teardown(test_periodic, setup, drain),
		cmocka_unit_test_setup_teardown(test_look_at, setup, drain),
		cmocka_unit_test_setup_teardown(test_cpus, setup, drain),
		cmocka_unit_test_setup_teardown(test_random, setup, drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
