// SPDX-License-Identifier: MIT
/* Statuses, errnos and their texts: the one place where they meet. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "internal.h"

static const struct {
	int err;
	const char *name, *text;
} statuses[DAIS_STATUS_COUNT] = {
	[DAIS_OK]        = { 0, "OK", "done" },
	[DAIS_BAD_CALL]  = { ENOSYS, "BAD_CALL", "no such call, or not now" },
	[DAIS_BAD_ARG]   = { EINVAL, "BAD_ARG", "an argument is out of range or misaligned" },
	[DAIS_BAD_CAP]   = { EBADF, "BAD_CAP", "no such capability" },
	[DAIS_BAD_TYPE]  = { EBADF, "BAD_TYPE", "a capability to another kind of object" },
	[DAIS_DENIED]    = { EPERM, "DENIED", "a capability without the right" },
	[DAIS_NO_MEMORY] = { ENOMEM, "NO_MEMORY", "pool or heap exhausted" },
	[DAIS_NO_SPACE]  = { ENOSPC, "NO_SPACE", "a table is full" },
	[DAIS_BUSY]      = { EBUSY, "BUSY", "in use: running, lent or mapped elsewhere" },
	[DAIS_BAD_STATE] = { EPROTO, "BAD_STATE", "out of order in the object's life" },
	[DAIS_EXISTS]    = { EEXIST, "EXISTS", "already there" },
	[DAIS_AGAIN]     = { EAGAIN, "AGAIN", "not done yet: call again" },
};

/* Linux's errnos that say something more precise when they come from dais.ko. */
static const struct {
	int err;
	const char *text;
} own_errors[] = {
	{ ESTALE, "the domain is gone" },
	{ ENXIO, "no such guest memory, or it is not shared with the control domain" },
	{ EIO, "Dais and dais.ko disagree; see dmesg" },
};

static _Thread_local struct {
	int err;             /* as returned last, positive */
	unsigned int status; /* behind it, or DAIS_OK */
	char text[128];
} last;

int dais_fail(int err)
{
	last.err = err;
	last.status = DAIS_OK;
	return -err;
}

int dais_status_errno(unsigned int status)
{
	return status < DAIS_STATUS_COUNT ? -statuses[status].err : -EIO;
}

const char *dais_status_name(unsigned int status)
{
	return status < DAIS_STATUS_COUNT ? statuses[status].name : NULL;
}

const char *dais_status_text(unsigned int status)
{
	return status < DAIS_STATUS_COUNT ? statuses[status].text : NULL;
}

int dais_last_status(void)
{
	return last.status;
}

/* ioctl's result: negative with errno, or a status. */
int dais_result(int ret)
{
	if (ret < 0)
		return dais_fail(errno);
	if (!ret)
		return 0;
	last.status = ret;
	last.err = -dais_status_errno(ret);
	return -last.err;
}

static const char *linux_text(int err)
{
	for (size_t i = 0; i < sizeof(own_errors) / sizeof(own_errors[0]); i++) {
		if (own_errors[i].err == err)
			return own_errors[i].text;
	}
	return strerror(err);
}

const char *dais_strerror(int err)
{
	int e = err < 0 ? -err : err;

	if (e == last.err && last.status) {
		if (last.status < DAIS_STATUS_COUNT)
			snprintf(last.text, sizeof(last.text), "Dais: %s: %s",
				 statuses[last.status].name, statuses[last.status].text);
		else
			snprintf(last.text, sizeof(last.text), "Dais: unknown status %u",
				 last.status);
		return last.text;
	}
	return linux_text(e);
}
