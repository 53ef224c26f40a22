/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's accesses to PCI configuration space, by ports and by
 * ECAM. All goes to the hardware but what makes interrupts: MSI and MSI-X
 * capabilities show the guest's values and hold the host's. A function is
 * looked at when it is first touched, so that hot-plugged ones need nothing of
 * their own. Where none is known, as SR-IOV's virtual functions, which have no
 * IDs, nothing can be written that makes interrupts.
 */
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/heap.h"

#define PCI_ID          0x00u
#define PCI_STATUS_CAPS (1u << 20) /* in the dword with the command register */
#define PCI_HEADER_TYPE 0x0eu
#define PCI_CAP_POINTER 0x34u
#define PCI_CAPS_FIRST  0x40u
#define PCI_CONFIG_SIZE 0x100u
#define CAPS_MAX        48u        /* of 4 bytes or more in 192 */
#define HEADER_CARDBUS  2u

static struct list functions = { &functions, &functions }; /* device lock */
static u32 cf8;                    /* the control domain's; it serializes the pair itself */

static void find_capabilities(struct pci_fn *f)
{
	u32 at;

	f->msi = f->msix = 0;
	if (!(pci_read(f->seg, f->bdf, PCI_COMMAND, 4) & PCI_STATUS_CAPS) ||
	    (pci_read(f->seg, f->bdf, PCI_HEADER_TYPE, 1) & 0x7f) == HEADER_CARDBUS)
		return;
	at = pci_read(f->seg, f->bdf, PCI_CAP_POINTER, 1) & ~3u;
	for (u32 i = 0; i < CAPS_MAX && at >= PCI_CAPS_FIRST; i++) {
		u32 cap = pci_read(f->seg, f->bdf, at, 4);

		if ((cap & 0xff) == PCI_CAP_MSI) {
			f->msi = at;
			f->msi_control = cap >> 16;
		}
		if ((cap & 0xff) == PCI_CAP_MSIX)
			f->msix = at;
		at = cap >> 8 & 0xfc;
	}
}

static struct pci_fn *find(u16 seg, u16 bdf)
{
	list_for(p, &functions) {
		struct pci_fn *f = list_entry(p, struct pci_fn, link);

		if (f->seg == seg && f->bdf == bdf)
			return f;
	}
	return NULL;
}

/* NULL: no such function, or no memory to follow its interrupts. */
static struct pci_fn *get(devlock_t l, u16 seg, u16 bdf)
{
	u32 ids = pci_read(seg, bdf, PCI_ID, 4);
	struct pci_fn *f = find(seg, bdf);

	if (!f && ids != PCI_NOTHING)
		f = heap_alloc(sizeof(*f));
	if (f && !f->link.next) {
		*f = (struct pci_fn){ .seg = seg, .bdf = bdf, .ids = PCI_NOTHING };
		list_add(&functions, &f->link);
	}
	if (f && f->ids != ids) { /* it appears, or another in its place */
		msi_gone(l, f);
		f->ids = ids;
		find_capabilities(f);
		msi_found(l, f);
	}
	return ids == PCI_NOTHING ? NULL : f;
}

static void config_access(devlock_t l, u16 seg, u16 bdf, u32 reg, u32 size, bool write, u32 *value)
{
	struct pci_fn *f = get(l, seg, bdf);

	if (vpci_is(seg, bdf))
		vpci_config(l, reg, size, write, value);
	else if (f && msi_access(l, f, reg, size, write, value))
		return;
	else if (!write)
		*value = pci_read(seg, bdf, reg, size);
	else if (f || reg < PCI_CAPS_FIRST || reg >= PCI_CONFIG_SIZE)
		pci_write(seg, bdf, reg, size, *value);
	if (f && write && reg < PCI_BARS_END)
		msix_update(l, f);
}

bool pci_ecam_access(devlock_t l, struct trap *t, u64 gpa, u32 size, bool write, u64 *value)
{
	const struct pci_ecam *e = container_of(t, struct pci_ecam, trap);
	u32 v = *value;

	if (size > sizeof(v)) /* no register is wider */
		return false;
	config_access(l, e->seg, e->bdf + ((gpa - t->base) >> PAGE_SHIFT), gpa & ~PAGE_MASK, size,
		      write, &v);
	*value = v;
	return true;
}

/* Ports 0xCF8..0xCFB but as a dword: the reset control register, and what chipsets have there. */
void pci_port_access(u16 port, u32 size, bool write, u32 *value)
{
	devlock_t l = devices_lock();

	if (port >= CFC && cf8 & CF8_ENABLE)
		config_access(l, 0, cf8 >> 8, (cf8 & 0xfc) + port - CFC, size, write, value);
	else if (port >= CFC)
		*value = PCI_NOTHING;
	else if (port != CF8 || size != 4)
		port_pass(port, size, write, value);
	else if (write)
		cf8 = *value;
	else
		*value = cf8;
	devices_unlock(l);
}
