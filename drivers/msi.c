/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI and MSI-X (PCI local bus spec. 3.0 §6.8.1, §6.8.2): the guest's messages
 * are kept here, the device holds the host's.
 *
 * MSI offers one message only: the fields for several read 0. The pages of an
 * MSI-X table always trap, wherever its BAR and the memory-enable bit put it;
 * what else lies in them is handed through. MSI-X can't be enabled while its
 * table is out of reach, because the device decodes no memory. The virtual
 * function is one like others, but that its messages stay in Dais (vpci.c).
 */
#include "drivers/internal.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define CAP_ENABLE_MSI  0x0001u
#define CAP_ENABLE_MSIX 0x8000u
#define MSI_CAPABLE   0x000eu
#define MSI_MULTIPLE  0x0070u
#define MSI_64        0x0080u
#define MSIX_TABLE    4u        /* offset in the capability */
#define TABLE_BIR     7u
#define BAR_IO        1u
#define BAR_64        4u
#define BAR_FLAGS     0xfULL
#define ENTRY_SIZE    16u

/* What the hardware shall send for it; 0: refused, what was stays. */
static u64 point(const struct pci_fn *f, struct msi_entry *e)
{
	return irq_point(&e->route, f->owner, NULL, f->fn, e->word[MSI_LOW] | (u64)e->word[MSI_HIGH] << 32, e->word[MSI_DATA]);
}

/* Waits for the write, too. */
static void write_control(const struct pci_fn *f, u8 cap, u16 control)
{
	pci_write(f->fn, cap + MSI_CAP_CONTROL, 2, control);
	pci_read(f->fn, cap + MSI_CAP_CONTROL, 2);
}

/* --- MSI --- */
static u32 data_dword(const struct pci_fn *f) { return f->msi_control & MSI_64 ? 3 : 2; }

static void msi_control(struct pci_fn *f, u16 control)
{
	struct msi_entry *e = &f->entry[f->count];
	u64 host = control & CAP_ENABLE_MSI ? point(f, e) : 0;

	control &= ~MSI_MULTIPLE;
	if (host) { /* always anew: the function may have been reset since */
		pci_write(f->fn, f->msi + 4, 4, host);
		pci_write(f->fn, f->msi + 8, 4, 0); /* the message's upper half, or the data */
		pci_write(f->fn, f->msi + 4 * data_dword(f), 4, host >> 32);
	} else if (control & CAP_ENABLE_MSI) {
		log_warn("pci %08x: MSI stays off: message refused, or no vector", f->fn);
		control &= ~CAP_ENABLE_MSI;
	}
	write_control(f, f->msi, control);
	if (!host)
		irq_free(&e->route);
}

/* One of the dwords between header and mask. */
static void msi_word(struct pci_fn *f, u32 dword, struct access *a)
{
	struct msi_entry *e = &f->entry[f->count];
	u32 i = dword == data_dword(f) ? MSI_DATA : dword - 1;

	access_bytes(a, &e->word[i], f->msi + 4 * dword);
	e->word[MSI_DATA] &= 0xffff;
	if (a->write && e->route) /* refused, as half a message may be, the old one stays */
		point(f, e);
}

/* --- MSI-X --- */
/* While the table is out of reach, nothing is written: it will be when it is back. */
static void hw_put(const struct pci_fn *f, const struct msi_entry *e, u32 word, u32 value)
{
	if (f->table.base)
		mmio_write32(f->table.base + (e - f->entry) * ENTRY_SIZE + 4 * word, value);
}

/* Makes the device's entry stand for the guest's. A masked one keeps its route for later. */
static void entry_apply(struct pci_fn *f, struct msi_entry *e)
{
	u32 *w = e->word;
	bool use = f->on && !(w[MSI_CONTROL] & MSI_MASKED);
	u64 host = 0;

	if (f->fn == vpci_fn) {
		vpci_message(e - f->entry, use && !w[MSI_HIGH] ? w[MSI_LOW] | (u64)w[MSI_DATA] << 32 : 0);
		return;
	}
	hw_put(f, e, MSI_CONTROL, w[MSI_CONTROL] | MSI_MASKED);
	if (!f->on)
		irq_free(&e->route);
	if (use)
		host = point(f, e);
	if (host) {
		hw_put(f, e, MSI_LOW, host);
		hw_put(f, e, MSI_HIGH, 0);
		hw_put(f, e, MSI_DATA, host >> 32);
		hw_put(f, e, MSI_CONTROL, w[MSI_CONTROL]);
	} else if (use) {
		log_warn("pci %08x: MSI-X entry %lu stays masked: refused, or no vector", f->fn, e - f->entry);
	}
}

