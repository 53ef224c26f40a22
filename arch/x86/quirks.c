/* SPDX-License-Identifier: GPL-2.0-only */
/* Emulators and steppings that need something special: the one place that knows them. */

#include "arch/x86/cpu.h"
#include "kernel/string.h"

struct quirks quirks;

/* QEMU's TCG (up to 11.1): see docs/platforms.md */
static const struct quirks tcg = { .shadow_by_sti = true, .reread_tpr = true, .host_tick = true };

void quirks_probe(void)
{
	u32 r[4];

	host_cpuid(1, 0, r);
	if (!(r[2] >> 31))
		return;
	host_cpuid(0x40000000, 0, r);
	if (!memcmp(&r[1], "TCGTCGTCGTCG", 12)) {
		host.tcg = true;
		quirks = tcg;
	}
}
