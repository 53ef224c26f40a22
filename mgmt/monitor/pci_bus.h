/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's PCI root bus: a host bridge and the functions assigned to it, by ports 0xCF8/0xCFC and by ECAM. */
#ifndef MONITOR_PCI_BUS_H
#define MONITOR_PCI_BUS_H

#include "pci_device.h"

#define PCI_SLOTS 8	/* function i is device i + 1 */

/* Lies in the domain's monitor page. */
struct pci_slots {
	uint32_t address;	/* port 0xCF8 */
	uint8_t added, wanted;	/* bits of slots: what the guest has not been told yet */
	uint16_t reserved;
	struct pci_state slot[PCI_SLOTS];
};

struct pci_bus {
	struct pci_slots *slots;	/* NULL: the guest has no PCI bus */
	struct pci_device device[PCI_SLOTS];
	uint64_t low, high;		/* where the next BAR may go */
};

void pci_bus_init(struct pci_bus *b, struct pci_slots *slots);
/* The first free slot, or -1. */
int pci_bus_free_slot(const struct pci_bus *b);

/* Something is in slot i, or was: the guest shall look. Or it shall let go of what is there. */
enum pci_news { PCI_ADDED, PCI_WANTED };
void pci_bus_tell(struct pci_bus *b, unsigned int i, enum pci_news what);
/* What the guest reads of that, once. */
uint8_t pci_bus_news(struct pci_bus *b, enum pci_news what);
/* The guest has ended the line interrupt of slot i. */
void pci_bus_line_ended(struct pci_bus *b, unsigned int i);
/* The function in slot i leaves; nothing if there is none. */
void pci_bus_eject(struct pci_bus *b, unsigned int i);

uint32_t pci_bus_port_read(struct pci_bus *b, uint16_t port, unsigned int size);
void pci_bus_port_write(struct pci_bus *b, uint16_t port, unsigned int size, uint32_t value);
/* False: gpa is none of the bus's. */
bool pci_bus_memory_read(struct pci_bus *b, uint64_t gpa, unsigned int size, uint64_t *value);
bool pci_bus_memory_write(struct pci_bus *b, uint64_t gpa, unsigned int size, uint64_t value);

#endif
