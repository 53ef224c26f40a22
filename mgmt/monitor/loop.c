/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's main loop: consoles, requests, the guest's events and its end. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "monitor.h"
#include "pci_claim.h"

#define DRAIN_MS 5000	/* for a client to take the last output */

enum { FD_EVENT, FD_SIGNAL, FD_STATUS, FD_TIMER, FD_CONSOLE, FD_SERVER };

static void send_irq(void *ctx, uint64_t address, uint32_t data)
{
	struct guest *g = ctx;

	/* What the guest programmed may make no sense: then nothing is delivered, as on a bus. */
	dais_irq_set(g->dom, address, data);
}

static void transmit(void *ctx, uint8_t byte)
{
	console_print(ctx, byte);
}

static int receive(void *ctx)
{
	return console_next_input(ctx);
}

static bool waits(void *ctx)
{
	return console_input_waits(ctx);
}

static void wire(struct guest *g)
{
	g->devices.out = (struct ioapic_out){ send_irq, g };
	g->devices.console = (struct device_console){ transmit, receive, waits, &g->console };
}

static int let_run(struct monitor *m, struct fault *err)
{
	struct guest *g = &m->guest;
	int ret;

	if (m->paused)
		return 0;
	ret = dais_dom_activate(g->dom);
	if (ret)
		return fault_set(err, "starting the guest: %s", dais_strerror(ret));
	return g->config.autonomous ? 0 : guest_start_threads(g, err);
}

/* After a failure, or for a reboot: nothing of the domain stays. */
static int unmake(struct guest *g)
{
	guest_kill(g, DAIS_DEATH_MONITOR);
	guest_join_threads(g);
	guest_destroy(g);
	pci_unclaim(&g->config);
	return -1;
}

static int make_again(struct monitor *m, struct fault *err)
{
	if (guest_create(&m->guest, err))
		return -1;
	return let_run(m, err) ? unmake(&m->guest) : 0;
}

/* The domain's name is this monitor's by now, so these files are its own too. */
static int take_files(struct monitor *m, struct fault *err)
{
	struct guest *g = &m->guest;
	char *log;

	if (server_open(&m->server, g->config.name, err))
		return -1;
	if (asprintf(&log, RUN_DIR "/%s.console", g->config.name) < 0) {
		server_close(&m->server);
		return fault_set(err, "out of memory in the control domain");
	}
	console_open_log(&g->console, log, m->adopt);
	return 0;
}

static int make_first(struct monitor *m, struct fault *err)
{
	struct guest *g = &m->guest;

	if (guest_create(g, err))
		return -1;
	if (take_files(m, err))
		return unmake(g);
	if (!let_run(m, err))
		return 0;
	console_forget(&g->console);
	server_close(&m->server);
	return unmake(g);
}

static int adopt(struct monitor *m, struct fault *err)
{
	if (guest_adopt(&m->guest, err))
		return -1;
	if (take_files(m, err)) {
		guest_close(&m->guest);
		return -1;
	}
	guest_find_output(&m->guest);
	/* Whoever parked while nobody listened raises no further event. */
	guest_serve(&m->guest, ~DEATH_BIT);
	return 0;
}

int monitor_start(struct monitor *m, struct fault *err)
{
	struct guest *g = &m->guest;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	g->output_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->signal_fd < 0 || g->output_timer < 0)
		return fault_set(err, "making descriptors: %s", strerror(errno));
	console_init(&g->console);
	if (m->console_fd >= 0)
		console_attach(&g->console, m->console_fd, server_peer(m->console_fd));
	wire(g);
	return m->adopt ? adopt(m, err) : make_first(m, err);
}

static void flush(struct guest *g)
{
	pthread_mutex_lock(&g->lock);
	g->output_due = false;
	guest_take_output(g);
	console_flush(&g->console);
	pthread_mutex_unlock(&g->lock);
}

static void serve_console(struct guest *g, short events)
{
	pthread_mutex_lock(&g->lock);
	if (events & POLLOUT)
		console_flush(&g->console);
	if ((events & POLLIN) && g->console.client >= 0 && !console_fill(&g->console))
		console_detach(&g->console);
	if (events & (POLLHUP | POLLERR))
		console_detach(&g->console);
	devices_feed(&g->devices);
	pthread_mutex_unlock(&g->lock);
}

