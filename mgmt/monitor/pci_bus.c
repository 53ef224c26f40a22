/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "layout.h"
#include "pci_bus.h"

#define ENABLE		0x80000000U
#define DATA_PORT	(PCI_PORT + 4)
#define BRIDGE_IDS	0x0002da15U	/* device 0: what looks for configuration mechanism 1 wants a host bridge */
#define BRIDGE_CLASS	0x06000000U
#define CLASS		0x08
#define FUNCTION_SHIFT	12		/* in ECAM; device number from bit 15 on */

void pci_bus_init(struct pci_bus *b, struct pci_slots *slots)
{
	memset(b, 0, sizeof(*b));
	b->slots = slots;
	b->low = PCI_LOW_START;
	b->high = PCI_HIGH_START;
}

int pci_bus_free_slot(const struct pci_bus *b)
{
	int i;

	for (i = 0; i < PCI_SLOTS; i++)
		if (!b->slots->slot[i].used)
			return i;
	return -1;
}

static uint8_t *news(struct pci_bus *b, enum pci_news what)
{
	return what == PCI_ADDED ? &b->slots->added : &b->slots->wanted;
}

void pci_bus_tell(struct pci_bus *b, unsigned int i, enum pci_news what)
{
	*news(b, what) |= 1U << i;
}

uint8_t pci_bus_news(struct pci_bus *b, enum pci_news what)
{
	uint8_t was = b->slots ? *news(b, what) : 0;

	if (was)
		*news(b, what) = 0;
	return was;
}

void pci_bus_line_ended(struct pci_bus *b, unsigned int i)
{
	if (b->slots && b->slots->slot[i].used)
		pci_device_line_ended(&b->device[i]);
}

void pci_bus_eject(struct pci_bus *b, unsigned int i)
{
	struct pci_device *d = &b->device[i];

	if (!b->slots || !b->slots->slot[i].used)
		return;
	pci_device_hide(d);
	b->slots->slot[i].used = 0;
	b->slots->wanted &= ~(1U << i);
	d->hw->eject(d->hw->ctx, d->state->fn);
}

/* NULL: nothing is there. */
static struct pci_device *find(struct pci_bus *b, unsigned int devfn)
{
	unsigned int i = (devfn >> 3) - 1;

	return devfn & 7 || i >= PCI_SLOTS || !b->slots->slot[i].used ? NULL : &b->device[i];
}

static uint32_t cut(uint32_t value, unsigned int size)
{
	return size < 4 ? value & ((1U << 8 * size) - 1) : value;
}

static uint32_t config_read(struct pci_bus *b, unsigned int devfn, unsigned int reg, unsigned int size)
{
	struct pci_device *d = find(b, devfn);
	unsigned int dword = reg & ~3U;

	if (d)
		return pci_device_read(d, reg, size);
	if (devfn)
		return cut(~0U, size);
	return cut((dword == 0 ? BRIDGE_IDS : dword == CLASS ? BRIDGE_CLASS : 0) >> 8 * (reg & 3), size);
}

static void config_write(struct pci_bus *b, unsigned int devfn, unsigned int reg, unsigned int size,
			 uint32_t value)
{
	struct pci_device *d = find(b, devfn);

	if (d)
		pci_device_write(d, reg, size, value);
}

/* The register that the data port stands for now; false: none. Buses other than 0 are empty. */
static bool selected(const struct pci_bus *b, uint16_t port, unsigned int size, unsigned int *devfn,
		     unsigned int *reg)
{
	uint32_t a = b->slots->address;

	*devfn = a >> 8 & 0xff;
	*reg = (a & 0xfc) + (port - DATA_PORT);
	return port >= DATA_PORT && (port & 3) + size <= 4 && (a & ENABLE) && !(a >> 16 & 0xff);
}

uint32_t pci_bus_port_read(struct pci_bus *b, uint16_t port, unsigned int size)
{
	unsigned int devfn, reg;

	if (selected(b, port, size, &devfn, &reg))
		return config_read(b, devfn, reg, size);
	return port == PCI_PORT && size == 4 ? b->slots->address : cut(~0U, size);
}

void pci_bus_port_write(struct pci_bus *b, uint16_t port, unsigned int size, uint32_t value)
{
	unsigned int devfn, reg;

	if (selected(b, port, size, &devfn, &reg))
		config_write(b, devfn, reg, size, value);
	else if (port == PCI_PORT && size == 4)
		b->slots->address = value;
}

static bool in_ecam(uint64_t gpa, unsigned int *devfn, unsigned int *reg)
{
	*devfn = (gpa - ECAM_GPA) >> FUNCTION_SHIFT;
	*reg = gpa & ((1U << FUNCTION_SHIFT) - 1);
	return gpa >= ECAM_GPA && gpa - ECAM_GPA < ECAM_SIZE;
}

static struct pci_device *owner(struct pci_bus *b, uint64_t gpa, unsigned int *bar, uint64_t *offset)
{
	unsigned int i;

	for (i = 0; i < PCI_SLOTS; i++)
		if (b->slots->slot[i].used && pci_device_find(&b->device[i], gpa, bar, offset))
			return &b->device[i];
	return NULL;
}

/* No register of configuration space is wider than 4 bytes; misaligned accesses find nothing. */
bool pci_bus_memory_read(struct pci_bus *b, uint64_t gpa, unsigned int size, uint64_t *value)
{
	unsigned int devfn, reg, bar;
	struct pci_device *d;
	uint64_t offset;

	*value = ~0ULL;
	if (!b->slots)
		return false;
	if (in_ecam(gpa, &devfn, &reg)) {
		if (size <= 4 && !(gpa & (size - 1)))
			*value = config_read(b, devfn, reg, size);
		return true;
	}
	d = owner(b, gpa, &bar, &offset);
	if (d && !(gpa & (size - 1)))
		*value = d->hw->bar_read(d->hw->ctx, d->state->fn, bar, offset, size);
	return d;
}

bool pci_bus_memory_write(struct pci_bus *b, uint64_t gpa, unsigned int size, uint64_t value)
{
	unsigned int devfn, reg, bar;
	struct pci_device *d;
	uint64_t offset;

	if (!b->slots)
		return false;
	if (in_ecam(gpa, &devfn, &reg)) {
		if (size <= 4 && !(gpa & (size - 1)))
			config_write(b, devfn, reg, size, value);
		return true;
	}
	d = owner(b, gpa, &bar, &offset);
	if (d && !(gpa & (size - 1)))
		d->hw->bar_write(d->hw->ctx, d->state->fn, bar, offset, size, value);
	return d;
}
