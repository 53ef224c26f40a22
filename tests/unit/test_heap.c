/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"

static u64 at_boot; /* the run queues */

static int setup(void **state)
{
	(void)state;
	fake_boot();
	at_boot = counters.heap;
	return 0;
}

static bool zeroed(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((const char *)p)[i])
			return false;
	return true;
}

static void test_sizes(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 5000; size += 37) {
		void *a = heap_alloc(size), *b = heap_alloc(size);

		assert_non_null(a);
		assert_true(zeroed(a, size));
		assert_int_equal((uintptr_t)a % (size > HEAP_SMALL ? PAGE_SIZE : size >= 64 ? 64 : 16), 0);
		assert_true((char *)a + size <= (char *)b || (char *)b + size <= (char *)a);
		memset(a, 0xff, size);
		memset(b, 0xff, size);
		assert_int_equal(heap_check(), 0);
		heap_free(a, size);
		heap_free(b, size);
	}
	heap_free(NULL, 5);
	assert_int_equal(counters.heap, at_boot);
	assert_int_equal(heap_check(), 0);
}

static void test_pages(void **state)
{
	void *a = heap_pages(256), *b = heap_pages(200), *c;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(counters.heap, at_boot + 456 * PAGE_SIZE);
	/* a second chunk */
	c = heap_pages(100);
	assert_non_null(c);
	assert_int_not_equal((uintptr_t)c / SIZE_2M, (uintptr_t)a / SIZE_2M);
	assert_int_equal(frame_counts.dais, 0x400 + 512);
	memset(a, 0xee, 256 * PAGE_SIZE);
	heap_pages_free(a, 256);
	a = heap_pages(256);
	assert_true(zeroed(a, 256 * PAGE_SIZE));
	heap_pages_free(a, 256);
	heap_pages_free(b, 200);
	heap_pages_free(c, 100);
	assert_int_equal(counters.heap, at_boot);
	assert_int_equal(heap_check(), 0);
	assert_int_equal(frames_check(), 0);
}

static void test_exhaustion(void **state)
{
	u64 budget = pool_root.free;
	struct frame_counts before;
	void *p, *list = NULL, *small = NULL;

	(void)state;
	pool_root.free = 0;
	before = frame_counts;
	while ((p = heap_pages(1))) {
		*(void **)p = list;
		list = p;
	}
	while ((p = heap_alloc(16))) {
		*(void **)p = small;
		small = p;
	}
	assert_null(heap_alloc(16));
	assert_int_equal(frame_counts.free, before.free);
	pool_root.free = budget;
	while ((p = heap_pages(1))) {
		*(void **)p = list;
		list = p;
	}
	assert_int_equal(frame_counts.free, 0);
	assert_int_equal(frames_check(), 0);
	while (small) {
		p = small;
		small = *(void **)p;
		heap_free(p, 16);
	}
	while (list) {
		p = list;
		list = *(void **)p;
		heap_pages_free(p, 1);
	}
	assert_int_equal(counters.heap, at_boot);
	assert_int_equal(heap_check(), 0);
}

static void test_random(void **state)
{
	enum { MAX = 2000 };
	static struct { u8 *p; size_t size; u8 mark; } held[MAX];
	u32 n = 0;

	(void)state;
	srand(2);
	for (u32 i = 0; i < 40000; i++) {
		if (rand() % 2 && n < MAX) {
			size_t size = 1 + (size_t)(rand() % (rand() % 16 ? 600 : 9000));

			held[n].p = heap_alloc(size);
			assert_non_null(held[n].p);
			held[n].size = size;
			held[n].mark = (u8)rand();
			memset(held[n].p, held[n].mark, size);
			n++;
		} else if (n) {
			u32 v = (u32)rand() % n;

			for (size_t k = 0; k < held[v].size; k++)
				assert_int_equal(held[v].p[k], held[v].mark);
			heap_free(held[v].p, held[v].size);
			held[v] = held[--n];
		}
		if (i % 100 == 0)
			assert_int_equal(heap_check(), 0);
	}
	while (n--)
		heap_free(held[n].p, held[n].size);
	assert_int_equal(counters.heap, at_boot);
	assert_int_equal(heap_check(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sizes, setup),
		cmocka_unit_test_setup(test_pages, setup),
		cmocka_unit_test_setup(test_exhaustion, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
