/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercall fuzzer as a guest with few rights: "seed=", "calls=". Waits until
 * the control domain gave it capabilities ("fuzz --grant NAME"), finds out what
 * they are, and goes on until its calls are made.
 */
#include "../rt.h"
#include "tests/fuzz/generate.h"

#define WAIT_S 60
#define TABLE 64
#define WANTED 4

const char test_name[] = "fuzz";

static struct fuzz f;
static u64 *list;

static void invoke(struct fuzz *fuzz, struct fuzz_call *c)
{
	u64 rax = DAIS_CALL_BASE | c->nr, rdi = c->args[0], rsi = c->args[1];
	register u64 r8 asm("r8") = c->args[4];
	register u64 r9 asm("r9") = c->args[5];

	(void)fuzz;
	asm volatile(HYPERCALL : "+a"(rax), "+D"(rdi), "+S"(rsi), "+r"(r8), "+r"(r9)
		     : "d"(c->args[2]), "c"(c->args[3]) : "memory", "cc");
	c->status = rax;
	c->value = rdi;
	c->value2 = rsi;
}

static void set_list(struct fuzz *fuzz, bool code)
{
	(void)fuzz;
	list[0] = code ? (u64)list + PAGE : 0x5a5a5a5a5a5a5a5a;
}

static u64 stat(u64 index, u64 what)
{
	struct fuzz_call c = { .nr = DAIS_NR_stat, .args = { index, what } };

	invoke(&f, &c);
	return c.status;
}

static u32 type_of(u64 index)
{
	if (stat(index, DAIS_STAT_DOM_STATE) == DAIS_OK)
		return DAIS_T_DOMAIN;
	if (stat(index, DAIS_STAT_VCPU_ACTIVITY) == DAIS_OK)
		return DAIS_T_VCPU;
	if (stat(index, DAIS_STAT_POOL_FREE) == DAIS_OK)
		return DAIS_T_POOL;
	return stat(index, 0) == DAIS_BAD_TYPE ? DAIS_T_EVENT : DAIS_T_ANY;
}

static bool capabilities_there(void)
{
	u64 end = rdtsc() + WAIT_S * 1000 * tsc_khz(), i;
	u32 found = 0;

	while (found < WANTED && rdtsc() < end)
		for (i = 1, found = 0; i < TABLE; i++)
			found += type_of(i) != DAIS_T_ANY;
	for (i = 1; i < TABLE && found == WANTED; i++)
		if (type_of(i) != DAIS_T_ANY)
			fuzz_know(&f, i, type_of(i), DAIS_R_ALL);
	return found == WANTED;
}

static void print_counts(void)
{
	u32 nr, s;

	for (nr = 0; nr <= DAIS_CALL_COUNT; nr++) {
		print("%s:", nr < DAIS_CALL_COUNT ? fuzz_call_names[nr] : "(no such)");
		for (s = 0; s < DAIS_STATUS_COUNT; s++)
			if (f.count[nr][s])
				print(" %s %lu", fuzz_status_names[s], f.count[nr][s]);
		EXPECT(!f.count[nr][DAIS_STATUS_COUNT], "call %u gave a status that is not documented", nr);
		print("\n");
	}
}

void test(void)
{
	u64 seed = argument_number("seed", 1), calls = argument_number("calls", 100000), i;

	fuzz_init(&f, seed);
	list = page_alloc();
	fuzz_code_page(page_alloc());
	f.invoke = invoke;
	f.set_list = set_list;
	f.list_gpa = (u64)list;
	f.few_rights = true;
	f.reserved_caps = 1;
	if (!capabilities_there()) {
		expect_failed("no capabilities came in %u s", WAIT_S);
		return;
	}
	print("fuzz: seed %lu, %lu calls\n", seed, calls);
	for (i = 0; i < calls; i++) {
		struct fuzz_call c;

		fuzz_step(&f, &c);
	}
	print_counts();
}
