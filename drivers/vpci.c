/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual PCI function that carries Dais's events to the control domain: a
 * conventional function on bus 0 with one memory BAR that holds the MSI-X table
 * and pending bits (PCI local bus spec. 3.0 §6.1, §6.8.2), a vector per vCPU. The
 * filter treats it as it does real ones; here are its registers, and what
 * happens to its messages.
 *
 * A vector is raised under an event's lock, so with atomics alone: whoever sets
 * the pending bit looks for the message after it, whoever sets the message looks
 * for the bit after it, and who clears the bit delivers.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define PBA_OFFSET   0x8000u
#define CONTROL_MASK   (1u << 30) /* in the dword with the capability's header */
#define CONTROL_ENABLE (1u << 31)
#define CAP_AT       0x40u
#define STATUS_CAPS  (1u << 20)
#define COMMAND_WRITABLE 0x0406u  /* INTx disable, bus master, memory */

enum { DW_ID, DW_COMMAND, DW_CLASS, DW_BAR = 4, DW_SUBSYSTEM = 11, DW_CAPS = 13, DW_MSIX = CAP_AT / 4,
       DW_PBA = DW_MSIX + 2, DW_COUNT };

static struct { u32 value, writable; } config[DW_COUNT] = {
	[DW_ID] = { DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16, 0 },
	[DW_COMMAND] = { STATUS_CAPS, COMMAND_WRITABLE },
	[DW_CLASS] = { (u32)DAIS_PCI_CLASS << 8, 0 },
	[DW_BAR] = { 0, ~(VPCI_BAR_SIZE - 1) },
	[DW_SUBSYSTEM] = { DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16, 0 },
	[DW_CAPS] = { CAP_AT, 0 },
	[DW_MSIX] = { PCI_CAP_MSIX, CONTROL_MASK | CONTROL_ENABLE },
	[DW_PBA] = { PBA_OFFSET, 0 }, /* table and pending bits: both in BAR 0 */
};

u32 vpci_fn = ~0u;
static u32 count;                 /* of vectors; 0 = there is no such function */
static u64 messages[MAX_CPUS];    /* atomic; 0: masked */
static u64 pending[MAX_CPUS / 64]; /* atomic */

u32 control_msix_count(void) { return count; }

static void send(u32 index)
{
	u64 bit = 1ULL << index % 64, message = atomic_load(&messages[index]);
	u32 control = atomic_load(&config[DW_MSIX].value) & (CONTROL_ENABLE | CONTROL_MASK);

	/* A message that no local APIC takes is lost, as on a bus. */
	if (message && control == CONTROL_ENABLE && atomic_and(&pending[index / 64], ~bit) & bit)
		control_deliver((u32)message, message >> 32);
}

void control_msix_raise(u32 index)
{
	if (index >= count)
		return;
	atomic_or(&pending[index / 64], 1ULL << index % 64);
	send(index);
}

void vpci_message(u32 index, u64 message)
{
	atomic_xchg(&messages[index], message);
	send(index);
}

void vpci_pending(struct access *a, u64 base)
{
	u64 offset = a->at - base - PBA_OFFSET;

	if (!a->write && offset < sizeof(pending))
		access_bytes(a, (u8 *)pending + offset, a->at);
}

void vpci_config(struct access *a)
{
	u32 dword = a->at / 4, v = dword < DW_COUNT ? config[dword].value : 0, mask;

	access_bytes(a, &v, dword * 4);
	if (!a->write || dword >= DW_COUNT)
		return;
	mask = config[dword].writable;
	atomic_xchg(&config[dword].value, (config[dword].value & ~mask) | (v & mask));
	for (u32 i = 0; i < count; i++)
		send(i);
}

void vpci_init(const struct boot_info *b)
{
	if (!b->free_device) {
		log_error("vpci: PCI bus 0 is full: the control domain gets no events");
		return;
	}
	vpci_fn = b->free_device << 3;
	count = b->control_vcpus;
	config[DW_MSIX].value |= (count - 1) << 16;
	log_info("vpci: virtual function 00:%02x.0 with %u vectors", b->free_device, count);
}
