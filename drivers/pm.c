/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Power ports (ACPI spec. §4.8.3.2.1, §4.8.3.6): the control domain may always
 * reset the machine, since a panicking one must; a sleep state passes only
 * after its notice, so that none comes as a surprise to guests, and S3 never does.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define PM1_SLP_EN   (1u << 13)
#define PM1_SLP_TYPE(v) ((v) >> 10 & 7)
#define PM1_SIZE     2u
#define RESET_CONTROL 0xcf9u /* chipsets' reset control register */
#define RESET_CPU    0x04u
#define PORT_92      0x92u   /* "fast reset" of the PC/AT */
#define PORT_92_RESET 0x01u

static u16 pm1[2];
static u16 reset_port;
static u8 reset_value;
static bool allowed; /* atomic */

void arch_shutdown_allowed(bool yes)
{
	atomic_store(&allowed, yes);
}

void port_pass(u16 port, u32 size, bool write, u32 *value)
{
	if (size == 4 && write)
		port_out32(port, *value);
	else if (size == 4)
		*value = port_in32(port);
	else if (size == 2 && write)
		port_out16(port, *value);
	else if (size == 2)
		*value = port_in16(port);
	else if (write)
		port_out8(port, *value);
	else
		*value = port_in8(port);
}

static bool sleep_refused(u16 base, u16 port, u32 size, u32 value)
{
	u32 control;

	if (!base || port >= base + PM1_SIZE || port + size <= base)
		return false;
	control = port < base ? value >> (base - port) * 8 : value << (port - base) * 8;
	if (!(control & PM1_SLP_EN))
		return false;
	if (atomic_load(&allowed)) {
		log_info("power: the control domain enters sleep type %u", PM1_SLP_TYPE(control));
		return false;
	}
	log_warn("power: sleep type %u refused without dais.ko's notice", PM1_SLP_TYPE(control));
	return true;
}

static bool resets(u16 port, u32 value)
{
	return (port == RESET_CONTROL && value & RESET_CPU) ||
	       (port == PORT_92 && value & PORT_92_RESET) ||
	       (port == reset_port && (u8)value == reset_value);
}

void pm_port_access(u16 port, u32 size, bool write, u32 *value)
{
	if (write && resets(port, *value))
		log_info("power: the control domain resets the machine by port 0x%x", port);
	for (u32 i = 0; write && i < ARRAY_SIZE(pm1); i++) {
		if (sleep_refused(pm1[i], port, size, *value))
			return;
	}
	port_pass(port, size, write, value);
}

void pm_init(const struct boot_info *b)
{
	pm1[0] = b->pm1a_cnt_port;
	pm1[1] = b->pm1b_cnt_port;
	reset_port = b->reset_port;
	reset_value = b->reset_value;
	for (u32 i = 0; i < ARRAY_SIZE(pm1); i++) {
		if (pm1[i])
			trap_ports(pm1[i], PM1_SIZE);
	}
	if (reset_port)
		trap_ports(reset_port, 1);
	trap_ports(PORT_92, 1);
}
