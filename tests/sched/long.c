/* SPDX-License-Identifier: GPL-2.0-only */
/* The long form of the simulation (make bench-sched, make test-long): sizes and times beyond our machines. */
#include <stdio.h>
#include <stdlib.h>
#include "tests/sched/sim.h"

#define MS 1000000ULL
#define S  (1000 * MS)

static int failures;

static void say(bool ok, const char *text)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", text);
	failures += !ok;
}

/* 2 ms of 10 ms, 1,000,000 times, beside eight hogs and a second reservation that comes and goes. */
static void reservation(void)
{
	struct sim_task *t, *other;
	char text[200];

	sim_start(&(struct sim_config){ .cpus = 1, .seed = 1, .check_all = 64 });
	for (u32 i = 0; i < 8; i++)
		sim_add(SIM_HOG, 0, 0);
	t = sim_add(SIM_HOG, 0, 0);
	sim_set(t, DAIS_SCHED_RESERVE, 2000ULL << 32 | 10000);
	other = sim_add(SIM_BURST, 3 * MS, 4 * MS);
	sim_set(other, DAIS_SCHED_RESERVE, 5000ULL << 32 | 7000);
	sim_run(10000 * S);
	snprintf(text, sizeof(text), "simulation: 2ms/10ms beside eight hogs: %lu of 1,000,000 periods missed, share %.4f %%",
		 t->c.missed + other->c.missed, t->ran / 1e11);
	say(!t->c.missed && !other->c.missed && t->ran > 2000 * S * 999 / 1000 && t->ran <= 2001 * S, text);
	sim_end();
}

/* 1,024 CPUs in caches of 16, 8,192 contexts of all kinds; some are bound, capped, reserved. */
static void machine(u64 seed)
{
	static struct sim_task *t[8192];
	char text[200];

	sim_start(&(struct sim_config){ .cpus = 1024, .per_cache = 16, .per_core = 2, .group = 8, .seed = seed, .check_all = 20000 });
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = sim_add(sim_random() % 4, 1 + sim_random() % (2 * MS), 1 + sim_random() % (6 * MS));
		if (i % 16 == 1)
			sim_try(t[i], DAIS_SCHED_RESERVE, (u64)(100 + sim_random() % 3000) << 32 | (5000 + sim_random() % 20000));
		if (i % 16 == 2)
			sim_set(t[i], DAIS_SCHED_CAP, 1 + sim_random() % 99);
		if (i % 16 == 3)
			sim_bind(t[i], i % 1000, i % 1000 + sim_random() % 24);
		sim_set(t[i], DAIS_SCHED_CORE, i / 8 % 8 == 5);
		sim_set(t[i], DAIS_SCHED_WEIGHT, 1 + sim_random() % 1000);
	}
	sim_run(300 * MS);
	snprintf(text, sizeof(text), "simulation: 1,024 CPUs x 8,192 contexts, seed %lu: %lu events, %lu switches, every invariant holds; "
		 "lag at most %.2f ms", seed, sim_events, sim_switches, sim_lag_worst / 1e6);
	say(sim_lag_worst < 50 * MS, text);
	sim_end();
}

/* A quarter of the CPUs' worth of work: it spreads, and nobody waits while a CPU idles. */
static void half_idle(void)
{
	static struct sim_task *t[1024];
	u64 worst = 0;
	char text[200];

	sim_start(&(struct sim_config){ .cpus = 1024, .per_cache = 16, .seed = 9, .check_all = 500 });
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = sim_add(SIM_BURST, 1 * MS, 3 * MS);
	sim_run(200 * MS);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		t[i]->latency_worst = 0;
	sim_run(300 * MS);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		worst = MAX(worst, t[i]->latency_worst);
	snprintf(text, sizeof(text), "simulation: 1,024 CPUs at a quarter of their load: a wake-up waits %lu ns at most (a poke takes 1000)",
		 worst);
	say(worst <= 4000, text);
	sim_end();
}

int main(void)
{
	reservation();
	for (u64 seed = 1; seed <= 2; seed++)
		machine(seed);
	half_idle();
	return failures != 0;
}
