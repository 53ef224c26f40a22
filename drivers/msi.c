/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI and MSI-X (PCI local bus spec. 3.0 §6.8.1, §6.8.2): the guest's messages
 * are kept here, the device holds the host's.
 *
 * MSI offers one message only: the fields for several read 0. The pages of an
 * MSI-X table always trap, wherever its BAR and the memory-enable bit put it;
 * what else lies in them is handed through. MSI-X can't be enabled while its
 * table is out of reach, because the device decodes no memory.
 */
#include "drivers/internal.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define CAP_CONTROL   2u        /* offset in both capabilities */
#define MSI_ENABLE    0x0001u
#define MSI_CAPABLE   0x000eu
#define MSI_MULTIPLE  0x0070u
#define MSI_64        0x0080u
#define MSI_MASKING   0x0100u   /* has a mask and a pending dword */
enum { MSI_HEADER, MSI_LOW, MSI_HIGH }; /* dwords of the capability */

#define MSIX_TABLE    4u        /* offset in the capability */
#define MSIX_SIZE     0x07ffu
#define MSIX_ENABLE   0x8000u
#define TABLE_BIR     7u
#define BAR_IO        1u
#define BAR_64        4u
#define BAR_FLAGS     0xfULL
#define ENTRY_SIZE    16u
enum { ENTRY_LOW, ENTRY_HIGH, ENTRY_DATA, ENTRY_CONTROL, ENTRY_WORDS };

struct msix_entry {
	u32 word[ENTRY_WORDS];  /* as the guest sees it */
	struct irq_route *route;
};

struct msix {
	struct trap trap;       /* the table */
	struct pci_fn *f;
	u32 count, size;        /* entries; bytes of this */
	bool on;
	struct msix_entry entry[];
};

/* --- MSI --- */
static u32 data_dword(const struct pci_fn *f) { return f->msi_control & MSI_64 ? 3 : 2; }

static void put(const struct pci_fn *f, u32 dword, u32 value)
{
	pci_write(f->seg, f->bdf, f->msi + 4 * dword, 4, value);
}

/* As the guest sees it. */
static u32 view(const struct pci_fn *f, u32 dword)
{
	u32 raw = pci_read(f->seg, f->bdf, f->msi + 4 * dword, 4);

	if (dword == MSI_HEADER)
		return raw & ~(MSI_CAPABLE << 16);
	return dword <= data_dword(f) ? f->msi_word[dword] : raw;
}

static bool route(devlock_t l, struct pci_fn *f)
{
	u64 high = f->msi_control & MSI_64 ? f->msi_word[MSI_HIGH] : 0;

	return irq_point(l, &f->msi_route, NULL, high << 32 | f->msi_word[MSI_LOW],
			 f->msi_word[data_dword(f)]);
}

static void msi_control(devlock_t l, struct pci_fn *f, u16 control)
{
	control &= ~MSI_MULTIPLE;
	if (control & MSI_ENABLE && !route(l, f)) {
		log_warn("pci %04x:%04x: MSI stays off: message refused, or no vector", f->seg,
			 f->bdf);
		control &= ~MSI_ENABLE;
	}
	if (control & MSI_ENABLE) { /* always anew: the function may have been reset since */
		put(f, MSI_LOW, f->msi_route->address);
		put(f, MSI_HIGH, 0); /* or the data */
		put(f, data_dword(f), f->msi_route->vector);
	}
	pci_write(f->seg, f->bdf, f->msi + CAP_CONTROL, 2, control);
	view(f, MSI_HEADER); /* waits for the write */
	if (!(control & MSI_ENABLE))
		irq_free(l, &f->msi_route);
}

static void msi_write(devlock_t l, struct pci_fn *f, u32 dword, u32 value)
{
	if (dword == MSI_HEADER) {
		msi_control(l, f, value >> 16);
	} else if (dword > data_dword(f)) {
		put(f, dword, value);
	} else {
		f->msi_word[dword] = dword == data_dword(f) ? value & 0xffff : value;
		if (f->msi_route) /* refused, as half a message may be, the old one stays */
			route(l, f);
	}
}

/* --- MSI-X --- */
/* While the table is out of reach, nothing is written: it will be when it is back. */
static void hw_put(const struct msix *x, const struct msix_entry *e, u32 word, u32 value)
{
	u64 at = x->trap.base + (e - x->entry) * ENTRY_SIZE + 4 * word;

	if (x->trap.base)
		mmio_write(at, 4, value);
}

/* Makes the device's entry stand for the guest's. A masked one keeps its route for later. */
static void entry_apply(devlock_t l, struct msix *x, struct msix_entry *e)
{
	u32 *w = e->word;

	hw_put(x, e, ENTRY_CONTROL, w[ENTRY_CONTROL] | MSIX_ENTRY_MASKED);
	if (!x->on)
		irq_free(l, &e->route);
	if (!x->on || w[ENTRY_CONTROL] & MSIX_ENTRY_MASKED)
		return;
	if (!irq_point(l, &e->route, NULL, w[ENTRY_LOW] | (u64)w[ENTRY_HIGH] << 32,
		       w[ENTRY_DATA])) {
		log_warn("pci %04x:%04x: MSI-X entry %lu stays masked: refused, or no vector",
			 x->f->seg, x->f->bdf, e - x->entry);
		return;
	}
	hw_put(x, e, ENTRY_LOW, e->route->address);
	hw_put(x, e, ENTRY_HIGH, 0);
	hw_put(x, e, ENTRY_DATA, e->route->vector);
	hw_put(x, e, ENTRY_CONTROL, w[ENTRY_CONTROL]);
}

