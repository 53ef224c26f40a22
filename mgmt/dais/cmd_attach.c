/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <unistd.h>

#include "dais.h"
#include "guests.h"

static int attach(struct dais_dom *dom, const char *name)
{
	struct dais_ioc_dom_info d;
	struct fault err;
	int pid, ret = dais_dom_info(dom, &d);

	if (ret)
		return fail("guest \"%s\": %s", name, dais_strerror(ret));
	if (d.state == DAIS_DOM_DEAD)
		return fail("guest \"%s\" is dead: a monitor would have nothing to do; dais start %s makes it again",
			    name, name);
	if (!(d.flags & DAIS_DOM_AUTONOMOUS))
		return fail("guest \"%s\" is hosted: it ends with its monitor, so no other can take it over; only guests made by dais create or dais run --autonomous can be",
			    name);
	pid = monitor_serving(name);
	if (pid)
		return fail("guest \"%s\" has a monitor already (process %d)", name, pid);
	return monitor_adopt(name, &err) ? fail("%s", err.text) : EXIT_OK;
}

int cmd_attach(const struct command *c, int argc, char **argv)
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

		if (!dom || attach(dom, argv[i]))
			ret = EXIT_ERROR;
		if (dom)
			dais_dom_close(dom);
	}
	dais_close(conn);
	return ret;
}
