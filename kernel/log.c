/* SPDX-License-Identifier: GPL-2.0-only */
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define LINE_MAX 200

static spinlock_t lock;
static struct dais_log *ring;
static enum log_level max_level = LOG_INFO;
static void (*sink)(const char *text, size_t len);

void log_init(struct dais_log *at, enum log_level level)
{
	ring = at;
	max_level = level;
}

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, level);
}

void log_set_sink(void (*to)(const char *text, size_t len))
{
	spin_lock(&lock);
	sink = to;
	spin_unlock(&lock);
}

static void append(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ring->text[(ring->head + i) % sizeof(ring->text)] = text[i];
	/* Readers trust what is before head. */
	atomic_store(&ring->head, ring->head + len);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "" };
	u64 hz = time_hz(), now = hz ? time_now() : 0; /* the clock is set up after the log */
	char line[LINE_MAX + 1];
	size_t n;
	va_list ap;

	if (level > atomic_load(&max_level))
		return;
	n = format(line, sizeof(line), "[%5lu.%06lu] %s", hz ? now / hz : 0,
		   hz ? now % hz * 1000000 / hz : 0, prefix[level]);
	va_start(ap, fmt);
	n += vformat(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (n == LINE_MAX)
		n--;
	line[n++] = '\n';
	spin_lock(&lock);
	if (ring)
		append(line, n);
	if (sink)
		sink(line, n);
	spin_unlock(&lock);
}
