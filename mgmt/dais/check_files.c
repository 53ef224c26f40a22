/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static void path_of(const struct check_machine *m, char *path, const char *format, va_list args)
{
	int n = snprintf(path, PATH_MAX, "%s", m->root);

	vsnprintf(path + n, PATH_MAX - n, format, args);
}

bool check_exists(const struct check_machine *m, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	path_of(m, path, format, args);
	va_end(args);
	return !access(path, F_OK);
}

static int read_path(const char *path, void *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return -1;
	while ((got = read(fd, (char *)to + n, size - n)) > 0)
		n += got;
	error = errno;
	close(fd);
	errno = error;
	return got < 0 ? -1 : (int)n;
}

int check_read(const struct check_machine *m, const char *path, void *to, size_t size)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", m->root, path);
	return read_path(whole, to, size);
}

bool check_text(const struct check_machine *m, char *to, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int n;

	va_start(args, format);
	path_of(m, path, format, args);
	va_end(args);
	n = read_path(path, to, size - 1);
	if (n < 0)
		return false;
	to[n] = 0;
	to[strcspn(to, "\n")] = 0;
	return true;
}

bool check_mounted(const struct check_machine *m, const char *at, const char *type, char mode[3])
{
	char path[PATH_MAX], line[4096], place[1024], kind[64], options[8];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/mounts", m->root);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) { /* the last one lies over the others */
		if (sscanf(line, "%*s %1023s %63s %7s", place, kind, options) != 3 || strcmp(place, at))
			continue;
		found = !strcmp(kind, type);
		snprintf(mode, 3, "%.2s", options);
	}
	fclose(f);
	return found;
}

void check_say(struct check_line *l, enum check_state state, const char *format, ...)
{
	va_list args;

	l->state = state;
	va_start(args, format);
	vsnprintf(l->text, sizeof(l->text), format, args);
	va_end(args);
}

void check_advise(struct check_line *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->advice, sizeof(l->advice), format, args);
	va_end(args);
}
