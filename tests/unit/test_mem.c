/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"
#include "kernel/mem.h"

#define RW  (DAIS_MAP_READ | DAIS_MAP_WRITE)
#define RWX DAIS_MAP_RWX
#define LIST 0x10000ULL /* a page of the control domain */

static struct domain *d;
static mgmt_t m;
static struct frame_counts before;
static u64 heap_before, control_leaves;

static void check(void)
{
	assert_int_equal(frames_check(), 0);
	assert_int_equal(heap_check(), 0);
	assert_int_equal(domains_check(m), 0);
}

static int setup(void **state)
{
	(void)state;
	fake_boot_control();
	m = mgmt_acquire();
	before = frame_counts;
	heap_before = counters.heap;
	control_leaves = fake_mapped(control_domain);
	assert_int_equal(domain_create(m, &pool_root, 2, 16, &d), DAIS_OK);
	return 0;
}

/* Everything is as before once the domain is gone. */
static int teardown(void **state)
{
	struct frame_counts c;
	u64 frames;
	status_t s;

	(void)state;
	domain_kill(d, DAIS_DEATH_DESTROYED, "test %u", 1);
	frames = d->frames;
	fake_device_ends = 0;
	do {
		s = fake_reclaim(m, d);
		check();
	} while (s == DAIS_AGAIN);
	assert_int_equal(s, DAIS_OK);
	assert_int_equal(fake_frames_at_end, frames); /* its devices were blocked before the first frame went */
	c = frame_counts;
	assert_memory_equal(&c, &before, sizeof(c));
	assert_int_equal(counters.heap, heap_before);
	assert_int_equal(fake_mapped(control_domain), control_leaves);
	mgmt_release(m);
	return 0;
}

static status_t map(u64 source, u64 at, u64 frames, u64 flags, u64 list, u64 *done)
{
	status_t s = FAKE_CALL(mem_map, control_domain, d, done, source, at, frames, flags, list);

	check();
	return s;
}

static u64 hpa_at(struct domain *x, u64 at, u32 *order, u64 *prot)
{
	hpa_t to;

	*prot = nested_get(x, gpa(at), &to, order);
	return *prot ? to.v : ~0ULL;
}

static void test_pool_large(void **state)
{
	u64 done, prot, *list = fake_ram(LIST);
	u32 order;

	(void)state;
	/* 6 MiB from 2 MiB - 4 KiB on: 4 KiB, two large ones, 511 small ones; in one call 2 MiB and a page at most */
	assert_int_equal(map(0, SIZE_2M - PAGE_SIZE, 1536, RWX, LIST, &done), DAIS_AGAIN);
	assert_int_equal(done, 1 + 512);
	assert_int_equal(list[1] & 0xfff, 9);
	assert_int_equal(hpa_at(d, SIZE_2M, &order, &prot), list[1] & ~0xfffULL);
	assert_int_equal(order, ORDER_2M);
	assert_int_equal(prot, RWX);
	assert_int_equal(d->frames, done);
	assert_int_equal(map(0, 2 * SIZE_2M, 1536 - 513, RWX, 0, &done), DAIS_AGAIN);
	assert_int_equal(done, 512);
	assert_int_equal(map(0, 3 * SIZE_2M, 511, RWX, 0, &done), DAIS_OK);
	assert_int_equal(d->frames, 1536);
	assert_int_equal(map(0, 3 * SIZE_2M, 1, RWX, 0, &done), DAIS_EXISTS);
	assert_int_equal(map(0, 0, 512, RWX, 0, &done), DAIS_EXISTS);
	assert_int_equal(done, 511);
	assert_int_equal(frame_get(hpa(hpa_at(d, 0, &order, &prot))).owner, d->slot);
}

