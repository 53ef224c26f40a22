/* SPDX-License-Identifier: GPL-2.0-only */
/* Why something failed, in words for the user: what, where, what to do. */
#ifndef MONITOR_FAULT_H
#define MONITOR_FAULT_H

struct fault {
	char text[512];
};

/* Writes the message, returns -1. */
int fault_set(struct fault *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
