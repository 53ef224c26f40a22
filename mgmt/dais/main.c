/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
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

static int unknown(const char *name)
{
	fprintf(stderr, "dais: \"%s\" is no command; dais --help lists them\n", name);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *c = argc > 2 ? find(argv[2]) : NULL;

	if (c)
		fputs(c->help, stdout);
	else if (argc > 2)
		return unknown(argv[2]);
	else
		print_overview(stdout);
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_overview(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argc, argv);
	c = find(!strcmp(argv[1], "--version") ? "version" : argv[1]);
	return c ? c->run(c, argc - 1, argv + 1) : unknown(argv[1]);
}

/* One that the caller closed must not become something else of ours: a pipe to a monitor, say. Its use fails as before. */
static void fill_standard_streams(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

int main(int argc, char **argv)
{
	int ret;

	fill_standard_streams();
	ret = run(argc, argv);
	if (!fflush(stdout) && !ferror(stdout))
		return ret;
	fail("the standard output could not be written%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
	return ret ? ret : EXIT_ERROR;
}
