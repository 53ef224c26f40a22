/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>

#include "dais.h"

static const struct { enum dais_stat what; const char *key, *text; } global[] = {
	{ DAIS_STAT_FRAMES_TOTAL, "frames_total", "frames of the pool, 4 KiB each" },
	{ DAIS_STAT_FRAMES_FREE, "frames_free", "free" },
	{ DAIS_STAT_FRAMES_GUEST, "frames_guest", "owned by guests" },
	{ DAIS_STAT_FRAMES_DAIS, "frames_dais", "taken by Dais's heap" },
	{ DAIS_STAT_HEAP_USED, "heap_used", "bytes of that in use" },
	{ DAIS_STAT_DOMAINS, "domains", "domains" },
	{ DAIS_STAT_VCPUS, "vcpus", "vCPUs" },
	{ DAIS_STAT_CAPS, "capabilities", "capabilities in all domains" },
	{ DAIS_STAT_EVENTS, "events", "events" },
	{ DAIS_STAT_POOLS, "pools", "pools" },
	{ DAIS_STAT_CPU_IDLE_TSC, "cpu_idle_tsc", "idle time of all CPUs, TSC ticks" },
	{ DAIS_STAT_CHECK, "check", "check of all invariants (0: they hold)" },
};

static const struct { enum dais_stat what; const char *key, *text; } domain[] = {
	{ DAIS_STAT_DOM_FRAMES, "frames", "frames, 4 KiB each" },
	{ DAIS_STAT_DOM_HEAP, "heap", "bytes of Dais's heap" },
};

static const struct { enum dais_stat what; const char *key; } vcpu[] = {
	{ DAIS_STAT_VCPU_TSC, "guest_tsc" },
	{ DAIS_STAT_VCPU_EXITS, "exits" },
	{ DAIS_STAT_VCPU_CPU, "cpu" },
	{ DAIS_STAT_VCPU_RAN, "ran_tsc" },
	{ DAIS_STAT_VCPU_WAITED, "waited_tsc" },
	{ DAIS_STAT_VCPU_MOVED, "moved" },
	{ DAIS_STAT_VCPU_MISSED, "missed" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int stat_machine(struct dais_conn *conn, bool json)
{
	struct json_object *o = json ? json_object_new_object() : NULL;
	unsigned int i;

	for (i = 0; i < COUNT(global); i++) {
		uint64_t value;
		int ret = dais_stat(conn, global[i].what, &value);

		if (ret)
			return fail("reading counter %s: %s", global[i].key, dais_strerror(ret));
		if (json)
			json_add_number(o, global[i].key, value);
		else
			printf("%-14s %16llu  %s\n", global[i].key, (unsigned long long)value,
			       global[i].text);
	}
	if (json)
		print_json(o);
	return EXIT_OK;
}

static struct json_object *vcpu_json(struct dais_dom *dom, unsigned int index)
{
	struct json_object *o = json_object_new_object();
	uint64_t value;
	unsigned int i;

	json_add_number(o, "index", index);
	if (!dais_dom_vcpu_stat(dom, index, DAIS_STAT_VCPU_ACTIVITY, &value))
		json_add(o, "activity", dais_activity_name(value));
	for (i = 0; i < COUNT(vcpu); i++)
		if (!dais_dom_vcpu_stat(dom, index, vcpu[i].what, &value))
			json_add_number(o, vcpu[i].key, value);
	return o;
}

static void print_guest_json(struct dais_dom *dom, const struct dais_ioc_dom_info *d)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	uint64_t value;
	unsigned int i;

	json_add(o, "name", d->name);
	json_add_number(o, "id", d->id);
	json_add(o, "state", dais_state_name(d->state));
	json_add_number(o, "area", d->area);
	for (i = 0; i < COUNT(domain); i++)
		if (!dais_dom_stat(dom, domain[i].what, &value))
			json_add_number(o, domain[i].key, value);
	for (i = 0; i < d->vcpus; i++)
		json_object_array_add(list, vcpu_json(dom, i));
	json_object_object_add(o, "vcpus", list);
	print_json(o);
}

static void print_vcpu(struct dais_dom *dom, unsigned int index, uint64_t hz)
{
	uint64_t activity = ~0ULL, tsc = 0, exits = 0, cpu = 0;

	dais_dom_vcpu_stat(dom, index, DAIS_STAT_VCPU_ACTIVITY, &activity);
	dais_dom_vcpu_stat(dom, index, DAIS_STAT_VCPU_TSC, &tsc);
	dais_dom_vcpu_stat(dom, index, DAIS_STAT_VCPU_EXITS, &exits);
	dais_dom_vcpu_stat(dom, index, DAIS_STAT_VCPU_CPU, &cpu);
	printf("%5u  %-16s %12.3f %14llu %4llu\n", index, dais_activity_name(activity),
	       hz ? (double)tsc / hz : 0.0, (unsigned long long)exits, (unsigned long long)cpu);
}

static void print_guest(struct dais_conn *conn, struct dais_dom *dom,
			const struct dais_ioc_dom_info *d)
{
	uint64_t value;
	unsigned int i;

	printf("%s (id %u): %s\n", d->name, d->id, dais_state_name(d->state));
	for (i = 0; i < COUNT(domain); i++)
		if (!dais_dom_stat(dom, domain[i].what, &value))
			printf("%-14s %16llu  %s\n", domain[i].key, (unsigned long long)value,
			       domain[i].text);
	printf("%5s  %-16s %12s %14s %4s\n", "VCPU", "ACTIVITY", "SECONDS", "EXITS", "CPU");
	for (i = 0; i < d->vcpus; i++)
		print_vcpu(dom, i, dais_peek_info(conn)->stat[DAIS_STAT_TSC_HZ]);
}

static int stat_guest(struct dais_conn *conn, const char *name, bool json)
{
	struct dais_dom *dom = open_guest(conn, name);
	struct dais_ioc_dom_info d;
	int ret;

	if (!dom)
		return EXIT_ERROR;
	ret = dais_dom_info(dom, &d);
	if (ret)
		fail("guest \"%s\": %s", name, dais_strerror(ret));
	else if (json)
		print_guest_json(dom, &d);
	else
		print_guest(conn, dom, &d);
	dais_dom_close(dom);
	return ret ? EXIT_ERROR : EXIT_OK;
}

int cmd_stat(const struct command *c, int argc, char **argv)
{
	struct simple_options o;
	struct dais_conn *conn;
	int ret, first = parse_simple(c, argc, argv, "j", &o);

	if (first < 0)
		return simple_exit(first);
	if (argc > first + 1)
		return fail_usage(c, "unexpected argument \"%s\"", argv[first + 1]);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	ret = first < argc ? stat_guest(conn, argv[first], o.json) : stat_machine(conn, o.json);
	dais_close(conn);
	return ret;
}
