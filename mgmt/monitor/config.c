/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include <ctype.h>
#include <dais/abi.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "layout.h"
#include "pci_sysfs.h"

void gconf_init(struct guest_config *c)
{
	memset(c, 0, sizeof(*c));
	c->vcpus = 1;
	c->memory = CONFIG_DEFAULT_MEMORY;
}

void gconf_free(struct guest_config *c)
{
	unsigned int i;

	free(c->name);
	free(c->kernel);
	free(c->initrd);
	free(c->cmdline);
	for (i = 0; i < c->modules; i++)
		free(c->module[i]);
	memset(c, 0, sizeof(*c));
}

void gconf_set_string(char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		abort(); /* a few bytes: nothing sensible is left to do */
	free(*field);
	*field = copy;
}

int gconf_add_module(struct guest_config *c, const char *value, struct fault *err)
{
	if (c->modules == CONFIG_MODULES)
		return fault_set(err, "module: more than %d modules", CONFIG_MODULES);
	gconf_set_string(&c->module[c->modules], value);
	c->modules++;
	return 0;
}

static int add_function(struct guest_config *c, const char *text, const char **end, struct fault *err)
{
	static const char no_reset[] = "=noreset";
	unsigned int i;
	uint32_t fn;

	if (!pci_parse(text, &fn, end))
		return fault_set(err, "pci: \"%.32s\" names no function; write it as lspci does: 0000:00:04.0", text);
	for (i = 0; i < c->functions; i++)
		if (c->function[i] == fn)
			return fault_set(err, "pci: %.12s is named twice", text);
	if (c->functions == CONFIG_FUNCTIONS)
		return fault_set(err, "pci: more than %d functions", CONFIG_FUNCTIONS);
	if (!strncmp(*end, no_reset, strlen(no_reset))) {
		c->no_reset[c->functions] = true;
		*end += strlen(no_reset);
	}
	c->function[c->functions++] = fn;
	return 0;
}

int gconf_add_pci(struct guest_config *c, const char *text, struct fault *err)
{
	c->pci = true;
	if (!strcmp(text, "none"))
		return 0;
	for (;;) {
		if (add_function(c, text, &text, err))
			return -1;
		if (!*text)
			return 0;
		if (*text++ != ',')
			return fault_set(err, "pci: \"%.32s\" follows a function; separate functions by commas", text - 1);
	}
}

int gconf_parse_size(const char *text, uint64_t *bytes, struct fault *err)
{
	static const char suffixes[] = "KMGT";
	unsigned int shift = 20;
	unsigned long long n;
	const char *s;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || errno)
		return fault_set(err, "memory: \"%s\" is no size; say for example 256M or 2G", text);
	if (*end) {
		s = strchr(suffixes, toupper((unsigned char)*end));
		if (!s || (end[1] && strcasecmp(end + 1, "B") && strcasecmp(end + 1, "iB")))
			return fault_set(err, "memory: \"%s\" ends in an unknown unit; use K, M, G or T",
					 text);
		shift = 10 * (unsigned int)(s - suffixes + 1);
	}
	if (n > UINT64_MAX >> shift)
		return fault_set(err, "memory: \"%s\" is larger than any machine", text);
	*bytes = (uint64_t)n << shift;
	return 0;
}

int gconf_parse_number(const char *what, const char *text, unsigned int min, unsigned int max,
			unsigned int *value, struct fault *err)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end)
		return fault_set(err, "%s: \"%s\" is no number; give one from %u to %u", what, text, min,
				 max);
	if (errno || n < min || n > max)
		return fault_set(err, "%s: %s is out of range; give a number from %u to %u", what, text,
				 min, max);
	*value = n;
	return 0;
}

bool gconf_valid_name(const char *name)
{
	size_t i, n = strlen(name);

	if (!n || n > CONFIG_NAME_MAX || !isalnum((unsigned char)name[0]))
		return false;
	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

static int check_memory(const struct guest_config *c, struct fault *err)
{
	if (c->memory < MIN_GUEST_MEMORY)
		return fault_set(err, "memory: %llu KiB are not enough for any guest; give at least %llu MiB",
				 (unsigned long long)(c->memory / KIB),
				 (unsigned long long)(MIN_GUEST_MEMORY / MIB));
	if (c->pci && c->memory > PCI_HIGH_START - (HOLE_END - HOLE_START))
		return fault_set(err, "memory: a guest with PCI functions can have %llu GiB at most",
				 (PCI_HIGH_START - (HOLE_END - HOLE_START)) / GIB);
	if (c->memory > CONFIG_MEMORY_MAX)
		return fault_set(err, "memory: %llu GiB are more than any machine has",
				 (unsigned long long)(c->memory / GIB));
	if (c->memory % MIB)
		return fault_set(err, "memory: give whole MiB");
	return 0;
}

int gconf_check(const struct guest_config *c, struct fault *err)
{
	if (!c->name || !gconf_valid_name(c->name))
		return fault_set(err, "name: \"%s\" is no name for a guest; use 1 to %d letters, digits, '.', '_' and '-', beginning with a letter or digit",
				 c->name ? c->name : "", CONFIG_NAME_MAX);
	if (!c->kernel)
		return fault_set(err, "kernel: none given; say --kernel FILE, or kernel = \"FILE\" in the guest file");
	if (c->vcpus < 1 || c->vcpus > DAIS_MAX_VCPUS)
		return fault_set(err, "vcpus: %u is out of range; give a number from 1 to %d", c->vcpus,
				 DAIS_MAX_VCPUS);
	return check_memory(c, err);
}

static int make_absolute(char **path, const char *what, struct fault *err)
{
	char *space = !strcmp(what, "module") ? strchr(*path, ' ') : NULL;
	char *args = space ? strdup(space) : NULL;
	char full[PATH_MAX], *joined;
	int ret = 0;

	if (space)
		*space = 0;
	if (!realpath(*path, full)) {
		ret = fault_set(err, "%s %s: %s; check the path (it is one of the control domain's)", what,
				*path, strerror(errno));
	} else if (asprintf(&joined, "%s%s", full, args ? args : "") >= 0) {
		free(*path);
		*path = joined;
	}
	free(args);
	return ret;
}

int gconf_make_absolute(struct guest_config *c, struct fault *err)
{
	unsigned int i;

	if (c->kernel && make_absolute(&c->kernel, "kernel", err))
		return -1;
	if (c->initrd && make_absolute(&c->initrd, "initrd", err))
		return -1;
	for (i = 0; i < c->modules; i++)
		if (make_absolute(&c->module[i], "module", err))
			return -1;
	return 0;
}