static void test_args(void **state)
{
	u64 done;

	(void)state;
	assert_int_equal(map(2, 0, 1, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, 1, 1, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, 0, 0, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, GPA_LIMIT, 1, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, GPA_LIMIT - PAGE_SIZE, 2, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, 0, ~0ULL, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, GPA_APIC, 1, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, GPA_APIC - PAGE_SIZE, 3, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, GPA_APIC + PAGE_SIZE, 1, RWX, 0, &done), DAIS_OK);
	assert_int_equal(map(0, 0, 1, RWX | 16, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, 0, 1, DAIS_MAP_WRITE, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, 0, 1, RWX, LIST + 8, &done), DAIS_BAD_ARG);
	assert_int_equal(map(0, 0, 1, RWX, FAKE_POOL + SIZE_2M, &done), DAIS_BAD_ARG); /* not mapped */
	assert_int_equal(map(0, 0, 1, RWX, hva_to_hpa(d->page).v, &done), DAIS_BAD_ARG); /* Dais's */
	assert_int_equal(map(1, 0, 1, RWX, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(1, 0, 513, RWX, LIST, &done), DAIS_BAD_ARG);
	assert_int_equal(map(1, 0, 1, RWX | DAIS_MAP_SHARE, LIST, &done), DAIS_BAD_ARG);
	assert_int_equal(FAKE_CALL(mem_map, d, d, &done, 0, 0, 1, RWX | DAIS_MAP_SHARE, 0), DAIS_DENIED);
	assert_int_equal(FAKE_CALL(mem_map, d, d, &done, 1, 0, 1, RWX, LIST), DAIS_DENIED);
	assert_int_equal(FAKE_CALL(mem_map, control_domain, control_domain, &done, 0, FAKE_POOL, 1, RWX, 0),
			 DAIS_DENIED);
}

static void test_shared_view(void **state)
{
	u64 done, prot, a, b;
	u32 order;

	(void)state;
	assert_int_equal(map(0, 0, 512, RWX | DAIS_MAP_SHARE, 0, &done), DAIS_OK);
	assert_int_equal(map(0, SIZE_2M, 512, RWX | DAIS_MAP_SHARE, 0, &done), DAIS_OK);
	a = hpa_at(d, 0, &order, &prot);
	b = hpa_at(d, SIZE_2M, &order, &prot);
	assert_int_equal(hpa_at(control_domain, a, &order, &prot), a);
	assert_int_equal(order, ORDER_2M);
	assert_int_equal(prot, RW);
	/* sealing a part: the view of just that goes */
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, 0x3000, 2, DAIS_MAP_READ), DAIS_OK);
	check();
	assert_int_equal(hpa_at(control_domain, a + 0x2000, &order, &prot), a + 0x2000);
	assert_int_equal(hpa_at(control_domain, a + 0x3000, &order, &prot), ~0ULL);
	assert_int_equal(hpa_at(control_domain, a + 0x5000, &order, &prot), a + 0x5000);
	assert_int_equal(hpa_at(d, 0x3000, &order, &prot), a + 0x3000);
	assert_int_equal(prot, DAIS_MAP_READ);
	/* keeping it */
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, SIZE_2M, 512, DAIS_MAP_READ | DAIS_MAP_SHARE), DAIS_OK);
	assert_int_equal(hpa_at(control_domain, b, &order, &prot), b);
	/* taking away across both */
	assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, 0x1000, 1000), DAIS_AGAIN);
	assert_int_equal(done, 512);
	assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, 0x1000 + done * PAGE_SIZE, 1000 - done), DAIS_OK);
	check();
	assert_int_equal(d->frames, 24);
	assert_int_equal(hpa_at(control_domain, b, &order, &prot), ~0ULL);
	assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, 0, 2), DAIS_BAD_ARG);
	assert_int_equal(done, 1);
	check();
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, 0, 1, RWX), DAIS_BAD_ARG);
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, SIZE_2M * 2 - PAGE_SIZE, 1, DAIS_MAP_WRITE), DAIS_BAD_ARG);
	assert_int_equal(FAKE_CALL(mem_protect, d, d, &done, SIZE_2M * 2 - PAGE_SIZE, 1, RWX | DAIS_MAP_SHARE), DAIS_DENIED);
}

