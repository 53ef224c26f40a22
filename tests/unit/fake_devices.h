/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the tests of drivers/: four CPUs (APIC IDs 0, 2, 4, 6), an
 * IO-APIC, PCI functions behind ECAM and ports 0xCF8/0xCFC with one memory BAR
 * each, and a record of what the control domain was sent.
 */
#ifndef FAKE_DEVICES_H
#define FAKE_DEVICES_H

#include "boot/boot_info.h"
#include "drivers/devices.h"

#define FAKE_CPUS 4
#define FAKE_ECAM 0xb0000000ULL
#define FAKE_IOAPIC 0xfec00000ULL
#define FAKE_PINS 24
#define FAKE_IOAPIC_SOURCE 0xf0f8u /* its requester ID */
#define FAKE_FREE_DEVICE 29
#define FAKE_BAR_SIZE 0x2000u
#define FAKE_RAM_END 0x80000000ULL /* below: the control domain's RAM */
#define FAKE_DAIS_RAM 0x40001000ULL /* one page of Dais's in it */

struct fake_fn {
	u16 bdf;
	u8 config[4096], writable[4096];
	u8 bar[FAKE_BAR_SIZE];
};

extern struct boot_info fake_boot;      /* with ECAM; set ecam_count = 0 for none */
extern u64 fake_rte[FAKE_PINS];         /* as the hardware has them */
extern u32 fake_ioapic_writes, fake_ioapic_eoi; /* what its EOI register was last written */
extern u32 fake_home_shift;             /* the destination's home CPU = (ID + this) % FAKE_CPUS */
extern u32 fake_delivered;
extern struct domain *fake_delivered_to; /* arch_msi: a guest */
extern u64 fake_address; extern u32 fake_data; /* of the last delivery */
extern status_t fake_deliver_status, fake_trap_status; /* what the architecture answers */
extern bool fake_trapped_port[65536];
extern u32 fake_port_writes; extern u16 fake_port; extern u32 fake_port_value;
extern u8 fake_port_in;                 /* what ports read */
extern u64 fake_heap_bytes;
extern bool fake_heap_empty;

struct fake_fn *fake_add(u16 bdf, u32 ids);
struct fake_fn *fake_find(u16 bdf);
/* A capability at `at`, linked in front of the others. MSI: 64-bit; MSI-X: table at BAR offset. */
void fake_add_msi(struct fake_fn *f, u8 at, bool maskable);
void fake_add_msix(struct fake_fn *f, u8 at, u16 vectors, u32 table, u32 pba);
void fake_put32(struct fake_fn *f, u32 reg, u32 value);
u32 fake_get32(const struct fake_fn *f, u32 reg);
bool fake_page_trapped(u64 page);
u32 fake_trapped_pages(void);

/* The control domain's accesses */
u64 guest_read(u64 gpa, u32 size);      /* handed through to the machine where nothing traps */
void guest_write(u64 gpa, u32 size, u64 value);
u32 guest_in(u16 port, u32 size);
void guest_out(u16 port, u32 size, u32 value);
u32 guest_config_read(u16 bdf, u32 reg, u32 size);
void guest_config_write(u16 bdf, u32 reg, u32 size, u32 value);

#endif
