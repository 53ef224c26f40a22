/* SPDX-License-Identifier: GPL-2.0-only */
/* What an access of a guest to a port, or to memory that is not there, does. */
#pragma once

#include "kernel/domain.h"

status_t trap_set(struct domain *d, u64 kind, u64 base, u64 length, u64 action, u64 value) __must_check;
/* True: done, *value holds what a read returns. False: exit to the monitor. size 1, 2, 4, 8. An access that is not wholly inside a range is denied. */
bool trap_access(struct vcpu *v, u32 kind, u64 addr, u32 size, bool write, u64 *value);
