/* SPDX-License-Identifier: GPL-2.0-only */
#include <cpuid.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "check.h"
#include "dais.h"

static void cpuid_here(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	__cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
}

static int msr_here(uint32_t number, uint64_t *value)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = pread(fd, value, sizeof(*value), number);
	close(fd);
	return n == sizeof(*value) ? 0 : -1;
}

static uint64_t room_here(const char *path)
{
	struct statvfs s;

	return statvfs(path, &s) ? 0 : (uint64_t)s.f_bavail * s.f_frsize;
}

static const char *const states[] = { "ok", "missing", "can't tell" };

static void print_line(const struct check_line *l)
{
	printf("%-10s  %-19s  %s\n", states[l->state], l->name, l->text);
	if (l->advice[0])
		printf("%33s-> %s\n", "", l->advice);
}

static struct json_object *line_json(const struct check_line *l)
{
	static const char *const words[] = { "ok", "missing", "unknown" };
	struct json_object *o = json_object_new_object();

	json_add(o, "name", l->name);
	json_add_bool(o, "needed", l->needed);
	json_add(o, "state", words[l->state]);
	json_add(o, "finding", l->text);
	json_add(o, "advice", l->advice);
	return o;
}

int cmd_check(const struct command *c, int argc, char **argv)
{
	static const struct check_machine here = { "", cpuid_here, msr_here, room_here };
	unsigned int missing = 0, unknown = 0, i;
	struct simple_options o;
	struct check_line line;
	struct json_object *lines, *all;
	int first = parse_simple(c, argc, argv, "j", &o);

	if (first < 0)
		return simple_exit(first);
	if (first < argc)
		return fail_usage(c, "unexpected argument \"%s\"", argv[first]);
	lines = json_object_new_array();
	for (i = 0; i < check_items_count; i++) {
		check_line(&here, &check_items[i], &line);
		missing += line.needed && line.state == CHECK_MISSING;
		unknown += line.needed && line.state == CHECK_UNKNOWN;
		json_object_array_add(lines, line_json(&line));
		if (!o.json)
			print_line(&line);
	}
	all = json_object_new_object();
	json_add(all, "verdict", missing ? "no" : unknown ? "unknown" : "yes");
	json_object_object_add(all, "lines", lines);
	if (o.json)
		print_json(all);
	else
		json_object_put(all);
	if (!o.json && missing)
		printf("\nDais cannot run here yet: %u of the things that it needs %s missing.\n", missing, missing > 1 ? "are" : "is");
	else if (!o.json)
		puts(unknown ? "\nDais may run here: not all that it needs could be looked at." : "\nDais can run here.");
	return missing ? EXIT_ERROR : unknown ? EXIT_CANT_TELL : EXIT_OK;
}
