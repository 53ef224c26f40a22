// SPDX-License-Identifier: MIT
/* Domains: life, memory, devices. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "internal.h"

#define AREA_SIZE (DAIS_DOM_AREA_PAGES * DAIS_PAGE_SIZE)

struct dais_dom {
	int fd;
	char *area;
};

int dais_dom_from_fd(int fd, struct dais_dom **out)
{
	struct dais_dom *dom = malloc(sizeof(*dom));
	void *area;
	int ret;

	if (!dom) {
		close(fd);
		return dais_fail(ENOMEM);
	}
	ret = dais_map(fd, DAIS_MMAP_AREA, AREA_SIZE, PROT_READ | PROT_WRITE, &area);
	if (ret) {
		close(fd);
		free(dom);
		return ret;
	}
	dom->fd = fd;
	dom->area = area;
	*out = dom;
	return 0;
}

/* An autonomous domain would stay behind without anybody who knows of it. */
static void discard(struct dais_conn *conn, const struct dais_ioc_dom_create *made)
{
	struct dais_ioc_dom_open arg = { 0 };
	struct dais_ioc_destroy destroy = { .timeout_ms = -1 };

	memcpy(arg.name, made->name, sizeof(arg.name));
	if (ioctl(dais_conn_fd(conn), DAIS_IOC_DOM_OPEN, &arg))
		return;
	ioctl(arg.fd, DAIS_IOC_DOM_DESTROY, &destroy);
	close(arg.fd);
}

int dais_dom_create(struct dais_conn *conn, const struct dais_dom_config *config,
		    struct dais_dom **dom)
{
	struct dais_ioc_dom_create arg = {
		.max_vcpus = config->max_vcpus,
		.caps = config->caps,
		.dom_flags = config->flags,
		.flags = config->autonomous ? DAIS_DOM_AUTONOMOUS : 0,
	};
	size_t len = strlen(config->name);
	int ret;

	if (!len || len >= sizeof(arg.name))
		return dais_fail(EINVAL);
	memcpy(arg.name, config->name, len);
	memcpy(arg.uuid, config->uuid, sizeof(arg.uuid));
	ret = dais_do(dais_conn_fd(conn), DAIS_IOC_DOM_CREATE, &arg);
	if (ret)
		return ret;
	ret = dais_dom_from_fd(arg.fd, dom);
	if (ret && config->autonomous)
		discard(conn, &arg);
	return ret;
}

static int open_by(struct dais_conn *conn, struct dais_ioc_dom_open *arg, struct dais_dom **dom)
{
	int ret = dais_do(dais_conn_fd(conn), DAIS_IOC_DOM_OPEN, arg);

	return ret ? ret : dais_dom_from_fd(arg->fd, dom);
}

int dais_dom_open(struct dais_conn *conn, uint32_t id, struct dais_dom **dom)
{
	struct dais_ioc_dom_open arg = { .id = id };

	return open_by(conn, &arg, dom);
}

int dais_dom_open_name(struct dais_conn *conn, const char *name, struct dais_dom **dom)
{
	struct dais_ioc_dom_open arg = { 0 };
	size_t len = strlen(name);

	if (!len || len >= sizeof(arg.name))
		return dais_fail(ENOENT);
	memcpy(arg.name, name, len);
	return open_by(conn, &arg, dom);
}

void dais_dom_close(struct dais_dom *dom)
{
	munmap(dom->area, AREA_SIZE);
	close(dom->fd);
	free(dom);
}

int dais_dom_fd(const struct dais_dom *dom)
{
	return dom->fd;
}

int dais_dom_next(struct dais_conn *conn, bool first, uint32_t after,
		  struct dais_ioc_dom_info *info)
{
	int ret;

	memset(info, 0, sizeof(*info));
	info->after = after;
	info->which = first ? DAIS_DOM_ANY : 0;
	ret = dais_do(dais_conn_fd(conn), DAIS_IOC_DOM_NEXT, info);
	if (!ret)
		return 1;
	return ret == -ENOENT ? 0 : ret;
}

int dais_dom_info(struct dais_dom *dom, struct dais_ioc_dom_info *info)
{
	return dais_do(dom->fd, DAIS_IOC_DOM_INFO, info);
}

struct dais_dom_page *dais_dom_page(struct dais_dom *dom)
{
	return (struct dais_dom_page *)dom->area;
}

void *dais_dom_monitor_page(struct dais_dom *dom)
{
	return dom->area + DAIS_DOM_MONITOR_PAGE * DAIS_PAGE_SIZE;
}

const char *dais_dom_ring(struct dais_dom *dom)
{
	return dom->area + DAIS_DOM_RING_PAGE * DAIS_PAGE_SIZE;
}

static int dom_ctl(struct dais_dom *dom, enum dais_dom_op op, uint64_t arg)
{
	struct dais_ioc_ctl ctl = { .op = op, .arg = arg };

	return dais_do(dom->fd, DAIS_IOC_DOM_CTL, &ctl);
}

int dais_dom_activate(struct dais_dom *dom)
{
	return dom_ctl(dom, DAIS_DOM_ACTIVATE, 0);
}

int dais_dom_pause(struct dais_dom *dom)
{
	return dom_ctl(dom, DAIS_DOM_PAUSE, 0);
}

int dais_dom_unpause(struct dais_dom *dom)
{
	return dom_ctl(dom, DAIS_DOM_UNPAUSE, 0);
}

int dais_dom_kill(struct dais_dom *dom, enum dais_death why)
{
	return dom_ctl(dom, DAIS_DOM_KILL, why);
}

