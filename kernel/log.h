/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: a ring of text in memory (read by `dais log`), copied to the serial
 * port until the control domain owns it. Lines are whole: a line longer than
 * 200 bytes is cut.
 */
#ifndef DAIS_LOG_H
#define DAIS_LOG_H

#include "kernel/types.h"

enum log_level { LOG_ERROR = 0, LOG_WARN = 1, LOG_INFO = 2, LOG_DEBUG = 3 };

void log_init(struct dais_log *ring, enum log_level level); /* for the text from now on */
void log_set_level(enum log_level level);
/* Where lines also go, or NULL; from the handover to the control domain on: NULL. */
void log_set_sink(void (*sink)(const char *text, size_t len));
void log_line(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Dais's own bug: prints registers, backtrace, last trace events; stops or reboots. */
void panic(const char *fmt, ...) __noreturn __printf(1, 2);

/* For what only a bug of Dais can make false; never for what a guest, a table or a hypercall says. */
#define CHECK(x) do { if (unlikely(!(x))) panic("%s:%u: CHECK(%s) failed", __FILE__, __LINE__, #x); } while (0)

#endif
