/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "boot/frames.h"
#include "tests/unit/fake.h"

/* The database of these ranges, until free. */
static void *build(const struct boot_mem *map, u32 count)
{
	void *store = aligned_alloc(4096, frames_size(map, count));
	u64 groups, used;

	memset(store, 0, frames_size(map, count));
	used = frames_build(map, count, store, 0, &groups);
	assert_true(used <= frames_size(map, count));
	frames_init(store, groups);
	return store;
}

static void check(void)
{
	assert_int_equal(frames_check(), 0);
	assert_int_equal(heap_check(), 0);
}

static int setup(void **state)
{
	(void)state;
	fake_boot();
	check();
	return 0;
}

static void test_boot(void **state)
{
	struct frame_counts c = frame_counts;

	(void)state;
	assert_int_equal(c.free + c.dais + c.control + c.guests, (FAKE_RAM >> 12) - 0x61);
	assert_int_equal(c.free, (FAKE_RAM - FAKE_POOL) >> 12);
	assert_int_equal(c.dais, 0x400);
	assert_int_equal(c.control, (FAKE_POOL >> 12) - 0x461);
	assert_int_equal(c.guests, 0);
	assert_int_equal(frame_get(hpa(0x9e000)).state, FRAME_CONTROL);
	assert_int_equal(frame_get(hpa(0x9f000)).state, FRAME_FIRMWARE);
	assert_int_equal(frame_get(hpa(FAKE_POOL)).state, FRAME_FREE);
	assert_int_equal(frame_get(hpa(FAKE_RAM)).state, FRAME_NONE);
	assert_int_equal(frame_get(hpa(~0ULL << 12)).state, FRAME_NONE);
}

static void test_alloc_free(void **state)
{
	struct frame_counts c, before = frame_counts;
	u64 heap = counters.heap;
	hpa_t big, small, small2;

	(void)state;
	assert_int_equal(frame_alloc(&pool_root, ORDER_2M, 3, &big), DAIS_OK);
	assert_int_equal(big.v % SIZE_2M, 0);
	assert_int_equal(frame_get(hpa(big.v + 0x5000)).owner, 3);
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 4, &small), DAIS_OK);
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 4, &small2), DAIS_OK);
	/* 4 KiB frames come out of one block */
	assert_int_equal(small.v / SIZE_2M, small2.v / SIZE_2M);
	check();
	c = frame_counts;
	assert_int_equal(c.guests, 514);
	assert_int_equal(c.free, before.free - 514);
	frame_free(&pool_root, small, ORDER_4K);
	frame_free(&pool_root, small2, ORDER_4K);
	check();
	frame_free(&pool_root, big, ORDER_2M);
	check();
	c = frame_counts;
	assert_memory_equal(&c, &before, sizeof(c));
	assert_int_equal(counters.heap, heap);
}

static void test_exhaustion(void **state)
{
	struct pool *p;
	u64 n = 0;
	hpa_t a, first = { 0 };

	(void)state;
	assert_int_equal(pool_split(&pool_root, 0, &p), DAIS_BAD_ARG);
	assert_int_equal(pool_split(&pool_root, ~0ULL, &p), DAIS_NO_MEMORY);
	assert_int_equal(pool_split(&pool_root, 513, &p), DAIS_OK);
	assert_int_equal(counters.pools, 2);
	assert_int_equal(p->free, 513);
	assert_int_equal(frame_alloc(p, ORDER_2M, 1, &a), DAIS_OK);
	assert_int_equal(frame_alloc(p, ORDER_2M, 1, &first), DAIS_NO_MEMORY);
	frame_free(p, a, ORDER_2M);
	object_put(&p->obj);
	assert_int_equal(counters.pools, 1);
	check();
	while (frame_alloc(&pool_root, ORDER_4K, 1, &a) == DAIS_OK) {
		if (!n++)
			first = a;
	}
	/* The tables of the splits came out of the same pool. */
	assert_true(n > ((FAKE_RAM - FAKE_POOL) >> 12) - 2048);
	assert_int_equal(frame_alloc(&pool_root, ORDER_2M, 1, &a), DAIS_NO_MEMORY);
	check();
	frame_free(&pool_root, first, ORDER_4K);
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 2, &a), DAIS_OK);
	assert_int_equal(a.v, first.v);
	check();
}

