/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI-X (PCI local bus spec. 3.0 §6.8.2). While a function has it enabled, the
 * pages of its table trap: the entries kept here are the guest's, those in the
 * device the host's; whatever else lies in these pages is handed through. The
 * pages follow the BAR and the memory-enable bit; entries and routes stay. It
 * can't be enabled while the device decodes no memory: the table is out of reach.
 */
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define MSIX_CONTROL 2u         /* offsets in the capability */
#define MSIX_TABLE   4u
#define CONTROL_SIZE   0x07ffu
#define CONTROL_ENABLE 0x8000u
#define TABLE_BIR      7u
#define ENTRY_SIZE     16u
#define ENTRY_MASKED   1u       /* in the vector control word */
enum { ADDRESS_LOW, ADDRESS_HIGH, DATA, VECTOR_CONTROL };

struct msix_entry {
	u32 word[4];            /* as the guest sees it */
	struct irq_route *route;
};

struct msix {
	struct list link;
	struct pci_fn *f;
	u32 count;
	u64 at;                 /* physical address of the table that traps now, 0 = none */
	struct msix_entry entry[];
};

static struct list enabled = { &enabled, &enabled }; /* device lock */

static u16 control_get(const struct pci_fn *f)
{
	return pci_read(f->seg, f->bdf, f->msix + MSIX_CONTROL, 2);
}

static void control_put(const struct pci_fn *f, u16 control)
{
	pci_write(f->seg, f->bdf, f->msix + MSIX_CONTROL, 2, control);
}

static size_t state_size(u32 count)
{
	return sizeof(struct msix) + count * sizeof(struct msix_entry);
}

static void hw_put(const struct msix *x, const struct msix_entry *e, u32 word, u32 value)
{
	if (x->at)
		mmio_write(x->at + (e - x->entry) * ENTRY_SIZE + 4 * word, 4, value);
}

static u32 hw_get(const struct msix *x, const struct msix_entry *e, u32 word)
{
	return x->at ? mmio_read(x->at + (e - x->entry) * ENTRY_SIZE + 4 * word, 4) : ~0u;
}

/* A masked entry is only masked: its route stays for when it is unmasked. */
static bool route(devlock_t l, struct msix *x, struct msix_entry *e, struct irq_route **old)
{
	struct irq_want w = {
		.message = irq_message(e->word[ADDRESS_LOW], e->word[DATA]), .may_move = true,
	};
	u64 address = e->word[ADDRESS_LOW] | (u64)e->word[ADDRESS_HIGH] << 32;
	u32 number = e - x->entry;

	if (e->word[VECTOR_CONTROL] & ENTRY_MASKED)
		return false;
	if (!irq_message_ok(address, e->word[DATA])) {
		log_warn("pci %04x:%04x: MSI-X entry %u refused: address 0x%lx data 0x%x",
			 x->f->seg, x->f->bdf, number, address, e->word[DATA]);
		return false;
	}
	if (irq_point(l, &e->route, &w, old) == DAIS_OK)
		return true;
	log_error("pci %04x:%04x: MSI-X entry %u stays masked: no host vector is free", x->f->seg,
		  x->f->bdf, number);
	return false;
}

/* Makes the device's entry stand for the guest's. */
static void entry_apply(devlock_t l, struct msix *x, struct msix_entry *e)
{
	struct irq_route *old = NULL;
	bool live = route(l, x, e, &old);
	u32 control = e->word[VECTOR_CONTROL] & ~ENTRY_MASKED;

	/* Always anew: a function-level reset may have cleared the device's table. */
	hw_put(x, e, VECTOR_CONTROL, control | ENTRY_MASKED);
	if (!live)
		return;
	hw_put(x, e, ADDRESS_LOW, irq_host_address(e->route));
	hw_put(x, e, ADDRESS_HIGH, 0);
	hw_put(x, e, DATA, e->route->vector);
	hw_put(x, e, VECTOR_CONTROL, control);
	if (old)
		hw_get(x, e, VECTOR_CONTROL); /* waits for the writes and earlier messages */
	irq_retire(l, old);
}

static void load(devlock_t l, struct msix *x)
{
	for (struct msix_entry *e = x->entry; e < x->entry + x->count; e++) {
		for (u32 i = 0; i < ARRAY_SIZE(e->word); i++)
			e->word[i] = hw_get(x, e, i);
		if (!(e->word[VECTOR_CONTROL] & ENTRY_MASKED))
			entry_apply(l, x, e);
	}
}

