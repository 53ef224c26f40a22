/* SPDX-License-Identifier: GPL-2.0-only */
/* Dais's own memory: pages and small objects, from 2 MiB chunks taken off the root pool as needed. */
#pragma once

#include "kernel/lock.h"

extern spinlock_t memory_lock; /* of the heap and the frame database, which need each other to grow */

void heap_init(void *chunk);                 /* the first one: 2 MiB, aligned, mapped, frames already DAIS */
/* 1..HEAP_SMALL bytes: zeroed, aligned to the next power of 2. Above: whole pages, up to 511 in one piece. */
#define HEAP_SMALL 2048
void *heap_alloc(size_t size) __must_check;
void heap_free(void *p, size_t size);        /* NULL is ignored */
#define heap_pages(n)         heap_alloc((n) * PAGE_SIZE)
#define heap_pages_free(p, n) heap_free(p, (n) * PAGE_SIZE)
/* The same for who holds memory_lock; not zeroed. */
void *heap_take(size_t size) __must_check;
void heap_give(void *p, size_t size);
u64 heap_check(void);                        /* 0, or the number of a broken invariant */
