/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One assigned function as its guest sees it: configuration space filtered by a
 * list of what is known to be safe, BARs wherever the guest puts them. Free of
 * Dais's calls: what reaches the hardware goes through struct pci_hw.
 */
#ifndef MONITOR_PCI_DEVICE_H
#define MONITOR_PCI_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

#define PCI_CONFIG_SIZE	256
#define PCI_BARS	6
#define PCI_USED	1U
#define PCI_NO_RESET	2U	/* its owners have it as the last one left it */
#define PCI_REFUSED(bar) (0x100U << (bar))	/* it is not shown: something else is where the guest wants it */

#define PCI_COMMAND		0x04
#define PCI_COMMAND_MEMORY	0x0002U
#define PCI_COMMAND_MASTER	0x0004U
#define PCI_COMMAND_NO_INTX	0x0400U
#define PCI_BAR0		0x10
#define PCI_INTERRUPT_PIN	0x3d

/* A BAR of the hardware, as the control domain's kernel knows it. */
struct pci_bar {
	uint64_t address, size;	/* size 0: there is none, or it is no memory */
	bool wide, prefetch;
};

/* The hardware behind a function; fn: segment << 16 | bus << 8 | device << 3 | function. */
struct pci_hw {
	uint32_t (*config_read)(void *ctx, uint32_t fn, unsigned int reg, unsigned int size);
	void (*config_write)(void *ctx, uint32_t fn, unsigned int reg, unsigned int size, uint32_t value);
	uint64_t (*bar_read)(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, unsigned int size);
	void (*bar_write)(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, unsigned int size,
			  uint64_t value);
	/* Whole pages of a BAR appear at gpa, or vanish; false: refused. */
	bool (*map)(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, uint64_t size, uint64_t gpa);
	void (*unmap)(void *ctx, uint32_t fn, uint64_t gpa, uint64_t size);
	/* Accesses come to pci_bus_memory_read and _write. */
	bool (*trap)(void *ctx, uint64_t gpa, uint64_t size, bool on);
	void (*reset)(void *ctx, uint32_t fn);
	void (*unmask)(void *ctx, uint32_t fn);	/* its line interrupt, which masked itself when it came */
	void (*eject)(void *ctx, uint32_t fn);	/* the guest has it no more */
	void *ctx;
};

/* Lies in the domain's monitor page: all that a later monitor needs. */
struct pci_state {
	uint32_t fn;
	uint32_t used;				/* PCI_USED | PCI_NO_RESET | PCI_REFUSED; 0: nothing is there */
	uint8_t config[PCI_CONFIG_SIZE];	/* as the guest sees it */
};

struct pci_device {
	struct pci_state *state;
	const struct pci_hw *hw;
	struct pci_bar bar[PCI_BARS];
	uint64_t at[PCI_BARS];			/* where its pages are in the guest, 0: nowhere */
	uint8_t mask[PCI_CONFIG_SIZE];		/* bits that the guest may change */
	uint8_t msi, msix, express;		/* where the capabilities lie, 0: none */
	unsigned int table_bar;
	uint64_t table, table_offset, table_size;	/* of the MSI-X table: where; its whole pages */
	unsigned int entries;
};

/*
 * Builds the guest's view of fn in *s from the hardware's registers; ids: vendor
 * and device, which virtual functions do not tell themselves.
 */
void pci_device_init(struct pci_device *d, struct pci_state *s, const struct pci_hw *hw, uint32_t fn,
		     uint32_t ids, const struct pci_bar *bars);
/* The same around a state that another monitor left. */
void pci_device_adopt(struct pci_device *d, struct pci_state *s, const struct pci_hw *hw,
		      const struct pci_bar *bars);
/* As firmware does: an address for each BAR, out of *low (below 4 GiB) or *high; false: no room. */
bool pci_device_place(struct pci_device *d, uint64_t *low, uint64_t low_end, uint64_t *high,
		      uint64_t high_end);
uint32_t pci_device_read(const struct pci_device *d, unsigned int reg, unsigned int size);
void pci_device_write(struct pci_device *d, unsigned int reg, unsigned int size, uint32_t value);
/* The BAR whose pages hold gpa; false: none. */
bool pci_device_find(const struct pci_device *d, uint64_t gpa, unsigned int *bar, uint64_t *offset);
/* It makes line interrupts, by INTA. */
void pci_device_set_line(struct pci_device *d);
/* The guest has ended one: the next may come. */
void pci_device_line_ended(struct pci_device *d);
/* Its pages leave the guest. */
void pci_device_hide(struct pci_device *d);

#endif
