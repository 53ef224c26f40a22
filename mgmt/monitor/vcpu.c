/* SPDX-License-Identifier: GPL-2.0-only */
/* Serving the guest's exits: a thread per hosted vCPU, or one for all autonomous ones. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include "guest.h"

#define FLUSH_NS 5000000L	/* console bytes are gathered this long, as by a serial line */
#define STACK_SIZE (128U << 10)	/* of a vCPU's thread */

void guest_kill(struct guest *g, enum dais_death why)
{
	dais_dom_kill(g->dom, why);
}

static void arm_output(struct guest *g)
{
	const struct itimerspec once = { .it_value.tv_nsec = FLUSH_NS };

	if (g->output_due)
		return;
	g->output_due = true;
	timerfd_settime(g->output_timer, 0, &once, NULL);
}

static enum device_request serve_io(struct guest *g, struct dais_access *io)
{
	uint64_t before = g->console.head;
	enum device_request request = REQUEST_NONE;

	if (io->write)
		request = devices_port_write(&g->devices, io->addr, io->size, io->data);
	else
		io->data = devices_port_read(&g->devices, io->addr, io->size);
	if (before != g->console.head)
		arm_output(g);
	return request;
}

static void serve_mmio(struct guest *g, struct dais_access *m)
{
	if (m->write)
		devices_memory_write(&g->devices, m->addr, m->size, m->data);
	else
		m->data = devices_memory_read(&g->devices, m->addr, m->size);
}

static void serve(struct guest *g, struct dais_vcpu_page *page)
{
	enum device_request request = REQUEST_NONE;

	pthread_mutex_lock(&g->lock);
	switch (page->reason) {
	case DAIS_EXIT_IO:
		request = serve_io(g, &page->access);
		break;
	case DAIS_EXIT_MMIO:
		serve_mmio(g, &page->access);
		break;
	case DAIS_EXIT_EOI:
		devices_eoi(&g->devices, page->access.addr);
		break;
	}
	pthread_mutex_unlock(&g->lock);
	if (request == REQUEST_POWEROFF)
		guest_kill(g, DAIS_DEATH_POWEROFF);
	else if (request == REQUEST_REBOOT)
		guest_kill(g, DAIS_DEATH_REBOOT);
}

/* The monitor cannot go on: the first reason is kept for the user. */
static void fail_guest(struct guest *g, unsigned int vcpu, const char *why)
{
	pthread_mutex_lock(&g->lock);
	if (!g->failure.text[0])
		fault_set(&g->failure, "running vCPU %u: %s", vcpu, why);
	pthread_mutex_unlock(&g->lock);
	guest_kill(g, DAIS_DEATH_MONITOR);
}

static void *run(void *arg)
{
	struct guest_vcpu *v = arg;
	struct dais_vcpu_page *page = dais_vcpu_page(v->handle);

	for (;;) {
		int ret = dais_vcpu_run(v->handle);

		if (ret == -EINTR || ret == DAIS_EXIT_KICK)
			continue;
		if (ret == DAIS_EXIT_DEAD)
			return NULL;
		if (ret < 0) {
			fail_guest(v->guest, page->index, dais_strerror(ret));
			return NULL;
		}
		serve(v->guest, page);
	}
}

int guest_start_threads(struct guest *g, struct fault *err)
{
	pthread_attr_t attr;
	unsigned int i;
	int ret = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (i = 0; !ret && i < g->vcpus; i++) {
		ret = pthread_create(&g->vcpu[i].thread, &attr, run, &g->vcpu[i]);
		g->vcpu[i].has_thread = !ret;
	}
	pthread_attr_destroy(&attr);
	if (!ret)
		return 0;
	guest_kill(g, DAIS_DEATH_MONITOR);
	guest_join_threads(g);
	return fault_set(err, "vcpus: the control domain cannot start %u threads: %s", g->vcpus,
			 strerror(ret));
}

void guest_join_threads(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < g->vcpus; i++) {
		if (g->vcpu[i].has_thread)
			pthread_join(g->vcpu[i].thread, NULL);
		g->vcpu[i].has_thread = false;
	}
}

void guest_serve(struct guest *g, uint64_t bits)
{
	unsigned int i;

	if (bits & DAIS_REGISTER_BITS) {
		pthread_mutex_lock(&g->lock);
		arm_output(g);
		devices_follow(&g->devices);
		pthread_mutex_unlock(&g->lock);
	}
	pthread_mutex_lock(&g->lock);
	devices_pci_lines(&g->devices, bits >> LINE_SHIFT);
	pthread_mutex_unlock(&g->lock);
	for (i = 0; i < g->vcpus; i++) {
		struct dais_vcpu *v = g->vcpu[i].handle;
		uint64_t activity;

		if (!(bits >> i % VCPU_BITS & 1))
			continue;
		if (dais_vcpu_stat(v, DAIS_STAT_VCPU_ACTIVITY, &activity) ||
		    activity != DAIS_ACT_PARKED)
			continue;
		serve(g, dais_vcpu_page(v));
		/* It stays parked for a moment: another monitor must not serve it again. */
		__atomic_store_n(&dais_vcpu_page(v)->reason, DAIS_EXIT_NONE, __ATOMIC_SEQ_CST);
		dais_vcpu_resume(v);
	}
}
