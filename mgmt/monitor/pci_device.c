/* SPDX-License-Identifier: GPL-2.0-only */
/* Section numbers are those of PCI local bus 3.0 and, for Express, PCIe base 5.0. */
#include <string.h>

#include "pci_device.h"

#define PAGE		4096ULL
#define PAGES(n)	(((n) + PAGE - 1) & ~(PAGE - 1))

#define STATUS		0x06
#define STATUS_CAPS	0x10
#define CACHE_LINE	0x0c
#define HEADER_TYPE	0x0e
#define SUBSYSTEM	0x2c
#define CAP_POINTER	0x34
#define INTERRUPT_LINE	0x3c
#define CAPS_FIRST	0x40
#define CAPS_MAX	48

#define CAP_PM		0x01
#define CAP_MSI		0x05
#define CAP_VENDOR	0x09
#define CAP_EXPRESS	0x10
#define CAP_MSIX	0x11

#define PM_CONTROL	4
#define PM_SIZE		8
#define PM_STATE	0x03
#define PM_NO_PME	0x07	/* of the upper byte of its capabilities: what it can be woken from, cleared */
#define MSI_64		0x80
#define MSI_MASKS	0x01	/* in the control register's upper byte */
#define MSI_ENABLE	0x01
#define MSIX_TABLE	4
#define MSIX_SIZE	12
#define MSIX_ENTRY	16
#define MSIX_CONTROL	0xc0	/* enable and function mask, upper byte */
#define EXPRESS_SIZE	0x3c
#define EXPRESS_TYPE	0xf0
#define TYPE_INTEGRATED	0x90	/* root complex integrated endpoint: no link, no slot */
#define EXPRESS_DEVICE_CONTROL	8
#define EXPRESS_LINK	0x0c	/* to the device's second set of registers */
#define EXPRESS_DEVICE2	0x24
#define EXPRESS_LINK2	0x2c
#define EXPRESS_RESET	0x80	/* in the upper byte of device control: initiate FLR */

#define BAR_WIDE	0x4
#define BAR_PREFETCH	0x8
#define BAR_FLAGS	0xfU

static uint32_t get(const uint8_t *at, unsigned int size)
{
	uint32_t v = 0;

	memcpy(&v, at, size);
	return v;
}

static void put(uint8_t *at, unsigned int size, uint32_t v)
{
	memcpy(at, &v, size);
}

static void copy(struct pci_device *d, unsigned int reg, unsigned int length)
{
	for (; length--; reg++)
		d->state->config[reg] = d->hw->config_read(d->hw->ctx, d->state->fn, reg, 1);
}

/* ---- capabilities: what is not in the list below the guest does not see ---- */

/* Power states are kept here: the hardware stays in D0, since it would forget its BARs. */
static unsigned int add_pm(struct pci_device *d, unsigned int at)
{
	copy(d, at, PM_SIZE);
	d->state->config[at + 3] &= PM_NO_PME;
	put(d->state->config + at + PM_CONTROL, 2, 0x0008); /* no soft reset */
	d->mask[at + PM_CONTROL] = PM_STATE;
	return PM_SIZE;
}

static unsigned int msi_length(const struct pci_device *d, unsigned int at)
{
	return 10 + (d->state->config[at + 2] & MSI_64 ? 4 : 0) +
	       (d->state->config[at + 3] & MSI_MASKS ? 10 : 0);
}

static unsigned int add_msi(struct pci_device *d, unsigned int at)
{
	copy(d, at, 4);
	d->state->config[at + 2] &= MSI_64; /* one message: what Dais offers */
	d->mask[at + 2] = MSI_ENABLE;
	memset(d->mask + at + 4, 0xff, msi_length(d, at) - 4);
	d->mask[at + 4] = 0xfc;
	d->msi = at;
	return msi_length(d, at);
}

static unsigned int add_msix(struct pci_device *d, unsigned int at)
{
	uint32_t table;

	copy(d, at, MSIX_SIZE);
	d->state->config[at + 3] &= ~MSIX_CONTROL;
	d->mask[at + 3] = MSIX_CONTROL;
	table = get(d->state->config + at + MSIX_TABLE, 4);
	d->table_bar = table & 7;
	d->table = table & ~7U;
	d->entries = (get(d->state->config + at + 2, 2) & 0x7ff) + 1;
	d->table_offset = d->table & ~(PAGE - 1);
	d->table_size = PAGES(d->table + d->entries * MSIX_ENTRY) - d->table_offset;
	d->msix = at;
	return MSIX_SIZE;
}

