/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_HANDOVER_H
#define DAIS_BOOT_HANDOVER_H

#include "boot/load.h"

/* Makes boot_info, the control domain's parameters and tables, shares out the
 * memory, leaves boot services and builds Dais's address space. On success only
 * handover_enter() may follow. */
bool handover_leave(struct firmware *fw, struct load *load, uint64_t load_tsc,
		    const struct boot_info **info, struct error *err);
/* Starts the other CPUs, then goes with this one. */
void handover_enter(const struct boot_info *info, uint64_t entry) __attribute__((noreturn));

#endif
