/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI (PCI local bus spec. 3.0 §6.8.1): the guest's message is kept here, the
 * capability holds the host's. One message only: the fields for several read 0.
 */
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/log.h"

#define MSI_CONTROL      2u           /* offsets in the capability */
#define MSI_ADDRESS_LOW  4u
#define MSI_ADDRESS_HIGH 8u
#define CONTROL_ENABLE   0x0001u
#define CONTROL_CAPABLE  0x000eu
#define CONTROL_MULTIPLE 0x0070u
#define CONTROL_64       0x0080u
#define CONTROL_MASK     0x0100u      /* has per-vector masking */

static u32 data_offset(const struct pci_fn *f) { return f->msi_control & CONTROL_64 ? 12 : 8; }

u32 msi_size(const struct pci_fn *f)
{
	return data_offset(f) + (f->msi_control & CONTROL_MASK ? 12 : 4);
}

static u32 get(const struct pci_fn *f, u32 offset, u32 size)
{
	return pci_read(f->seg, f->bdf, f->msi + offset, size);
}

static void put(const struct pci_fn *f, u32 offset, u32 size, u32 value)
{
	pci_write(f->seg, f->bdf, f->msi + offset, size, value);
}

u32 msi_read(const struct pci_fn *f, u32 offset, u32 raw)
{
	if (offset == 0)
		return raw & ~(CONTROL_CAPABLE << 16);
	if (offset == MSI_ADDRESS_LOW)
		return f->msi_address;
	if (offset == MSI_ADDRESS_HIGH && f->msi_control & CONTROL_64)
		return f->msi_address_high;
	if (offset == data_offset(f))
		return (raw & ~0xffffu) | f->msi_data;
	return raw;
}

static void program(const struct pci_fn *f)
{
	put(f, MSI_ADDRESS_LOW, 4, irq_host_address(f->msi_route));
	if (f->msi_control & CONTROL_64)
		put(f, MSI_ADDRESS_HIGH, 4, 0);
	put(f, data_offset(f), 2, f->msi_route->vector);
}

/*
 * Routes the guest's message. Address and data are separate registers: while
 * messages may be sent, they change only where the device can hold them back.
 */
static bool route(devlock_t l, struct pci_fn *f)
{
	bool live = f->msi_control & CONTROL_ENABLE, can_mask = f->msi_control & CONTROL_MASK;
	u64 address = f->msi_address | (u64)f->msi_address_high << 32;
	struct irq_want w = {
		.message = irq_message(f->msi_address, f->msi_data), .may_move = !live || can_mask,
	};
	u32 mask_at = data_offset(f) + 4, mask = live && can_mask ? get(f, mask_at, 4) : 0;
	struct irq_route *old;

	if (!irq_message_ok(address, f->msi_data)) {
		log_warn("pci %04x:%04x: MSI refused: address 0x%lx data 0x%x", f->seg, f->bdf,
			 address, f->msi_data);
		return false;
	}
	if (irq_point(l, &f->msi_route, &w, &old) != DAIS_OK) {
		log_error("pci %04x:%04x: MSI stays off: no host vector is free", f->seg, f->bdf);
		return false;
	}
	if (live && !old)
		return true;
	if (live)
		put(f, mask_at, 4, mask | 1);
	program(f);
	if (live)
		put(f, mask_at, 4, mask);
	irq_retire(l, old);
	return true;
}

static void control_write(devlock_t l, struct pci_fn *f, u16 control)
{
	bool enable = control & CONTROL_ENABLE;

	control &= ~CONTROL_MULTIPLE;
	/* The function may have been reset since: program it whenever it is switched on. */
	f->msi_control = get(f, MSI_CONTROL, 2);
	if (enable && !route(l, f)) {
		enable = false;
		control &= ~CONTROL_ENABLE;
	}
	put(f, MSI_CONTROL, 2, control);
	f->msi_control = get(f, MSI_CONTROL, 2); /* the read also waits for the write */
	if (!enable) {
		irq_free(l, f->msi_route);
		f->msi_route = NULL;
	}
}

void msi_write(devlock_t l, struct pci_fn *f, u32 offset, u32 value)
{
	if (offset == 0) {
		control_write(l, f, value >> 16);
		return;
	}
	if (offset == MSI_ADDRESS_LOW)
		f->msi_address = value & ~3u;
	else if (offset == MSI_ADDRESS_HIGH && f->msi_control & CONTROL_64)
		f->msi_address_high = value;
	else if (offset == data_offset(f))
		f->msi_data = value & 0xffff;
	else
		put(f, offset, 4, value);
	if (f->msi_control & CONTROL_ENABLE && offset <= data_offset(f))
		route(l, f);
}

void msi_drop(devlock_t l, struct pci_fn *f)
{
	irq_free(l, f->msi_route);
	f->msi_route = NULL;
}