/* It sits on the root bus of the guest, so it has neither link nor slot nor root registers (§7.5.3). */
static unsigned int add_express(struct pci_device *d, unsigned int at)
{
	uint8_t *c = d->state->config + at;

	copy(d, at, EXPRESS_LINK);
	put(c + EXPRESS_DEVICE_CONTROL + 2, 2, 0);
	c[2] = (c[2] & ~EXPRESS_TYPE) | TYPE_INTEGRATED;
	copy(d, at + EXPRESS_DEVICE2, EXPRESS_LINK2 - EXPRESS_DEVICE2);
	put(d->mask + at + EXPRESS_DEVICE_CONTROL, 2, 0x7fff); /* kept, but without effect */
	d->express = at;
	return EXPRESS_SIZE;
}

/* Its meaning is the vendor's: it can be read. Its third byte is its length. */
static unsigned int add_vendor(struct pci_device *d, unsigned int at)
{
	unsigned int length;

	copy(d, at, 3);
	length = d->state->config[at + 2];
	if (length < 3)
		length = 3;
	if (length > PCI_CONFIG_SIZE - at)
		length = PCI_CONFIG_SIZE - at;
	copy(d, at, length);
	return length;
}

static const struct {
	uint8_t id, room;	/* least bytes to the end of configuration space */
	unsigned int (*add)(struct pci_device *d, unsigned int at);
} known[] = {
	{ CAP_PM, PM_SIZE, add_pm },
	{ CAP_MSI, 24, add_msi },
	{ CAP_MSIX, MSIX_SIZE, add_msix },
	{ CAP_EXPRESS, EXPRESS_SIZE, add_express },
	{ CAP_VENDOR, 3, add_vendor },
};

/* A table in a BAR that does not exist (§6.8.2.4) is none. */
static bool is_sound(struct pci_device *d, unsigned int at, uint8_t id)
{
	return id != CAP_MSIX || (d->hw->config_read(d->hw->ctx, d->state->fn, at + MSIX_TABLE, 1) & 7) < PCI_BARS;
}

/* Adds it if it is known and lies on nothing that was added before; used: bytes taken. */
static bool add_capability(struct pci_device *d, unsigned int at, uint8_t id, uint8_t *used)
{
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].id == id && at + known[i].room <= PCI_CONFIG_SIZE)
			break;
	if (i == sizeof(known) / sizeof(known[0]) || used[at] || !is_sound(d, at, id))
		return false;
	memset(used + at, 1, known[i].add(d, at));
	return true;
}

static void filter_capabilities(struct pci_device *d)
{
	const struct pci_hw *hw = d->hw;
	uint32_t fn = d->state->fn, at;
	uint8_t used[PCI_CONFIG_SIZE] = { 0 }, *link = d->state->config + CAP_POINTER;
	unsigned int n;

	if (!(hw->config_read(hw->ctx, fn, STATUS, 1) & STATUS_CAPS))
		return;
	at = hw->config_read(hw->ctx, fn, CAP_POINTER, 1) & ~3U;
	for (n = 0; n < CAPS_MAX && at >= CAPS_FIRST; n++) {
		uint8_t id = hw->config_read(hw->ctx, fn, at, 1);
		uint32_t next = hw->config_read(hw->ctx, fn, at + 1, 1) & ~3U;

		if (add_capability(d, at, id, used)) {
			*link = at;
			link = d->state->config + at + 1;
			*link = 0;
			d->state->config[STATUS] |= STATUS_CAPS;
		}
		at = next;
	}
}

/* ---- BARs ---- */

static void init_bars(struct pci_device *d)
{
	unsigned int i;

	for (i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &d->bar[i];
		uint64_t mask = ~(b->size - 1);

		if (!b->size)
			continue;
		put(d->state->config + PCI_BAR0 + 4 * i, 4,
		    (b->wide ? BAR_WIDE : 0) | (b->prefetch ? BAR_PREFETCH : 0));
		put(d->mask + PCI_BAR0 + 4 * i, 4, mask & ~BAR_FLAGS);
		if (b->wide)
			put(d->mask + PCI_BAR0 + 4 * i + 4, 4, mask >> 32);
	}
}

static uint64_t bar_address(const struct pci_device *d, unsigned int i)
{
	const uint8_t *reg = d->state->config + PCI_BAR0 + 4 * i;
	uint64_t address = get(reg, 4) & ~BAR_FLAGS;

	return d->bar[i].wide ? address | (uint64_t)get(reg + 4, 4) << 32 : address;
}

static void set_bar_address(struct pci_device *d, unsigned int i, uint64_t address)
{
	uint8_t *reg = d->state->config + PCI_BAR0 + 4 * i;

	put(reg, 4, (uint32_t)address | (get(reg, 4) & BAR_FLAGS));
	if (d->bar[i].wide)
		put(reg + 4, 4, address >> 32);
}

