// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypercall fuzzer of the control domain (root, dais.ko raw_calls=1):
 *   fuzz [--seed N] [--calls N] [--check N]   fuzzes; every N calls all invariants are checked
 *   fuzz --grant NAME [--seed N]              gives the guest NAME a few capabilities, then
 *                                             checks the invariants until it is dead
 * Prints calls by status; ends with 1 when an invariant broke, a status or a call
 * was missing, or something was left behind. The same seed makes the same calls
 * as long as the answers are the same.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "generate.h"
#include "host.h"

#define DEFAULT_CALLS 1000000
#define DEFAULT_CHECK 10000
#define WARM_UP_CALLS 5000
#define LEAST_PERCENT 30
#define GARBAGE 0x5a5a5a5a5a5a5a5aULL

static struct dais_conn *conn;
static uint64_t *list_page;
static uint8_t *code_page;
static bool log_calls;

uint64_t raw(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t *value)
{
	struct dais_ioc_raw r = { .nr = nr, .args = { a0, a1, a2, a3 } };

	if (dais_raw(conn, &r)) {
		fprintf(stderr, "fuzz: raw call: %s (is dais.ko loaded with raw_calls=1?)\n", dais_strerror(-errno));
		exit(2);
	}
	if (value)
		*value = r.value;
	return r.status;
}

static void invoke(struct fuzz *f, struct fuzz_call *c)
{
	struct dais_ioc_raw r = { .nr = c->nr };

	(void)f;
	memcpy(r.args, c->args, sizeof(r.args));
	if (log_calls)
		fprintf(stderr, "%s(%lx %lx %lx %lx %lx %lx)\n",
			c->nr < DAIS_CALL_COUNT ? fuzz_call_names[c->nr] : "?", c->args[0], c->args[1],
			c->args[2], c->args[3], c->args[4], c->args[5]);
	if (dais_raw(conn, &r)) {
		perror("fuzz: raw call");
		exit(2);
	}
	c->status = r.status;
	c->value = r.value;
	c->value2 = r.value2;
	if (log_calls)
		fprintf(stderr, "  = %lu, %lx\n", c->status, c->value);
}

/* Where a page of ours is in the control domain's memory. */
static uint64_t physical(const void *p)
{
	FILE *f = fopen("/proc/self/pagemap", "rb");
	uint64_t entry = 0;

	if (!f || fseek(f, (long)((uintptr_t)p / DAIS_PAGE_SIZE * 8), SEEK_SET) ||
	    fread(&entry, 8, 1, f) != 1 || !(entry >> 63)) {
		perror("fuzz: /proc/self/pagemap");
		exit(2);
	}
	fclose(f);
	return (entry & ((1ULL << 55) - 1)) * DAIS_PAGE_SIZE;
}

static void set_list(struct fuzz *f, bool code)
{
	(void)f;
	list_page[0] = code ? physical(code_page) : GARBAGE;
}

