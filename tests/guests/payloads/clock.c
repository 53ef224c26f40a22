/* SPDX-License-Identifier: GPL-2.0-only */
/* kvm-clock and the TSC: they run, never back, and agree between CPUs. */
#include "../rt.h"

#define MSR_WALL_CLOCK 0x4b564d00
#define MSR_SYSTEM_TIME 0x4b564d01
#define YEAR_2020 1577836800u
#define YEAR_2100 4102444800u
#define ROUNDS 20000

const char test_name[] = "clock";

struct pvclock { u32 version, pad; u64 tsc, time; u32 mul; signed char shift; u8 flags, pad2[2]; };
struct wall { u32 version, sec, nsec; };
static struct pvclock clocks[MAX_CPUS] __attribute__((aligned(4096)));
static struct wall wall __attribute__((aligned(64)));

static u64 clock_ns(volatile struct pvclock *c)
{
	u64 ns;
	u32 version;

	do {
		u64 delta;

		version = c->version & ~1u;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		delta = rdtsc() - c->tsc;
		delta = c->shift < 0 ? delta >> -c->shift : delta << c->shift;
		ns = c->time + (u64)((unsigned __int128)delta * c->mul >> 32);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (version != c->version);
	return ns;
}

static void enable(void *arg)
{
	(void)arg;
	wrmsr(MSR_SYSTEM_TIME, (u64)&clocks[this_cpu()->index] | 1);
}

static void contents(void)
{
	struct pvclock *c = &clocks[0];

	EXPECT(c->version && !(c->version & 1), "version %u", c->version);
	EXPECT(c->mul, "multiplier 0");
	EXPECT(c->flags & 1, "TSC not said to be stable");
	EXPECT(rdmsr(MSR_SYSTEM_TIME) == ((u64)c | 1), "the MSR reads %lx", rdmsr(MSR_SYSTEM_TIME));
	wrmsr(MSR_WALL_CLOCK, (u64)&wall);
	EXPECT(wall.sec > YEAR_2020 && wall.sec < YEAR_2100 && wall.nsec < 1000000000, "wall clock %u.%u",
	       wall.sec, wall.nsec);
}

static void rate(void)
{
	u64 before = rdtsc(), ns = clock_ns(&clocks[0]), started = rdtsc(), ended, least, most;

	delay_us(50000);
	ended = rdtsc();
	ns = clock_ns(&clocks[0]) - ns;
	/* what runs in between counts for neither */
	least = (ended - started) * 1000000 / tsc_khz();
	most = (rdtsc() - before) * 1000000 / tsc_khz();
	EXPECT(ns > least - least / 50 && ns < most + most / 50, "%lu ns, by the TSC %lu to %lu", ns, least, most);
}

/* Two CPUs hand a time stamp to and fro: it never goes back. */
static volatile u64 last_ns, last_tsc, turn, backwards_ns, backwards_tsc;

static void hand_over(void *arg)
{
	u64 me = (u64)arg, i;

	for (i = 0; i < ROUNDS; i++) {
		u64 ns, tsc;

		while (turn % 2 != me)
			pause();
		tsc = rdtsc();
		ns = clock_ns(&clocks[this_cpu()->index]);
		if (tsc < last_tsc)
			backwards_tsc++;
		if (ns < last_ns)
			backwards_ns++;
		last_tsc = tsc;
		last_ns = ns;
		turn++;
	}
}

void test(void)
{
	u32 n = smp_start();

	if (native())
		return;
	enable(NULL);
	if (test_case("contents"))
		contents();
	if (test_case("rate"))
		rate();
	if (n < 2 || !test_case("between CPUs"))
		return;
	smp_run(1, enable, NULL);
	EXPECT(smp_wait(1, 30000) && clocks[1].mul, "CPU 1's clock");
	smp_run(1, hand_over, (void *)1);
	hand_over(NULL);
	smp_wait(1, 60000);
	EXPECT(!backwards_tsc, "the TSC went back %lu times", backwards_tsc);
	EXPECT(!backwards_ns, "kvm-clock went back %lu times", backwards_ns);
}