bool pci_device_place(struct pci_device *d, uint64_t *low, uint64_t low_end, uint64_t *high,
		      uint64_t high_end)
{
	unsigned int i;

	for (i = 0; i < PCI_BARS; i++) {
		uint64_t size = d->bar[i].size < PAGE ? PAGE : d->bar[i].size;
		bool up = d->bar[i].wide && d->bar[i].prefetch;
		uint64_t *next = up ? high : low, end = up ? high_end : low_end;
		uint64_t at = (*next + size - 1) & ~(size - 1);

		if (!d->bar[i].size)
			continue;
		if (at + size > end || at + size < at)
			return false;
		set_bar_address(d, i, at);
		*next = at + size;
	}
	return true;
}

/*
 * Parts of a BAR: pages that the guest reaches itself, and those that trap: the
 * MSI-X table's, and whole BARs that share their page with something else.
 */
struct part { uint64_t from, to; bool trap; };
#define PARTS 3

static void find_parts(const struct pci_device *d, unsigned int i, struct part *p)
{
	const struct pci_bar *b = &d->bar[i];
	bool small = b->size < PAGE || b->address % PAGE, table = d->msix && d->table_bar == i;
	uint64_t from = table ? d->table_offset : b->size, to = table ? from + d->table_size : b->size;

	if (from > b->size)
		from = b->size;
	if (to > b->size)
		to = b->size;
	p[0] = (struct part){ 0, from, small };
	p[1] = (struct part){ from, to, true };
	p[2] = (struct part){ to, b->size, small };
}

static bool show_part(struct pci_device *d, unsigned int i, const struct part *p)
{
	const struct pci_hw *hw = d->hw;

	if (p->from >= p->to)
		return true;
	if (p->trap)
		return hw->trap(hw->ctx, d->at[i] + p->from, p->to - p->from, true);
	return hw->map(hw->ctx, d->state->fn, i, p->from, p->to - p->from, d->at[i] + p->from);
}

static void hide_parts(struct pci_device *d, unsigned int i, const struct part *p, unsigned int count)
{
	const struct pci_hw *hw = d->hw;

	for (; count--; p++) {
		if (p->from >= p->to)
			continue;
		if (p->trap)
			hw->trap(hw->ctx, d->at[i] + p->from, p->to - p->from, false);
		else
			hw->unmap(hw->ctx, d->state->fn, d->at[i] + p->from, p->to - p->from);
	}
}

static void hide_bar(struct pci_device *d, unsigned int i)
{
	struct part p[PARTS];

	find_parts(d, i, p);
	hide_parts(d, i, p, PARTS);
	d->at[i] = 0;
}

/* False: refused, as something else is there; then nothing of it is shown. */
static bool show_bar(struct pci_device *d, unsigned int i, uint64_t at)
{
	struct part p[PARTS];
	unsigned int n = 0;

	find_parts(d, i, p);
	d->at[i] = at;
	while (n < PARTS && show_part(d, i, &p[n]))
		n++;
	if (n == PARTS)
		return true;
	hide_parts(d, i, p, n);
	d->at[i] = 0;
	return false;
}

static uint64_t wanted(const struct pci_device *d, unsigned int i)
{
	bool decodes = d->state->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;

	return d->bar[i].size && decodes ? bar_address(d, i) : 0;
}

/* After any change: what is shown is what the guest's registers say, but for what is refused. All that goes, goes first:
 * one BAR may come to where another was. */
static void update_bars(struct pci_device *d)
{
	unsigned int i;

	for (i = 0; i < PCI_BARS; i++)
		if (d->at[i] && d->at[i] != wanted(d, i))
			hide_bar(d, i);
	for (i = 0; i < PCI_BARS; i++) {
		d->state->used &= ~PCI_REFUSED(i);
		if (wanted(d, i) && !d->at[i] && !show_bar(d, i, wanted(d, i)))
			d->state->used |= PCI_REFUSED(i);
	}
}

void pci_device_hide(struct pci_device *d)
{
	d->state->config[PCI_COMMAND] &= ~PCI_COMMAND_MEMORY;
	update_bars(d);
}

bool pci_device_find(const struct pci_device *d, uint64_t gpa, unsigned int *bar, uint64_t *offset)
{
	unsigned int i;

	for (i = 0; i < PCI_BARS; i++) {
		if (!d->at[i] || gpa < d->at[i] || gpa - d->at[i] >= d->bar[i].size)
			continue;
		*bar = i;
		*offset = gpa - d->at[i];
		return true;
	}
	return false;
}

/* ---- the function ---- */

static void prepare(struct pci_device *d, struct pci_state *s, const struct pci_hw *hw,
		    const struct pci_bar *bars)
{
	memset(d, 0, sizeof(*d));
	d->state = s;
	d->hw = hw;
	memcpy(d->bar, bars, sizeof(d->bar));
}