int dais_dom_destroy(struct dais_dom *dom, int timeout_ms)
{
	struct dais_ioc_destroy arg = { .timeout_ms = timeout_ms };
	int ret;

	/* The module waits for the last mapping: not for ours. */
	munmap(dom->area, AREA_SIZE);
	ret = dais_do(dom->fd, DAIS_IOC_DOM_DESTROY, &arg);
	close(dom->fd);
	free(dom);
	return ret;
}

int dais_dom_stat(struct dais_dom *dom, enum dais_stat what, uint64_t *value)
{
	struct dais_ioc_stat arg = { .what = what };
	int ret = dais_do(dom->fd, DAIS_IOC_DOM_STAT, &arg);

	*value = arg.value;
	return ret;
}

int dais_dom_vcpu_stat(struct dais_dom *dom, unsigned int index, enum dais_stat what,
		       uint64_t *value)
{
	struct dais_ioc_stat arg = { .what = what, .vcpu = index };
	int ret = dais_do(dom->fd, DAIS_IOC_VCPU_STAT, &arg);

	*value = arg.value;
	return ret;
}

/* ---- memory ---- */

static int mem_call(struct dais_dom *dom, unsigned long request, uint64_t gpa, uint64_t size,
		    uint64_t flags)
{
	struct dais_ioc_mem arg = { .gpa = gpa, .size = size, .flags = flags };

	return dais_do(dom->fd, request, &arg);
}

int dais_mem_attach(struct dais_dom *dom, uint64_t gpa, uint64_t size, void **mem)
{
	return dais_map(dom->fd, gpa, size, PROT_READ | PROT_WRITE, mem);
}

int dais_mem_detach(void *mem, uint64_t size)
{
	return munmap(mem, size) ? dais_fail(errno) : 0;
}

int dais_mem_unmap(struct dais_dom *dom, uint64_t gpa, uint64_t size)
{
	return mem_call(dom, DAIS_IOC_MEM_UNMAP, gpa, size, 0);
}

int dais_mem_map(struct dais_dom *dom, uint64_t gpa, uint64_t size, uint64_t prot, void **mem)
{
	int err, ret;

	if (prot & ~DAIS_MAP_RWX)
		return dais_fail(EINVAL);
	ret = mem_call(dom, DAIS_IOC_MEM_MAP, gpa, size, prot | (mem ? DAIS_MAP_SHARE : 0));
	if (ret || !mem)
		return ret;
	ret = dais_mem_attach(dom, gpa, size, mem);
	if (ret) {
		err = -ret;
		dais_mem_unmap(dom, gpa, size);
		return dais_fail(err);
	}
	return 0;
}

int dais_mem_seal(struct dais_dom *dom, uint64_t gpa, uint64_t size, uint64_t prot)
{
	return mem_call(dom, DAIS_IOC_MEM_SEAL, gpa, size, prot);
}

/* ---- devices ---- */

int dais_trap_set(struct dais_dom *dom, enum dais_trap_kind kind, uint64_t base, uint64_t length,
		  enum dais_trap_action action, uint64_t value)
{
	struct dais_ioc_trap arg = {
		.kind = kind, .action = action, .base = base, .length = length, .value = value,
	};

	return dais_do(dom->fd, DAIS_IOC_TRAP_SET, &arg);
}

static int dev_call(struct dais_dom *dom, unsigned long request, uint32_t fn, uint32_t flags)
{
	struct dais_ioc_dev arg = { .fn = fn, .flags = flags };

	return dais_do(dom->fd, request, &arg);
}

int dais_dev_assign(struct dais_dom *dom, uint32_t fn, uint32_t flags)
{
	return dev_call(dom, DAIS_IOC_DEV_ASSIGN, fn, flags);
}

int dais_dev_return(struct dais_dom *dom, uint32_t fn)
{
	return dev_call(dom, DAIS_IOC_DEV_RETURN, fn, 0);
}

int dais_dev_reset(struct dais_dom *dom, uint32_t fn)
{
	return dev_call(dom, DAIS_IOC_DEV_RESET, fn, 0);
}

int dais_dev_map(struct dais_dom *dom, uint32_t fn, unsigned int bar, uint64_t offset, uint64_t size,
		 uint64_t gpa)
{
	struct dais_ioc_dev_map arg = { .fn = fn, .bar = bar, .offset = offset, .size = size, .gpa = gpa };

	return dais_do(dom->fd, DAIS_IOC_DEV_MAP, &arg);
}

int dais_dev_unmap(struct dais_dom *dom, uint32_t fn, uint64_t gpa, uint64_t size)
{
	struct dais_ioc_dev_map arg = { .fn = fn, .size = size, .gpa = gpa };

	return dais_do(dom->fd, DAIS_IOC_DEV_UNMAP, &arg);
}

int dais_dev_line(struct dais_dom *dom, uint32_t fn, struct dais_event *event, uint64_t bits)
{
	struct dais_ioc_dev_line arg = { .fn = fn, .event_fd = event ? dais_event_fd(event) : -1, .bits = bits };

	return dais_do(dom->fd, DAIS_IOC_DEV_LINE, &arg);
}

int dais_dev_unmask(struct dais_dom *dom, uint32_t fn)
{
	return dev_call(dom, DAIS_IOC_DEV_UNMASK, fn, 0);
}

int dais_irq_set(struct dais_dom *dom, uint64_t address, uint64_t data)
{
	struct dais_ioc_irq arg = { .address = address, .data = data };

	return dais_do(dom->fd, DAIS_IOC_IRQ_SET, &arg);
}
