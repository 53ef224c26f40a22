/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual PCI function that carries Dais's events to the control domain: a
 * conventional function on bus 0 with one memory BAR that holds the MSI-X table
 * and pending bits (PCI local bus spec. 3.0 §6.1, §6.8.2), a vector per vCPU.
 *
 * Configuration is covered by the device lock. vpci_lock is a leaf that covers
 * table, pending bits and the MSI-X control word, so that a vector can be raised
 * under an event's lock; messages are delivered after it is released.
 */
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/log.h"

#define BAR_SIZE     0x10000u
#define PBA_OFFSET   0x8000u
#define ENTRY_SIZE   16u
#define CONTROL_MASK   (1u << 30) /* in the dword with the capability's header */
#define CONTROL_ENABLE (1u << 31)
#define CAP_AT       0x40u
#define STATUS_CAPS  (1u << 20)
#define COMMAND_WRITABLE 0x0406u  /* INTx disable, bus master, memory */

enum { DW_ID, DW_COMMAND, DW_CLASS, DW_HEADER, DW_BAR, DW_SUBSYSTEM = 11, DW_CAPS = 13,
       DW_MSIX = CAP_AT / 4, DW_TABLE, DW_PBA, DW_COUNT };

static struct { u32 value, writable; } config[DW_COUNT] = {
	[DW_ID] = { DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16, 0 },
	[DW_COMMAND] = { STATUS_CAPS, COMMAND_WRITABLE },
	[DW_CLASS] = { (u32)DAIS_PCI_CLASS << 8, 0 },
	[DW_BAR] = { 0, ~(BAR_SIZE - 1) },
	[DW_SUBSYSTEM] = { DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16, 0 },
	[DW_CAPS] = { CAP_AT, 0 },
	[DW_MSIX] = { PCI_CAP_MSIX, CONTROL_MASK | CONTROL_ENABLE },
	[DW_PBA] = { PBA_OFFSET, 0 }, /* table and pending bits: both in BAR 0 */
};

static u16 vpci_bdf;
static u32 count;             /* of vectors; 0 = there is no such function */
static u32 table[MAX_CPUS][ENTRY_SIZE / 4];
static u64 pending[MAX_CPUS / 64];
static spinlock_t vpci_lock;

bool vpci_is(u16 seg, u16 bdf) { return count && !seg && bdf == vpci_bdf; }
u32 control_msix_count(void) { return count; }

/* Marks vector `index` pending, with mark = 1, and sends it if nothing masks it. */
static void raise(u32 index, u64 mark)
{
	u64 *word = &pending[index / 64], bit = 1ULL << index % 64, address;
	const u32 *e = table[index];
	u32 data;
	bool send;

	spin_lock(&vpci_lock);
	*word |= mark << index % 64;
	send = *word & bit && !(e[3] & MSIX_ENTRY_MASKED) &&
	       (config[DW_MSIX].value & (CONTROL_ENABLE | CONTROL_MASK)) == CONTROL_ENABLE;
	if (send)
		*word &= ~bit;
	address = e[0] | (u64)e[1] << 32;
	data = e[2];
	spin_unlock(&vpci_lock);
	/* A message that no local APIC takes is lost, as on a bus. */
	if (send)
		control_deliver(address, data);
}

void control_msix_raise(u32 index)
{
	if (index < count)
		raise(index, 1);
}

static bool bar_access(devlock_t l, struct trap *t, u64 gpa, u32 size, bool write, u64 *value)
{
	u64 offset = gpa - t->base;
	bool in_table = offset < count * ENTRY_SIZE;

	(void)l;
	spin_lock(&vpci_lock);
	if (in_table && write)
		memcpy((u8 *)table + offset, value, size);
	else if (in_table)
		memcpy(value, (u8 *)table + offset, size);
	else if (!write && offset >= PBA_OFFSET && offset < PBA_OFFSET + sizeof(pending))
		memcpy(value, (u8 *)pending + offset - PBA_OFFSET, size);
	spin_unlock(&vpci_lock);
	if (in_table && write)
		raise(offset / ENTRY_SIZE, 0);
	return true;
}

static struct trap bar = { .size = BAR_SIZE, .access = bar_access };

void vpci_config(devlock_t l, u32 reg, u32 size, bool write, u32 *value)
{
	u32 dword = reg / 4, v = dword < DW_COUNT ? config[dword].value : 0, mask;

	reg_access(&v, reg, size, write, value);
	if (!write || dword >= DW_COUNT)
		return;
	mask = config[dword].writable;
	spin_lock(&vpci_lock);
	config[dword].value = (config[dword].value & ~mask) | (v & mask);
	spin_unlock(&vpci_lock);
	trap_place(l, &bar,
		   config[DW_COMMAND].value & PCI_COMMAND_MEM ? config[DW_BAR].value : 0);
	for (u32 i = 0; i < count; i++)
		raise(i, 0);
}

/* A device number of bus 0 that nothing answers to, from above: firmware fills them from below. */
static u16 find_device(void)
{
	u32 device = 32, fn = 0;

	while (fn < 8 && --device > 0) {
		fn = 0;
		while (fn < 8 && pci_read(0, device << 3 | fn, 0, 4) == PCI_NOTHING)
			fn++;
	}
	return device << 3;
}

void vpci_init(u32 vectors)
{
	vpci_bdf = find_device();
	if (!vpci_bdf) {
		log_error("vpci: PCI bus 0 is full: the control domain gets no events");
		return;
	}
	count = MIN(vectors, (u32)MAX_CPUS);
	for (u32 i = 0; i < count; i++)
		table[i][3] = MSIX_ENTRY_MASKED;
	config[DW_MSIX].value |= (count - 1) << 16;
	log_info("vpci: virtual function 00:%02x.0 with %u vectors", vpci_bdf >> 3, count);
}
