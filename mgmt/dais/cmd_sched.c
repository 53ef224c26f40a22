/* SPDX-License-Identifier: GPL-2.0-only */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dais.h"
#include "guests.h"
#include "sched_options.h"

enum { OPT_JSON = OPT_SCHED + DAIS_SCHED_PARAMS, OPT_VCPU };

struct sched_options {
	struct sched_config config;
	bool json;
	unsigned int vcpu; /* ~0: all */
};

static const struct option options[] = {
	SCHED_OPTIONS,
	{ "vcpu", required_argument, NULL, OPT_VCPU },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* As parse_simple. */
static int parse(const struct command *c, int argc, char **argv, struct sched_options *o)
{
	struct fault err;
	int opt, ret = 0;

	opterr = 0;
	while (!ret && (opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(c->help, stdout);
			return -2;
		}
		if (opt == OPT_JSON)
			o->json = true;
		else if (opt == OPT_VCPU)
			ret = gconf_parse_number("vcpu", optarg, 0, DAIS_MAX_VCPUS - 1, &o->vcpu, &err);
		else if (opt >= OPT_SCHED)
			ret = sched_config_parse(&o->config, opt - OPT_SCHED, optarg, &err);
		else
			ret = fault_set(&err, "unknown option or missing value: \"%s\"", bad_option(opt, argv));
	}
	if (!ret && optind != argc - 1)
		ret = fault_set(&err, optind == argc ? "give a guest's name" : "give one guest's name");
	if (ret)
		fail_usage(c, "%s", err.text);
	return ret ? -1 : optind;
}

static struct json_object *to_json(const struct sched_config *s, unsigned int index)
{
	struct json_object *o = json_object_new_object();
	char text[SCHED_TEXT];
	unsigned int i;

	json_add_number(o, "vcpu", index);
	for (i = 0; i < DAIS_SCHED_PARAMS; i++) {
		sched_config_text(s, i, text, sizeof(text));
		if (i == DAIS_SCHED_WEIGHT || i == DAIS_SCHED_CAP)
			json_add_number(o, sched_names[i], s->value[i]);
		else
			json_add(o, sched_names[i], text);
	}
	return o;
}

static void print(const struct sched_config *s, unsigned int index)
{
	char text[DAIS_SCHED_PARAMS][SCHED_TEXT];
	unsigned int i;

	for (i = 0; i < DAIS_SCHED_PARAMS; i++)
		sched_config_text(s, i, text[i], sizeof(text[i]));
	printf("%4u  %6s  %4s  %13s  %7s  %10s  %s\n", index, text[DAIS_SCHED_WEIGHT], text[DAIS_SCHED_CAP],
	       text[DAIS_SCHED_RESERVE], text[DAIS_SCHED_SLICE], text[DAIS_SCHED_CORE], text[DAIS_SCHED_CPUS]);
}

static int one(struct dais_dom *dom, unsigned int index, const struct sched_options *o, struct json_object *list,
	       struct fault *err)
{
	struct sched_config now;
	struct dais_vcpu *vcpu;
	int ret = dais_vcpu_open(dom, index, &vcpu);

	if (ret)
		return fault_set(err, "vCPU %u: %s", index, dais_strerror(ret));
	ret = o->config.given ? sched_config_apply(&o->config, vcpu, err) : sched_config_get(&now, vcpu, err);
	if (!ret && !o->config.given && o->json)
		json_object_array_add(list, to_json(&now, index));
	else if (!ret && !o->config.given)
		print(&now, index);
	dais_vcpu_close(vcpu);
	return ret;
}

/* Sets or shows; what was set before a vCPU refused it stays set. */
static int all(struct dais_dom *dom, const char *name, const struct sched_options *o)
{
	struct json_object *list = o->json ? json_object_new_array() : NULL;
	unsigned int i, first = o->vcpu == ~0U ? 0 : o->vcpu, end = dais_dom_page(dom)->max_vcpus;
	struct fault err;
	int ret = 0;

	if (first >= end)
		return fail("guest \"%s\" has no vCPU %u: its %u begin with 0", name, first, end);
	if (!o->config.given && !o->json)
		printf("VCPU  WEIGHT  CAP%%        RESERVE    SLICE  CORE-SCHED  CPUS\n");
	for (i = first; !ret && i < (o->vcpu == ~0U ? end : first + 1); i++)
		ret = one(dom, i, o, list, &err);
	if (ret)
		fail("guest \"%s\", vCPU %u: %s", name, i - 1, err.text);
	if (list)
		print_json(list);
	return ret ? EXIT_ERROR : EXIT_OK;
}

int cmd_sched(const struct command *c, int argc, char **argv)
{
	struct sched_options o = { .vcpu = ~0U };
	struct dais_conn *conn;
	struct dais_dom *dom;
	int ret, i = parse(c, argc, argv, &o);

	if (i < 0)
		return simple_exit(i);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	dom = open_guest(conn, argv[i]);
	ret = dom ? all(dom, argv[i], &o) : EXIT_ERROR;
	if (dom)
		dais_dom_close(dom);
	dais_close(conn);
	return ret;
}