/* MSI-X is off in the device: its table becomes the guest's own again. */
static void unload(devlock_t l, struct msix *x)
{
	for (struct msix_entry *e = x->entry; e < x->entry + x->count; e++) {
		if (!e->route)
			continue;
		for (u32 i = 0; i < ARRAY_SIZE(e->word); i++)
			hw_put(x, e, i, e->word[i]);
		irq_free(l, e->route);
	}
}

/* Where the table lies now; 0: the device does not decode memory. */
static u64 table_address(const struct pci_fn *f)
{
	u32 table = pci_read(f->seg, f->bdf, f->msix + MSIX_TABLE, 4);
	u64 bar = sriov_bar(f->seg, f->bdf, table & TABLE_BIR);

	if (!bar && pci_read(f->seg, f->bdf, PCI_COMMAND, 2) & PCI_COMMAND_MEM)
		bar = pci_bar(f->seg, f->bdf, table & TABLE_BIR);
	return bar ? bar + (table & ~TABLE_BIR) : 0;
}

static void place(devlock_t l, struct msix *x, u64 at)
{
	if (at == x->at)
		return;
	if (x->at)
		trap_remove(l, x->at, x->count * ENTRY_SIZE);
	x->at = 0;
	if (!at)
		return;
	/* While BARs are sized and moved, one may lie over RAM, which the device then is not. */
	if (trap_add(l, at, x->count * ENTRY_SIZE, TRAP_MSIX) == DAIS_OK)
		x->at = at;
	else
		log_warn("pci %04x:%04x: MSI-X table at 0x%lx can't be followed", x->f->seg,
			 x->f->bdf, at);
}

void msix_update(devlock_t l, struct pci_fn *f)
{
	place(l, f->x, table_address(f));
}

static bool switch_on(devlock_t l, struct pci_fn *f)
{
	u32 count = (control_get(f) & CONTROL_SIZE) + 1;
	struct msix *x = dev_alloc(state_size(count));

	if (!x)
		return false;
	f->x = x;
	x->f = f;
	x->count = count;
	list_add_tail(&enabled, &x->link);
	place(l, x, table_address(f));
	if (x->at)
		load(l, x);
	else
		msix_drop(l, f);
	return f->x;
}

void msix_drop(devlock_t l, struct pci_fn *f)
{
	struct msix *x = f->x;

	if (!x)
		return;
	unload(l, x);
	place(l, x, 0);
	list_del(&x->link);
	dev_free(x, state_size(x->count));
	f->x = NULL;
}

void msix_write(devlock_t l, struct pci_fn *f, u32 value)
{
	u16 control = value >> 16;

	if (control & CONTROL_ENABLE && !f->x && !switch_on(l, f)) {
		log_error("pci %04x:%04x: MSI-X stays off: no memory, or its table is out of reach",
			  f->seg, f->bdf);
		control &= ~CONTROL_ENABLE;
	}
	control_put(f, control);
	control_get(f); /* waits for the write */
	if (!(control & CONTROL_ENABLE))
		msix_drop(l, f);
}

static struct msix *find(u64 gpa)
{
	list_for(p, &enabled) {
		struct msix *x = list_entry(p, struct msix, link);

		if (x->at && gpa >= x->at && gpa < x->at + x->count * ENTRY_SIZE)
			return x;
	}
	return NULL;
}

bool msix_access(devlock_t l, u64 gpa, u32 size, bool write, u64 *value)
{
	struct msix *x = find(gpa);
	struct msix_entry *e;
	u32 at;

	if (!x) {
		if (write)
			mmio_write(gpa, size, *value);
		else
			*value = mmio_read(gpa, size);
		return true;
	}
	e = &x->entry[(gpa - x->at) / ENTRY_SIZE];
	at = (gpa - x->at) % ENTRY_SIZE;
	if (at & (size - 1)) /* undefined for devices too; so no access leaves its entry */
		return false;
	if (!write) {
		*value = 0;
		memcpy(value, (u8 *)e->word + at, size);
		return true;
	}
	memcpy((u8 *)e->word + at, value, size);
	entry_apply(l, x, e);
	return true;
}
