/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../monitor/pci_claim.h"
#include "guests.h"

int run_dir_make(struct fault *err)
{
	if (mkdir(RUN_DIR, 0700) && errno != EEXIST)
		return fault_set(err, "%s: %s", RUN_DIR, strerror(errno));
	return 0;
}

char *run_path(const char *name, const char *suffix)
{
	char *path;

	if (asprintf(&path, RUN_DIR "/%s.%s", name, suffix) < 0)
		abort(); /* a few bytes: nothing sensible is left to do */
	return path;
}

/* What it had of PCI goes back to the control domain's drivers. */
static void return_functions(const char *name)
{
	char *path = run_path(name, "conf");
	struct guest_config config;
	struct fault err;

	gconf_init(&config);
	if (!access(path, F_OK) && !gconf_read(&config, path, &err))
		pci_unclaim(&config);
	gconf_free(&config);
	free(path);
}

/* Not a dead one: that which ends here may be held open, by dais top for example. */
static bool is_alive(const char *name)
{
	struct dais_conn *conn;
	struct dais_dom *dom;
	bool yes = false;

	if (dais_open(&conn))
		return false;
	if (!dais_dom_open_name(conn, name, &dom)) {
		yes = dais_dom_page(dom)->state != DAIS_DOM_DEAD;
		dais_dom_close(dom);
	}
	dais_close(conn);
	return yes;
}

void run_files_remove(const char *name)
{
	static const char *const suffixes[] = { "sock", "conf", "console", "console.old" };
	unsigned int i;

	if (is_alive(name)) /* a new guest has the name already, and so the files */
		return;
	return_functions(name);
	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *path = run_path(name, suffixes[i]);

		unlink(path);
		free(path);
	}
}
