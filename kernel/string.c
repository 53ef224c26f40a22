/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory primitives. The compiler may call them by itself. */
#include "kernel/string.h"

/* Else the compiler would see memcpy in memcpy's loop and call it. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef u64 word_t __attribute__((aligned(1), may_alias));

void *memcpy(void *d, const void *s, size_t n)
{
	u8 *to = d;
	const u8 *from = s;

	for (; n >= sizeof(word_t); n -= sizeof(word_t)) {
		*(word_t *)to = *(const word_t *)from;
		to += sizeof(word_t);
		from += sizeof(word_t);
	}
	while (n--)
		*to++ = *from++;
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
