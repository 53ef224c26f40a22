/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounded formatting. */
#include "kernel/string.h"

struct out { char *buf; size_t size, len; };

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len++] = c;
}

static void put_text(struct out *o, const char *s)
{
	while (*s)
		put(o, *s++);
}

/* Filled up on its left, to at most 63 characters */
static void put_number(struct out *o, u64 v, u32 base, u32 width, char pad)
{
	char text[64], *end = text + sizeof(text) - 1, *digit = end;

	*digit = '\0';
	do {
		*--digit = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (end - digit < width && digit > text)
		*--digit = pad;
	put_text(o, digit);
}

size_t vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };

	for (; *fmt; fmt++) {
		u32 width = 0;
		bool wide = false;
		char pad = ' ';

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		if (fmt[1] == '0')
			pad = '0';
		while (*++fmt >= '0' && *fmt <= '9')
			width = width * 10 + (u32)(*fmt - '0');
		for (; *fmt == 'l'; fmt++)
			wide = true;
		if (*fmt == 's') {
			put_text(&o, va_arg(ap, const char *));
		} else if (*fmt == 'u' || *fmt == 'x') {
			put_number(&o, wide ? va_arg(ap, u64) : va_arg(ap, u32),
				   *fmt == 'u' ? 10 : 16, width, pad);
		} else {
			put(&o, *fmt); /* %%: the compiler has checked */
		}
	}
	if (size)
		buf[o.len] = '\0';
	return o.len;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
