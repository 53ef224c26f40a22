// SPDX-License-Identifier: MIT
/* Events. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "internal.h"

struct dais_event {
	int fd, dom_fd; /* the domain's is not ours to close */
};

static int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? dais_fail(errno) : 0;
}

int dais_event_create(struct dais_dom *dom, struct dais_event **out)
{
	struct dais_ioc_event arg = { 0 };
	struct dais_event *event = malloc(sizeof(*event));
	int ret;

	if (!event)
		return dais_fail(ENOMEM);
	ret = dais_do(dais_dom_fd(dom), DAIS_IOC_EVENT_CREATE, &arg);
	if (ret)
		goto free;
	event->fd = arg.fd;
	event->dom_fd = dais_dom_fd(dom);
	ret = set_nonblock(event->fd);
	if (ret)
		goto close;
	*out = event;
	return 0;

close:
	close(event->fd);
free:
	free(event);
	return ret;
}

void dais_event_close(struct dais_event *event)
{
	close(event->fd);
	free(event);
}

int dais_event_fd(const struct dais_event *event)
{
	return event->fd;
}

static int bind_to(struct dais_event *event, enum dais_ev_bind kind, unsigned int vcpu,
		   uint64_t bits)
{
	struct dais_ioc_bind arg = {
		.event_fd = event->fd, .kind = kind, .vcpu = vcpu, .bits = bits,
	};

	return dais_do(event->dom_fd, DAIS_IOC_EVENT_BIND, &arg);
}

int dais_event_from_vcpu(struct dais_event *event, unsigned int vcpu_index, uint64_t bits)
{
	return bind_to(event, DAIS_EV_FROM_VCPU, vcpu_index, bits);
}

int dais_event_from_death(struct dais_event *event, uint64_t bits)
{
	return bind_to(event, DAIS_EV_FROM_DOM, 0, bits);
}

int dais_event_from_traps(struct dais_event *event)
{
	return bind_to(event, DAIS_EV_FROM_TRAP, 0, 0);
}

int dais_event_send(struct dais_event *event, uint64_t bits)
{
	return write(event->fd, &bits, sizeof(bits)) < 0 ? dais_fail(errno) : 0;
}

int dais_event_take(struct dais_event *event, bool block, uint64_t *bits)
{
	struct pollfd p = { .fd = event->fd, .events = POLLIN };

	*bits = 0;
	if (block && poll(&p, 1, -1) < 0)
		return dais_fail(errno);
	if (read(event->fd, bits, sizeof(*bits)) < 0 && errno != EAGAIN)
		return dais_fail(errno);
	return 0;
}
