/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_EXIT_H
#define DAIS_EXIT_H

#include "arch/x86/virt/vcpu_x86.h"

/* Acts on x->exit; also called again, unchanged, once a monitor has served its access. */
void exit_handle(struct xvcpu *x);

#endif