static void attach(struct monitor *m, unsigned int i)
{
	struct console *c = &m->guest.console;
	unsigned long long position;
	char text[64];
	int fd;

	guest_take_output(&m->guest);
	if (c->client >= 0) {
		snprintf(text, sizeof(text), "error in use by process %d\n", c->peer);
		server_answer(&m->server, i, text, 0);
		return;
	}
	/* A client that had a console of this guest before says how far it has read. */
	if (sscanf(m->server.client[i].line, "console %llu", &position) == 1)
		console_seek(c, position);
	snprintf(text, sizeof(text), "ok %llu\n", (unsigned long long)c->sent);
	fd = server_answer(&m->server, i, text, 1);
	console_attach(c, fd, server_peer(fd));
	console_flush(c);
}

static void release(struct monitor *m, unsigned int i)
{
	struct fault err;
	char text[sizeof(err.text) + 16];

	if (guest_release(&m->guest, &err)) {
		snprintf(text, sizeof(text), "error %s\n", err.text);
		server_answer(&m->server, i, text, 0);
		return;
	}
	server_answer(&m->server, i, "ok\n", 0);
	m->leave = true;
}

/* Functions come to a guest that runs, or leave it. */
static void change_pci(struct monitor *m, unsigned int i, enum server_request request)
{
	const char *list = strchr(m->server.client[i].line, ' ');
	struct guest *g = &m->guest;
	struct fault err;
	char text[sizeof(err.text) + 16] = "ok\n";
	int ret;

	if (!list)
		ret = fault_set(&err, "pci: no function named");
	else if (request == SERVER_PLUG)
		ret = pci_host_plug(&g->pci, list + 1, &err);
	else
		ret = pci_host_unplug(&g->pci, list + 1, request == SERVER_TAKE, &err);
	if (ret)
		snprintf(text, sizeof(text), "error %s\n", err.text);
	else
		devices_pci_changed(&g->devices);
	server_answer(&m->server, i, text, 0);
}

static void obey(struct monitor *m, unsigned int i, enum server_request request)
{
	switch (request) {
	case SERVER_NONE:
		return;
	case SERVER_CONSOLE:
		attach(m, i);
		return;
	case SERVER_STOP:
		devices_press_power(&m->guest.devices);
		break;
	case SERVER_UNTIE:
		m->tied = false;
		break;
	case SERVER_RELEASE:
		release(m, i);
		return;
	case SERVER_PING:
		break;
	case SERVER_PLUG:
	case SERVER_UNPLUG:
	case SERVER_TAKE:
		change_pci(m, i, request);
		return;
	case SERVER_UNKNOWN:
		server_answer(&m->server, i, "error no such request\n", 0);
		return;
	}
	server_answer(&m->server, i, "ok\n", 0);
}

static void serve_requests(struct monitor *m, const struct pollfd *fds)
{
	struct guest *g = &m->guest;
	unsigned int i;

	if (fds[0].revents)
		server_accept(&m->server);
	pthread_mutex_lock(&g->lock);
	for (i = 0; i < SERVER_CLIENTS; i++)
		if (fds[i + 1].revents)
			obey(m, i, server_read(&m->server, i));
	pthread_mutex_unlock(&g->lock);
}

/* The last output must reach whoever looks, but nobody may keep the monitor alive. */
static void drain(struct guest *g)
{
	struct pollfd p = { .events = POLLOUT };

	flush(g);
	while (console_has_output(&g->console)) {
		p.fd = g->console.client;
		if (poll(&p, 1, DRAIN_MS) <= 0)
			break;
		console_flush(&g->console);
	}
}

/* Ends that somebody asked for need no further reason. */
static bool was_asked_for(uint32_t death)
{
	return death == DAIS_DEATH_POWEROFF || death == DAIS_DEATH_REBOOT ||
	       death == DAIS_DEATH_DESTROYED;
}

