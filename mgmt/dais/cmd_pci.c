/* SPDX-License-Identifier: GPL-2.0-only */
/* dais pci: which functions there are, whose they are, and what keeps one from a guest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../monitor/pci_claim.h"
#include "../monitor/pci_sysfs.h"
#include "dais.h"
#include "guests.h"

#define DETACH_SECONDS 30 /* for a guest to let go of its functions */
#define LOOK_US 50000

/* One function, as told to the user. */
struct row {
	const struct pci_info *f;
	uint64_t state, faults;
	char name[16], owner[DAIS_NAME_MAX], note[512];
};

static void find_owner(struct dais_conn *conn, struct row *r)
{
	struct dais_ioc_dom_info info;
	struct dais_dom *dom;

	snprintf(r->owner, sizeof(r->owner), "%s", r->state & DAIS_FN_BLOCKED ? "(blocked)" : "control");
	if (!(r->state >> 32) || dais_dom_open(conn, r->state >> 32, &dom))
		return;
	if (!dais_dom_info(dom, &info))
		memcpy(r->owner, info.name, sizeof(r->owner));
	dais_dom_close(dom);
}

/* What keeps it from a guest, or "" */
static void find_note(struct dais_conn *conn, const struct pci_machine *m, struct row *r)
{
	struct fault why;

	r->note[0] = 0;
	if (r->state >> 32)
		return;
	if (pci_check(m, r->f->fn, NULL, 0, &why))
		snprintf(r->note, sizeof(r->note), "%s", why.text + strlen("pci: 0000:00:00.0 "));
	else if (!(dais_peek_info(conn)->stat[DAIS_STAT_IOMMU] & DAIS_IOMMU_GUESTS))
		snprintf(r->note, sizeof(r->note), "no IOMMU for guests: dais info says why");
	else if (!(r->state & DAIS_FN_ASSIGNABLE))
		snprintf(r->note, sizeof(r->note), "no IOMMU is in front of it, or firmware uses its memory");
	else if (r->state & DAIS_FN_BLOCKED)
		snprintf(r->note, sizeof(r->note), "its guest is gone and it could not be reset; dais pci return tries again");
	else if (strcmp(r->f->driver, DAIS_PCI_DRIVER) && pci_check_idle(m, r->f->fn, &why))
		snprintf(r->note, sizeof(r->note), "%s", why.text + strlen("pci: 0000:00:00.0 "));
}

static void fill(struct dais_conn *conn, const struct pci_machine *m, struct row *r, const struct pci_info *f)
{
	r->f = f;
	pci_name(f->fn, r->name);
	if (dais_function_stat(conn, f->fn, DAIS_STAT_FN_STATE, &r->state))
		r->state = 0;
	if (dais_function_stat(conn, f->fn, DAIS_STAT_FN_FAULTS, &r->faults))
		r->faults = 0;
	find_owner(conn, r);
	find_note(conn, m, r);
}

static void add_json(struct json_object *array, const struct row *r)
{
	struct json_object *o = json_object_new_object();
	char ids[16];

	snprintf(ids, sizeof(ids), "%04x:%04x", r->f->ids & 0xffff, r->f->ids >> 16);
	json_add(o, "function", r->name);
	json_add(o, "ids", ids);
	json_add_number(o, "class", r->f->class);
	json_add_number(o, "group", r->f->group);
	json_add(o, "driver", r->f->driver);
	json_add(o, "owner", r->owner);
	json_add_number(o, "faults", r->faults);
	json_add_bool(o, "assignable", !r->note[0]);
	json_add(o, "note", r->note);
	json_object_array_add(array, o);
}

static void print_row(const struct row *r)
{
	printf("%s  %04x:%04x  %06x  %5d  %-14s %-12s %6lu  %s\n", r->name, r->f->ids & 0xffff, r->f->ids >> 16,
	       r->f->class, r->f->group, r->f->driver[0] ? r->f->driver : "-", r->owner, r->faults, r->note);
}

static int list(struct dais_conn *conn, const struct pci_machine *m, bool json)
{
	struct json_object *array = json ? json_object_new_array() : NULL;
	struct row r;
	unsigned int i;

	if (!json)
		printf("%-12s  %-9s  %-6s  %5s  %-14s %-12s %6s  %s\n", "FUNCTION", "IDS", "CLASS", "GROUP", "DRIVER",
		       "OWNER", "FAULTS", "NOT FOR GUESTS BECAUSE");
	for (i = 0; i < m->count; i++) {
		fill(conn, m, &r, &m->fn[i]);
		if (json)
			add_json(array, &r);
		else
			print_row(&r);
	}
	if (json)
		print_json(array);
	return EXIT_OK;
}

/* Reserved, until dais pci return: a guest that ends does not give them back to their drivers. */
static int assign(struct guest_config *c)
{
	struct fault err;
	unsigned int i;

	if (run_dir_make(&err) || pci_claim(c, &err))
		return fail("%s", err.text);
	for (i = 0; i < c->functions; i++)
		if (pci_reserve(c->function[i], true, &err))
			return fail("%s", err.text);
	return EXIT_OK;
}

