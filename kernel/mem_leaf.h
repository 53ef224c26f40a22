/* SPDX-License-Identifier: GPL-2.0-only */
/* Between mem.c and unmap.c. */
#ifndef DAIS_MEM_LEAF_H
#define DAIS_MEM_LEAF_H

#include "kernel/atomic.h"
#include "kernel/mem.h"

/* Range of a guest that a hypercall may change; see kernel/mem.h for the statuses. */
status_t mem_check_range(struct domain *d, u64 gpa, u64 frames);

#endif
