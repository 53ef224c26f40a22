/* SPDX-License-Identifier: GPL-2.0-only */
/* Output on the 16550 at 0x3f8, or on a debug port that is always ready. */
#include "rt.h"

#define UART		0x3f8
#define UART_LSR	(UART + 5)
#define LSR_THRE	0x20

static volatile u32 lock;
static u16 port = UART;

void console_port(u16 other)
{
	port = other;
}

void putchar(char c)
{
	if (c == '\n' && port == UART)
		putchar('\r');
	while (port == UART && !(inb(UART_LSR) & LSR_THRE))
		pause();
	outb(port, c);
}

static void put_number(u64 v, u32 base, bool negative)
{
	char digits[24];
	u32 n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		putchar('-');
	while (n)
		putchar(digits[--n]);
}

static void put_argument(char kind, bool is_long, va_list *ap)
{
	const char *s;
	long v;

	switch (kind) {
	case 'd':
		v = is_long ? va_arg(*ap, long) : va_arg(*ap, int);
		put_number(v < 0 ? -(u64)v : (u64)v, 10, v < 0);
		break;
	case 'u':
		put_number(is_long ? va_arg(*ap, u64) : va_arg(*ap, u32), 10, false);
		break;
	case 'x':
		put_number(is_long ? va_arg(*ap, u64) : va_arg(*ap, u32), 16, false);
		break;
	case 's':
		for (s = va_arg(*ap, const char *); *s; s++)
			putchar(*s);
		break;
	case 'c':
		putchar(va_arg(*ap, int));
		break;
	default:
		putchar(kind);
	}
}

void vprint(const char *f, va_list ap)
{
	va_list args;

	va_copy(args, ap);
	for (; *f; f++) {
		bool is_long = f[0] == '%' && f[1] == 'l';

		if (*f != '%') {
			putchar(*f);
			continue;
		}
		f += is_long ? 2 : 1;
		put_argument(*f, is_long, &args);
	}
	va_end(args);
}

void print(const char *format, ...)
{
	va_list ap;

	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		pause();
	va_start(ap, format);
	vprint(format, ap);
	va_end(ap);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}