static int give_back(struct dais_conn *conn, const struct pci_machine *m, const struct guest_config *c)
{
	const struct pci_info *f;
	struct fault err;
	struct row r;
	unsigned int i;

	for (i = 0; i < c->functions; i++) {
		f = pci_lookup(m, c->function[i]);
		if (!f && pci_reserve(c->function[i], false, &err)) /* it went without being returned */
			return fail("%s", err.text);
		if (!f)
			return fail("pci: there is no function %s; dais pci list shows all",
				    pci_name(c->function[i], r.name));
		fill(conn, m, &r, f);
		if (r.state >> 32)
			return fail("pci: guest \"%s\" has %s; it comes back when that guest is destroyed", r.owner,
				    r.name);
		if (strcmp(f->driver, DAIS_PCI_DRIVER))
			return fail("pci: %s is not set apart for guests: its driver is %s", r.name,
				    f->driver[0] ? f->driver : "none");
		if (pci_reserve(f->fn, false, &err) || pci_bind(m->root, f->fn, NULL, &err))
			return fail("%s", err.text);
		fill(conn, m, &r, f);
		if (r.state & DAIS_FN_BLOCKED)
			return fail("pci: %s stays blocked: it could not be reset (dmesg says why). No driver can use it until the machine is started anew",
				    r.name);
	}
	return EXIT_OK;
}

/* The request with its list, as the monitor takes it. */
static int ask_monitor(const char *name, const char *what, const struct guest_config *c)
{
	char request[SERVER_LINE], fn[16];
	size_t n = snprintf(request, sizeof(request), "%s", what);
	struct fault err;
	unsigned int i;
	int fd, ret;

	for (i = 0; i < c->functions; i++) /* at most CONFIG_FUNCTIONS: they fit */
		n += snprintf(request + n, sizeof(request) - n, "%c%s%s", i ? ',' : ' ', pci_name(c->function[i], fn),
			      c->no_reset[i] ? "=noreset" : "");
	fd = monitor_connect_or_adopt(name, &err);
	if (fd < 0)
		return fail("%s", err.text);
	ret = monitor_ask(fd, request, &err);
	close(fd);
	return ret ? fail("%s", err.text) : EXIT_OK;
}

/* Those of them that are guest id's, or are on their way back: blocked until they are reset. */
static void count_leaving(struct dais_conn *conn, uint32_t id, const struct guest_config *c, unsigned int *with_guest,
			  unsigned int *blocked)
{
	uint64_t state;
	unsigned int i;

	*with_guest = *blocked = 0;
	for (i = 0; i < c->functions; i++) {
		if (dais_function_stat(conn, c->function[i], DAIS_STAT_FN_STATE, &state))
			continue;
		*with_guest += state >> 32 == id;
		*blocked += !!(state & DAIS_FN_BLOCKED);
	}
}

/* Then their drivers have them again. */
static int detach(struct dais_conn *conn, const char *name, uint32_t id, const struct guest_config *c, bool force)
{
	unsigned int tries = DETACH_SECONDS * (1000000 / LOOK_US);
	int ret = ask_monitor(name, force ? "take" : "unplug", c);
	unsigned int with_guest, blocked;

	if (ret)
		return ret;
	/* the guest answers, if at all, when its drivers have let go */
	while (count_leaving(conn, id, c, &with_guest, &blocked), (with_guest || blocked) && --tries)
		usleep(LOOK_US);
	if (with_guest)
		return fail("pci: guest \"%s\" has not let go within %d s; --force takes the functions away", name,
			    DETACH_SECONDS);
	if (blocked)
		return fail("pci: not all could be reset, and those stay blocked; dais pci return tries again");
	pci_unclaim(c);
	return EXIT_OK;
}

/* Of a guest that exists: functions come, or go. */
static int change(struct dais_conn *conn, const char *name, const char *what, const struct guest_config *c, bool force)
{
	struct dais_dom *dom = open_guest(conn, name);
	uint32_t id;

	if (!dom)
		return EXIT_ERROR;
	id = dais_dom_page(dom)->id;
	dais_dom_close(dom);
	return strcmp(what, "attach") ? detach(conn, name, id, c, force) : ask_monitor(name, "plug", c);
}

static int parse_functions(const struct command *c, int count, char **names, struct guest_config *config)
{
	struct fault err;

	if (!count)
		return fail_usage(c, "give a function, as 0000:00:04.0");
	while (count--)
		if (gconf_add_pci(config, *names++, &err))
			return fail_usage(c, "%s", err.text);
	return config->functions ? EXIT_OK : fail_usage(c, "\"none\" is no function");
}

int cmd_pci(const struct command *c, int argc, char **argv)
{
	struct guest_config config;
	struct simple_options o;
	struct pci_machine m;
	struct dais_conn *conn;
	struct fault err;
	int ret = EXIT_OK, first = parse_simple(c, argc, argv, "jF", &o);
	const char *what, *guest = NULL;

	if (first < 0)
		return simple_exit(first);
	what = first < argc ? argv[first++] : "list";
	gconf_init(&config);
	if (!strcmp(what, "attach") || !strcmp(what, "detach"))
		guest = first < argc ? argv[first++] : "";
	else if (strcmp(what, "list") && strcmp(what, "assign") && strcmp(what, "return"))
		return fail_usage(c, "\"%s\" is none of list, assign, return, attach, detach", what);
	if (o.force && strcmp(what, "detach"))
		return fail_usage(c, "--force is for detach");
	if (strcmp(what, "list"))
		ret = parse_functions(c, argc - first, argv + first, &config);
	else if (first < argc)
		ret = fail_usage(c, "unexpected argument \"%s\"", argv[first]);
	if (ret)
		return ret;
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	if (guest) {
		ret = change(conn, guest, what, &config, o.force);
		dais_close(conn);
		return ret;
	}
	if (pci_scan(&m, PCI_SYSFS, &err))
		ret = fail("%s", err.text);
	else if (!strcmp(what, "list"))
		ret = list(conn, &m, o.json);
	else
		ret = !strcmp(what, "assign") ? assign(&config) : give_back(conn, &m, &config);
	pci_scan_free(&m);
	dais_close(conn);
	return ret;
}
