/* SPDX-License-Identifier: GPL-2.0-only */
/* The flags that describe a guest, for `dais run` and `dais create`. */
#ifndef DAIS_COMMAND_GUEST_OPTIONS_H
#define DAIS_COMMAND_GUEST_OPTIONS_H

#include "dais.h"
#include "guests.h"

struct guest_options {
	struct guest_config config;
	bool paused, json;
	bool pci;	/* --pci was given */
};

/*
 * Reads the guest file of --config first, then all other flags, whatever their
 * order. 0, or the exit code + 1 with the message printed (so --help gives 1).
 */
int guest_options_parse(struct guest_options *o, const struct command *c, int argc, char **argv);

#endif
