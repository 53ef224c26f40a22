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
	}
	return EXIT_OK;
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
	int ret = EXIT_OK, first = parse_simple(c, argc, argv, "j", &o);
	const char *what;

	if (first < 0)
		return simple_exit(first);
	what = first < argc ? argv[first++] : "list";
	gconf_init(&config);
	if (strcmp(what, "list") && strcmp(what, "assign") && strcmp(what, "return"))
		return fail_usage(c, "\"%s\" is neither list nor assign nor return", what);
	if (strcmp(what, "list"))
		ret = parse_functions(c, argc - first, argv + first, &config);
	else if (first < argc)
		ret = fail_usage(c, "unexpected argument \"%s\"", argv[first]);
	if (ret)
		return ret;
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
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
