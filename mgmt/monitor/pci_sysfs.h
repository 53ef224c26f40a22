/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's PCI functions as the control domain's sysfs shows them: which of
 * them stand and fall together (isolation groups), who drives them, their BARs.
 * A function is segment << 16 | bus << 8 | device << 3 | function.
 */
#ifndef MONITOR_PCI_SYSFS_H
#define MONITOR_PCI_SYSFS_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "pci_device.h"

#define PCI_SYSFS "/sys/bus/pci"

struct pci_info {
	uint32_t fn, ids, class;	/* ids: device << 16 | vendor; class: 24 bits */
	int parent;			/* index of the bridge it is behind, -1: on a root bus */
	int group;			/* the same number for all that cannot be kept apart */
	uint8_t header;			/* layout: 0 an endpoint, 1 a bridge */
	uint8_t express;		/* its type there */
	bool is_express, many, virtual; /* many: several functions in the device */
	bool acs;			/* it can be told to keep its neighbours apart */
	char driver[32];		/* "": none */
};

struct pci_machine {
	const char *root;		/* PCI_SYSFS, or another for tests, which have sys, proc and dev in one directory */
	struct pci_info *fn;		/* by number */
	unsigned int count;
};

int pci_scan(struct pci_machine *m, const char *root, struct fault *err);
void pci_scan_free(struct pci_machine *m);
/* NULL: there is none. */
const struct pci_info *pci_lookup(const struct pci_machine *m, uint32_t fn);
/* "0000:00:04.0", or without the segment; the rest of text in *end. False: it is none. */
bool pci_parse(const char *text, uint32_t *fn, const char **end);
/* buf: 16 bytes */
const char *pci_name(uint32_t fn, char *buf);

/*
 * Why fn must not be given to a guest together with the others of list (which
 * may hold it, too), as far as the machine's structure says; 0: nothing is wrong.
 */
int pci_check(const struct pci_machine *m, uint32_t fn, const uint32_t *list, unsigned int count,
	      struct fault *err);
/* What of fn the control domain itself uses now: an interface that is up; a disk that is mounted, swapped to, or a part of
 * LVM, encryption or RAID. */
int pci_check_idle(const struct pci_machine *m, uint32_t fn, struct fault *err);
/* The bridges above fn are told to let no neighbours talk to each other behind the IOMMU's back. */
void pci_isolate(const struct pci_machine *m, uint32_t fn);
bool pci_bound(const char *root, uint32_t fn, const char *driver);
/* Leaves its driver for that named one, or (NULL) for the one that the kernel would choose. */
int pci_bind(const char *root, uint32_t fn, const char *driver, struct fault *err);
int pci_read_bars(const char *root, uint32_t fn, struct pci_bar *bars, struct fault *err);

#endif