/* Two pages that Linux neither swaps nor moves. */
static void make_pages(void)
{
	FILE *c = fopen("/proc/sys/vm/compact_unevictable_allowed", "w");

	if (c) {
		fputs("0\n", c);
		fclose(c);
	}
	list_page = mmap(NULL, 2 * DAIS_PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (list_page == MAP_FAILED) {
		perror("fuzz: mmap");
		exit(2);
	}
	memset(list_page, 0x5a, DAIS_PAGE_SIZE);
	code_page = (uint8_t *)list_page + DAIS_PAGE_SIZE;
	fuzz_code_page(code_page);
}

static const struct { const char *name; uint64_t what; } counters[] = {
	{ "free frames", DAIS_STAT_FRAMES_FREE }, { "guests' frames", DAIS_STAT_FRAMES_GUEST },
	{ "domains", DAIS_STAT_DOMAINS }, { "vCPUs", DAIS_STAT_VCPUS }, { "capabilities", DAIS_STAT_CAPS },
	{ "events", DAIS_STAT_EVENTS }, { "pools", DAIS_STAT_POOLS }, { "heap bytes", DAIS_STAT_HEAP_USED },
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static void read_counters(uint64_t *values)
{
	for (size_t i = 0; i < COUNTERS; i++)
		raw(DAIS_NR_stat, 0, counters[i].what, 0, 0, &values[i]);
}

/*
 * The heap keeps chunks once taken, so free frames may be fewer; and the control
 * domain's nested tables stay split where guests' memory was shown in it: 8 bytes
 * for each frame of the pool at most.
 */
static bool may_differ(size_t i, const uint64_t *before, const uint64_t *after)
{
	uint64_t frames = 0;

	if (counters[i].what == DAIS_STAT_FRAMES_FREE)
		return true;
	raw(DAIS_NR_stat, 0, DAIS_STAT_FRAMES_TOTAL, 0, 0, &frames);
	return counters[i].what == DAIS_STAT_HEAP_USED && after[i] <= before[i] + frames * 8;
}

static int compare_counters(const uint64_t *before, const uint64_t *after)
{
	int bad = 0;

	for (size_t i = 0; i < COUNTERS; i++) {
		if (before[i] == after[i] || may_differ(i, before, after))
			continue;
		printf("fuzz: %s: %lu before, %lu after\n", counters[i].name, before[i], after[i]);
		bad = 1;
	}
	return bad;
}

static uint64_t invariants(void)
{
	uint64_t broken = ~0ULL;

	raw(DAIS_NR_stat, 0, DAIS_STAT_CHECK, 0, 0, &broken);
	return broken;
}

/* What a domain or the pool is to the fuzzer: the pool by a capability of its own. */
static void initial_caps(struct fuzz *f)
{
	f->reserved_caps = DAIS_CAP_POOL + 1;
	fuzz_know(f, DAIS_CAP_POOL, DAIS_T_POOL, DAIS_R_ALL);
}

static void prepare(struct fuzz *f, uint64_t seed)
{
	memset(f, 0, sizeof(*f));
	fuzz_init(f, seed);
	f->invoke = invoke;
	f->list_gpa = physical(list_page);
	f->set_list = set_list;
	initial_caps(f);
}

/* Dais's heap keeps what a domain's tables needed once: they grow here. */
static void warm_up(struct fuzz *f, uint64_t seed)
{
	struct fuzz_call c;

	prepare(f, ~seed);
	for (uint64_t i = 0; i < WARM_UP_CALLS; i++)
		fuzz_step(f, &c);
	fuzz_clean_up(f);
}

static int run(uint64_t seed, uint64_t calls, uint64_t check)
{
	static struct fuzz f;
	uint64_t before[COUNTERS], after[COUNTERS], i;
	int bad = 0;

	make_pages();
	warm_up(&f, seed);
	prepare(&f, seed);
	read_counters(before);
	printf("fuzz: seed %lu, %lu calls\n", seed, calls);
	for (i = 1; i <= calls && !bad; i++) {
		struct fuzz_call c;
		uint64_t broken;

		fuzz_step(&f, &c);
		if (i % check && i != calls)
			continue;
		broken = invariants();
		if (broken) {
			printf("fuzz: invariant %lu broken after call %lu\n", broken, i);
			bad = 1;
		}
		fprintf(stderr, "\rfuzz: %lu of %lu", i, calls);
	}
	fputc('\n', stderr);
	if (!fuzz_clean_up(&f)) {
		printf("fuzz: something could not be given back\n");
		bad = 1;
	}
	raw(DAIS_NR_dom_ctl, 0, DAIS_DOM_TRACE, 0, 0, NULL);
	read_counters(after);
	bad |= compare_counters(before, after);
	bad |= invariants() != 0;
	return report(&f, calls * LEAST_PER_MILLION / 1000000, LEAST_PERCENT) || bad;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", 1, NULL, 's' }, { "calls", 1, NULL, 'n' }, { "check", 1, NULL, 'c' },
		{ "grant", 1, NULL, 'g' }, { "log", 0, NULL, 'l' }, { NULL, 0, NULL, 0 },
	};
	uint64_t seed = (uint64_t)time(NULL), calls = DEFAULT_CALLS, check = DEFAULT_CHECK;
	const char *guest = NULL;
	int o, err;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'n': calls = strtoull(optarg, NULL, 0); break;
		case 'c': check = strtoull(optarg, NULL, 0); break;
		case 'g': guest = optarg; break;
		case 'l': log_calls = true; break;
		default: return 2;
		}
	setvbuf(stdout, NULL, _IOLBF, 0);
	err = dais_open(&conn);
	if (err) {
		fprintf(stderr, "fuzz: %s\n", dais_strerror(err));
		return 2;
	}
	return guest ? grant(conn, guest) : run(seed, calls, check);
}
