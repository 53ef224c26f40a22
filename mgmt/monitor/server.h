/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's socket: one line of request, then, for "console [POSITION]", the bytes. "plug", "unplug" and "take" are
 * followed by a list of PCI functions. */
#ifndef MONITOR_SERVER_H
#define MONITOR_SERVER_H

#include <poll.h>

#include "fault.h"

#define RUN_DIR "/run/dais"	/* NAME.sock, NAME.conf, NAME.console; mode 0700 */
#define SERVER_CLIENTS 64	/* that have not said yet what they want, or wait for the end */
#define SERVER_LINE 256

enum server_request {
	SERVER_NONE, SERVER_CONSOLE, SERVER_STOP, SERVER_UNTIE, SERVER_RELEASE, SERVER_PING,
	SERVER_PLUG, SERVER_UNPLUG, SERVER_TAKE, SERVER_UNKNOWN
};

struct server_client {
	int fd;
	unsigned int length;
	char line[SERVER_LINE];
};

struct server {
	int listener;
	char *path;
	struct server_client client[SERVER_CLIENTS];
};

int server_open(struct server *s, const char *name, struct fault *err);
void server_close(struct server *s);
/* Fills in what to wait for; returns how many entries (at most SERVER_CLIENTS + 1). */
unsigned int server_poll(const struct server *s, struct pollfd *fds);
void server_accept(struct server *s);
/* Reads from client i; a whole line gives its request, an error closes it. */
enum server_request server_read(struct server *s, unsigned int i);
/* Answers client i; its descriptor is then the caller's when keep is set, else closed. */
int server_answer(struct server *s, unsigned int i, const char *text, int keep);
int server_peer(int fd);

#endif
