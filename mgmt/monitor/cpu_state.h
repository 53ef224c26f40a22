/* SPDX-License-Identifier: GPL-2.0-only */
/* The first vCPU's registers at the kernel's first instruction. */
#ifndef MONITOR_CPU_STATE_H
#define MONITOR_CPU_STATE_H

#include <dais/abi.h>

#include "boot.h"

void cpu_state(const struct boot_cpu *start, struct dais_gprs *gprs, struct dais_sregs *sregs);

#endif
