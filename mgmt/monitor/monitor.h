/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor as a whole: a guest and those who talk to it. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <stdarg.h>

#include "guest.h"
#include "server.h"

struct monitor {
	struct guest guest;
	struct server server;
	int status_fd;		/* reports to the command, -1: none */
	int console_fd;		/* first client of the console, -1: none */
	int signal_fd;
	bool tied;		/* the guest ends with the command */
	bool paused, adopt;
	bool leave;		/* go away, the guest stays */
};

void monitor_report(struct monitor *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Makes the guest, or takes it over, and lets it run. */
int monitor_start(struct monitor *m, struct fault *err);
/* Serves until the guest is dead or the monitor is told to leave it. */
void monitor_loop(struct monitor *m);

#endif
