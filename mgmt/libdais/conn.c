// SPDX-License-Identifier: MIT
/* /dev/dais itself: the machine-wide functions. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "internal.h"

struct dais_conn {
	int fd;
	unsigned int abi;
	struct dais_info info;
	void *log, *trace;
};

int dais_do(int fd, unsigned long request, void *arg)
{
	return dais_result(ioctl(fd, request, arg));
}

int dais_map(int fd, uint64_t offset, size_t size, int prot, void **mem)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return dais_fail(errno);
	*mem = p;
	return 0;
}

static int check_version(struct dais_conn *conn)
{
	struct dais_ioc_version version;
	int ret = dais_do(conn->fd, DAIS_IOC_GET_VERSION, &version);

	if (ret)
		return ret;
	conn->abi = version.abi;
	if (version.ioctl != DAIS_IOC_VERSION || version.abi != DAIS_ABI_VERSION)
		return dais_fail(EPROTONOSUPPORT);
	return 0;
}

int dais_open(struct dais_conn **out)
{
	struct dais_conn *conn = calloc(1, sizeof(*conn));
	int ret;

	if (!conn)
		return dais_fail(ENOMEM);
	conn->fd = open(DAIS_DEVICE, O_RDWR | O_CLOEXEC);
	if (conn->fd < 0) {
		ret = dais_fail(errno);
		free(conn);
		return ret;
	}
	ret = check_version(conn);
	if (!ret)
		ret = dais_info_read(conn, &conn->info);
	if (ret)
		dais_close(conn);
	else
		*out = conn;
	return ret;
}

void dais_close(struct dais_conn *conn)
{
	if (conn->trace)
		munmap(conn->trace, DAIS_TRACE_SIZE);
	if (conn->log)
		munmap(conn->log, DAIS_LOG_SIZE);
	close(conn->fd);
	free(conn);
}

int dais_conn_fd(const struct dais_conn *conn)
{
	return conn->fd;
}

const struct dais_info *dais_get_info(struct dais_conn *conn)
{
	int ret = dais_info_read(conn, &conn->info);

	if (ret) {
		errno = -ret;
		return NULL;
	}
	return &conn->info;
}

const struct dais_info *dais_peek_info(struct dais_conn *conn)
{
	return &conn->info;
}

unsigned int dais_abi_version(struct dais_conn *conn)
{
	return conn->abi;
}

static const void *ring(struct dais_conn *conn, void **at, uint64_t offset, size_t size)
{
	int ret = *at ? 0 : dais_map(conn->fd, offset, size, PROT_READ, at);

	errno = -ret;
	return *at;
}

const struct dais_log *dais_get_log(struct dais_conn *conn)
{
	return ring(conn, &conn->log, DAIS_MMAP_LOG, DAIS_LOG_SIZE);
}

const struct dais_trace *dais_get_trace(struct dais_conn *conn)
{
	return ring(conn, &conn->trace, DAIS_MMAP_TRACE, DAIS_TRACE_SIZE);
}

static int self_ctl(struct dais_conn *conn, enum dais_dom_op op, uint64_t arg)
{
	struct dais_ioc_ctl ctl = { .op = op, .arg = arg };

	return dais_do(conn->fd, DAIS_IOC_SELF_CTL, &ctl);
}

int dais_set_log_level(struct dais_conn *conn, unsigned int level)
{
	return self_ctl(conn, DAIS_DOM_LOG_LEVEL, level);
}

int dais_set_trace(struct dais_conn *conn, unsigned int what)
{
	return self_ctl(conn, DAIS_DOM_TRACE, what);
}

int dais_stat(struct dais_conn *conn, enum dais_stat what, uint64_t *value)
{
	struct dais_ioc_stat arg = { .what = what };
	int ret = dais_do(conn->fd, DAIS_IOC_STAT, &arg);

	*value = arg.value;
	return ret;
}

int dais_function_stat(struct dais_conn *conn, uint32_t fn, enum dais_stat what, uint64_t *value)
{
	struct dais_ioc_stat arg = { .what = what, .vcpu = fn };
	int ret = dais_do(conn->fd, DAIS_IOC_STAT, &arg);

	*value = arg.value;
	return ret;
}

int dais_raw(struct dais_conn *conn, struct dais_ioc_raw *r)
{
	return dais_do(conn->fd, DAIS_IOC_RAW, r);
}