/* True: the guest has been made anew after a reboot. */
static bool end_of_guest(struct monitor *m)
{
	struct guest *g = &m->guest;
	const struct dais_dom_page *page = dais_dom_page(g->dom);
	uint32_t death = page->death;
	struct fault err, reason;

	guest_join_threads(g);
	fault_set(&reason, "%s", g->failure.text[0] ? g->failure.text :
				 was_asked_for(death) ? "" : page->reason);
	drain(g);
	if (death == DAIS_DEATH_REBOOT && !g->config.no_reboot) {
		guest_destroy(g);
		m->paused = false;
		if (!make_again(m, &err))
			return true;
		/* it may have been destroyed while it was being made */
		death = g->last_death == DAIS_DEATH_DESTROYED ? DAIS_DEATH_DESTROYED : DAIS_DEATH_MONITOR;
		fault_set(&reason, was_asked_for(death) ? "" : "making it anew after a reboot: %s", err.text);
	}
	/* A dead guest of `dais create` stays to be looked at; one of `dais run` has been. */
	if (g->dom && m->tied)
		guest_destroy(g);
	else
		guest_close(g);
	monitor_report(m, "end %u %s\n", death, reason.text);
	return false;
}

static bool serve_event(struct monitor *m)
{
	struct guest *g = &m->guest;
	uint64_t bits = 0;

	if (dais_event_take(g->event, false, &bits))
		return true;
	if (bits & ~DEATH_BIT)
		guest_serve(g, bits);
	return !(bits & DEATH_BIT) || end_of_guest(m);
}

static nfds_t wait_for(struct monitor *m, struct pollfd *fds)
{
	struct guest *g = &m->guest;
	short console = 0;
	nfds_t n = FD_SERVER;

	pthread_mutex_lock(&g->lock);
	if (console_has_output(&g->console))
		console |= POLLOUT;
	if (console_wants_input(&g->console))
		console |= POLLIN;
	fds[FD_EVENT] = (struct pollfd){ .fd = dais_event_fd(g->event), .events = POLLIN };
	fds[FD_SIGNAL] = (struct pollfd){ .fd = m->signal_fd, .events = POLLIN };
	fds[FD_STATUS] = (struct pollfd){ .fd = m->tied ? m->status_fd : -1 };
	fds[FD_TIMER] = (struct pollfd){ .fd = g->output_timer, .events = POLLIN };
	fds[FD_CONSOLE] = (struct pollfd){ .fd = g->console.client, .events = console };
	pthread_mutex_unlock(&g->lock);
	return n + server_poll(&m->server, fds + FD_SERVER);
}

/* A guest that is gone leaves nothing behind, even when `dais run` was killed. */
static void forget_files(struct monitor *m)
{
	char *path;

	pci_unclaim(&m->guest.config);
	console_forget(&m->guest.console);
	if (asprintf(&path, RUN_DIR "/%s.conf", m->guest.config.name) < 0)
		return;
	unlink(path);
	free(path);
}

void monitor_loop(struct monitor *m)
{
	struct pollfd fds[FD_SERVER + SERVER_CLIENTS + 1];
	struct guest *g = &m->guest;
	uint64_t ticks;
	bool alive = true;

	while (alive && !m->leave) {
		nfds_t n = wait_for(m, fds);

		if (poll(fds, n, -1) < 0)
			continue;
		if (fds[FD_SIGNAL].revents || (fds[FD_STATUS].revents & (POLLERR | POLLHUP))) {
			m->tied = m->tied || fds[FD_SIGNAL].revents;
			guest_kill(g, DAIS_DEATH_DESTROYED);
		}
		if (fds[FD_TIMER].revents && read(g->output_timer, &ticks, sizeof(ticks)) > 0)
			flush(g);
		if (fds[FD_CONSOLE].revents)
			serve_console(g, fds[FD_CONSOLE].revents);
		serve_requests(m, fds + FD_SERVER);
		if (fds[FD_EVENT].revents)
			alive = serve_event(m);
	}
	if (m->leave) {
		drain(g); /* end_of_guest has: while this one listens, the dead guest cannot be started again */
		guest_close(g);
	} else if (m->tied || !g->config.autonomous) {
		forget_files(m);
	}
	console_free(&g->console);
}
