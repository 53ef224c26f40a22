/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that Dais touches for the control domain: interrupt routing (IO-APIC,
 * MSI, MSI-X), the PCI configuration filter, the virtual PCI function, power
 * ports, serial port. drivers/ know kernel/ headers and the functions below.
 */
#ifndef DAIS_DEVICES_H
#define DAIS_DEVICES_H

#include "kernel/types.h"

struct boot_info;
struct domain;

/* --- what drivers ask of the architecture (arch/x86) --- */
u32 port_read(u16 port, u32 size);     /* size: 1, 2, 4 */
void port_write(u16 port, u32 size, u32 value);
u32 cpu_apic_id(u32 cpu);              /* physical APIC ID for MSI and IO-APIC destinations */
/* The control domain's access to a GPA page traps from now on. Takes
 * view_lock, flushes. BAD_ARG: no such address; NO_MEMORY. */
status_t control_trap_page(u64 gpa_page) __must_check;
/* Control domain's port in its I/O bitmap. At boot only. */
void control_trap_port(u16 port, bool on);
/* Guest-side delivery of a message to the control domain's local APICs; level: EOI calls irq_eoi.
 * BAD_ARG: mode refused. */
status_t control_deliver(u64 msi_address, u32 msi_data);
/* CPU on which the first destination runs in d (NULL: the control domain): where to send the real interrupt. */
u32 irq_home_cpu(struct domain *d, u64 msi_address);
void machine_reset(void) __noreturn;

/* --- serial.c --- */
void serial_init(u16 port, u32 baud);
void serial_write(const char *text, size_t len); /* a log_sink; polls LSR.THRE */

/* --- irq.c: vectors of the host --- */
#define IRQ_VECTOR_FIRST 0x30  /* 0x30..0xdf for devices, above: Dais's own */
#define IRQ_VECTOR_LAST  0xdf
/* From the host's interrupt entry, with the interrupt not yet ended; the caller does the local
 * APIC's EOI after it. False: spurious. */
bool irq_handle(u32 cpu, u32 vector);
void irq_eoi(u32 guest_vector);        /* the control domain ended a level-triggered interrupt */

/* --- control.c: the one dispatch for the control domain's trapped accesses --- */
/* After the control domain exists, before it runs. */
void devices_init(const struct boot_info *b);
/* True: handled; false: nothing here (ports: all ones; memory: a hole). size 1, 2, 4, memory 8. */
bool control_port_access(u32 port, u32 size, bool write, u64 *value);
bool control_mmio_access(u64 gpa, u32 size, bool write, u64 *value);
/* Do whole pages contain one that traps? */
bool control_mmio_traps(u64 gpa, u64 size);

#endif
