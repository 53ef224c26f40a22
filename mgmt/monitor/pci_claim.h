/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's functions come from the control domain's drivers and go back to them. */
#ifndef MONITOR_PCI_CLAIM_H
#define MONITOR_PCI_CLAIM_H

#include "config.h"

/* All or none. */
int pci_claim(const struct guest_config *c, struct fault *err);
/* After the domain's end: those that no guest has now. */
void pci_unclaim(const struct guest_config *c);
/* Whether it stays apart from the control domain's drivers when no guest has it. */
int pci_reserve(uint32_t fn, bool on, struct fault *err);

#endif
