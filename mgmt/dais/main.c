/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "dais.h"

static void print_overview(FILE *to)
{
	const struct command *c;

	fputs("Usage: dais COMMAND [OPTION]... [ARGUMENT]...\n"
	      "Manages the guests of the Dais hypervisor, from its control domain.\n\n", to);
	for (c = commands; c->name; c++)
		fprintf(to, "  %-9s %s\n", c->name, c->summary);
	fputs("\ndais COMMAND --help explains each with examples; dais(1) tells all.\n"
	      "For a start:  dais run --kernel /boot/vmlinuz --initrd /boot/guest.img --vcpus 2\n", to);
}

static const struct command *find(const char *name)
{
	const struct command *c;

	for (c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static int help(int argc, char **argv)
{
	const struct command *c = argc > 2 ? find(argv[2]) : NULL;

	if (c)
		fputs(c->help, stdout);
	else
		print_overview(stdout);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_overview(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argc, argv);
	c = find(!strcmp(argv[1], "--version") ? "version" : argv[1]);
	if (!c) {
		fprintf(stderr, "dais: \"%s\" is no command; dais --help lists them\n", argv[1]);
		return EXIT_USAGE;
	}
	return c->run(c, argc - 1, argv + 1);
}