static void apply_all(devlock_t l, struct msix *x)
{
	for (struct msix_entry *e = x->entry; e < x->entry + x->count; e++)
		entry_apply(l, x, e);
}

/* Where the table lies now (§6.2.5.1); 0: nowhere, or the device does not decode memory. */
static u64 table_address(const struct pci_fn *f)
{
	u32 table = pci_read(f->seg, f->bdf, f->msix + MSIX_TABLE, 4);
	u32 reg = PCI_BAR0 + 4 * (table & TABLE_BIR);
	u64 bar = pci_read(f->seg, f->bdf, reg, 4);

	if (!(pci_read(f->seg, f->bdf, PCI_COMMAND, 2) & PCI_COMMAND_MEM) || bar & BAR_IO)
		return 0;
	if (bar & BAR_64)
		bar |= (u64)pci_read(f->seg, f->bdf, reg + 4, 4) << 32;
	bar &= ~BAR_FLAGS;
	return reg < PCI_BARS_END && bar ? bar + (table & ~TABLE_BIR) : 0;
}

void msix_update(devlock_t l, struct pci_fn *f)
{
	if (f->x && trap_place(l, &f->x->trap, table_address(f)))
		apply_all(l, f->x);
}

static bool table_access(devlock_t l, struct trap *t, u64 gpa, u32 size, bool write, u64 *value)
{
	struct msix *x = container_of(t, struct msix, trap);
	u64 offset = gpa - t->base;
	struct msix_entry *e = &x->entry[offset / ENTRY_SIZE];
	u8 *at = (u8 *)e->word + offset % ENTRY_SIZE;

	if (offset >= t->size && write) {
		mmio_write(gpa, size, *value);
	} else if (offset >= t->size) {
		*value = mmio_read(gpa, size);
	} else if (write) {
		memcpy(at, value, size);
		entry_apply(l, x, e);
	} else {
		memcpy(value, at, size);
	}
	return true;
}

static void msix_control(devlock_t l, struct pci_fn *f, u16 control)
{
	bool want = control & MSIX_ENABLE, on = want && f->x && f->x->trap.base;

	if (want && !on) {
		log_error("pci %04x:%04x: MSI-X stays off: no memory, or its table is out of reach",
			  f->seg, f->bdf);
		control &= ~MSIX_ENABLE;
	}
	if (f->x) { /* all anew: a reset may have cleared the device's table */
		f->x->on = on;
		apply_all(l, f->x);
	}
	pci_write(f->seg, f->bdf, f->msix + CAP_CONTROL, 2, control);
	pci_read(f->seg, f->bdf, f->msix + CAP_CONTROL, 2); /* waits for the write */
}

/* --- both --- */
bool msi_access(devlock_t l, struct pci_fn *f, u32 reg, u32 size, bool write, u32 *value)
{
	u32 dword = (reg - f->msi) / 4, v;
	bool msi = f->msi && reg >= f->msi &&
		   dword <= data_dword(f) + (f->msi_control & MSI_MASKING ? 2 : 0);

	if (!msi && (!write || !f->msix || (reg & ~3u) != f->msix))
		return false;
	v = msi ? view(f, dword) : pci_read(f->seg, f->bdf, f->msix, 4);
	reg_access(&v, reg, size, write, value);
	if (write && msi)
		msi_write(l, f, dword, v);
	else if (write)
		msix_control(l, f, v >> 16);
	return true;
}

/* Switches off what would use vectors that are Dais's. */
void msi_found(devlock_t l, struct pci_fn *f)
{
	u32 count, size;

	if (f->msi)
		msi_control(l, f, 0);
	if (!f->msix)
		return;
	msix_control(l, f, 0);
	count = (pci_read(f->seg, f->bdf, f->msix + CAP_CONTROL, 2) & MSIX_SIZE) + 1;
	size = sizeof(*f->x) + count * sizeof(f->x->entry[0]);
	f->x = heap_alloc(size);
	if (!f->x)
		return;
	*f->x = (struct msix){ .f = f, .count = count, .size = size,
			       .trap = { .size = count * ENTRY_SIZE, .access = table_access } };
	for (u32 i = 0; i < count; i++)
		f->x->entry[i].word[ENTRY_CONTROL] = MSIX_ENTRY_MASKED;
	msix_update(l, f);
}

void msi_gone(devlock_t l, struct pci_fn *f)
{
	irq_free(l, &f->msi_route);
	if (!f->x)
		return;
	trap_place(l, &f->x->trap, 0);
	f->x->on = false;
	apply_all(l, f->x);
	heap_free(f->x, f->x->size);
	f->x = NULL;
}