void pci_device_init(struct pci_device *d, struct pci_state *s, const struct pci_hw *hw, uint32_t fn,
		     uint32_t ids, const struct pci_bar *bars)
{
	prepare(d, s, hw, bars);
	memset(s, 0, sizeof(*s));
	s->fn = fn;
	s->used = PCI_USED;
	copy(d, 0x08, 4); /* revision and class */
	copy(d, SUBSYSTEM, 4);
	put(s->config, 4, ids);
	put(d->mask + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
	d->mask[CACHE_LINE] = 0xff;
	d->mask[INTERRUPT_LINE] = 0xff;
	init_bars(d);
	filter_capabilities(d);
}

void pci_device_adopt(struct pci_device *d, struct pci_state *s, const struct pci_hw *hw,
		      const struct pci_bar *bars)
{
	struct pci_state was = *s;
	unsigned int i;

	pci_device_init(d, s, hw, was.fn, get(was.config, 4), bars);
	*s = was;
	for (i = 0; i < PCI_BARS; i++) /* Dais still shows them */
		d->at[i] = s->used & PCI_REFUSED(i) ? 0 : wanted(d, i);
}

/* A register outside the 256 bytes has no capability that the guest may see. */
uint32_t pci_device_read(const struct pci_device *d, unsigned int reg, unsigned int size)
{
	return reg + size <= PCI_CONFIG_SIZE ? get(d->state->config + reg, size) : 0;
}

static bool touches(unsigned int reg, unsigned int size, unsigned int at, unsigned int length)
{
	return length && reg < at + length && at < reg + size;
}

/* Messages go to the hardware's registers, which Dais translates and keeps masked while it must. */
static void forward(struct pci_device *d, unsigned int at)
{
	d->hw->config_write(d->hw->ctx, d->state->fn, at, 4, get(d->state->config + at, 4));
}

void pci_device_set_line(struct pci_device *d)
{
	d->state->config[PCI_INTERRUPT_PIN] = 1;
	pci_device_line_ended(d);
}

void pci_device_line_ended(struct pci_device *d)
{
	if (d->state->config[PCI_INTERRUPT_PIN] && !(get(d->state->config + PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX))
		d->hw->unmask(d->hw->ctx, d->state->fn);
}

/* The hardware goes on decoding its memory, and makes no INTx but unmasked. */
static void update_command(struct pci_device *d)
{
	uint32_t master = get(d->state->config + PCI_COMMAND, 2) & PCI_COMMAND_MASTER;

	d->hw->config_write(d->hw->ctx, d->state->fn, PCI_COMMAND, 2,
			    PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX | master);
	pci_device_line_ended(d);
}

static void update_msi(struct pci_device *d)
{
	unsigned int at, end = d->msi + msi_length(d, d->msi);

	for (at = d->msi + 4; at + 4 <= end + 2; at += 4) /* the control register last */
		forward(d, at);
	forward(d, d->msi);
}

static void reset(struct pci_device *d)
{
	uint8_t *c = d->state->config;

	unsigned int i;

	d->hw->reset(d->hw->ctx, d->state->fn);
	put(c + PCI_COMMAND, 2, 0);
	update_command(d);
	update_bars(d);
	if (d->msi) {
		c[d->msi + 2] &= ~MSI_ENABLE;
		forward(d, d->msi);
	}
	if (!d->msix)
		return;
	c[d->msix + 3] &= ~MSIX_CONTROL;
	forward(d, d->msix);
	for (i = 0; i < d->entries; i++) /* Dais remembers them */
		d->hw->bar_write(d->hw->ctx, d->state->fn, d->table_bar, d->table + i * MSIX_ENTRY + 12, 4, 1);
}

void pci_device_write(struct pci_device *d, unsigned int reg, unsigned int size, uint32_t value)
{
	uint8_t *c = d->state->config;
	unsigned int i;

	if (reg + size > PCI_CONFIG_SIZE)
		return;
	if (d->express && reg + size > d->express + EXPRESS_DEVICE_CONTROL + 1U &&
	    reg <= d->express + EXPRESS_DEVICE_CONTROL + 1U &&
	    (value >> 8 * (d->express + EXPRESS_DEVICE_CONTROL + 1 - reg) & EXPRESS_RESET))
		reset(d);
	for (i = 0; i < size; i++) {
		uint8_t m = d->mask[reg + i];

		c[reg + i] = (c[reg + i] & ~m) | (value >> 8 * i & m);
	}
	if (touches(reg, size, PCI_COMMAND, 2))
		update_command(d);
	if (touches(reg, size, PCI_COMMAND, 2) || touches(reg, size, PCI_BAR0, 4 * PCI_BARS))
		update_bars(d);
	if (d->msi && touches(reg, size, d->msi, msi_length(d, d->msi)))
		update_msi(d);
	if (d->msix && touches(reg, size, d->msix, 4))
		forward(d, d->msix);
}
