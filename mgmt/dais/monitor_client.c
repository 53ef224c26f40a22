/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to a guest's monitor. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guests.h"

int monitor_connect(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char *path = run_path(name, "sock");
	int fd = -1;

	if (strlen(path) < sizeof(a.sun_path)) {
		strcpy(a.sun_path, path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	free(path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int monitor_connect_or_adopt(const char *name, struct fault *err)
{
	struct launch l;
	int fd = monitor_connect(name);
	char *config;
	int ret;

	if (fd >= 0)
		return fd;
	config = run_path(name, "conf");
	if (access(config, R_OK))
		ret = fault_set(err, "guest \"%s\" has no monitor, and %s, which a new one needs, is not there",
				name, config);
	else
		ret = launch_start(&l, config, LAUNCH_ADOPT, err);
	free(config);
	if (ret)
		return -1;
	close(l.status);
	close(l.console);
	fd = monitor_connect(name);
	return fd >= 0 ? fd : fault_set(err, "guest \"%s\": its new monitor does not answer", name);
}

int monitor_ask(int fd, const char *request, struct fault *err)
{
	char line[600];
	size_t n = 0;

	if (dprintf(fd, "%s\n", request) < 0)
		return fault_set(err, "the guest's monitor does not answer: %s", strerror(errno));
	/* Byte by byte: what follows the line belongs to the console. */
	while (n + 1 < sizeof(line)) {
		ssize_t got = recv(fd, line + n, 1, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fault_set(err, "the guest's monitor went away");
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n] = 0;
	if (!strcmp(line, "ok"))
		return 0;
	return fault_set(err, "%s", strncmp(line, "error ", 6) ? line : line + 6);
}

int monitor_wait_gone(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ret;

	do
		ret = poll(&p, 1, timeout_ms);
	while (ret < 0 && errno == EINTR);
	return ret > 0;
}
