/* SPDX-License-Identifier: GPL-2.0-only */
/* run, create, start */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../monitor/pci_claim.h"
#include "dais.h"
#include "guest_options.h"
#include "guests.h"

/* Refuses early what the monitor would refuse: nothing is started then. */
static int prepare(const struct guest_options *o)
{
	struct dais_conn *conn = connect_dais();
	struct dais_dom *dom;
	struct fault err;
	int ret;

	if (!conn)
		return EXIT_ERROR;
	ret = dais_dom_open_name(conn, o->config.name, &dom);
	if (!ret)
		dais_dom_close(dom);
	dais_close(conn);
	if (!ret)
		return fail("name: a guest named \"%s\" exists already; choose another, or remove it: dais destroy %s",
			    o->config.name, o->config.name);
	return run_dir_make(&err) ? fail("%s", err.text) : EXIT_OK;
}

static int exit_code_of(unsigned int death)
{
	switch (death) {
	case DAIS_DEATH_POWEROFF:
	case DAIS_DEATH_REBOOT:
		return EXIT_OK;
	case DAIS_DEATH_DESTROYED:
		return EXIT_GUEST_DESTROYED;
	case DAIS_DEATH_MONITOR:
		return EXIT_MONITOR_DIED;
	default:
		return EXIT_GUEST_DIED;
	}
}

/* An autonomous guest lives on without its monitor and can be taken over. */
static int lost_monitor(const struct launch *l, const struct guest_config *c)
{
	if (c->autonomous)
		fail("%s; the guest goes on without: dais attach %s gives it a new one, dais destroy %s ends it",
		     l->reason, c->name, c->name);
	else
		fail("%s; guest \"%s\" died with it", l->reason, c->name);
	if (!c->autonomous)
		run_files_remove(c->name);
	return EXIT_MONITOR_DIED;
}

static int finish(struct launch *l, const struct guest_config *c)
{
	int code;

	if (launch_end(l))
		return lost_monitor(l, c);
	code = exit_code_of(l->death);
	if (code != EXIT_OK || isatty(2))
		fprintf(stderr, "dais: guest \"%s\": %s%s%s\n", c->name, dais_death_name(l->death),
			l->reason[0] ? ": " : "", l->reason);
	run_files_remove(c->name);
	return code;
}

static int detach(struct launch *l, const struct guest_config *c)
{
	struct fault err;
	int fd = monitor_connect(c->name);

	if (fd < 0 || monitor_ask(fd, "untie", &err))
		return finish(l, c);
	close(fd);
	fprintf(stderr, "dais: guest \"%s\" goes on; dais console %s attaches again\n", c->name,
		c->name);
	return EXIT_OK;
}

static int attach(struct launch *l, const struct guest_config *c)
{
	enum pump_end end;
	int code;

	if (isatty(0))
		fputs("Connected to the guest's console; Ctrl-] leaves it.\r\n", stderr);
	end = console_pump(l->console, NULL);
	if (end == PUMP_NO_OUTPUT)
		fail("standard output: %s", strerror(errno));
	close(l->console);
	if (end == PUMP_DETACHED)
		return detach(l, c);
	if (end == PUMP_SIGNALLED || end == PUMP_NO_OUTPUT)
		kill(l->pid, SIGTERM);
	code = finish(l, c);
	return end == PUMP_NO_OUTPUT ? EXIT_ERROR : code;
}

int cmd_run(const struct command *c, int argc, char **argv)
{
	struct guest_options o;
	struct launch l;
	struct fault err;
	int ret = guest_options_parse(&o, c, argc, argv);

	if (ret)
		return ret - 1;
	if (o.paused || o.json)
		return fail_usage(c, "--paused and --json are options of dais create");
	ret = prepare(&o);
	if (!ret && launch_guest(&l, &o.config, LAUNCH_TIED, &err))
		ret = fail("%s", err.text);
	if (!ret)
		ret = attach(&l, &o.config);
	gconf_free(&o.config);
	return ret;
}

static void print_created(const struct guest_options *o)
{
	if (o->json) {
		struct json_object *j = json_object_new_object();

		json_add(j, "name", o->config.name);
		print_json(j);
	} else {
		puts(o->config.name);
	}
}

int cmd_create(const struct command *c, int argc, char **argv)
{
	struct guest_options o;
	struct launch l;
	struct fault err;
	int ret = guest_options_parse(&o, c, argc, argv);

	if (ret)
		return ret - 1;
	o.config.autonomous = true;
	ret = prepare(&o);
	if (!ret && launch_guest(&l, &o.config, o.paused ? LAUNCH_PAUSED : 0, &err))
		ret = fail("%s", err.text);
	if (!ret)
		print_created(&o);
	gconf_free(&o.config);
	return ret;
}

/* A dead guest is taken apart and made again from the file it was made from. */
static int start_again(struct dais_conn *conn, struct dais_dom *dom, const char *name)
{
	char *path = run_path(name, "conf");
	struct guest_config config, had;
	struct launch l;
	struct fault err;
	int ret;

	gconf_init(&config);
	ret = gconf_read(&config, path, &err);
	if (!ret) /* what would fail is to fail while the dead one is still there */
		ret = gconf_check(&config, &err) || gconf_make_absolute(&config, &err);
	free(path);
	if (ret) {
		dais_dom_close(dom);
		return fail("guest \"%s\" cannot be made again: %s", name, err.text);
	}
	ret = take_apart(conn, dom, name, &had);
	if (ret)
		fail("guest \"%s\": taking the dead one apart: %s", name, dais_strerror(ret));
	else if (launch_guest(&l, &config, 0, &err))
		ret = fail("%s", err.text);
	pci_unclaim(&had); /* those that it has not again */
	gconf_free(&config);
	return ret ? EXIT_ERROR : EXIT_OK;
}

static int start(struct dais_conn *conn, struct dais_dom *dom, const char *name)
{
	int ret;

	switch (dais_dom_page(dom)->state) {
	case DAIS_DOM_DEAD:
		return start_again(conn, dom, name);
	case DAIS_DOM_CONFIG:
		ret = dais_dom_activate(dom);
		if (ret)
			fail("guest \"%s\": %s", name, dais_strerror(ret));
		break;
	case DAIS_DOM_PAUSED:
		ret = fail("guest \"%s\" is paused; dais resume %s lets it go on", name, name);
		break;
	default:
		ret = fail("guest \"%s\" is running already", name);
	}
	dais_dom_close(dom);
	return ret ? EXIT_ERROR : EXIT_OK;
}

int cmd_start(const struct command *c, int argc, char **argv)
{
	struct simple_options o;
	struct dais_conn *conn;
	struct dais_dom *dom;
	int ret = EXIT_ERROR, first = parse_simple(c, argc, argv, "", &o);

	if (first < 0)
		return simple_exit(first);
	if (first + 1 != argc)
		return fail_usage(c, "give one guest's name");
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	dom = open_guest(conn, argv[first]);
	if (dom)
		ret = start(conn, dom, argv[first]);
	dais_close(conn);
	return ret;
}
