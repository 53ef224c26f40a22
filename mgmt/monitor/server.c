/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

static int bind_path(struct server *s, const char *name, struct fault *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int ret;

	strcpy(a.sun_path, s->path);
	if (!connect(s->listener, (struct sockaddr *)&a, sizeof(a)))
		return fault_set(err, "name: guest \"%s\" has a monitor already", name);
	/* Nobody answers: what a monitor that was killed has left is replaced, and never missing (monitor_was_killed). */
	snprintf(a.sun_path, sizeof(a.sun_path), "%s.%d", s->path, getpid());
	if (!bind(s->listener, (struct sockaddr *)&a, sizeof(a)) && !chmod(a.sun_path, 0600) &&
	    !listen(s->listener, SERVER_CLIENTS) && !rename(a.sun_path, s->path))
		return 0;
	ret = fault_set(err, "%s: %s", s->path, strerror(errno));
	unlink(a.sun_path);
	return ret;
}

int server_open(struct server *s, const char *name, struct fault *err)
{
	unsigned int i;

	for (i = 0; i < SERVER_CLIENTS; i++)
		s->client[i].fd = -1;
	if (asprintf(&s->path, RUN_DIR "/%s.sock", name) < 0)
		return fault_set(err, "out of memory in the control domain");
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0) {
		free(s->path);
		return fault_set(err, "socket: %s", strerror(errno));
	}
	if (!bind_path(s, name, err))
		return 0;
	close(s->listener);
	free(s->path);
	return -1;
}

void server_close(struct server *s)
{
	unsigned int i;

	for (i = 0; i < SERVER_CLIENTS; i++)
		if (s->client[i].fd >= 0)
			close(s->client[i].fd);
	close(s->listener);
	unlink(s->path);
	free(s->path);
}

unsigned int server_poll(const struct server *s, struct pollfd *fds)
{
	unsigned int i, n = 0;

	fds[n++] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	for (i = 0; i < SERVER_CLIENTS; i++)
		fds[n++] = (struct pollfd){ .fd = s->client[i].fd, .events = POLLIN };
	return n;
}

void server_accept(struct server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	unsigned int i;

	if (fd < 0)
		return;
	for (i = 0; i < SERVER_CLIENTS; i++) {
		if (s->client[i].fd >= 0)
			continue;
		s->client[i].fd = fd;
		s->client[i].length = 0;
		return;
	}
	close(fd); /* too many that say nothing */
}

static enum server_request parse(const char *line)
{
	static const char *const names[] = {
		[SERVER_CONSOLE] = "console", [SERVER_STOP] = "stop",
		[SERVER_UNTIE] = "untie", [SERVER_RELEASE] = "release", [SERVER_PING] = "ping",
		[SERVER_PLUG] = "plug", [SERVER_UNPLUG] = "unplug", [SERVER_TAKE] = "take",
	};
	size_t length = strcspn(line, " ");
	unsigned int i;
	bool more;

	for (i = SERVER_CONSOLE; i < SERVER_UNKNOWN; i++) {
		more = i == SERVER_CONSOLE || i >= SERVER_PLUG;
		if (strlen(names[i]) == length && !strncmp(line, names[i], length) && (more || !line[length]))
			return i;
	}
	return SERVER_UNKNOWN;
}

/* Byte by byte: what follows the line belongs to the console. */
enum server_request server_read(struct server *s, unsigned int i)
{
	struct server_client *c = &s->client[i];

	while (c->length < SERVER_LINE) {
		ssize_t n = recv(c->fd, &c->line[c->length], 1, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return SERVER_NONE;
		if (n <= 0)
			break;
		if (c->line[c->length] == '\n') {
			c->line[c->length] = 0;
			return parse(c->line);
		}
		c->length++;
	}
	close(c->fd);
	c->fd = -1;
	return SERVER_NONE;
}

int server_answer(struct server *s, unsigned int i, const char *text, int keep)
{
	int fd = s->client[i].fd;

	s->client[i].fd = -1;
	send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (keep)
		return fd;
	close(fd);
	return -1;
}

int server_peer(int fd)
{
	struct ucred who = { .pid = 0 };
	socklen_t size = sizeof(who);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	return who.pid;
}
