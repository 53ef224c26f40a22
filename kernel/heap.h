/* SPDX-License-Identifier: GPL-2.0-only */
/* Dais's own memory: pages and small objects, from 2 MiB chunks taken off the root pool as needed. */
#ifndef DAIS_HEAP_H
#define DAIS_HEAP_H

#include "kernel/types.h"

void heap_init(void *chunk);                 /* the first chunk: 2 MiB, aligned, mapped, frames already DAIS */
/* 1..HEAP_SMALL bytes: zeroed, aligned to the next power of 2 (at least 16). Above: whole pages, up to 1 MiB. */
#define HEAP_SMALL 2048
void *heap_alloc(size_t size) __must_check;
void heap_free(void *p, size_t size);        /* NULL is ignored */
/* n contiguous pages within a chunk (1..256), zeroed; NULL: none left. */
void *heap_pages(u32 n) __must_check;
void heap_pages_free(void *p, u32 n);
u64 heap_check(void);                        /* 0, or the number of a broken invariant */

#endif