static void apply_all(struct pci_fn *f)
{
	for (struct msi_entry *e = f->entry; e < f->entry + f->count; e++)
		entry_apply(f, e);
}

/* Where the table lies now (§6.2.5.1); 0: nowhere, or the device does not decode memory. */
static u64 table_address(const struct pci_fn *f)
{
	u32 table = pci_read(f->fn, f->msix + MSIX_TABLE, 4);
	u32 reg = PCI_BAR0 + 4 * (table & TABLE_BIR);
	u64 bar = pci_read(f->fn, reg, 4);

	if (f->vf_table)
		return f->vf_table;
	if (!(pci_read(f->fn, PCI_COMMAND, 2) & PCI_COMMAND_MEM) || bar & BAR_IO)
		return 0;
	if (bar & BAR_64)
		bar |= (u64)pci_read(f->fn, reg + 4, 4) << 32;
	bar &= ~BAR_FLAGS;
	return reg < PCI_BARS_END && bar ? bar + (table & ~TABLE_BIR) : 0;
}

void msix_update(struct pci_fn *f)
{
	if (f->msix && trap_place(&f->table, table_address(f)))
		apply_all(f);
}

static bool table_access(struct trap *t, struct access *a)
{
	struct pci_fn *f = container_of(t, struct pci_fn, table);
	u64 i = (a->at - t->base) / ENTRY_SIZE;

	if (i < f->count) {
		access_bytes(a, f->entry[i].word, t->base + i * ENTRY_SIZE);
		if (a->write)
			entry_apply(f, &f->entry[i]);
	} else if (f->fn == vpci_fn) {
		vpci_pending(a, t->base);
	} else {
		mmio_access(a);
	}
	return true;
}

static void msix_control(struct pci_fn *f, u16 control)
{
	f->on = control & CAP_ENABLE_MSIX && f->table.base;
	if (control & CAP_ENABLE_MSIX && !f->on) {
		log_error("pci %08x: MSI-X stays off: its table is out of reach", f->fn);
		control &= ~CAP_ENABLE_MSIX;
	}
	apply_all(f); /* all anew: a reset may have cleared the device's table */
	write_control(f, f->msix, control);
}

/* --- both --- */
bool msi_access(struct pci_fn *f, struct access *a)
{
	u32 reg = a->at & ~3u, dword = (reg - f->msi) / 4, v;
	bool header = f->msi && reg == f->msi;

	if (f->msi && dword - 1 < data_dword(f)) {
		msi_word(f, dword, a);
		return true;
	}
	if (!header && !(f->msix && reg == f->msix && a->write))
		return false;
	v = pci_read(f->fn, reg, 4);
	if (header)
		v &= ~(MSI_CAPABLE << 16);
	access_bytes(a, &v, reg);
	if (a->write && header)
		msi_control(f, v >> 16);
	else if (a->write)
		msix_control(f, v >> 16);
	return true;
}

void msi_off(struct pci_fn *f)
{
	for (u32 i = 0; i < f->count; i++)
		f->entry[i].word[MSI_CONTROL] = MSI_MASKED;
	if (f->msi)
		msi_control(f, 0);
	if (f->msix)
		msix_control(f, 0);
}

/* Switches off what would use vectors that are Dais's. */
struct pci_fn *msi_new(u32 fn, u32 ids, u8 msi, u8 msix)
{
	u32 count = msix ? (pci_read(fn, msix + MSI_CAP_CONTROL, 2) & MSIX_SIZE) + 1 : 0;
	struct pci_fn *f = heap_alloc(sizeof(*f) + (count + 1) * sizeof(f->entry[0]));

	if (!f)
		return NULL;
	*f = (struct pci_fn){ .fn = fn, .ids = ids, .msi = msi, .msix = msix, .count = count,
			      .table = { .size = count * ENTRY_SIZE, .access = table_access } };
	if (fn == vpci_fn)
		f->table.size = VPCI_BAR_SIZE;
	if (msi)
		f->msi_control = pci_read(fn, msi + MSI_CAP_CONTROL, 2);
	msi_off(f);
	msix_update(f);
	return f;
}

void msi_free(struct pci_fn *f)
{
	for (u32 i = 0; i <= f->count; i++)
		irq_free(&f->entry[i].route);
	trap_place(&f->table, 0);
	heap_free(f, sizeof(*f) + (f->count + 1) * sizeof(f->entry[0]));
}
