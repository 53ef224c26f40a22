/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest is to be: from a guest file (libconfig's syntax) or flags. */
#ifndef MONITOR_CONFIG_H
#define MONITOR_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "sched_config.h"

#define CONFIG_MODULES 31
#define CONFIG_NAME_MAX 63
#define CONFIG_FUNCTIONS 8
#define CONFIG_MEMORY_MAX (1ULL << 50)	/* more than any machine has */
#define CONFIG_DEFAULT_MEMORY (256ULL << 20)

struct guest_config {
	char *name, *kernel, *initrd, *cmdline;	/* NULL: not given */
	char *module[CONFIG_MODULES];		/* "FILE" or "FILE ARGUMENTS" */
	unsigned int modules;
	unsigned int vcpus;
	struct sched_config sched;		/* of autonomous vCPUs */
	uint64_t memory;			/* bytes */
	bool autonomous;
	bool no_reboot;				/* a reboot ends the guest */
	bool pci;				/* it has a PCI bus, perhaps an empty one */
	unsigned int functions;
	uint32_t function[CONFIG_FUNCTIONS];	/* segment << 16 | bus << 8 | device << 3 | function */
	bool no_reset[CONFIG_FUNCTIONS];	/* given though it cannot be reset */
};

/* Units of the functions below: 0 or -1 with the message in err. */

void gconf_init(struct guest_config *c);
void gconf_free(struct guest_config *c);
/* Adds what the file says to c. */
int gconf_read(struct guest_config *c, const char *path, struct fault *err);
int gconf_write(const struct guest_config *c, const char *path, struct fault *err);
/* Whether all values make sense together. */
int gconf_check(const struct guest_config *c, struct fault *err);
/* Paths made absolute, so that the file means the same wherever it is read. */
int gconf_make_absolute(struct guest_config *c, struct fault *err);

void gconf_set_string(char **field, const char *value);
int gconf_add_module(struct guest_config *c, const char *value, struct fault *err);
/* "none", or a list of functions: "0000:00:04.0,0000:00:05.0=noreset" */
int gconf_add_pci(struct guest_config *c, const char *text, struct fault *err);
/* "256M", "2G", "524288K"; without a suffix MiB. */
int gconf_parse_size(const char *text, uint64_t *bytes, struct fault *err);
/* A decimal number in [min, max]; what: for the message. */
int gconf_parse_number(const char *what, const char *text, unsigned int min, unsigned int max,
			unsigned int *value, struct fault *err);
bool gconf_valid_name(const char *name);

#endif
