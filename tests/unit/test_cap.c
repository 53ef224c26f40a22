/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"

static struct cap_table a, b;
static struct object o, p;
static u64 at_start;

static void never(struct object *x)
{
	(void)x;
	fail();
}

static int setup(void **state)
{
	(void)state;
	fake_boot();
	at_start = counters.heap;
	assert_int_equal(cap_table_init(&a, 8), DAIS_OK);
	assert_int_equal(cap_table_init(&b, 400), DAIS_OK);
	object_init(&o, DAIS_T_VCPU, never);
	object_init(&p, DAIS_T_EVENT, never);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cap_purge(&o);
	cap_purge(&p);
	cap_table_free(&a);
	cap_table_free(&b);
	assert_int_equal(counters.caps, 0);
	assert_int_equal(counters.heap, at_start);
	assert_int_equal(o.refs, 1);
	assert_int_equal(p.refs, 1);
	assert_true(list_empty(&o.slots) && list_empty(&p.slots));
	return 0;
}

static void check(void)
{
	assert_int_equal(cap_check(&a), 0);
	assert_int_equal(cap_check(&b), 0);
	assert_int_equal(counters.caps, a.used + b.used);
}

static void test_get(void **state)
{
	struct cap c;
	u64 i;

	(void)state;
	assert_int_equal(cap_get(&a, 1, DAIS_T_ANY, 0, &c), DAIS_BAD_CAP);
	assert_int_equal(cap_insert(&a, &o, 0x105, &i), DAIS_OK);
	assert_int_equal(i, 1);
	assert_int_equal(cap_get(&a, 0, DAIS_T_ANY, 0, &c), DAIS_BAD_CAP);
	assert_int_equal(cap_get(&a, 9, DAIS_T_ANY, 0, &c), DAIS_BAD_CAP);
	assert_int_equal(cap_get(&a, ~0ULL, DAIS_T_ANY, 0, &c), DAIS_BAD_CAP);
	assert_int_equal(cap_get(&a, i, DAIS_T_EVENT, 0, &c), DAIS_BAD_TYPE);
	assert_int_equal(cap_get(&a, i, DAIS_T_VCPU, 2, &c), DAIS_DENIED);
	assert_int_equal(cap_get(&a, i, DAIS_T_VCPU, 5, &c), DAIS_OK);
	assert_ptr_equal(c.obj, &o);
	assert_int_equal(c.rights, 0x105);
	assert_int_equal(o.refs, 2);
	object_put(&o);
	check();
}

static void test_full(void **state)
{
	u64 i;

	(void)state;
	for (u32 n = 1; n <= 8; n++) {
		assert_int_equal(cap_insert(&a, &o, 1, &i), DAIS_OK);
		assert_int_equal(i, n);
	}
	assert_int_equal(cap_insert(&a, &o, 1, &i), DAIS_NO_SPACE);
	assert_int_equal(cap_derive(&a, 1, &a, 1, 0, &i), DAIS_NO_SPACE);
	assert_null(cap_drop(&a, 5));
	assert_int_equal(a.used, 7);
	assert_null(cap_drop(&a, 5));
	assert_int_equal(a.used, 7);
	assert_int_equal(cap_insert(&a, &o, 1, &i), DAIS_OK);
	assert_int_equal(i, 5);
	check();
}

static void test_badges(void **state)
{
	struct cap c;
	u64 e, v, i;

	(void)state;
	assert_int_equal(cap_insert(&a, &p, DAIS_R_ALL, &e), DAIS_OK);
	assert_int_equal(cap_insert(&a, &o, DAIS_R_ALL, &v), DAIS_OK);
	assert_int_equal(cap_derive(&a, v, &b, 1, 1, &i), DAIS_BAD_ARG);
	assert_int_equal(cap_derive(&a, e, &b, 1, 0xf0, &i), DAIS_OK);
	assert_int_equal(cap_get(&b, i, DAIS_T_EVENT, 1, &c), DAIS_OK);
	assert_int_equal(c.badge, 0xf0);
	assert_int_equal(c.rights, 1);
	object_put(c.obj);
	assert_int_equal(cap_derive(&b, i, &b, 7, 0x1f, &e), DAIS_DENIED);
	assert_int_equal(cap_derive(&b, i, &b, 7, 0, &e), DAIS_OK);
	assert_int_equal(cap_get(&b, e, DAIS_T_EVENT, 0, &c), DAIS_OK);
	assert_int_equal(c.badge, 0xf0);
	assert_int_equal(c.rights, 1); /* not more than its parent */
	object_put(c.obj);
	check();
}

