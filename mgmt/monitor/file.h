/* SPDX-License-Identifier: GPL-2.0-only */
/* A whole file, mapped read-only. */
#ifndef MONITOR_FILE_H
#define MONITOR_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct file {
	const char *path;
	const uint8_t *data;
	size_t size;
};

/* what: for the message, as "kernel". An empty file is an error. */
int file_open(struct file *f, const char *what, const char *path, struct fault *err);
void file_close(struct file *f);
/* Whether the first bytes look like something written by a person. */
int file_is_text(const struct file *f);

#endif
