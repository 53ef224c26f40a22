/* SPDX-License-Identifier: GPL-2.0-only */
/* Autonomous guests outlive their monitors: leaving one alone, and going on with one. */
#include <stdlib.h>

#include "guest.h"
#include "layout.h"

#define UART_LSR	(UART_PORT + 5)
#define LSR_EMPTY	0x60

static int trap(struct guest *g, uint64_t base, uint64_t length, enum dais_trap_action action,
		uint64_t value, struct fault *err)
{
	int ret = dais_trap_set(g->dom, DAIS_TRAP_PORT, base, length, action, value);

	return ret ? fault_set(err, "changing the serial port's ports: %s", dais_strerror(ret)) : 0;
}

int guest_release(struct guest *g, struct fault *err)
{
	if (!g->config.autonomous)
		return fault_set(err, "guest \"%s\" is hosted: it cannot live without its monitor; only autonomous guests can",
				 g->config.name);
	if (trap(g, UART_PORT, UART_PORTS, DAIS_TRAP_DENY, 0, err) ||
	    trap(g, UART_PORT, 1, DAIS_TRAP_POST, 0, err) ||
	    trap(g, UART_LSR, 1, DAIS_TRAP_CONST, LSR_EMPTY, err))
		return -1;
	g->devices.state->released = 1;
	return 0;
}

static int take_back(struct guest *g, struct fault *err)
{
	struct dais_dom_page *page = dais_dom_page(g->dom);
	const char *ring = dais_dom_ring(g->dom);
	uint64_t head;

	if (trap(g, UART_PORT, 1, DAIS_TRAP_DENY, 0, err) ||
	    trap(g, UART_LSR, 1, DAIS_TRAP_DENY, 0, err) ||
	    trap(g, UART_PORT, UART_PORTS, DAIS_TRAP_EXIT, 0, err))
		return -1;
	head = page->ring_head;
	if (head - page->ring_tail > DAIS_DOM_RING_SIZE)
		page->ring_tail = head - DAIS_DOM_RING_SIZE;
	while (page->ring_tail != head)
		console_print(&g->console, ring[page->ring_tail++ % DAIS_DOM_RING_SIZE]);
	g->devices.state->released = 0;
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
	return g->config.pci ? pci_host_adopt(&g->pci, g->dom, err) : 0;
}

int guest_adopt(struct guest *g, struct fault *err)
{
	int ret = dais_dom_open_name(g->conn, g->config.name, &g->dom);

	if (ret)
		return fault_set(err, "opening guest \"%s\": %s", g->config.name, dais_strerror(ret));
	g->devices.state = dais_dom_monitor_page(g->dom);
	if (g->devices.state->magic != DEVICES_MAGIC) {
		fault_set(err, "guest \"%s\" was made by another version of dais-monitor: it cannot be taken over",
			  g->config.name);
		goto fail;
	}
	if (open_vcpus(g, err) || (g->devices.state->released && take_back(g, err)) ||
	    guest_bind_events(g, err) || adopt_pci(g, err))
		goto fail;
	/* Whoever parked while nobody listened raises no further event. */
	guest_serve(g, ~DEATH_BIT);
	return 0;
fail:
	guest_close(g);
	return -1;
}
