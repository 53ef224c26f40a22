/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Power ports (ACPI spec. §4.8.3.2.1): a sleep state passes only after the
 * control domain's notice, so that none comes as a surprise to guests. It may
 * always reset the machine, since a panicking one must.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define SLP_EN       (1u << 5) /* in the upper byte, as the type */
#define SLP_TYPE(v)  ((v) >> 2 & 7)

static u16 pm1[2]; /* ports of the upper bytes; of none: 1, which does not trap */
static bool allowed; /* atomic */

void arch_shutdown_allowed(bool yes)
{
	atomic_store(&allowed, yes);
}

void port_pass(u16 port, u32 size, bool write, u32 *value)
{
	if (write)
		port_write(port, size, *value);
	else
		*value = port_read(port, size);
}

static bool sleep_refused(u16 upper, u16 port, u32 size, u32 value)
{
	u32 v = port <= upper && upper < port + size ? value >> (upper - port) * 8 : 0;
	bool pass = atomic_load(&allowed);

	if (v & SLP_EN)
		log_warn("power: the control domain enters sleep type %u%s", SLP_TYPE(v),
			 pass ? "" : ": refused without dais.ko's notice");
	return v & SLP_EN && !pass;
}

void pm_port_access(u16 port, u32 size, bool write, u32 *value)
{
	for (u32 i = 0; write && i < ARRAY_SIZE(pm1); i++) {
		if (sleep_refused(pm1[i], port, size, *value))
			return;
	}
	port_pass(port, size, write, value);
}

void pm_init(const struct boot_info *b)
{
	const u32 ports[] = { b->pm1a_cnt_port, b->pm1b_cnt_port };

	for (u32 i = 0; i < ARRAY_SIZE(pm1); i++) {
		pm1[i] = ports[i] + 1;
		if (ports[i])
			control_trap_port(pm1[i], true);
	}
}
