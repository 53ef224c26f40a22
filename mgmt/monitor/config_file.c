/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest files: libconfig's syntax, one setting a line. */
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "layout.h"
#include "pci_sysfs.h"

static int wrong(const config_setting_t *s, const char *path, const char *what, struct fault *err)
{
	return fault_set(err, "%s, line %u: %s: %s", path, config_setting_source_line(s),
			 config_setting_name(s), what);
}

static int take_string(const config_setting_t *s, const char *path, char **field, struct fault *err)
{
	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong(s, path, "must be a string in quotes", err);
	gconf_set_string(field, config_setting_get_string(s));
	return 0;
}

static int take_number(const config_setting_t *s, const char *path, unsigned int *field,
		       struct fault *err)
{
	if (config_setting_type(s) != CONFIG_TYPE_INT || config_setting_get_int(s) < 0)
		return wrong(s, path, "must be a number, without quotes", err);
	*field = config_setting_get_int(s);
	return 0;
}

static int take_bool(const config_setting_t *s, const char *path, bool *field, struct fault *err)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return wrong(s, path, "must be true or false", err);
	*field = config_setting_get_bool(s);
	return 0;
}

static int take_memory(const config_setting_t *s, const char *path, uint64_t *field,
		       struct fault *err)
{
	struct fault why;

	if (config_setting_type(s) == CONFIG_TYPE_INT && config_setting_get_int(s) > 0) {
		*field = (uint64_t)config_setting_get_int(s) * MIB;
		return 0;
	}
	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong(s, path, "must be a size like \"256M\", or a number of MiB", err);
	if (gconf_parse_size(config_setting_get_string(s), field, &why))
		return fault_set(err, "%s, line %u: %s", path, config_setting_source_line(s), why.text);
	return 0;
}

static int take_modules(const config_setting_t *s, const char *path, struct guest_config *c,
			struct fault *err)
{
	int i, n = config_setting_length(s);

	if (!config_setting_is_array(s) && !config_setting_is_list(s))
		return wrong(s, path, "must be a list: [ \"FILE ARGUMENTS\", ... ]", err);
	for (i = 0; i < n; i++) {
		const char *text = config_setting_get_string_elem(s, i);

		if (!text)
			return wrong(s, path, "must hold strings in quotes", err);
		if (gconf_add_module(c, text, err))
			return -1;
	}
	return 0;
}

static int take_pci(const config_setting_t *s, const char *path, struct guest_config *c, struct fault *err)
{
	struct fault why;

	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong(s, path, "must be a string: \"0000:00:04.0,...\", or \"none\" for an empty PCI bus", err);
	if (gconf_add_pci(c, config_setting_get_string(s), &why))
		return fault_set(err, "%s, line %u: %s", path, config_setting_source_line(s), why.text);
	return 0;
}

/* As a number, true or false, or text as the flag takes it. */
static int take_sched(const config_setting_t *s, const char *path, struct sched_config *c, unsigned int param,
		      struct fault *err)
{
	char number[16];
	const char *text = config_setting_get_string(s);
	struct fault why;

	snprintf(number, sizeof(number), "%d", config_setting_get_int(s));
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		text = config_setting_get_bool(s) ? "on" : "off";
	else if (config_setting_type(s) == CONFIG_TYPE_INT)
		text = number;
	if (!text)
		return wrong(s, path, "must be a number, a string in quotes, or true or false", err);
	if (sched_config_parse(c, param, text, &why))
		return fault_set(err, "%s, line %u: %s", path, config_setting_source_line(s), why.text);
	return 0;
}

static int take(const config_setting_t *s, const char *path, struct guest_config *c,
		struct fault *err)
{
	const char *key = config_setting_name(s);
	bool reboot = true;
	unsigned int i;
	int ret;

