/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory and string primitives. The compiler may call the first three by itself (and memmove: add it, if linking fails). */
#include "kernel/string.h"

/* Else the compiler would see memcpy in memcpy's loop and call it. */
#define PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))

typedef u64 word_t __attribute__((aligned(1), may_alias));

PLAIN_LOOPS void *memcpy(void *d, const void *s, size_t n)
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

PLAIN_LOOPS void *memset(void *d, int c, size_t n)
{
	u64 word = 0x0101010101010101ULL * (u8)c;
	u8 *to = d;

	for (; n >= sizeof(word_t); n -= sizeof(word_t), to += sizeof(word_t))
		*(word_t *)to = word;
	while (n--)
		*to++ = (u8)c;
	return d;
}

PLAIN_LOOPS int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

PLAIN_LOOPS size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}
