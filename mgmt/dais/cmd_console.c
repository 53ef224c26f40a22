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
			fail_usage(c, "unknown option \"%s\"", argv[optind - 1]);
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

static int attach(struct dais_conn *conn, const char *name)
{
	struct dais_dom *dom = open_guest(conn, name);
	struct fault err;
	uint32_t state;
	int fd, ret;

	if (!dom)
		return EXIT_ERROR;
	state = dais_dom_page(dom)->state;
	dais_dom_close(dom);
	if (state == DAIS_DOM_DEAD)
		return fail("guest \"%s\" is dead; dais console --history %s shows what it printed",
			    name, name);
	fd = monitor_connect_or_adopt(name, &err);
	if (fd < 0)
		return fail("%s", err.text);
	ret = monitor_ask(fd, "console", &err);
	if (ret) {
		close(fd);
		return fail("the console of guest \"%s\": %s; leave it there with Ctrl-] first", name,
			    err.text);
	}
	if (isatty(0))
		fprintf(stderr, "Connected to the console of \"%s\"; Ctrl-] leaves it.\r\n", name);
	ret = console_pump(fd);
	close(fd);
	return ret == PUMP_GUEST_ENDED ? report_end(conn, name) : EXIT_OK;
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