static void test_own(void **state)
{
	u64 done, prot, *list = fake_ram(LIST);
	u32 order;

	(void)state;
	list[0] = 0x300000;
	list[1] = 0x500000;
	list[2] = 0x300000;
	assert_int_equal(map(1, 0x8000, 3, RWX, LIST, &done), DAIS_OK);
	assert_int_equal(hpa_at(d, 0xa000, &order, &prot), 0x300000);
	assert_int_equal(frame_get(hpa(0x300000)).shares, 2);
	assert_int_equal(d->shared, 3);
	assert_int_equal(d->frames, 0);
	list[0] = 0x9f000; /* firmware */
	assert_int_equal(map(1, 0, 1, RWX, LIST, &done), DAIS_DENIED);
	list[0] = 0x300001;
	assert_int_equal(map(1, 0, 1, RWX, LIST, &done), DAIS_BAD_ARG);
	list[0] = FAKE_POOL + SIZE_2M; /* a hole */
	assert_int_equal(map(1, 0, 1, RWX, LIST, &done), DAIS_BAD_ARG);
	list[0] = hva_to_hpa(d->page).v;
	assert_int_equal(map(1, 0, 1, RWX, LIST, &done), DAIS_DENIED);
	list[0] = 0x400000;
	list[1] = 0x401000;
	assert_int_equal(map(1, 0x7000, 2, RWX, LIST, &done), DAIS_EXISTS);
	assert_int_equal(done, 1);
	/* a guest with a right to another's memory cannot widen what was shared */
	assert_int_equal(FAKE_CALL(mem_protect, d, d, &done, 0x7000, 1, RWX), DAIS_DENIED);
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, 0x7000, 4, DAIS_MAP_READ), DAIS_OK);
	assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, 0x7000, 4), DAIS_OK);
	check();
	assert_int_equal(frame_get(hpa(0x300000)).shares, 0);
	assert_int_equal(d->shared, 0);
}

static bool execute(u64 at)
{
	bool may;

	mgmt_release(m);
	may = mem_execute(d, at);
	m = mgmt_acquire();
	check();
	return may;
}

/* Where code must be in small pages, a large one that is executed becomes such, with all that stands for it. */
static void test_execute(void **state)
{
	u64 done, prot, a;
	u32 order;

	(void)state;
	assert_int_equal(map(0, 0, 512, RWX | DAIS_MAP_SHARE, 0, &done), DAIS_OK);
	assert_int_equal(map(0, SIZE_2M, 512, RWX | DAIS_MAP_SHARE, 0, &done), DAIS_OK);
	a = hpa_at(d, 0, &order, &prot);
	assert_false(execute(8 * SIZE_2M));
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, SIZE_2M, 512, RW | DAIS_MAP_SHARE), DAIS_OK);
	assert_false(execute(SIZE_2M + 0x5678));
	assert_int_equal(hpa_at(d, SIZE_2M, &order, &prot) % SIZE_2M, 0);
	assert_int_equal(order, ORDER_2M);
	for (u32 i = 0; i < 2; i++) { /* two vCPUs may come at once */
		assert_true(execute(0x3456));
		assert_int_equal(hpa_at(d, 0, &order, &prot), a);
		assert_int_equal(order, ORDER_4K);
		assert_int_equal(prot, RWX);
	}
	assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, 0x3000, 1), DAIS_OK);
	assert_int_equal(hpa_at(control_domain, a + 0x3000, &order, &prot), ~0ULL);
	assert_int_equal(hpa_at(control_domain, a + 0x4000, &order, &prot), a + 0x4000);
	check();
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, SIZE_2M, 512, RWX | DAIS_MAP_SHARE), DAIS_OK);
	assert_int_equal(d->state, DAIS_DOM_CONFIG);
	fake_nested_fails_in = 0;
	assert_true(execute(SIZE_2M));
	assert_int_equal(d->state, DAIS_DOM_DEAD);
	assert_int_equal(d->page->death, DAIS_DEATH_MEMORY);
}

