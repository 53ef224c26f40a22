/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dais's heap. A chunk is 2 MiB of mapped memory whose first page says which of
 * the others are taken; the chunk of any pointer is found by rounding down. Small
 * objects come from pages cut into one size each, which stay so. Chunks stay, too:
 * they cannot be unmapped from other CPUs' view cheaply, and are reused.
 */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define CHUNK_PAGES (SIZE_2M / PAGE_SIZE)
#define MAX_RUN     256u
#define SMALLEST    16u
#define CLASSES     8 /* ... the largest: HEAP_SMALL */

_Static_assert(HEAP_SMALL == SMALLEST << (CLASSES - 1), "classes end at HEAP_SMALL");

struct chunk { struct chunk *next; u64 free; u8 taken[CHUNK_PAGES]; };

static spinlock_t lock;
static struct chunk *chunks;
static void *objects[CLASSES]; /* free ones; each begins with the next's address */
static u64 idle;               /* bytes in objects[] */

static struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)ALIGN_DOWN((uintptr_t)p, SIZE_2M);
}

static void add_chunk(struct chunk *c)
{
	memset(c, 0, sizeof(*c));
	c->taken[0] = 1;
	c->free = CHUNK_PAGES - 1;
	c->next = chunks;
	chunks = c;
}

void heap_init(void *chunk)
{
	counters.heap = idle = 0;
	chunks = NULL;
	memset(objects, 0, sizeof(objects));
	add_chunk(chunk);
}

/* Called without the lock: frame_alloc of 2 MiB needs no heap. */
static bool grow(void)
{
	hpa_t a;

	if (frame_alloc(pool_root(), ORDER_2M, FRAME_FOR_DAIS, &a) != DAIS_OK)
		return false;
	if (host_map_2m(a) != DAIS_OK) {
		frame_free(pool_root(), a, ORDER_2M);
		return false;
	}
	spin_lock(&lock);
	add_chunk(hpa_to_hva(a));
	spin_unlock(&lock);
	return true;
}

static void *take_pages(u64 n)
{
	for (struct chunk *c = chunks; c; c = c->next) {
		if (c->free < n)
			continue;
		for (u64 i = 1, run = 0; i < CHUNK_PAGES; i++) {
			run = c->taken[i] ? 0 : run + 1;
			if (run < n)
				continue;
			memset(&c->taken[i + 1 - n], 1, n);
			c->free -= n;
			return (char *)c + (i + 1 - n) * PAGE_SIZE;
		}
	}
	return NULL;
}

static void put_object(void *p, u32 class)
{
	*(void **)p = objects[class];
	objects[class] = p;
	idle += SMALLEST << class;
}

static void *take_object(u32 class)
{
	char *page = objects[class] ? NULL : take_pages(1);
	void *p;

	for (u64 i = 0; page && i < PAGE_SIZE; i += SMALLEST << class)
		put_object(page + i, class);
	p = objects[class];
	if (p) {
		objects[class] = *(void **)p;
		idle -= SMALLEST << class;
	}
	return p;
}

/* CLASSES for what takes whole pages. */
static u32 class_of(size_t size)
{
	u32 class = 0;

	while (class < CLASSES && size > SMALLEST << class)
		class++;
	return class;
}

static u64 rounded(size_t size)
{
	return size > HEAP_SMALL ? ALIGN_UP(size, PAGE_SIZE) : SMALLEST << class_of(size);
}

void *heap_alloc(size_t size)
{
	u64 bytes = rounded(size);
	void *p;

	CHECK(size && size <= MAX_RUN * PAGE_SIZE);
	do {
		spin_lock(&lock);
		p = size > HEAP_SMALL ? take_pages(bytes / PAGE_SIZE) : take_object(class_of(size));
		counters.heap += p ? bytes : 0;
		spin_unlock(&lock);
	} while (!p && grow());
	return p ? memset(p, 0, bytes) : NULL;
}

void heap_free(void *p, size_t size)
{
	struct chunk *c = chunk_of(p);
	u64 first = (uintptr_t)p % SIZE_2M / PAGE_SIZE, bytes = rounded(size);
	u64 n = bytes / PAGE_SIZE;

	if (!p)
		return;
	spin_lock(&lock);
	CHECK(first && first + n <= CHUNK_PAGES && counters.heap >= bytes);
	if (!n)
		put_object(p, class_of(size));
	for (u64 i = first; i < first + n; i++) {
		CHECK(c->taken[i]);
		c->taken[i] = 0;
	}
	c->free += n;
	counters.heap -= bytes;
	spin_unlock(&lock);
}

void *heap_pages(u32 n)
{
	return heap_alloc(n * PAGE_SIZE);
}

void heap_pages_free(void *p, u32 n)
{
	heap_free(p, n * PAGE_SIZE);
}

u64 heap_check(void)
{
	spin_guard(&lock);
	u64 pages = 0, bytes = 0;

	for (struct chunk *c = chunks; c; c = c->next) {
		u64 taken = 0;

		for (u64 i = 1; i < CHUNK_PAGES; i++)
			taken += c->taken[i];
		if (taken + c->free != CHUNK_PAGES - 1)
			return 1;
		pages += taken;
	}
	for (u32 class = 0; class < CLASSES; class++)
		for (void **p = objects[class]; p && bytes <= idle; p = *p)
			bytes += SMALLEST << class;
	return bytes != idle ? 2 : pages * PAGE_SIZE != counters.heap + idle ? 3 : 0;
}
