/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dais.h"

#define FOLLOW_US 200000	/* Dais tells nobody of a new line: look, as tail -f does */

/* Prints from *tail on; a reader that is too late loses the oldest bytes. */
static void print_new(const struct dais_log *log, uint64_t *tail)
{
	uint64_t head = __atomic_load_n(&log->head, __ATOMIC_ACQUIRE);

	if (head - *tail > sizeof(log->text))
		*tail = head - sizeof(log->text);
	for (; *tail != head; ++*tail)
		putchar(log->text[*tail % sizeof(log->text)]);
	fflush(stdout);
}

static int set_level(const struct command *c, struct dais_conn *conn, const char *text)
{
	int ret;

	if (text[0] < '0' || text[0] > '3' || text[1])
		return fail_usage(c, "\"%s\" is no log level; give 0 (errors only) to 3 (everything)",
				  text);
	ret = dais_set_log_level(conn, text[0] - '0');
	return ret ? fail("setting the log level: %s", dais_strerror(ret)) : EXIT_OK;
}

int cmd_log(const struct command *c, int argc, char **argv)
{
	const struct dais_log *log;
	struct simple_options o;
	struct dais_conn *conn;
	uint64_t tail = 0;
	int ret, first = parse_simple(c, argc, argv, "f", &o);

	if (first < 0)
		return simple_exit(first);
	if (argc > first + 1)
		return fail_usage(c, "unexpected argument \"%s\"", argv[first + 1]);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	if (first < argc) {
		ret = set_level(c, conn, argv[first]);
		dais_close(conn);
		return ret;
	}
	log = dais_get_log(conn);
	if (!log)
		return fail("reading Dais's log: %s", dais_strerror(-errno));
	print_new(log, &tail);
	while (o.follow && !ferror(stdout)) {
		usleep(FOLLOW_US);
		print_new(log, &tail);
	}
	dais_close(conn);
	return EXIT_OK;
}
