/* SPDX-License-Identifier: GPL-2.0-only */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest_options.h"
#include "sched_options.h"

enum {
	OPT_NAME = 256, OPT_KERNEL, OPT_INITRD, OPT_CMDLINE, OPT_MODULE, OPT_VCPUS, OPT_MEMORY,
	OPT_CONFIG, OPT_PCI, OPT_AUTONOMOUS, OPT_NO_REBOOT, OPT_PAUSED, OPT_JSON, OPT_HELP
};

static const struct option options[] = {
	{ "name", required_argument, NULL, OPT_NAME },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "cmdline", required_argument, NULL, OPT_CMDLINE },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "vcpus", required_argument, NULL, OPT_VCPUS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	SCHED_OPTIONS,
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "pci", required_argument, NULL, OPT_PCI },
	{ "autonomous", no_argument, NULL, OPT_AUTONOMOUS },
	{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
	{ "paused", no_argument, NULL, OPT_PAUSED },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int take(struct guest_options *o, int opt, const char *value, struct fault *err)
{
	struct guest_config *c = &o->config;

	switch (opt) {
	case OPT_NAME:
		gconf_set_string(&c->name, value);
		return 0;
	case OPT_KERNEL:
		gconf_set_string(&c->kernel, value);
		return 0;
	case OPT_INITRD:
		gconf_set_string(&c->initrd, value);
		return 0;
	case OPT_CMDLINE:
		gconf_set_string(&c->cmdline, value);
		return 0;
	case OPT_MODULE:
		return gconf_add_module(c, value, err);
	case OPT_VCPUS:
		return gconf_parse_number("vcpus", value, 1, DAIS_MAX_VCPUS, &c->vcpus, err);
	case OPT_MEMORY:
		return gconf_parse_size(value, &c->memory, err);
	case OPT_PCI:
		if (!o->pci) { /* instead of the file's, not beside them */
			c->functions = 0;
			memset(c->no_reset, 0, sizeof(c->no_reset));
		}
		o->pci = true;
		return gconf_add_pci(c, value, err);
	case OPT_AUTONOMOUS:
		c->autonomous = true;
		return 0;
	case OPT_NO_REBOOT:
		c->no_reboot = true;
		return 0;
	case OPT_PAUSED:
		o->paused = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	}
	return opt >= OPT_SCHED ? sched_config_parse(&c->sched, opt - OPT_SCHED, value, err) : 0;
}

static int stop(int code)
{
	return code + 1;
}

/* One pass over the arguments: with config_only just --config, else all but it. */
static int pass(struct guest_options *o, const struct command *c, int argc, char **argv,
		bool config_only)
{
	struct fault err;
	int opt, ret;

	optind = 0; /* glibc: begin anew */
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (opt == OPT_HELP || opt == 'h') {
			fputs(c->help, stdout);
			return stop(EXIT_OK);
		}
		if (opt == ':')
			return stop(fail_usage(c, "%s needs a value", bad_option(opt, argv)));
		if (opt == '?')
			return stop(fail_usage(c, "unknown option \"%s\"", bad_option(opt, argv)));
		if (config_only != (opt == OPT_CONFIG))
			continue;
		ret = config_only ? gconf_read(&o->config, optarg, &err) :
				    take(o, opt, optarg, &err);
		if (ret)
			return stop(config_only ? fail("%s", err.text) : fail_usage(c, "%s", err.text));
	}
	if (optind < argc)
		return stop(fail_usage(c, "unexpected argument \"%s\"", argv[optind]));
	return 0;
}

int guest_options_parse(struct guest_options *o, const struct command *c, int argc, char **argv)
{
	struct fault err;
	char name[32];
	int ret;

	memset(o, 0, sizeof(*o));
	gconf_init(&o->config);
	ret = pass(o, c, argc, argv, true);
	if (!ret)
		ret = pass(o, c, argc, argv, false);
	if (ret)
		return ret;
	if (!o->config.name) {
		snprintf(name, sizeof(name), "guest-%d", getpid());
		gconf_set_string(&o->config.name, name);
	}
	if (gconf_check(&o->config, &err))
		return stop(fail_usage(c, "%s", err.text));
	if (gconf_make_absolute(&o->config, &err))
		return stop(fail("%s", err.text));
	return 0;
}
