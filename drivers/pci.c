/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration space, by ECAM (PCIe base spec. §7.2.2) or else by ports
 * 0xCF8 and 0xCFC, and the control domain's accesses to it, by both. All goes to
 * the hardware but what makes interrupts: MSI and MSI-X capabilities show the
 * guest's values and hold the host's (msi.c). A function is looked at when it is
 * first touched, so that hot-plugged ones need nothing of their own. Where none
 * is known, nothing can be written that makes interrupts.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "drivers/iommu/iommu.h"
#include "kernel/arch.h"

#define PCI_ID          0x00u
#define PCI_STATUS_CAPS (1u << 20) /* in the dword with the command register */
#define PCI_CAP_POINTER 0x34u
#define PCI_CAPS_FIRST  0x40u
#define PCI_CONFIG_SIZE 0x100u
#define CAPS_MAX        48u        /* of 4 bytes or more in 192 */
#define HEADER_CARDBUS  2u
#define CFC             (PCI_PORTS + 4)
#define CF8_ENABLE      0x80000000u
#define BUS_SHIFT       20         /* in ECAM */

static struct trap ecams[BOOT_ECAMS_MAX];
static u32 ecam_count;
struct list pci_functions = { &pci_functions, &pci_functions };
static u32 cf8;                    /* the control domain's; it serializes the pair itself */

/* --- configuration space itself --- */

void pci_access(u32 fn, struct access *a)
{
	const struct trap *e = ecams;

	while (e < ecams + ecam_count && (u64)(fn - e->fn) << PAGE_SHIFT >= e->size)
		e++;
	if (fn == vpci_fn) {
		vpci_config(a);
	} else if (iommu_hides(fn)) {
		a->value = PCI_NOTHING;
	} else if (e < ecams + ecam_count) {
		a->at += e->base + ((u64)(fn - e->fn) << PAGE_SHIFT);
		mmio_access(a);
	} else if (fn >> 16 || a->at >= PCI_CONFIG_SIZE) {
		a->value = PCI_NOTHING;
	} else {
		port_write(PCI_PORTS, 4, CF8_ENABLE | fn << 8 | (a->at & ~3u));
		a->at = CFC + (a->at & 3);
		port_access(a);
	}
}

u32 pci_read(u32 fn, u32 reg, u32 size)
{
	struct access a = { .at = reg, .size = size };

	pci_access(fn, &a);
	return a.value;
}

void pci_write(u32 fn, u32 reg, u32 size, u32 value)
{
	pci_access(fn, &(struct access){ .at = reg, .size = size, .write = true, .value = value });
}

/* --- the control domain's --- */

/* 0: it has none. */
static u8 capability(u32 fn, u8 id)
{
	u32 at, cap;

	if (!(pci_read(fn, PCI_COMMAND, 4) & PCI_STATUS_CAPS) ||
	    (pci_read(fn, PCI_HEADER_TYPE, 1) & 0x7f) == HEADER_CARDBUS)
		return 0;
	at = pci_read(fn, PCI_CAP_POINTER, 1) & ~3u;
	for (u32 i = 0; i < CAPS_MAX && at >= PCI_CAPS_FIRST; i++) {
		cap = pci_read(fn, at, 4);
		if ((cap & 0xff) == id)
			return at;
		at = cap >> 8 & 0xfc;
	}
	return 0;
}

/* Virtual functions of SR-IOV have no IDs (SR-IOV spec. §3.4.1.1), but a class. */
struct pci_fn *pci_function(u32 fn)
{
	u32 ids = pci_read(fn, PCI_ID, 4);
	struct pci_fn *f = NULL;

	if (ids == PCI_NOTHING)
		ids = pci_read(fn, PCI_CLASS, 4);
	list_for(p, &pci_functions)
		if (list_entry(p, struct pci_fn, link)->fn == fn)
			f = list_entry(p, struct pci_fn, link);
	/* it is gone, another is in its place, or a virtual one was given interrupts by its physical one */
	if (f && (f->ids != ids || (f->msix && f->count != (pci_read(fn, f->msix + MSI_CAP_CONTROL, 2) & MSIX_SIZE) + 1)) &&
	    !f->owner && !f->blocked) {
		iommu_block(fn);
		list_del(&f->link);
		msi_free(f);
		f = NULL;
	}
	if (!f && ids != PCI_NOTHING) {
		f = msi_new(fn, ids, capability(fn, PCI_CAP_MSI), capability(fn, PCI_CAP_MSIX));
		if (f) {
			list_add(&pci_functions, &f->link);
			if (fn != vpci_fn)
				iommu_claim(fn);
		}
	}
	return f;
}

static void config_access(u32 fn, u32 reg, struct access *a)
{
	struct pci_fn *f = pci_function(fn);

	a->at = reg;
	if (f && msi_access(f, a))
		return;
	if (!a->write || f || reg < PCI_CAPS_FIRST || reg >= PCI_CONFIG_SIZE)
		pci_access(fn, a);
	if (f && a->write && reg < PCI_BARS_END)
		msix_update(f);
}

static bool ecam_access(struct trap *t, struct access *a)
{
	u64 offset = a->at - t->base;

	if (a->size > 4) /* no register is wider */
		return false;
	config_access(t->fn + (offset >> PAGE_SHIFT), offset & ~PAGE_MASK, a);
	return true;
}

/* Ports 0xCF8..0xCFB but as a dword: the reset control register, and what chipsets have there. */
void pci_port_access(struct access *a)
{
	if (a->at >= CFC && cf8 & CF8_ENABLE)
		config_access(cf8 >> 8 & 0xffff, (cf8 & 0xfc) + (a->at & 3), a);
	else if (a->at >= CFC)
		a->value = PCI_NOTHING;
	else if (a->at != PCI_PORTS || a->size != 4)
		port_access(a);
	else
		access_bytes(a, &cf8, PCI_PORTS);
}

void pci_init(const struct boot_info *b)
{
	const struct boot_ecam *from = hpa_to_hva(hpa(b->ecams));

	ecam_count = b->ecam_count;
	for (struct trap *e = ecams; e < ecams + ecam_count; e++, from++) {
		e->fn = from->segment << 16 | from->bus_first << 8;
		e->size = (from->bus_last - from->bus_first + 1ULL) << BUS_SHIFT;
		e->access = ecam_access;
		trap_reserve(e, from->base + ((u64)from->bus_first << BUS_SHIFT));
	}
}
