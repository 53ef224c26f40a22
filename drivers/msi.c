/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI (PCI local bus spec. 3.0 §6.8.1): the guest's message is kept here, the
 * capability holds the host's, which stays the same while MSI is on. One message
 * only: the fields for several read 0.
 */
#include "drivers/internal.h"
#include "kernel/log.h"

#define MSI_CONTROL      2u           /* offset in the capability */
#define CONTROL_ENABLE   0x0001u
#define CONTROL_CAPABLE  0x000eu
#define CONTROL_MULTIPLE 0x0070u
#define CONTROL_64       0x0080u
#define CONTROL_MASK     0x0100u      /* has per-vector masking */
enum { HEADER, ADDRESS, ADDRESS_HIGH }; /* dwords of the capability */

static u32 data_dword(const struct pci_fn *f) { return f->msi_control & CONTROL_64 ? 3 : 2; }

bool msi_covers(const struct pci_fn *f, u32 reg)
{
	u32 dwords = data_dword(f) + (f->msi_control & CONTROL_MASK ? 3 : 1);

	return f->msi && reg >= f->msi && reg < f->msi + 4 * dwords;
}

static void put(const struct pci_fn *f, u32 dword, u32 value)
{
	pci_write(f->seg, f->bdf, f->msi + 4 * dword, 4, value);
}

/* As the guest sees it. */
static u32 view(const struct pci_fn *f, u32 dword)
{
	u32 raw = pci_read(f->seg, f->bdf, f->msi + 4 * dword, 4);

	if (dword == HEADER)
		return raw & ~(CONTROL_CAPABLE << 16);
	return dword <= data_dword(f) ? f->msi_word[dword] : raw;
}

static bool route(devlock_t l, struct pci_fn *f)
{
	u64 high = f->msi_control & CONTROL_64 ? f->msi_word[ADDRESS_HIGH] : 0;

	if (irq_point(l, &f->msi_route, NULL, high << 32 | f->msi_word[ADDRESS],
		      f->msi_word[data_dword(f)]))
		return true;
	log_warn("pci %04x:%04x: MSI message not taken", f->seg, f->bdf);
	return false;
}

void msi_control(devlock_t l, struct pci_fn *f, u16 control)
{
	bool on = control & CONTROL_ENABLE && route(l, f);

	if (on) {
		/* Always anew: the function may have been reset since. */
		put(f, ADDRESS, f->msi_route->address);
		if (f->msi_control & CONTROL_64)
			put(f, ADDRESS_HIGH, 0);
		put(f, data_dword(f), f->msi_route->vector);
	}
	control = (control & ~(CONTROL_MULTIPLE | CONTROL_ENABLE)) | (on ? CONTROL_ENABLE : 0);
	pci_write(f->seg, f->bdf, f->msi + MSI_CONTROL, 2, control);
	view(f, HEADER); /* waits for the write */
	if (on)
		return;
	irq_free(l, f->msi_route);
	f->msi_route = NULL;
}

static void dword_write(devlock_t l, struct pci_fn *f, u32 dword, u32 value)
{
	if (dword == HEADER)
		msi_control(l, f, value >> 16);
	else if (dword > data_dword(f))
		put(f, dword, value);
	else
		f->msi_word[dword] = dword == data_dword(f) ? value & 0xffff : value;
	if (dword != HEADER && f->msi_route)
		route(l, f);
}

void msi_access(devlock_t l, struct pci_fn *f, u32 reg, u32 size, bool write, u32 *value)
{
	u32 dword = (reg - f->msi) / 4, v = view(f, dword);

	if (write)
		dword_write(l, f, dword, reg_merge(v, reg, size, *value));
	else
		*value = reg_part(v, reg, size);
}
