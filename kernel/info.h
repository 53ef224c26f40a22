/* SPDX-License-Identifier: GPL-2.0-only */
/* The information page and the counters. */
#ifndef DAIS_INFO_H
#define DAIS_INFO_H

#include "kernel/types.h"

/* heap: bytes of Dais's heap in use, rounded as allocated (heap lock). caps: under mgmt_lock. The others: atomic. */
extern struct counters { u64 domains, vcpus, caps, events, pools, heap; } counters;

status_t info_init(u64 mem_total, u64 mem_control, u64 image_bytes, hpa_t log, u64 log_size, u32 flags) __must_check; /* allocates and shows it to the control domain */

#endif
