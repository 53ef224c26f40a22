/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dais's heap. A chunk is 2 MiB of mapped memory whose first pages describe it;
 * the chunk of any pointer is found by rounding down. A page is free, part of a
 * run (heap_pages), or a slab of objects of one size, which goes back when its
 * last object does. Chunks stay: they cannot be unmapped from other CPUs' view
 * cheaply, and are reused.
 */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define CHUNK_PAGES (SIZE_2M / PAGE_SIZE)
#define MAX_RUN     256u
#define MIN_SHIFT   4 /* smallest object: 16 bytes */
#define CLASSES     8 /* ... largest: HEAP_SMALL */
#define NO_OBJECT   0xffffu

_Static_assert(HEAP_SMALL == 1 << (MIN_SHIFT + CLASSES - 1), "classes end at HEAP_SMALL");

/* KIND_SLAB + class for slabs */
enum page_kind { KIND_FREE = 0, KIND_HEADER, KIND_RUN, KIND_SLAB };

struct slab {
	struct list link;   /* in partial[class], while an object is free */
	u16 free;           /* index of the first free object; each holds the next's */
	u16 used;
};

struct chunk {
	struct list link;
	u32 free_pages;
	u8 kind[CHUNK_PAGES];
	struct slab slab[CHUNK_PAGES];
};

#define HEADER_PAGES (ALIGN_UP(sizeof(struct chunk), PAGE_SIZE) / PAGE_SIZE)

static spinlock_t lock;
static struct list chunks, partial[CLASSES];
static u64 used;

static struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)ALIGN_DOWN((uintptr_t)p, SIZE_2M);
}

static u32 page_of(const void *p)
{
	return (u32)((uintptr_t)p % SIZE_2M / PAGE_SIZE);
}

static void *page_at(struct chunk *c, u32 i)
{
	return (char *)c + i * PAGE_SIZE;
}

static void add_chunk(struct chunk *c)
{
	memset(c, 0, HEADER_PAGES * PAGE_SIZE);
	memset(c->kind, KIND_HEADER, HEADER_PAGES);
	c->free_pages = CHUNK_PAGES - HEADER_PAGES;
	list_add_tail(&chunks, &c->link);
}

