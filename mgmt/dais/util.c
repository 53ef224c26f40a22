/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "dais.h"

int fail(const char *format, ...)
{
	va_list args;

	fputs("dais: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_ERROR;
}

int fail_usage(const struct command *c, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "dais %s: ", c->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see dais %s --help\n", c->name);
	return EXIT_USAGE;
}

const char *bad_option(int opt, char **argv)
{
	static char text[3] = "-";
	const char *last = argv[optind - 1];

	/* Of a letter within a word optind tells nothing: it still names the word before. */
	if (opt != '?' || !optopt || optopt > 0x7f || (!strncmp(last, "--", 2) && strchr(last, '=')))
		return last;
	text[1] = optopt;
	return text;
}

int parse_simple(const struct command *c, int argc, char **argv, const char *flags,
		 struct simple_options *o)
{
	static const struct option all[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "follow", no_argument, NULL, 'f' },
		{ "force", no_argument, NULL, 'F' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int ch;

	memset(o, 0, sizeof(*o));
	opterr = 0;
	while ((ch = getopt_long(argc, argv, "jfh", all, NULL)) != -1) {
		if (ch == 'h') {
			fputs(c->help, stdout);
			return -2;
		}
		if (ch == '?' || !strchr(flags, ch)) {
			fail_usage(c, "unknown option \"%s\"", bad_option(ch, argv));
			return -1;
		}
		o->json |= ch == 'j';
		o->follow |= ch == 'f';
		o->force |= ch == 'F';
	}
	return optind;
}

int simple_exit(int index)
{
	return index == -2 ? EXIT_OK : EXIT_USAGE;
}

struct dais_conn *connect_dais(void)
{
	struct dais_conn *conn;
	int ret = dais_open(&conn);

	switch (ret) {
	case 0:
		return conn;
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		fail("%s is not there: this is not the control domain of Dais, or its driver is not loaded (modprobe dais; dmesg tells why it would not)",
		     DAIS_DEVICE);
		return NULL;
	case -EACCES:
	case -EPERM:
		fail("%s: no permission; run this command as root", DAIS_DEVICE);
		return NULL;
	default:
		fail("%s: %s", DAIS_DEVICE, dais_strerror(ret));
		return NULL;
	}
}

struct dais_dom *open_guest(struct dais_conn *conn, const char *name)
{
	struct dais_dom *dom;
	int ret = dais_dom_open_name(conn, name, &dom);

	if (!ret)
		return dom;
	if (ret == -ENOENT)
		fail("there is no guest \"%s\"; dais list shows all", name);
	else
		fail("guest \"%s\": %s", name, dais_strerror(ret));
	return NULL;
}

const char *format_size(uint64_t bytes, char *buf)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int unit = 0;
	double value = bytes;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	if (value == (uint64_t)value)
		snprintf(buf, 32, "%u %s", (unsigned int)value, units[unit]);
	else
		snprintf(buf, 32, "%.1f %s", value, units[unit]);
	return buf;
}

const char *format_time(uint64_t s, char *buf)
{
	unsigned int days = s / 86400, h = s / 3600 % 24, m = s / 60 % 60, sec = s % 60;

	if (days)
		snprintf(buf, 32, "%ud %02u:%02u:%02u", days, h, m, sec);
	else
		snprintf(buf, 32, "%02u:%02u:%02u", h, m, sec);
	return buf;
}

uint64_t read_tsc(void)
{
	return __rdtsc();
}
