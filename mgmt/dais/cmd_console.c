/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dais.h"
#include "guests.h"

enum mode { MODE_ATTACH, MODE_HISTORY, MODE_RELEASE };

static int parse(const struct command *c, int argc, char **argv, enum mode *mode)
{
	static const struct option options[] = {
		{ "history", no_argument, NULL, 'H' },
		{ "release", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'H':
			*mode = MODE_HISTORY;
			break;
		case 'r':
			*mode = MODE_RELEASE;
			break;
		case 'h':
			fputs(c->help, stdout);
			return -2;
		default:
			fail_usage(c, "unknown option \"%s\"", bad_option(opt, argv));
			return -1;
		}
	}
	return optind;
}

/* Copies a file of the console's history; false: it is not there. */
static bool copy_out(const char *name, const char *suffix)
{
	char *path = run_path(name, suffix), buf[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	free(path);
	if (!f)
		return false;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, stdout);
	fclose(f);
	return true;
}

static int history(const char *name)
{
	bool old = copy_out(name, "console.old"), now = copy_out(name, "console");

	if (!old && !now)
		return fail("guest \"%s\" has no console history: there is no such guest, or this user may not read " RUN_DIR,
			    name);
	return EXIT_OK;
}

static int release(const char *name)
{
	struct fault err;
	int fd = monitor_connect(name), ret;

	if (fd < 0)
		return fail("guest \"%s\" has no monitor: its console is Dais's already", name);
	ret = monitor_ask(fd, "release", &err);
	close(fd);
	return ret ? fail("%s", err.text) : EXIT_OK;
}

static int report_end(struct dais_conn *conn, const char *name)
{
	struct dais_ioc_dom_info d;
	struct dais_dom *dom;
	char why[192] = "gone";

	if (!dais_dom_open_name(conn, name, &dom)) {
		if (!dais_dom_info(dom, &d))
			guest_death(&d, why, sizeof(why));
		dais_dom_close(dom);
	}
	fprintf(stderr, "dais: guest \"%s\": %s\n", name, why[0] ? why : "its monitor went away");
	return EXIT_OK;
}

enum liveness { DEAD, HOSTED, AUTONOMOUS };

static enum liveness liveness(struct dais_dom *dom)
{
	struct dais_ioc_dom_info d;

	if (dais_dom_info(dom, &d) || d.state == DAIS_DOM_DEAD)
		return DEAD;
	return d.flags & DAIS_DOM_AUTONOMOUS ? AUTONOMOUS : HOSTED;
}

/* The guest lives on though its monitor was killed: another one goes on where this client has read to. */
static bool lost_monitor_only(struct dais_conn *conn, const char *name)
{
	enum liveness now = DEAD;
	struct dais_dom *dom;

	if (!dais_dom_open_name(conn, name, &dom)) {
		now = liveness(dom);
		dais_dom_close(dom);
	}
	return now == AUTONOMOUS && monitor_was_killed(name);
}

static int pass(struct dais_conn *conn, const char *name)
{
	uint64_t position = UINT64_MAX; /* of nothing yet */
	enum pump_end end;
	struct fault err;

	do {
		int fd = monitor_connect_or_adopt(name, &err), ret;

		if (fd < 0)
			return fail("%s", err.text);
		ret = monitor_ask_console(fd, &position, &err);
		end = ret ? PUMP_GUEST_ENDED : console_pump(fd, &position);
		if (end == PUMP_NO_OUTPUT)
			fail("standard output: %s", strerror(errno));
		close(fd);
		if (end == PUMP_NO_OUTPUT)
			return EXIT_ERROR;
		if (ret && ret != MONITOR_GONE)
			return fail("the console of guest \"%s\": %s; leave it there with Ctrl-] first", name,
				    err.text);
	} while (end == PUMP_GUEST_ENDED && lost_monitor_only(conn, name));
	return end == PUMP_GUEST_ENDED ? report_end(conn, name) : EXIT_OK;
}

static int attach(struct dais_conn *conn, const char *name)
{
	struct dais_dom *dom = open_guest(conn, name);
	enum liveness now;

	if (!dom)
		return EXIT_ERROR;
	now = liveness(dom);
	dais_dom_close(dom);
	if (now == DEAD)
		return fail("guest \"%s\" is dead; dais console --history %s shows what it printed",
			    name, name);
	if (isatty(0))
		fprintf(stderr, "The console of \"%s\"; Ctrl-] leaves it.\r\n", name);
	return pass(conn, name);
}

int cmd_console(const struct command *c, int argc, char **argv)
{
	enum mode mode = MODE_ATTACH;
	int ret, first = parse(c, argc, argv, &mode);
	struct dais_conn *conn;

	if (first < 0)
		return simple_exit(first);
	if (first + 1 != argc)
		return fail_usage(c, "give one guest's name");
	if (mode == MODE_HISTORY)
		return history(argv[first]);
	if (mode == MODE_RELEASE)
		return release(argv[first]);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	ret = attach(conn, argv[first]);
	dais_close(conn);
	return ret;
}