static void test_share(void **state)
{
	struct frame_counts before = frame_counts, c;
	u64 heap = counters.heap;
	hpa_t a;

	(void)state;
	assert_int_equal(frame_share(hpa(0x200000)), DAIS_OK);
	assert_int_equal(frame_share(hpa(0x200000)), DAIS_OK);
	assert_int_equal(frame_get(hpa(0x200000)).shares, 2);
	assert_int_equal(frame_get(hpa(0x201000)).shares, 0);
	check();
	assert_int_equal(frame_share(hpa(0x9f000)), DAIS_DENIED); /* firmware */
	assert_int_equal(frame_share(hpa(FAKE_POOL)), DAIS_DENIED);
	assert_int_equal(frame_share(hpa(FAKE_RAM)), DAIS_DENIED);
	frame_unshare(hpa(0x200000));
	check();
	frame_unshare(hpa(0x200000));
	check();
	/* merged again */
	assert_int_equal(counters.heap, heap);
	assert_int_equal(frame_alloc(&pool_root, ORDER_2M, 5, &a), DAIS_OK);
	assert_int_equal(frame_share(a), DAIS_DENIED);
	check();
	assert_int_equal(frame_split(a), DAIS_OK);
	assert_int_equal(frame_split(a), DAIS_OK);
	frame_free(&pool_root, hpa(a.v + 0x3000), ORDER_4K);
	assert_int_equal(frame_get(hpa(a.v + 0x3000)).state, FRAME_FREE);
	assert_int_equal(frame_get(hpa(a.v + 0x4000)).owner, 5);
	check();
	for (u64 i = 0; i < 512; i++)
		if (i != 3)
			frame_free(&pool_root, hpa(a.v + i * PAGE_SIZE), ORDER_4K);
	check();
	c = frame_counts;
	assert_memory_equal(&c, &before, sizeof(c));
	assert_int_equal(counters.heap, heap);
}

static void test_far_ranges(void **state)
{
	static const struct boot_mem map[] = {
		{ 0x1000, 0x9e, BOOT_MEM_CONTROL, 0 },
		{ 0x3ff000, 2, BOOT_MEM_POOL, 0 },
		{ 5ULL << 40, 0x200, BOOT_MEM_POOL, 0 },
		{ 60ULL << 40, 0x7ff, BOOT_MEM_CONTROL, 0 },
	};
	void *store = build(map, ARRAY_SIZE(map));
	hpa_t a;

	(void)state;
	check();
	assert_int_equal(frame_counts.control, 0x9e + 0x7ff);
	assert_int_equal(frame_counts.pool, 0x202);
	assert_int_equal(frame_get(hpa(0)).state, FRAME_NONE);
	assert_int_equal(frame_get(hpa(0x1000)).state, FRAME_CONTROL);
	assert_int_equal(frame_get(hpa((60ULL << 40) + 0x7fe000)).state, FRAME_CONTROL);
	assert_int_equal(frame_get(hpa((60ULL << 40) + 0x7ff000)).state, FRAME_NONE);
	assert_int_equal(frame_alloc(&pool_root, ORDER_2M, 1, &a), DAIS_OK);
	assert_int_equal(a.v, 5ULL << 40);
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 1, &a), DAIS_OK);
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 1, &a), DAIS_OK);
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 1, &a), DAIS_NO_MEMORY);
	check();
	free(store);
}

/* Issue 2: Dais's own memory under 64 MiB for 1 TiB: image, frame database, and a heap that holds a table for every 2 MiB
 * of the tenth part of memory that is split at once. */