static void test_tree(void **state)
{
	u64 root, x, y, x1, x2;
	struct cap c;

	(void)state;
	assert_int_equal(cap_insert(&a, &o, DAIS_R_ALL, &root), DAIS_OK);
	assert_int_equal(cap_derive(&a, root, &b, DAIS_R_ALL, 0, &x), DAIS_OK);
	assert_int_equal(cap_derive(&a, root, &b, DAIS_R_ALL, 0, &y), DAIS_OK);
	assert_int_equal(cap_derive(&b, x, &b, DAIS_R_ALL, 0, &x1), DAIS_OK);
	assert_int_equal(cap_derive(&b, x1, &a, DAIS_R_ALL, 0, &x2), DAIS_OK);
	check();
	/* y has no children: x's subtree is not its */
	assert_int_equal(cap_revoke(&b, y), 0);
	/* x goes, its children become root's */
	assert_null(cap_drop(&b, x));
	check();
	assert_int_equal(cap_revoke(&b, y), 0);
	assert_int_equal(cap_revoke(&b, x1), 1);
	assert_int_equal(cap_get(&a, x2, DAIS_T_ANY, 0, &c), DAIS_BAD_CAP);
	check();
	assert_int_equal(cap_revoke(&a, root), 2);
	assert_int_equal(cap_revoke(&b, y), 0);
	assert_ptr_equal(cap_drop(&a, root), &o);
	check();
}

static void test_purge(void **state)
{
	u64 i, j;

	(void)state;
	assert_int_equal(cap_insert(&a, &o, DAIS_R_ALL, &i), DAIS_OK);
	assert_int_equal(cap_insert(&a, &p, DAIS_R_ALL, &j), DAIS_OK);
	for (u32 n = 0; n < 300; n++)
		assert_int_equal(cap_derive(&a, i, &b, n, 0, &j), DAIS_OK);
	assert_int_equal(b.used, 300);
	cap_purge(&o);
	check();
	assert_int_equal(a.used, 1);
	assert_int_equal(b.used, 0);
}

/* Against a model: each capability knows its parent. */
static void test_random(void **state)
{
	enum { N = 400 };
	static int parent[N + 1]; /* in b; 0: original, -1: empty */
	u64 i, count;

	(void)state;
	srand(3);
	for (u32 n = 1; n <= N; n++)
		parent[n] = -1;
	for (u32 round = 0; round < 20000; round++) {
		int at = 1 + rand() % N;

		switch (parent[at] < 0 ? 0 : 1 + rand() % 6) {
		case 0:
			if (rand() % 16)
				break;
			if (cap_insert(&b, &o, DAIS_R_ALL, &i) == DAIS_OK)
				parent[i] = 0;
			break;
		case 1: case 2: case 3:
			if (cap_derive(&b, (u64)at, &b, DAIS_R_ALL, 0, &i) == DAIS_OK)
				parent[i] = at;
			break;
		case 4: case 5:
			(void)cap_drop(&b, (u64)at);
			for (u32 n = 1; n <= N; n++)
				if (parent[n] == at)
					parent[n] = parent[at];
			parent[at] = -1;
			break;
		default: {
			u64 want = 0;

			for (bool again = true; again; ) {
				again = false;
				for (int n = 1; n <= N; n++) {
					if (parent[n] != at)
						continue;
					for (u32 k = 1; k <= N; k++)
						if (parent[k] == n)
							parent[k] = at;
					parent[n] = -1;
					want++;
					again = true;
				}
			}
					assert_int_equal(cap_revoke(&b, (u64)at), want);
		}
		}
		count = 0;
		for (u32 n = 1; n <= N; n++)
			count += parent[n] >= 0;
		assert_int_equal(b.used, count);
		if (round % 64 == 0)
			check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_badges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_purge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
