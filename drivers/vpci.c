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
#include "kernel/atomic.h"
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

static bool present;
static u16 vpci_bdf;
static u32 config[DW_COUNT];
static u64 bar_at;                /* where the BAR traps now, 0 = nowhere */
static u32 count;
static u32 (*table)[ENTRY_SIZE / 4];
static u64 pending[VECTORS_MAX / 64];
static spinlock_t vpci_lock;

bool vpci_is(u16 seg, u16 bdf) { return present && !seg && bdf == vpci_bdf; }
u32 control_msix_count(void) { return count; }

/* Takes a pending vector that may be sent; vpci_lock is held. */
static bool take(u32 index, u64 *address, u32 *data)
{
	const u32 *e = table[index];
	u64 bit = 1ULL << index % 64;

	if (!(pending[index / 64] & bit) || e[3] & ENTRY_MASKED ||
	    (config[DW_MSIX] & (CONTROL_ENABLE | CONTROL_MASK)) != CONTROL_ENABLE)
		return false;
	pending[index / 64] &= ~bit;
	*address = e[0] | (u64)e[1] << 32;
	*data = e[2];
	return true;
}

static void raise(u32 index, u64 mark)
{
	u64 address = 0;
	u32 data = 0;
	bool send;

	spin_lock(&vpci_lock);
	pending[index / 64] |= mark << index % 64;
	send = take(index, &address, &data);
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

static void place(devlock_t l)
{
	u64 at = config[DW_COMMAND] & PCI_COMMAND_MEM ? config[DW_BAR] : 0;

	if (at == bar_at)
		return;
	if (bar_at)
		trap_remove(l, bar_at, BAR_SIZE);
	bar_at = 0;
	if (!at)
		return;
	if (trap_add(l, at, BAR_SIZE, TRAP_VPCI) == DAIS_OK)
		atomic_store(&bar_at, at);
	else
		log_warn("vpci: BAR at 0x%lx is over RAM or another device", at);
}

u32 vpci_config_read(u32 dword)
{
	return dword < DW_COUNT ? config[dword] : 0;
}

void vpci_config_write(devlock_t l, u32 dword, u32 value)
{
	if (dword >= DW_COUNT)
		return;
	spin_lock(&vpci_lock);
	config[dword] = (config[dword] & ~writable[dword]) | (value & writable[dword]);
	spin_unlock(&vpci_lock);
	if (dword == DW_COMMAND || dword == DW_BAR)
		place(l);
	for (u32 i = 0; dword == DW_MSIX && i < count; i++)
		raise(i, 0);
}

static void bar_read(u32 offset, u32 size, u64 *value)
{
	*value = 0;
	spin_lock(&vpci_lock);
	if (offset < count * ENTRY_SIZE)
		memcpy(value, (u8 *)table + offset, size);
	else if (offset >= PBA_OFFSET && offset < PBA_OFFSET + sizeof(pending))
		memcpy(value, (u8 *)pending + offset - PBA_OFFSET, size);
	spin_unlock(&vpci_lock);
}

/* Not under the device lock: raise delivers. */
bool vpci_access(u64 gpa, u32 size, bool write, u64 *value)
{
	u64 at = atomic_load(&bar_at); /* if it moves meanwhile, the access came before */
	u32 offset = gpa - at;

	if (gpa < at || gpa - at >= BAR_SIZE || offset & (size - 1))
		return false;
	if (!write) {
		bar_read(offset, size, value);
		return true;
	}
	if (offset >= count * ENTRY_SIZE)
		return true;
	spin_lock(&vpci_lock);
	memcpy((u8 *)table + offset, value, size);
	spin_unlock(&vpci_lock);
	raise(offset / ENTRY_SIZE, 0);
	return true;
}

/* A device number of bus 0 that nothing answers to, from above: firmware fills them from below. */
static bool find_device(u16 *bdf)
{
	for (u32 device = 32; device-- > 0;) {
		bool used = false;

		for (u32 fn = 0; fn < 8; fn++)
			used |= pci_read(0, device << 3 | fn, 0, 4) != ~0u;
		*bdf = device << 3;
		if (!used)
			return true;
	}
	return false;
}

status_t vpci_init(u32 vectors)
{
	u32 n = MIN(vectors, VECTORS_MAX);

	if (!find_device(&vpci_bdf)) {
		log_error("vpci: PCI bus 0 is full: the control domain gets no events");
		return DAIS_OK;
	}
	table = dev_alloc(n * ENTRY_SIZE);
	if (!table)
		return DAIS_NO_MEMORY;
	for (u32 i = 0; i < n; i++)
		table[i][3] = ENTRY_MASKED;
	config[DW_ID] = DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16;
	config[DW_COMMAND] = STATUS_CAPS;
	config[DW_CLASS] = (u32)DAIS_PCI_CLASS << 8;
	config[DW_SUBSYSTEM] = config[DW_ID];
	config[DW_CAPS] = CAP_AT;
	config[DW_MSIX] = 0x11 | (n - 1) << 16; /* MSI-X, the last capability */
	config[DW_PBA] = PBA_OFFSET;            /* table and pending bits: both in BAR 0 */
	count = n;
	present = true;
	log_info("vpci: virtual function 00:%02x.0 with %u vectors", vpci_bdf >> 3, n);
	return DAIS_OK;
}
