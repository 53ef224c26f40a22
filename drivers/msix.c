/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI-X (PCI local bus spec. 3.0 §6.8.2). While a function has it enabled, the
 * pages of its table trap: the entries kept here are the guest's, those in the
 * device the host's; whatever else lies in these pages is handed through. The
 * pages follow the BAR and the memory-enable bit; entries and routes stay. It
 * can't be enabled while the device decodes no memory: the table is out of reach.
 */
#include "drivers/internal.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define MSIX_CONTROL 2u         /* offsets in the capability */
#define MSIX_TABLE   4u
#define CONTROL_SIZE   0x07ffu
#define CONTROL_ENABLE 0x8000u
#define TABLE_BIR      7u
#define ENTRY_MASKED   1u       /* in the vector control word */
enum { ADDRESS_LOW, ADDRESS_HIGH, DATA, VECTOR_CONTROL, WORDS };

struct msix_entry {
	u32 word[WORDS];        /* as the guest sees it */
	struct irq_route *route;
};

struct msix {
	struct trap trap;       /* the table */
	struct pci_fn *f;
	u32 count;
	struct msix_entry entry[];
};

static u64 hw_address(const struct msix *x, const struct msix_entry *e, u32 word)
{
	return x->trap.base + (e - x->entry) * sizeof(e->word) + word * sizeof(e->word[0]);
}

/* While the table is out of reach, nothing is written: it will be when it is back. */
static void hw_put(const struct msix *x, const struct msix_entry *e, u32 word, u32 value)
{
	if (x->trap.base)
		mmio_write(hw_address(x, e, word), sizeof(value), value);
}

/*
 * Makes the device's entry stand for the guest's; always anew, since a reset may
 * have cleared the device's table. A masked entry keeps its route for later.
 */
static void entry_apply(devlock_t l, struct msix *x, struct msix_entry *e)
{
	u32 *w = e->word;
	bool live = !(w[VECTOR_CONTROL] & ENTRY_MASKED);

	hw_put(x, e, VECTOR_CONTROL, w[VECTOR_CONTROL] | ENTRY_MASKED);
	if (live && !irq_point(l, &e->route, NULL, w[ADDRESS_LOW] | (u64)w[ADDRESS_HIGH] << 32,
			       w[DATA])) {
		log_warn("pci %04x:%04x: MSI-X entry %lu stays masked", x->f->seg, x->f->bdf,
			 e - x->entry);
		live = false;
	}
	if (!live)
		return;
	hw_put(x, e, ADDRESS_LOW, e->route->address);
	hw_put(x, e, ADDRESS_HIGH, 0);
	hw_put(x, e, DATA, e->route->vector);
	hw_put(x, e, VECTOR_CONTROL, w[VECTOR_CONTROL]);
}

/* Where the table lies now; 0: the device does not decode memory. */
static u64 table_address(const struct pci_fn *f)
{
	u32 table = pci_read(f->seg, f->bdf, f->msix + MSIX_TABLE, 4);
	u64 bar = 0;

	if (pci_read(f->seg, f->bdf, PCI_COMMAND, 2) & PCI_COMMAND_MEM)
		bar = pci_bar(f->seg, f->bdf, table & TABLE_BIR);
	return bar ? bar + (table & ~TABLE_BIR) : 0;
}

void msix_update(devlock_t l, struct pci_fn *f)
{
	trap_place(l, &f->x->trap, table_address(f));
}

static bool msix_access(devlock_t l, struct trap *t, u64 gpa, u32 size, bool write, u64 *value)
{
	struct msix *x = container_of(t, struct msix, trap);
	u64 offset = gpa - t->base;
	struct msix_entry *e = &x->entry[offset / sizeof(e->word)];
	u8 *at = (u8 *)e->word + offset % sizeof(e->word);

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

static u32 count_of(const struct pci_fn *f)
{
	return (pci_read(f->seg, f->bdf, f->msix + MSIX_CONTROL, 2) & CONTROL_SIZE) + 1;
}

static size_t state_size(u32 count)
{
	return sizeof(struct msix) + count * sizeof(struct msix_entry);
}

static bool switch_on(devlock_t l, struct pci_fn *f)
{
	u32 count = count_of(f);
	struct msix *x = heap_alloc(state_size(count));

	if (!x)
		return false;
	x->f = f;
	x->count = count;
	x->trap.size = count * sizeof(x->entry->word);
	x->trap.access = msix_access;
	if (!trap_place(l, &x->trap, table_address(f))) {
		heap_free(x, state_size(count));
		return false;
	}
	f->x = x;
	for (struct msix_entry *e = x->entry; e < x->entry + count; e++) {
		for (u32 i = 0; i < WORDS; i++)
			e->word[i] = mmio_read(hw_address(x, e, i), sizeof(e->word[i]));
		entry_apply(l, x, e);
	}
	return true;
}

/* MSI-X is off in the device: its table becomes the guest's own again. */
void msix_off(devlock_t l, struct pci_fn *f)
{
	struct msix *x = f->x;

	if (!x)
		return;
	for (struct msix_entry *e = x->entry; e < x->entry + x->count; e++) {
		for (u32 i = 0; i < WORDS; i++)
			hw_put(x, e, i, e->word[i]);
		irq_free(l, e->route);
	}
	trap_place(l, &x->trap, 0);
	heap_free(x, state_size(x->count));
	f->x = NULL;
}

void msix_control(devlock_t l, struct pci_fn *f, u16 control)
{
	if (control & CONTROL_ENABLE && !f->x && !switch_on(l, f)) {
		log_error("pci %04x:%04x: MSI-X stays off: no memory, or its table is out of reach",
			  f->seg, f->bdf);
		control &= ~CONTROL_ENABLE;
	}
	pci_write(f->seg, f->bdf, f->msix + MSIX_CONTROL, 2, control);
	count_of(f); /* waits for the write */
	if (!(control & CONTROL_ENABLE))
		msix_off(l, f);
}
