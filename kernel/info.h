/* SPDX-License-Identifier: GPL-2.0-only */
/* What the stat hypercall tells. */
#pragma once

#include "kernel/types.h"

/* heap: bytes of Dais's heap in use, rounded as allocated (memory_lock). caps: under mgmt_lock. The others: atomic. */
extern struct counters { u64 domains, vcpus, caps, events, pools, heap; } counters;
/* What is fixed at boot, by enum dais_stat */
extern u64 facts[DAIS_STAT_FRAMES_TOTAL];
