/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's accesses to PCI configuration space, by ports and by
 * ECAM. All goes to the hardware but what makes interrupts: MSI and MSI-X
 * capabilities show the guest's values and hold the host's. A function is
 * looked at when it is first touched, so that hot-plugged ones need nothing of
 * their own. SR-IOV's virtual functions, which have no IDs, get no interrupts.
 */
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define CF8 0xcf8u
#define CFC 0xcfcu
#define CF8_ENABLE 0x80000000u

#define PCI_ID          0x00u
#define PCI_STATUS_CAPS (1u << 20) /* in the dword with the command register */
#define PCI_HEADER_TYPE 0x0eu
#define PCI_CAP_POINTER 0x34u
#define PCI_CAPS_FIRST  0x40u
#define PCI_CONFIG_SIZE 0x100u
#define CAPS_MAX        48u        /* of 4 bytes or more in 192 */
#define HEADER_CARDBUS  2u
#define NOTHING         0xffffffffu

static struct list functions = { &functions, &functions }; /* device lock */
static u32 cf8;                    /* the control domain's; it serializes the pair itself */

static void find_capabilities(struct pci_fn *f)
{
	u32 at;

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

/* Switches off what would arrive at vectors that Dais uses for others. */
static void quiesce(devlock_t l, struct pci_fn *f)
{
	if (f->msi)
		msi_control(l, f, 0);
	if (f->msix)
		msix_control(l, f, 0);
}

/* What is known of a function; that ends when it is gone, or another is in its place. */
static struct pci_fn *find(devlock_t l, u16 seg, u16 bdf, u32 ids)
{
	list_for(p, &functions) {
		struct pci_fn *f = list_entry(p, struct pci_fn, link);

		if (f->seg != seg || f->bdf != bdf)
			continue;
		if (f->ids == ids)
			return f;
		irq_free(l, f->msi_route);
		msix_off(l, f);
		list_del(&f->link);
		heap_free(f, sizeof(*f));
		return NULL;
	}
	return NULL;
}

/* NULL: no such function, or no memory. */
static struct pci_fn *get(devlock_t l, u16 seg, u16 bdf)
{
	u32 ids = pci_read(seg, bdf, PCI_ID, 4);
	struct pci_fn *f = find(l, seg, bdf, ids);

	if (f || ids == NOTHING)
		return f;
	f = heap_alloc(sizeof(*f));
	if (!f) {
		log_error("pci %04x:%04x: no memory to follow its interrupts: they stay off",
			  seg, bdf);
		return NULL;
	}
	f->seg = seg;
	f->bdf = bdf;
	f->ids = ids;
	find_capabilities(f);
	list_add(&functions, &f->link);
	quiesce(l, f);
	return f;
}

static void config_write(devlock_t l, struct pci_fn *f, u32 reg, u32 size, u32 value)
{
	u32 dword = reg & ~3u;

	if (f->msix && dword == f->msix) {
		value = reg_merge(pci_read(f->seg, f->bdf, dword, 4), reg, size, value);
		msix_control(l, f, value >> 16);
		return;
	}
	pci_write(f->seg, f->bdf, reg, size, value);
	if (f->x && reg < PCI_BARS_END)
		msix_update(l, f);
}

static void config_access(devlock_t l, u16 seg, u16 bdf, u32 reg, u32 size, bool write, u32 *value)
{
	struct pci_fn *f = get(l, seg, bdf);

	if (vpci_is(seg, bdf))
		vpci_config(l, reg, size, write, value);
	else if (f && msi_covers(f, reg))
		msi_access(l, f, reg, size, write, value);
	else if (!write)
		*value = pci_read(seg, bdf, reg, size);
	else if (f)
		config_write(l, f, reg, size, *value);
	else if (reg < PCI_CAPS_FIRST || reg >= PCI_CONFIG_SIZE)
		pci_write(seg, bdf, reg, size, *value);
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
		*value = reg_mask(0, size);
	else if (port != CF8 || size != 4)
		port_pass(port, size, write, value);
	else if (write)
		cf8 = *value;
	else
		*value = cf8;
	devices_unlock(l);
}
