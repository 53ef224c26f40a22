/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_HANDOVER_H
#define DAIS_BOOT_HANDOVER_H

#include "boot/load.h"

struct handover {
	struct boot_info *info;
	uint64_t entry;  /* virtual */
};

/* Makes boot_info, the control domain's parameters and tables, shares out the
 * memory and leaves boot services. On success only cpu_enter() may follow. */
bool handover_leave(struct firmware *fw, struct load *load, uint64_t load_tsc,
		    struct handover *handover, struct error *err);

#endif
