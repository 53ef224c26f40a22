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
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define BAR_SIZE     0x10000u
#define PBA_OFFSET   0x8000u
#define VECTORS_MAX  2048u
#define ENTRY_SIZE   16u
#define ENTRY_MASKED 1u
#define CONTROL_MASK   (1u << 30) /* in the dword with the capability's header */
#define CONTROL_ENABLE (1u << 31)
#define CAP_AT       0x40u
#define STATUS_CAPS  (1u << 20)
#define COMMAND_WRITABLE 0x0406u  /* INTx disable, bus master, memory */

enum { DW_ID, DW_COMMAND, DW_CLASS, DW_HEADER, DW_BAR, DW_SUBSYSTEM = 11, DW_CAPS = 13,
       DW_INTERRUPT = 15, DW_MSIX = CAP_AT / 4, DW_TABLE, DW_PBA, DW_COUNT };

static const u32 writable[DW_COUNT] = {
	[DW_COMMAND] = COMMAND_WRITABLE,
	[DW_HEADER] = 0xffff, /* cache line size, latency timer */
	[DW_BAR] = ~(BAR_SIZE - 1),
	[DW_INTERRUPT] = 0xff,
	[DW_MSIX] = CONTROL_MASK | CONTROL_ENABLE,
};

static u32 config[DW_COUNT] = {
	[DW_ID] = DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16,
	[DW_COMMAND] = STATUS_CAPS,
	[DW_CLASS] = (u32)DAIS_PCI_CLASS << 8,
	[DW_SUBSYSTEM] = DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16,
	[DW_CAPS] = CAP_AT,
	[DW_MSIX] = PCI_CAP_MSIX,
	[DW_PBA] = PBA_OFFSET, /* table and pending bits: both in BAR 0 */
};

static u16 vpci_bdf;
static u32 count;             /* of vectors; 0 = there is no such function */
static u32 (*table)[ENTRY_SIZE / 4];
static u64 pending[VECTORS_MAX / 64];
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
	send = *word & bit && !(e[3] & ENTRY_MASKED) &&
	       (config[DW_MSIX] & (CONTROL_ENABLE | CONTROL_MASK)) == CONTROL_ENABLE;
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

static void config_write(devlock_t l, u32 dword, u32 value)
{
	spin_lock(&vpci_lock);
	config[dword] = (config[dword] & ~writable[dword]) | (value & writable[dword]);
	spin_unlock(&vpci_lock);
	if (dword == DW_COMMAND || dword == DW_BAR)
		trap_place(l, &bar, config[DW_COMMAND] & PCI_COMMAND_MEM ? config[DW_BAR] : 0);
	for (u32 i = 0; dword == DW_MSIX && i < count; i++)
		raise(i, 0);
}

void vpci_config(devlock_t l, u32 reg, u32 size, bool write, u32 *value)
{
	u32 dword = reg / 4, v = dword < DW_COUNT ? config[dword] : 0;

	if (!write)
		*value = reg_part(v, reg, size);
	else if (dword < DW_COUNT)
		config_write(l, dword, reg_merge(v, reg, size, *value));
}

/* A device number of bus 0 that nothing answers to, from above: firmware fills them from below. */
static u16 find_device(void)
{
	u32 device = 32, fn = 0;

	while (fn < 8 && --device > 0) {
		fn = 0;
		while (fn < 8 && pci_read(0, device << 3 | fn, 0, 4) == ~0u)
			fn++;
	}
	return device << 3;
}

status_t vpci_init(u32 vectors)
{
	u32 n = MIN(vectors, VECTORS_MAX);

	vpci_bdf = find_device();
	if (!vpci_bdf) {
		log_error("vpci: PCI bus 0 is full: the control domain gets no events");
		return DAIS_OK;
	}
	table = heap_alloc(n * ENTRY_SIZE);
	if (!table)
		return DAIS_NO_MEMORY;
	for (u32 i = 0; i < n; i++)
		table[i][3] = ENTRY_MASKED;
	config[DW_MSIX] |= (n - 1) << 16;
	count = n;
	log_info("vpci: virtual function 00:%02x.0 with %u vectors", vpci_bdf >> 3, n);
	return DAIS_OK;
}
