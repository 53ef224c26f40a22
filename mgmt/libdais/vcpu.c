// SPDX-License-Identifier: MIT
/* vCPUs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "internal.h"

struct dais_vcpu {
	int fd;
	struct dais_vcpu_page *page;
};

#define WINDOW sizeof(((struct dais_vcpu_page *)0)->data)

int dais_vcpu_from_fd(int fd, struct dais_vcpu **out)
{
	struct dais_vcpu *vcpu = malloc(sizeof(*vcpu));
	void *page;
	int ret;

	if (!vcpu) {
		close(fd);
		return dais_fail(ENOMEM);
	}
	ret = dais_map(fd, 0, DAIS_PAGE_SIZE, PROT_READ | PROT_WRITE, &page);
	if (ret) {
		close(fd);
		free(vcpu);
		return ret;
	}
	vcpu->fd = fd;
	vcpu->page = page;
	*out = vcpu;
	return 0;
}

static int get_vcpu(struct dais_dom *dom, unsigned long request, struct dais_ioc_vcpu *arg,
		    struct dais_vcpu **vcpu)
{
	int ret = dais_do(dais_dom_fd(dom), request, arg);

	return ret ? ret : dais_vcpu_from_fd(arg->fd, vcpu);
}

int dais_vcpu_create(struct dais_dom *dom, unsigned int index, uint64_t flags,
		     struct dais_vcpu **vcpu)
{
	struct dais_ioc_vcpu arg = { .index = index, .flags = (uint32_t)flags };

	if (flags != arg.flags)
		return dais_fail(EINVAL);
	return get_vcpu(dom, DAIS_IOC_VCPU_CREATE, &arg, vcpu);
}

int dais_vcpu_open(struct dais_dom *dom, unsigned int index, struct dais_vcpu **vcpu)
{
	struct dais_ioc_vcpu arg = { .index = index };

	return get_vcpu(dom, DAIS_IOC_VCPU_OPEN, &arg, vcpu);
}

void dais_vcpu_close(struct dais_vcpu *vcpu)
{
	munmap(vcpu->page, DAIS_PAGE_SIZE);
	close(vcpu->fd);
	free(vcpu);
}

int dais_vcpu_fd(const struct dais_vcpu *vcpu)
{
	return vcpu->fd;
}

struct dais_vcpu_page *dais_vcpu_page(struct dais_vcpu *vcpu)
{
	return vcpu->page;
}

/* The page's window holds WINDOW bytes: larger groups go in steps. */
static int state(struct dais_vcpu *vcpu, uint64_t op, enum dais_state_group group,
		 unsigned char *buf, size_t len)
{
	size_t done, step;
	int ret;

	for (done = 0; done < len; done += step) {
		struct dais_ioc_state arg = {
			.op = (uint32_t)(op | group),
			.offset = (uint32_t)done,
			.addr = (uintptr_t)(buf + done),
		};

		step = len - done < WINDOW ? len - done : WINDOW;
		arg.length = (uint32_t)step;
		ret = dais_do(vcpu->fd, DAIS_IOC_STATE, &arg);
		if (ret)
			return ret;
	}
	return 0;
}

int dais_vcpu_get(struct dais_vcpu *vcpu, enum dais_state_group group, void *buf, size_t len)
{
	return state(vcpu, DAIS_STATE_GET, group, buf, len);
}

int dais_vcpu_set(struct dais_vcpu *vcpu, enum dais_state_group group, const void *buf, size_t len)
{
	return state(vcpu, DAIS_STATE_SET, group, (unsigned char *)buf, len);
}

int dais_vcpu_run(struct dais_vcpu *vcpu)
{
	unsigned int reason;
	int ret;

	do {
		ret = dais_do(vcpu->fd, DAIS_IOC_RUN, NULL);
		reason = __atomic_load_n(&vcpu->page->reason, __ATOMIC_RELAXED);
	} while (!ret && reason == DAIS_EXIT_INTR);
	return ret ? ret : (int)reason;
}

int dais_vcpu_kick(struct dais_vcpu *vcpu)
{
	return dais_do(vcpu->fd, DAIS_IOC_KICK, NULL);
}

int dais_vcpu_resume(struct dais_vcpu *vcpu)
{
	return dais_do(vcpu->fd, DAIS_IOC_RESUME, NULL);
}

int dais_sched_set(struct dais_vcpu *vcpu, enum dais_sched_param param, uint64_t value, uint64_t *left)
{
	struct dais_ioc_sched arg = { .param = param, .value = value };
	int ret = dais_do(vcpu->fd, DAIS_IOC_SCHED, &arg);

	if (left)
		*left = arg.value;
	return ret;
}

int dais_sched_set_cpus(struct dais_vcpu *vcpu, const uint64_t mask[DAIS_MAX_CPUS / 64], uint64_t *left)
{
	memcpy(vcpu->page->data, mask, DAIS_MAX_CPUS / 8);
	return dais_sched_set(vcpu, DAIS_SCHED_CPUS, 0, left);
}

int dais_vcpu_stat(struct dais_vcpu *vcpu, enum dais_stat what, uint64_t *value)
{
	struct dais_ioc_stat arg = { .what = what };
	int ret = dais_do(vcpu->fd, DAIS_IOC_SELF_STAT, &arg);

	*value = arg.value;
	return ret;
}
