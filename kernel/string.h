/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_STRING_H
#define DAIS_STRING_H

#include <stdarg.h>
#include "kernel/types.h"

void *memcpy(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

/* Bounded formatting, always terminated: %s %u %x %lu %lx %llu %llx %%, with width and 0. Returns the
 * length written, without the NUL. */
size_t vformat(char *buf, size_t size, const char *fmt, va_list ap);
size_t format(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