static void test_terabyte(void **state)
{
	static const struct boot_mem map[] = {
		{ 0, 0x9f, BOOT_MEM_CONTROL, 0 },
		{ 0x9f000, 0x61, BOOT_MEM_FIRMWARE, 0 },
		{ 0x100000, 0x7ff00, BOOT_MEM_CONTROL, 0 },
		{ 1ULL << 32, (1ULL << 28) - (1ULL << 20), BOOT_MEM_POOL, 0 },
	};
	u64 image = 2ULL << 20, split_tables = (1ULL << 40) / SIZE_2M / 10 * 2048 / 4;
	u64 per_cpu = 512 * (16 + 4 + 16) * 1024ULL, cost = frames_size(map, ARRAY_SIZE(map));
	void *store = build(map, ARRAY_SIZE(map));

	(void)state;
	assert_true(cost < 9ULL << 20);
	assert_true(image + cost + SIZE_2M + split_tables + per_cpu < 64ULL << 20);
	check();
	free(store);
}

/* A table for single frames makes the heap grow, which takes the very block that was to be split. */
static void test_heap_grows_under_it(void **state)
{
	hpa_t a, b;

	(void)state;
	while (pool_root.free >= 3 * 512)
		assert_int_equal(frame_alloc(&pool_root, ORDER_2M, 1, &a), DAIS_OK);
	pool_root.free -= 1024; /* the heap cannot grow */
	while (heap_pages(1))
		;
	while (heap_alloc(2048))
		;
	pool_root.free += 512;
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 2, &a), DAIS_NO_MEMORY);
	assert_int_equal(pool_root.free, 512 + 512 - 512);
	check();
	pool_root.free += 512;
	assert_int_equal(frame_alloc(&pool_root, ORDER_4K, 2, &a), DAIS_OK);
	assert_int_equal(frame_get(a).owner, 2);
	assert_int_equal(pool_root.free, 511);
	check();
	assert_int_equal(frame_alloc(&pool_root, ORDER_2M, 2, &b), DAIS_NO_MEMORY);
	frame_free(&pool_root, a, ORDER_4K);
	assert_int_equal(frame_alloc(&pool_root, ORDER_2M, 2, &b), DAIS_OK);
	assert_int_equal(b.v, ALIGN_DOWN(a.v, SIZE_2M));
	assert_int_equal(pool_root.free, 0);
	check();
}

static void test_random(void **state)
{
	enum { MAX = 3000 };
	static struct { hpa_t a; u32 order; } held[MAX];
	struct frame_counts before = frame_counts, c;
	u64 heap = counters.heap;
	u32 n = 0;

	(void)state;
	srand(1);
	for (u32 i = 0; i < 20000; i++) {
		u32 k = (u32)rand();

		if (k % 5 < 3 && n < MAX) {
			held[n].order = k % 64 == 0 ? ORDER_2M : ORDER_4K;
			if (frame_alloc(&pool_root, held[n].order, (u16)(1 + k % 9), &held[n].a) == DAIS_OK)
				n++;
		} else if (n) {
			u32 victim = (u32)rand() % n;

			frame_free(&pool_root, held[victim].a, held[victim].order);
			held[victim] = held[--n];
		}
		if (i % 50 == 0)
			check();
	}
	while (n--)
		frame_free(&pool_root, held[n].a, held[n].order);
	check();
	c = frame_counts;
	assert_memory_equal(&c, &before, sizeof(c));
	assert_int_equal(counters.heap, heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_boot, setup),
		cmocka_unit_test_setup(test_alloc_free, setup),
		cmocka_unit_test_setup(test_exhaustion, setup),
		cmocka_unit_test_setup(test_share, setup),
		cmocka_unit_test_setup(test_far_ranges, setup),
		cmocka_unit_test_setup(test_terabyte, setup),
		cmocka_unit_test_setup(test_heap_grows_under_it, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
