/* SPDX-License-Identifier: GPL-2.0-only */
/* The control domain's memory and start; see control.c. */
#ifndef DAIS_CONTROL_H
#define DAIS_CONTROL_H

#include "arch/x86/virt/vcpu_x86.h"

struct boot_mem;

void virt_choose(void);
/* RAM and firmware ranges, identity, at boot. Device memory is mapped when it is first touched. */
status_t control_map_memory(const struct boot_mem *own, u32 count) __must_check;
/* Creates its vCPUs and makes vCPU 0 runnable at the kernel's entry. */
status_t control_start(void) __must_check;
/* A nested fault of the control domain: true when the access may be tried again, false when it must be emulated. */
bool control_fault(struct xvcpu *x, u64 gpa);

#endif
