/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to a guest's monitor. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guests.h"

#define ANSWER 600	/* bytes */
#define TRIES 100	/* for a monitor to begin or to end */
#define TRY_US 20000
#define PATIENCE_S 60	/* for an answer: it may be making a large guest anew */
#define ADOPTIONS 3	/* a monitor may be killed while it begins */

static int peer(int fd)
{
	struct ucred who = { .pid = 0 };
	socklen_t size = sizeof(who);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	return who.pid;
}

int monitor_connect(const char *name)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char *path = run_path(name, "sock");
	int fd = -1;

	if (strlen(path) < sizeof(a.sun_path)) {
		strcpy(a.sun_path, path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	free(path);
	/* One that is stopped or hangs must not hold this command up as well. */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Its lock on the guest's file is held as long as a monitor lives. */
static bool is_locked(const char *name)
{
	char *path = run_path(name, "conf");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB);

	free(path);
	if (fd >= 0)
		close(fd);
	return locked;
}

int monitor_serving(const char *name)
{
	unsigned int tries;
	struct fault err;

	for (tries = 0; tries < TRIES && is_locked(name); tries++) {
		int fd = monitor_connect(name), pid = 0;

		if (fd >= 0 && !monitor_ask(fd, "ping", &err))
			pid = peer(fd);
		if (fd >= 0)
			close(fd);
		if (pid)
			return pid;
		usleep(TRY_US); /* it begins, or it ends */
	}
	return 0;
}

int monitor_adopt(const char *name, struct fault *err)
{
	char *config = run_path(name, "conf");
	struct launch l;
	int ret;

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
	return 0;
}

int monitor_connect_or_adopt(const char *name, struct fault *err)
{
	unsigned int tries, failed = 0;
	int fd;

	for (tries = 0; tries < TRIES; tries++) {
		fd = monitor_connect(name);
		if (fd >= 0)
			return fd;
		/* Somebody else may have been quicker. */
		if (!is_locked(name) && monitor_adopt(name, err) && !is_locked(name) && ++failed == ADOPTIONS)
			return -1;
		usleep(TRY_US);
	}
	return fault_set(err, "guest \"%s\": its new monitor does not answer", name);
}

bool monitor_was_killed(const char *name)
{
	char *path = run_path(name, "sock");
	bool there = !access(path, F_OK);

	free(path);
	return there;
}

static int gone(struct fault *err)
{
	fault_set(err, "the guest's monitor went away");
	return MONITOR_GONE;
}

/* The answer's line without its end, in a buffer of ANSWER bytes. */
static int ask(int fd, const char *request, char *line, struct fault *err)
{
	size_t n = snprintf(line, ANSWER, "%s\n", request);

	if (send(fd, line, n, MSG_NOSIGNAL) != (ssize_t)n) /* of a request's size: all or nothing */
		return gone(err);
	/* Byte by byte: what follows the line belongs to the console. */
	for (n = 0; n + 1 < ANSWER;) {
		ssize_t got = recv(fd, line + n, 1, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return fault_set(err, "the guest's monitor (process %d) does not answer", peer(fd));
		if (got <= 0)
			return gone(err);
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n] = 0;
	if (!strcmp(line, "ok") || !strncmp(line, "ok ", 3))
		return 0;
	return fault_set(err, "%s", strncmp(line, "error ", 6) ? line : line + 6);
}

int monitor_ask(int fd, const char *request, struct fault *err)
{
	char line[ANSWER];

	return ask(fd, request, line, err);
}

int monitor_ask_console(int fd, uint64_t *position, struct fault *err)
{
	char request[SERVER_LINE] = "console", line[ANSWER];
	int ret;

	if (*position != UINT64_MAX)
		snprintf(request, sizeof(request), "console %llu", (unsigned long long)*position);
	ret = ask(fd, request, line, err);
	if (ret)
		return ret;
	*position = strtoull(line + 2, NULL, 10);
	return 0;
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
