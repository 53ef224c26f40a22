/* SPDX-License-Identifier: GPL-2.0-only */
/* Autonomous guests outlive their monitors: what they print, and going on with one. */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "layout.h"

#define PIECE 4096U	/* copied from the ring at a time, so that a copy is seldom overtaken */

/* The guest was faster than its monitor, or had none: says so where the bytes are missing. */
static void skip(struct guest *g, uint64_t lost)
{
	struct console *c = &g->console;
	struct fault note;

	fault_set(&note, "\r\n[dais: %llu bytes of output lost]\r\n", (unsigned long long)lost);
	console_print_text(c, note.text);
	c->mark->base -= lost - strlen(note.text);
}

/* Copies up to `end`; returns where it came to. */
static uint64_t copy_ring(struct guest *g, uint64_t at, uint64_t end)
{
	const struct dais_dom_page *page = dais_dom_page(g->dom);
	const char *ring = dais_dom_ring(g->dom);
	char piece[PIECE];
	uint64_t late;
	unsigned int i, n = end - at < PIECE ? end - at : PIECE;

	for (i = 0; i < n; i++)
		piece[i] = ring[(at + i) % DAIS_DOM_RING_SIZE];
	late = __atomic_load_n(&page->ring_head, __ATOMIC_ACQUIRE);
	if (late - at > DAIS_DOM_RING_SIZE) { /* what was copied may have been overwritten meanwhile */
		skip(g, late - DAIS_DOM_RING_SIZE / 2 - at);
		return late - DAIS_DOM_RING_SIZE / 2;
	}
	for (i = 0; i < n; i++)
		console_print(&g->console, piece[i]);
	return at + n;
}

void guest_take_output(struct guest *g)
{
	struct dais_dom_page *page;
	uint64_t head, at = g->console.head - g->console.mark->base;

	if (!g->config.autonomous || !g->dom)
		return;
	page = dais_dom_page(g->dom);
	/* Dais raises its event for bytes behind ring_tail alone: those that come before it is stored are seen here. */
	while ((head = __atomic_load_n(&page->ring_head, __ATOMIC_SEQ_CST)) != at) {
		at = copy_ring(g, at, head);
		__atomic_store_n(&page->ring_tail, at, __ATOMIC_SEQ_CST);
	}
}

void guest_find_output(struct guest *g)
{
	const struct dais_dom_page *page = dais_dom_page(g->dom);
	struct console *c = &g->console;
	uint64_t head = __atomic_load_n(&page->ring_head, __ATOMIC_ACQUIRE);

	if (c->log < 0) /* without the file only its last reader's word is left */
		c->head = c->logged = c->sent = c->mark->base + page->ring_tail;
	if (c->head - c->mark->base > head)
		c->mark->base = c->head - head;
	guest_take_output(g);
	__atomic_store_n(&dais_dom_page(g->dom)->ring_tail, c->head - c->mark->base, __ATOMIC_SEQ_CST);
	guest_take_output(g);
}

int guest_release(struct guest *g, struct fault *err)
{
	if (!g->config.autonomous)
		return fault_set(err, "guest \"%s\" is hosted: it cannot live without its monitor; only autonomous guests can",
				 g->config.name);
	return 0;
}

static int open_vcpus(struct guest *g, struct fault *err)
{
	struct dais_ioc_dom_info info;
	int ret = dais_dom_info(g->dom, &info);

	if (ret)
		return fault_set(err, "asking for the guest: %s", dais_strerror(ret));
	g->vcpu = calloc(info.vcpus, sizeof(*g->vcpu));
	if (!g->vcpu)
		return fault_set(err, "out of memory in the control domain");
	for (; g->vcpus < info.vcpus; g->vcpus++) {
		struct guest_vcpu *v = &g->vcpu[g->vcpus];

		ret = dais_vcpu_open(g->dom, g->vcpus, &v->handle);
		if (ret)
			return fault_set(err, "opening vCPU %u: %s", g->vcpus, dais_strerror(ret));
		v->guest = g;
	}
	return 0;
}

static int adopt_pci(struct guest *g, struct fault *err)
{
	pci_bus_init(&g->devices.pci, g->config.pci ? &g->devices.state->pci : NULL);
	pci_host_init(&g->pci, &g->devices.pci);
	g->pci.event = g->event;
	g->pci.line_shift = LINE_SHIFT;
	return g->config.pci ? pci_host_adopt(&g->pci, g->dom, &g->config, err) : 0;
}

static int check_domain(struct guest *g, struct fault *err)
{
	struct dais_ioc_dom_info info;
	int ret = dais_dom_info(g->dom, &info);

	if (ret)
		return fault_set(err, "asking for the guest: %s", dais_strerror(ret));
	if (!(info.flags & DAIS_DOM_AUTONOMOUS))
		return fault_set(err, "guest \"%s\" is hosted: it ends with its monitor, no other can take it over",
				 g->config.name);
	if (g->devices.state->magic != DEVICES_MAGIC)
		return fault_set(err, "guest \"%s\" was made by another version of dais-monitor: it cannot be taken over",
				 g->config.name);
	g->config.autonomous = true;
	g->devices.autonomous = true;
	return 0;
}

int guest_adopt(struct guest *g, struct fault *err)
{
	int ret = dais_dom_open_name(g->conn, g->config.name, &g->dom);

	if (ret)
		return fault_set(err, "opening guest \"%s\": %s", g->config.name, dais_strerror(ret));
	g->devices.state = dais_dom_monitor_page(g->dom);
	if (check_domain(g, err) || open_vcpus(g, err) || guest_bind_events(g, err) ||
	    adopt_pci(g, err)) {
		guest_close(g);
		return -1;
	}
	console_set_mark(&g->console, &g->devices.state->console, true);
	return 0;
}
