/* SPDX-License-Identifier: MIT */
/* What libdais's own files share. */
#ifndef LIBDAIS_INTERNAL_H
#define LIBDAIS_INTERNAL_H

#include "libdais.h"

/* An ioctl's result as this library returns it: 0, or a negative errno with
 * Dais's status noted for this thread. */
int dais_do(int fd, unsigned long request, void *arg);
int dais_result(int ret);
/* Notes that an error is Linux's own, and returns -err. */
int dais_fail(int err);
/* mmap, shared: 0 or a negative errno. */
int dais_map(int fd, uint64_t offset, size_t size, int prot, void **mem);
/* Fills *info from Dais: 0 or a negative errno. */
int dais_info_read(struct dais_conn *conn, struct dais_info *info);
int dais_conn_fd(const struct dais_conn *conn);

#endif