void heap_init(void *chunk)
{
	used = 0;
	list_init(&chunks);
	for (u32 i = 0; i < CLASSES; i++)
		list_init(&partial[i]);
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

static void *take_run(struct chunk *c, u32 n)
{
	u32 run = 0;

	for (u32 i = HEADER_PAGES; i < CHUNK_PAGES; i++) {
		run = c->kind[i] == KIND_FREE ? run + 1 : 0;
		if (run == n) {
			memset(&c->kind[i + 1 - n], KIND_RUN, n);
			c->free_pages -= n;
			return page_at(c, i + 1 - n);
		}
	}
	return NULL;
}

static void *take_pages(u32 n)
{
	void *p = NULL;

	list_for(l, &chunks) {
		struct chunk *c = list_entry(l, struct chunk, link);

		if (c->free_pages >= n)
			p = take_run(c, n);
		if (p)
			return p;
	}
	return NULL;
}

static void *take_object(u32 class)
{
	struct slab *s;
	struct chunk *c;
	u16 *object;

	if (list_empty(&partial[class])) {
		char *page = take_pages(1);

		if (!page)
			return NULL;
		c = chunk_of(page);
		c->kind[page_of(page)] = (u8)(KIND_SLAB + class);
		s = &c->slab[page_of(page)];
		s->used = s->free = 0;
		for (u32 i = 0, n = PAGE_SIZE >> (class + MIN_SHIFT); i < n; i++)
			*(u16 *)(page + (i << (class + MIN_SHIFT))) =
				i + 1 < n ? (u16)(i + 1) : NO_OBJECT;
		list_add(&partial[class], &s->link);
	}
	s = list_entry(partial[class].next, struct slab, link);
	c = chunk_of(s);
	object = (u16 *)((char *)page_at(c, (u32)(s - c->slab)) +
			 ((u32)s->free << (class + MIN_SHIFT)));
	s->free = *object;
	s->used++;
	if (s->free == NO_OBJECT)
		list_del(&s->link);
	return object;
}

static void *allocate(u32 class, u32 pages, u64 bytes)
{
	void *p;

	do {
		spin_lock(&lock);
		p = pages ? take_pages(pages) : take_object(class);
		used += p ? bytes : 0;
		spin_unlock(&lock);
	} while (!p && grow());
	return p ? memset(p, 0, bytes) : NULL;
}

void *heap_pages(u32 n)
{
	CHECK(n && n <= MAX_RUN);
	return allocate(0, n, n * PAGE_SIZE);
}

void heap_pages_free(void *p, u32 n)
{
	struct chunk *c = chunk_of(p);
	u32 first = page_of(p);

	CHECK((uintptr_t)p % PAGE_SIZE == 0 && first + n <= CHUNK_PAGES);
	spin_lock(&lock);
	for (u32 i = first; i < first + n; i++) {
		CHECK(c->kind[i] == KIND_RUN);
		c->kind[i] = KIND_FREE;
	}
	c->free_pages += n;
	used -= n * PAGE_SIZE;
	spin_unlock(&lock);
}

static u32 class_of(size_t size)
{
	u32 class = 0;

	while (size > 1u << (class + MIN_SHIFT))
		class++;
	return class;
}

static u32 pages_of(size_t size)
{
	return (u32)(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
}

void *heap_alloc(size_t size)
{
	CHECK(size);
	if (size > HEAP_SMALL)
		return heap_pages(pages_of(size));
	return allocate(class_of(size), 0, 1ULL << (class_of(size) + MIN_SHIFT));
}

static void free_object(void *p, u32 class)
{
	struct chunk *c = chunk_of(p);
	u32 page = page_of(p);
	struct slab *s = &c->slab[page];

	CHECK(c->kind[page] == KIND_SLAB + class && s->used);
	if (s->free == NO_OBJECT)
		list_add(&partial[class], &s->link);
	*(u16 *)p = s->free;
	s->free = (u16)((uintptr_t)p % PAGE_SIZE >> (class + MIN_SHIFT));
	if (--s->used)
		return;
	list_del(&s->link);
	c->kind[page] = KIND_FREE;
	c->free_pages++;
}

void heap_free(void *p, size_t size)
{
	if (!p)
		return;
	if (size > HEAP_SMALL) {
		heap_pages_free(p, pages_of(size));
		return;
	}
	spin_lock(&lock);
	free_object(p, class_of(size));
	used -= 1ULL << (class_of(size) + MIN_SHIFT);
	spin_unlock(&lock);
}

u64 heap_used(void)
{
	return atomic_load_relaxed(&used);
}

static u64 check_chunk(const struct chunk *c, u64 *bytes)
{
	u32 free = 0;

	for (u32 i = 0; i < CHUNK_PAGES; i++) {
		free += c->kind[i] == KIND_FREE;
		if (c->kind[i] == KIND_RUN)
			*bytes += PAGE_SIZE;
		if (c->kind[i] < KIND_SLAB)
			continue;
		if (!c->slab[i].used ||
		    (c->slab[i].free == NO_OBJECT) != list_empty(&c->slab[i].link))
			return 1;
		*bytes += (u64)c->slab[i].used << (c->kind[i] - KIND_SLAB + MIN_SHIFT);
	}
	return free == c->free_pages ? 0 : 2;
}

u64 heap_check(void)
{
	u64 bytes = 0, broken = 0;

	spin_lock(&lock);
	list_for(l, &chunks) {
		broken = check_chunk(list_entry(l, struct chunk, link), &bytes);
		if (broken)
			break;
	}
	if (!broken && bytes != used)
		broken = 3;
	spin_unlock(&lock);
	return broken;
}
