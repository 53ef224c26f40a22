/* SPDX-License-Identifier: GPL-2.0-only */
/* Bounded formatting. */
#include "kernel/string.h"

struct out { char *buf; size_t size, len; };
struct spec { u32 width; char pad; u32 longs; };

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len++] = c;
}

static void put_number(struct out *o, const struct spec *f, u64 v, u32 base, bool negative)
{
	char digit[20];
	u32 n = 0, len;

	do {
		digit[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	len = n + negative;
	if (negative && f->pad == '0')
		put(o, '-');
	for (; len < f->width; len++)
		put(o, f->pad);
	if (negative && f->pad != '0')
		put(o, '-');
	while (n)
		put(o, digit[--n]);
}

static void put_string(struct out *o, const struct spec *f, const char *s)
{
	for (size_t n = strlen(s); n < f->width; n++)
		put(o, ' ');
	while (*s)
		put(o, *s++);
}

static void put_signed(struct out *o, const struct spec *f, s64 v)
{
	put_number(o, f, v < 0 ? -(u64)v : (u64)v, 10, v < 0);
}

static const char *parse(const char *fmt, struct spec *f)
{
	*f = (struct spec){ .pad = ' ' };
	if (*fmt == '0') {
		f->pad = '0';
		fmt++;
	}
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		f->width = f->width * 10 + (u32)(*fmt - '0');
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		f->longs++;
	return fmt;
}

size_t vformat(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	struct spec f;

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse(fmt + 1, &f);
		switch (*fmt) {
		case 's':
			put_string(&o, &f, va_arg(ap, const char *));
			break;
		case 'c':
			put(&o, (char)va_arg(ap, int));
			break;
		case 'd':
			put_signed(&o, &f, f.longs ? va_arg(ap, s64) : va_arg(ap, s32));
			break;
		case 'u':
			put_number(&o, &f, f.longs ? va_arg(ap, u64) : va_arg(ap, u32), 10, false);
			break;
		case 'x':
			put_number(&o, &f, f.longs ? va_arg(ap, u64) : va_arg(ap, u32), 16, false);
			break;
		case 'p':
			put_number(&o, &(struct spec){ .width = 16, .pad = '0' },
				   (uintptr_t)va_arg(ap, void *), 16, false);
			break;
		case '%':
			put(&o, '%');
			break;
		default: /* unknown, or the format's end: shown as it is */
			put(&o, '%');
			fmt--;
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
