/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dais's heap. A chunk is 2 MiB of mapped memory whose first page has a bit for
 * each 128 bytes; the chunk of any pointer is found by rounding down. Chunks stay:
 * they cannot be unmapped from other CPUs' view cheaply, and are reused.
 */
#include "kernel/arch.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define UNIT        128u
#define PAGE_UNITS  32u
#define CHUNK_UNITS ((u32)(SIZE_2M / UNIT))

struct chunk { struct chunk *next; u32 free; u32 taken[CHUNK_UNITS / PAGE_UNITS]; };

_Static_assert(sizeof(struct chunk) <= PAGE_SIZE && PAGE_UNITS * UNIT == PAGE_SIZE, "a page says it all");

spinlock_t memory_lock;
static struct chunk *chunks;

/* A small object takes a power of 2, so that it crosses no page; others take pages. */
static u32 units_of(size_t size)
{
	u32 n = 1;

	if (size > HEAP_SMALL)
		return (u32)(ALIGN_UP(size, PAGE_SIZE) / UNIT);
	while (n * UNIT < size)
		n *= 2;
	return n;
}

/* The bits, within a page's word, of n units from `at` on. */
static u32 bits(u32 at, u32 n)
{
	return (n == PAGE_UNITS ? ~0u : (1u << n) - 1) << at % PAGE_UNITS;
}

/* Takes n units, which are free, or gives them back. */
static void flip(struct chunk *c, u32 at, u32 n, bool take)
{
	for (u32 i = at, step = MIN(n, PAGE_UNITS); i < at + n; i += step) {
		u32 *word = &c->taken[i / PAGE_UNITS], mask = bits(i, step);

		CHECK(i >= PAGE_UNITS && i < CHUNK_UNITS && (*word & mask) == (take ? 0 : mask));
		*word ^= mask;
	}
	c->free += take ? -n : n;
	counters.heap += take ? (u64)n * UNIT : -(u64)n * UNIT;
}

/* Where n units are free in one piece; 0: nowhere. */
static u32 find(const struct chunk *c, u32 n)
{
	u32 run = 0, step = MIN(n, PAGE_UNITS);

	for (u32 at = PAGE_UNITS, word; at < CHUNK_UNITS && c->free >= n; at += word == ~0u ? PAGE_UNITS : step) {
		word = c->taken[at / PAGE_UNITS];
		run = word & bits(at, step) ? 0 : run + step;
		if (run == n)
			return at + step - n;
	}
	return 0;
}

static void add_chunk(struct chunk *c)
{
	*c = (struct chunk){ .next = chunks, .free = CHUNK_UNITS - PAGE_UNITS };
	chunks = c;
}

void heap_init(void *chunk)
{
	counters.heap = 0;
	chunks = NULL;
	add_chunk(chunk);
}

static bool grow(void)
{
	hpa_t a;

	if (frame_take(&pool_root, ORDER_2M, (struct frame){ .state = FRAME_DAIS }, &a))
		return false;
	host_map_2m(a);
	add_chunk(hpa_to_hva(a));
	return true;
}

void *heap_take(size_t size)
{
	u32 n = units_of(size), at;

	CHECK(size && n <= CHUNK_UNITS - PAGE_UNITS);
	do {
		for (struct chunk *c = chunks; c; c = c->next) {
			at = find(c, n);
			if (!at)
				continue;
			flip(c, at, n, true);
			return (char *)c + at * UNIT;
		}
	} while (grow());
	return NULL;
}

void heap_give(void *p, size_t size)
{
	if (p)
		flip((struct chunk *)ALIGN_DOWN((uintptr_t)p, SIZE_2M), (uintptr_t)p % SIZE_2M / UNIT,
		     units_of(size), false);
}

void *heap_alloc(size_t size)
{
	void *p;

	spin_lock(&memory_lock);
	p = heap_take(size);
	spin_unlock(&memory_lock);
	return p ? memset(p, 0, units_of(size) * UNIT) : NULL;
}

void heap_free(void *p, size_t size)
{
	spin_guard(&memory_lock);

	heap_give(p, size);
}

u64 heap_check(void)
{
	spin_guard(&memory_lock);
	u64 taken = 0;

	for (struct chunk *c = chunks; c; c = c->next) {
		u32 free = CHUNK_UNITS - PAGE_UNITS;

		for (u32 at = PAGE_UNITS; at < CHUNK_UNITS; at++)
			free -= c->taken[at / PAGE_UNITS] >> at % PAGE_UNITS & 1;
		if (free != c->free)
			return 1;
		taken += CHUNK_UNITS - PAGE_UNITS - free;
	}
	return taken * UNIT == counters.heap ? 0 : 2;
}
