/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>

#include "dais.h"
#include "guests.h"

static uint64_t uptime(struct dais_conn *conn, const struct dais_ioc_dom_info *d)
{
	uint64_t hz = dais_peek_info(conn)->stat[DAIS_STAT_TSC_HZ], now = read_tsc();

	return hz && now > d->created_tsc ? (now - d->created_tsc) / hz : 0;
}

static const char *kind(const struct dais_ioc_dom_info *d)
{
	return d->flags & DAIS_DOM_AUTONOMOUS ? "autonomous" : "hosted";
}

/* Ends that somebody asked for need no further reason. */
static bool was_asked_for(uint32_t death)
{
	return death == DAIS_DEATH_POWEROFF || death == DAIS_DEATH_REBOOT ||
	       death == DAIS_DEATH_DESTROYED;
}

void guest_death(const struct dais_ioc_dom_info *d, char *buf, size_t size)
{
	if (d->state != DAIS_DOM_DEAD)
		snprintf(buf, size, "%s", "");
	else if (d->reason[0] && !was_asked_for(d->death))
		snprintf(buf, size, "%s: %s", dais_death_name(d->death), d->reason);
	else
		snprintf(buf, size, "%s", dais_death_name(d->death));
}

static void add_json(struct dais_conn *conn, struct json_object *array,
		     const struct dais_ioc_dom_info *d)
{
	struct json_object *o = json_object_new_object();
	unsigned int i;
	char uuid[40];
	int at = 0;

	for (i = 0; i < 16; i++)
		at += sprintf(uuid + at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			      d->uuid[i]);
	json_add_number(o, "id", d->id);
	json_add(o, "name", d->name);
	json_add(o, "uuid", uuid);
	json_add(o, "state", dais_state_name(d->state));
	json_add_number(o, "vcpus", d->vcpus);
	json_add_number(o, "memory", d->memory);
	json_add(o, "kind", kind(d));
	json_add_number(o, "uptime", uptime(conn, d));
	json_add(o, "death", d->state == DAIS_DOM_DEAD ? dais_death_name(d->death) : "");
	json_add(o, "reason", d->state == DAIS_DOM_DEAD ? d->reason : "");
	json_object_array_add(array, o);
}

static void print_row(struct dais_conn *conn, const struct dais_ioc_dom_info *d)
{
	char memory[32], time[32], death[192];

	guest_death(d, death, sizeof(death));
	printf("%4u  %-20s %-8s %5u  %9s  %-10s %11s  %s\n", d->id, d->name,
	       dais_state_name(d->state), d->vcpus, format_size(d->memory, memory), kind(d),
	       format_time(uptime(conn, d), time), death);
}

int cmd_list(const struct command *c, int argc, char **argv)
{
	struct json_object *array = NULL;
	struct dais_ioc_dom_info d = { .id = 0 };
	struct simple_options o;
	struct dais_conn *conn;
	bool first = true;
	int ret, index = parse_simple(c, argc, argv, "j", &o);

	if (index < 0)
		return simple_exit(index);
	if (index < argc)
		return fail_usage(c, "unexpected argument \"%s\"", argv[index]);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	if (o.json)
		array = json_object_new_array();
	else
		printf("%4s  %-20s %-8s %5s  %9s  %-10s %11s  %s\n", "ID", "NAME", "STATE", "VCPUS",
		       "MEMORY", "KIND", "UPTIME", "REASON");
	while ((ret = dais_dom_next(conn, first, d.id, &d)) > 0) {
		first = false;
		if (o.json)
			add_json(conn, array, &d);
		else
			print_row(conn, &d);
	}
	if (o.json)
		print_json(array);
	if (ret < 0)
		fail("listing the guests: %s", dais_strerror(ret));
	dais_close(conn);
	return ret < 0 ? EXIT_ERROR : EXIT_OK;
}
