/* SPDX-License-Identifier: GPL-2.0-only */
/* Formatting, the C library's memory functions, and errors as text. */
#ifndef DAIS_BOOT_TEXT_H
#define DAIS_BOOT_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why something failed: filled by refuse(), shown by the caller that gives up. */
struct error {
	char text[480];
};

/* Formats %s, %c, %u, %x and %llu, %llx; cuts off at size, always terminates. */
void text_vformat(char *out, size_t size, const char *format, va_list args);
void text_format(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Fills err and returns false, so that callers can `return refuse(…)`. */
bool refuse(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t text_length(const char *s);
bool text_equal(const char *a, const char *b);

#endif
