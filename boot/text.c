/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/text.h"

struct sink {
	char *out;
	size_t size, used;
};

static void put(struct sink *sink, char c)
{
	if (sink->used + 1 < sink->size)
		sink->out[sink->used++] = c;
}

static void put_number(struct sink *sink, unsigned long long value, unsigned int base)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n > 0)
		put(sink, digits[--n]);
}

static void put_string(struct sink *sink, const char *s)
{
	while (*s)
		put(sink, *s++);
}

void text_vformat(char *out, size_t size, const char *format, va_list args)
{
	struct sink sink = { out, size, 0 };
	unsigned long long value;
	bool wide;

	for (; *format; format++) {
		if (*format != '%') {
			put(&sink, *format);
			continue;
		}
		format++;
		wide = format[0] == 'l' && format[1] == 'l';
		if (wide)
			format += 2;
		switch (*format) {
		case 's':
			put_string(&sink, va_arg(args, const char *));
			break;
		case 'c':
			put(&sink, (char)va_arg(args, int));
			break;
		case 'u':
		case 'x':
			value = wide ? va_arg(args, unsigned long long) :
				       va_arg(args, unsigned int);
			put_number(&sink, value, *format == 'u' ? 10 : 16);
			break;
		default: /* "%%" */
			put(&sink, '%');
		}
	}
	if (size > 0)
		out[sink.used] = '\0';
}

void text_format(char *out, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vformat(out, size, format, args);
	va_end(args);
}

bool refuse(struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vformat(err->text, sizeof(err->text), format, args);
	va_end(args);
	return false;
}

size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}
