/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define LINE_MAX 200

static spinlock_t lock;
struct dais_log *log_ring;
enum log_level log_level = LOG_INFO;
void (*log_sink)(const char *text, size_t len);

static void append(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		log_ring->text[(log_ring->head + i) % sizeof(log_ring->text)] = text[i];
	/* Readers trust what is before head. */
	atomic_store(&log_ring->head, log_ring->head + len);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "" };
	u64 hz = time_hz(), now = time_now();
	char line[LINE_MAX + 1];
	size_t n;
	va_list ap;

	if (level > log_level)
		return;
	n = format(line, sizeof(line), "[%5lu.%06lu] %s", now / hz, now % hz * 1000000 / hz, prefix[level]);
	va_start(ap, fmt);
	n += vformat(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (n == LINE_MAX)
		n--;
	line[n++] = '\n';
	spin_lock(&lock);
	if (log_ring)
		append(line, n);
	if (log_sink)
		log_sink(line, n);
	spin_unlock(&lock);
}
