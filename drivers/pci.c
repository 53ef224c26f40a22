/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw configuration space: by ECAM (PCIe base spec. §7.2.2), else by ports 0xCF8 and 0xCFC. */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/heap.h"

#define CONFIG_SIZE_CF8 256u
#define BUS_SHIFT 20

static struct pci_ecam *ecams;
static u32 ecam_count;
static spinlock_t cf8_lock; /* a leaf: the pair of ports */

status_t pci_init(devlock_t l, const struct boot_info *b)
{
	const struct boot_ecam *from = hpa_to_hva(hpa(b->ecams));

	ecam_count = b->ecam_count;
	ecams = ecam_count ? heap_alloc(ecam_count * sizeof(*ecams)) : NULL;
	if (ecam_count && !ecams)
		return DAIS_NO_MEMORY;
	for (struct pci_ecam *e = ecams; e < ecams + ecam_count; e++, from++) {
		e->seg = from->segment;
		e->bdf = from->bus_first << 8;
		e->trap.size = (from->bus_last - from->bus_first + 1ULL) << BUS_SHIFT;
		e->trap.access = pci_ecam_access;
		trap_reserve(l, &e->trap, from->base + ((u64)from->bus_first << BUS_SHIFT));
	}
	return DAIS_OK;
}

/* Physical address of a register, 0: not by ECAM. */
static u64 ecam_address(u16 seg, u16 bdf, u32 reg)
{
	for (struct pci_ecam *e = ecams; e < ecams + ecam_count; e++) {
		u64 offset = (u64)(bdf - e->bdf) << PAGE_SHIFT;

		if (e->seg == seg && bdf >= e->bdf && offset < e->trap.size)
			return e->trap.base + offset + reg;
	}
	return 0;
}

static void access(u16 seg, u16 bdf, u32 reg, u32 size, bool write, u32 *value)
{
	u64 address = ecam_address(seg, bdf, reg);

	if (address && write) {
		mmio_write(address, size, *value);
	} else if (address) {
		*value = mmio_read(address, size);
	} else if (seg || reg >= CONFIG_SIZE_CF8) {
		*value = PCI_NOTHING;
	} else {
		spin_guard(&cf8_lock);

		port_write(CF8, 4, CF8_ENABLE | (u32)bdf << 8 | (reg & ~3u));
		port_pass(CFC + (reg & 3), size, write, value);
	}
}

u32 pci_read(u16 seg, u16 bdf, u32 reg, u32 size)
{
	u32 v;

	access(seg, bdf, reg, size, false, &v);
	return v;
}

void pci_write(u16 seg, u16 bdf, u32 reg, u32 size, u32 value)
{
	access(seg, bdf, reg, size, true, &value);
}