/* Device memory belongs to nobody: it comes and goes without touching any count. */
static void test_device(void **state)
{
	u64 done, prot, at = FAKE_RAM + SIZE_2M;
	u32 order;

	(void)state;
	assert_int_equal(map(2, SIZE_2M, 600, RW, at, &done), DAIS_OK);
	assert_int_equal(hpa_at(d, SIZE_2M + 0x3000, &order, &prot), at + 0x3000);
	assert_int_equal(order, ORDER_2M);
	assert_int_equal(prot, RW | NESTED_UC);
	assert_int_equal(hpa_at(d, 2 * SIZE_2M + 0x3000, &order, &prot), at + SIZE_2M + 0x3000);
	assert_int_equal(order, ORDER_4K);
	assert_int_equal(d->frames + d->shared, 0);
	/* it stays device memory when it is protected, a part of it too */
	assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, SIZE_2M + PAGE_SIZE, 1, DAIS_MAP_READ), DAIS_OK);
	assert_int_equal(hpa_at(d, SIZE_2M + PAGE_SIZE, &order, &prot), at + PAGE_SIZE);
	assert_int_equal(prot, DAIS_MAP_READ | NESTED_UC);
	assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, SIZE_2M, 500), DAIS_OK);
	assert_int_equal(hpa_at(d, SIZE_2M, &order, &prot), ~0ULL);
	check();
	/* RAM, a page that traps, nothing, half a page, for others than the control domain */
	assert_int_equal(map(2, 0, 1, RW, 0x300000, &done), DAIS_BAD_ARG);
	assert_int_equal(map(2, 0, 1, RW, hva_to_hpa(d->page).v, &done), DAIS_BAD_ARG);
	assert_int_equal(map(2, 0, 8, RW, FAKE_TRAPPED - PAGE_SIZE, &done), DAIS_BAD_ARG);
	assert_int_equal(done, 1);
	assert_int_equal(map(2, 8 * SIZE_2M, 1, RW, 0, &done), DAIS_BAD_ARG);
	assert_int_equal(map(2, 8 * SIZE_2M, 1, RW, at + 8, &done), DAIS_BAD_ARG);
	assert_int_equal(map(2, 8 * SIZE_2M, 1, RW | DAIS_MAP_SHARE, at, &done), DAIS_BAD_ARG);
	assert_int_equal(FAKE_CALL(mem_map, d, d, &done, 2, 8 * SIZE_2M, 1, RW, at), DAIS_DENIED);
	fake_nested_fails_in = 0;
	assert_int_equal(map(2, 8 * SIZE_2M, 1, RW, at, &done), DAIS_NO_MEMORY);
	fake_nested_fails_in = -1;
}

static void test_view_cannot_be_shared(void **state)
{
	u64 done, prot, *list = fake_ram(LIST);
	u32 order;

	(void)state;
	assert_int_equal(map(0, 0, 512, RWX | DAIS_MAP_SHARE, 0, &done), DAIS_OK);
	list[0] = hpa_at(d, 0, &order, &prot);
	assert_int_equal(map(1, SIZE_1G, 1, RWX, LIST, &done), DAIS_DENIED);
	/* nor be the place of a list */
	assert_int_equal(map(0, SIZE_1G, 1, RWX, list[0], &done), DAIS_BAD_ARG);
}

static void test_show(void **state)
{
	void *page = heap_pages(2);
	u64 at = hva_to_hpa(page).v, prot, *list = fake_ram(LIST), done;
	u32 order;

	(void)state;
	assert_int_equal(mem_show(page, 2, false), DAIS_OK);
	assert_int_equal(hpa_at(control_domain, at + PAGE_SIZE, &order, &prot), at + PAGE_SIZE);
	assert_int_equal(prot, DAIS_MAP_READ);
	/* a page of Dais's own is nothing to be shared */
	list[0] = at;
	assert_int_equal(map(1, 0, 1, DAIS_MAP_READ, LIST, &done), DAIS_DENIED);
	mem_unshow(page, 2);
	assert_int_equal(hpa_at(control_domain, at, &order, &prot), ~0ULL);
	fake_nested_fails_in = 1;
	assert_int_equal(mem_show(page, 2, false), DAIS_NO_MEMORY);
	assert_int_equal(hpa_at(control_domain, at, &order, &prot), ~0ULL);
	heap_pages_free(page, 2);
}

