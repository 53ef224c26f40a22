/* SPDX-License-Identifier: GPL-2.0-only */
/* The hardware behind a guest's assigned functions: their registers by sysfs, their memory by Dais. */
#ifndef MONITOR_PCI_HOST_H
#define MONITOR_PCI_HOST_H

#include <libdais.h>

#include "config.h"
#include "pci_bus.h"

struct pci_host_fn {
	uint32_t fn;
	int config;			/* its configuration space; -1: the slot is free */
	void *bar[PCI_BARS];		/* mapped when first needed */
	uint64_t bar_size[PCI_BARS];
	unsigned int bar_skew[PCI_BARS];	/* where it begins in its first page */
};

struct pci_host {
	struct dais_dom *dom;
	struct pci_bus *bus;
	struct guest_config *config;	/* its list says which ones the guest has */
	struct dais_event *event;	/* slot i's line interrupt raises bit line_shift + i */
	unsigned int line_shift;
	struct pci_hw hw;
	struct pci_host_fn fn[PCI_SLOTS];	/* by slot */
};

void pci_host_init(struct pci_host *h, struct pci_bus *bus);
/* Assigns them to dom and puts them on the bus. On failure the domain has to be destroyed. */
int pci_host_attach(struct pci_host *h, struct dais_dom *dom, struct guest_config *c, struct fault *err);
/* Goes on with functions that another monitor attached. */
int pci_host_adopt(struct pci_host *h, struct dais_dom *dom, struct guest_config *c, struct fault *err);
/* More of them, as in a guest file, for a guest that runs; on failure it has what it had. */
int pci_host_plug(struct pci_host *h, const char *list, struct fault *err);
/* The guest shall let go of them; now: they are taken away. Their drivers have to be bound by others. */
int pci_host_unplug(struct pci_host *h, const char *list, bool now, struct fault *err);
/* Lets go of all descriptors and mappings. */
void pci_host_close(struct pci_host *h);

#endif
