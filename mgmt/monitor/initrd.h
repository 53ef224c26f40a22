/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether an initial RAM disk is whole, as far as that can be seen without unpacking it. */
#ifndef MONITOR_INITRD_H
#define MONITOR_INITRD_H

#include "fault.h"
#include "file.h"

/* Follows cpio archives and Zstandard frames; what is something else is not judged. */
int initrd_check(const struct file *f, struct fault *err);

#endif
