/* SPDX-License-Identifier: GPL-2.0-only */
/* pause, resume, stop, destroy */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../monitor/pci_claim.h"
#include "dais.h"
#include "guests.h"

#define STOP_SECONDS 60		/* default of --timeout */
#define DEATH_TRIES 50		/* a hosted guest dies just after its monitor: within a second */
#define DEATH_US 20000

/* Runs one step for every guest named; goes on after an error. */
static int for_each(const struct command *c, int argc, char **argv,
		    int (*step)(struct dais_conn *conn, struct dais_dom *dom, const char *name))
{
	struct simple_options o;
	struct dais_conn *conn;
	int ret = EXIT_OK, i = parse_simple(c, argc, argv, "", &o);

	if (i < 0)
		return simple_exit(i);
	if (i == argc)
		return fail_usage(c, "give a guest's name");
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	for (; i < argc; i++) {
		struct dais_dom *dom = open_guest(conn, argv[i]);

		if (!dom || step(conn, dom, argv[i]))
			ret = EXIT_ERROR;
	}
	dais_close(conn);
	return ret;
}

static int refused(const char *name, const struct dais_dom_page *page, int ret)
{
	if (dais_last_status() == DAIS_BAD_STATE)
		return fail("guest \"%s\" is %s", name, dais_state_name(page->state));
	return fail("guest \"%s\": %s", name, dais_strerror(ret));
}

static int pause_guest(struct dais_conn *conn, struct dais_dom *dom, const char *name)
{
	int ret = dais_dom_pause(dom);

	(void)conn;
	if (ret)
		refused(name, dais_dom_page(dom), ret);
	dais_dom_close(dom);
	return ret;
}

static int resume_guest(struct dais_conn *conn, struct dais_dom *dom, const char *name)
{
	int ret = dais_dom_unpause(dom);

	(void)conn;
	if (ret)
		refused(name, dais_dom_page(dom), ret);
	dais_dom_close(dom);
	return ret;
}

static int destroy_guest(struct dais_conn *conn, struct dais_dom *dom, const char *name)
{
	struct guest_config had;
	int ret = take_apart(conn, dom, name, &had);

	if (ret)
		return fail("guest \"%s\" is dead, but not yet gone: %s", name, dais_strerror(ret));
	run_files_remove(name);
	pci_unclaim(&had);
	return 0;
}

int cmd_pause(const struct command *c, int argc, char **argv)
{
	return for_each(c, argc, argv, pause_guest);
}

int cmd_resume(const struct command *c, int argc, char **argv)
{
	return for_each(c, argc, argv, resume_guest);
}

int cmd_destroy(const struct command *c, int argc, char **argv)
{
	return for_each(c, argc, argv, destroy_guest);
}

struct stop_options {
	unsigned int seconds;
	bool force;
};

static int parse_stop(const struct command *c, int argc, char **argv, struct stop_options *o)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct fault err;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":t:fh", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			if (gconf_parse_number("timeout", optarg, 0, 86400, &o->seconds, &err)) {
				fail_usage(c, "%s", err.text);
				return -1;
			}
			break;
		case 'f':
			o->force = true;
			break;
		case 'h':
			fputs(c->help, stdout);
			return -2;
		default:
			fail_usage(c, "unknown option or missing value: \"%s\"", bad_option(opt, argv));
			return -1;
		}
	}
	return optind;
}

/* An autonomous guest outlives its monitor. */
static bool lives_on(struct dais_conn *conn, uint32_t id)
{
	struct dais_dom *dom;
	unsigned int tries;

	for (tries = 0; tries < DEATH_TRIES && !dais_dom_open(conn, id, &dom); tries++) {
		bool dead = dais_dom_page(dom)->state == DAIS_DOM_DEAD;

		dais_dom_close(dom);
		if (dead)
			return false;
		usleep(DEATH_US);
	}
	return tries == DEATH_TRIES;
}

/* Presses the guest's power button and waits: 0 off, 1 still on, -1 error. */
static int press_and_wait(struct dais_conn *conn, uint32_t id, const char *name, unsigned int seconds)
{
	struct fault err;
	int fd = monitor_connect_or_adopt(name, &err), ret;

	if (fd < 0) {
		fail("%s", err.text);
		return -1;
	}
	ret = monitor_ask(fd, "stop", &err);
	close(fd);
	if (ret) {
		fail("guest \"%s\": %s", name, err.text);
		return -1;
	}
	fd = monitor_connect(name); /* ends with the monitor, and that, as a rule, with the guest */
	ret = fd < 0 || monitor_wait_gone(fd, seconds * 1000) ? 0 : 1;
	if (fd >= 0)
		close(fd);
	if (ret || !lives_on(conn, id))
		return ret;
	fail("guest \"%s\": its monitor went away while it was waited for; it still runs: dais stop again", name);
	return -1;
}

static void switch_off(struct dais_conn *conn, uint32_t id)
{
	struct dais_dom *dom;

	if (dais_dom_open(conn, id, &dom))
		return; /* gone meanwhile */
	dais_dom_kill(dom, DAIS_DEATH_DESTROYED);
	dais_dom_close(dom);
}

/* The monitor of a `dais run` takes its guest apart before it ends, which would wait for our mapping, as we for it. */
static int stop(struct dais_conn *conn, struct dais_dom *dom, const char *name, const struct stop_options *o)
{
	uint32_t state = dais_dom_page(dom)->state, id = dais_dom_page(dom)->id;
	int ret;

	dais_dom_close(dom);
	if (state != DAIS_DOM_RUNNING && (!o->force || state == DAIS_DOM_DEAD))
		return fail("guest \"%s\" is %s, not running", name, dais_state_name(state));
	if (state != DAIS_DOM_RUNNING) { /* it cannot notice its power button */
		switch_off(conn, id);
		fprintf(stderr, "dais: guest \"%s\" was %s and was switched off\n", name, dais_state_name(state));
		return EXIT_OK;
	}
	ret = press_and_wait(conn, id, name, o->seconds);
	if (ret && o->force) { /* also when its monitor does not answer */
		switch_off(conn, id);
		fprintf(stderr, "dais: guest \"%s\" did not power off within %u s and was switched off\n",
			name, o->seconds);
		ret = 0;
	} else if (ret > 0) {
		fail("guest \"%s\" has not powered off within %u s; it may ignore the power button: use --force, or dais destroy",
		     name, o->seconds);
	}
	return ret ? EXIT_ERROR : EXIT_OK;
}

int cmd_stop(const struct command *c, int argc, char **argv)
{
	struct stop_options o = { .seconds = STOP_SECONDS };
	int ret = EXIT_OK, i = parse_stop(c, argc, argv, &o);
	struct dais_conn *conn;

	if (i < 0)
		return simple_exit(i);
	if (i == argc)
		return fail_usage(c, "give a guest's name");
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	for (; i < argc; i++) {
		struct dais_dom *dom = open_guest(conn, argv[i]);

		if (!dom || stop(conn, dom, argv[i], &o))
			ret = EXIT_ERROR;
	}
	dais_close(conn);
	return ret;
}