	if (!strcmp(key, "name"))
		return take_string(s, path, &c->name, err);
	if (!strcmp(key, "kernel"))
		return take_string(s, path, &c->kernel, err);
	if (!strcmp(key, "initrd"))
		return take_string(s, path, &c->initrd, err);
	if (!strcmp(key, "cmdline"))
		return take_string(s, path, &c->cmdline, err);
	if (!strcmp(key, "modules"))
		return take_modules(s, path, c, err);
	if (!strcmp(key, "vcpus"))
		return take_number(s, path, &c->vcpus, err);
	if (!strcmp(key, "memory"))
		return take_memory(s, path, &c->memory, err);
	if (!strcmp(key, "pci"))
		return take_pci(s, path, c, err);
	if (!strcmp(key, "autonomous"))
		return take_bool(s, path, &c->autonomous, err);
	if (!strcmp(key, "restart")) /* for the services of /etc/dais/guests.d, which read it themselves */
		return take_bool(s, path, &reboot, err);
	if (!strcmp(key, "reboot")) {
		ret = take_bool(s, path, &reboot, err);
		if (!ret)
			c->no_reboot = !reboot;
		return ret;
	}
	for (i = 0; i < DAIS_SCHED_PARAMS; i++)
		if (!strcmp(key, sched_names[i]))
			return take_sched(s, path, &c->sched, i, err);
	return wrong(s, path, "no such setting; known: name, kernel, initrd, cmdline, modules, vcpus, memory, autonomous, reboot, restart, pci, "
		     "weight, cap, reserve, slice, cpus, core_sched", err);
}

int gconf_read(struct guest_config *c, const char *path, struct fault *err)
{
	config_setting_t *root;
	config_t file;
	int i, ret = 0;

	config_init(&file);
	if (!config_read_file(&file, path)) {
		if (config_error_type(&file) == CONFIG_ERR_FILE_IO)
			ret = fault_set(err, "%s: %s; check the path of the guest file", path,
					errno ? strerror(errno) : "cannot be read");
		else
			ret = fault_set(err, "%s, line %d: %s; write settings as key = value, strings in quotes",
					path, config_error_line(&file), config_error_text(&file));
	}
	root = config_root_setting(&file);
	for (i = 0; !ret && i < config_setting_length(root); i++)
		ret = take(config_setting_get_elem(root, i), path, c, err);
	config_destroy(&file);
	return ret;
}

static void put_string(config_setting_t *root, const char *key, const char *value)
{
	if (value)
		config_setting_set_string(config_setting_add(root, key, CONFIG_TYPE_STRING), value);
}

static void put_number(config_setting_t *root, const char *key, unsigned int value)
{
	config_setting_set_int(config_setting_add(root, key, CONFIG_TYPE_INT), value);
}

static void put_pci(config_setting_t *root, const struct guest_config *c)
{
	char text[CONFIG_FUNCTIONS * 24] = "", name[16];
	unsigned int i;

	for (i = 0; i < c->functions; i++)
		sprintf(text + strlen(text), "%s%s%s", i ? "," : "", pci_name(c->function[i], name),
			c->no_reset[i] ? "=noreset" : "");
	if (c->pci)
		put_string(root, "pci", c->functions ? text : "none");
}

static void put_bool(config_setting_t *root, const char *key, bool value)
{
	config_setting_set_bool(config_setting_add(root, key, CONFIG_TYPE_BOOL), value);
}

int gconf_write(const struct guest_config *c, const char *path, struct fault *err)
{
	config_setting_t *root, *list;
	config_t file;
	unsigned int i;
	char text[SCHED_TEXT];
	int ret = 0;

	config_init(&file);
	root = config_root_setting(&file);
	put_string(root, "name", c->name);
	put_string(root, "kernel", c->kernel);
	put_string(root, "initrd", c->initrd);
	put_string(root, "cmdline", c->cmdline);
	list = config_setting_add(root, "modules", CONFIG_TYPE_ARRAY);
	for (i = 0; i < c->modules; i++)
		config_setting_set_string_elem(list, -1, c->module[i]);
	put_number(root, "vcpus", c->vcpus);
	put_number(root, "memory", c->memory / MIB);
	for (i = 0; i < DAIS_SCHED_PARAMS; i++) {
		if (!(c->sched.given >> i & 1))
			continue;
		sched_config_text(&c->sched, i, text, sizeof(text));
		put_string(root, sched_names[i], text);
	}
	put_bool(root, "autonomous", c->autonomous);
	put_bool(root, "reboot", !c->no_reboot);
	put_pci(root, c);
	if (!config_write_file(&file, path))
		ret = fault_set(err, "%s: cannot be written: %s", path, strerror(errno));
	config_destroy(&file);
	return ret;
}