/* Wherever memory for tables runs out: nothing half-mapped, and the rest can be done afterwards. */
static void test_no_memory(void **state)
{
	u64 done, total = 0, *list = fake_ram(LIST);
	status_t s;

	(void)state;
	for (int i = 0; i < 40; i++) {
		fake_nested_fails_in = i % 7;
		s = map(0, total * PAGE_SIZE, 20, RWX | DAIS_MAP_SHARE, 0, &done);
		assert_true(s == DAIS_OK || s == DAIS_NO_MEMORY);
		total += done;
		assert_int_equal(d->frames, total);
	}
	fake_nested_fails_in = -1;
	for (u32 i = 0; i < 16; i++)
		list[i] = 0x200000 + i * PAGE_SIZE;
	fake_nested_fails_in = 5;
	assert_int_equal(map(1, SIZE_1G, 16, RWX, LIST, &done), DAIS_NO_MEMORY);
	assert_int_equal(done, 5);
	fake_nested_fails_in = -1;
	assert_int_equal(map(0, 8 * SIZE_1G, 512, RWX | DAIS_MAP_SHARE, 0, &done), DAIS_OK);
	for (int i = 0; i < 2; i++) {
		fake_nested_fails_in = i;
		assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, 8 * SIZE_1G, 1), DAIS_NO_MEMORY);
		check();
		fake_nested_fails_in = i;
		assert_int_equal(FAKE_CALL(mem_protect, control_domain, d, &done, 8 * SIZE_1G, 1, RWX), DAIS_NO_MEMORY);
		check();
	}
	fake_nested_fails_in = -1;
	assert_int_equal(FAKE_CALL(mem_unmap, control_domain, d, &done, 8 * SIZE_1G, 1), DAIS_OK);
	check();
}

static void test_more_than_there_is(void **state)
{
	u64 done, total = 0;
	status_t s;

	(void)state;
	do {
		s = map(0, total * PAGE_SIZE, (1ULL << 18) - total, RWX, 0, &done);
		total += done;
	} while (s == DAIS_AGAIN);
	assert_int_equal(s, DAIS_NO_MEMORY);
	assert_true(frame_counts.free < 512);
	assert_int_equal(d->frames, total);
}

static void test_random(void **state)
{
	(void)state;
	srand(5);
	for (u32 i = 0; i < 3000; i++) {
		u64 at = (u64)(rand() % 64) * (rand() % 3 ? SIZE_2M : PAGE_SIZE), done;
		u64 frames = 1 + (u64)(rand() % (rand() % 2 ? 40 : 1500));
		u64 flags = DAIS_MAP_READ | (u64)(rand() % 8 << 1);
		u64 *list = fake_ram(LIST);

		if (rand() % 20 == 0)
			fake_nested_fails_in = rand() % 20;
		switch (rand() % 5) {
		case 0: case 1:
			(void)!map(0, at, frames, flags, LIST, &done);
			break;
		case 2:
			for (u32 k = 0; k < 512; k++)
				list[k] = 0x100000 + (u64)(rand() % 4096) * PAGE_SIZE;
			(void)!map(1, at, MIN(frames, 64u), flags & DAIS_MAP_RWX, LIST, &done);
			break;
		case 3:
			(void)!FAKE_CALL(mem_unmap, control_domain, d, &done, at, frames);
			break;
		default:
			(void)!FAKE_CALL(mem_protect, control_domain, d, &done, at, frames, flags);
		}
		if (i % 16 == 0)
			check();
	}
	fake_nested_fails_in = -1;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_pool_large), T(test_args), T(test_shared_view), T(test_own), T(test_execute), T(test_device), T(test_view_cannot_be_shared),
		T(test_show), T(test_no_memory), T(test_more_than_there_is), T(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
