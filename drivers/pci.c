/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw configuration space: by ECAM (PCIe base spec. §7.2.2), else by ports 0xCF8 and 0xCFC. */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"

#define CF8 0xcf8
#define CFC 0xcfc
#define CF8_ENABLE 0x80000000u
#define CONFIG_SIZE_CF8 256u
#define BUS_SHIFT 20
#define BAR_IO    1u

static const struct boot_ecam *ecams;
static u32 ecam_count;
static spinlock_t cf8_lock; /* a leaf: the pair of ports */

void pci_init(const struct boot_info *b)
{
	ecam_count = b->ecam_count;
	ecams = ecam_count ? hpa_to_hva(hpa(b->ecams)) : NULL;
}

static const struct boot_ecam *ecam_at(u64 gpa, u64 size)
{
	for (const struct boot_ecam *e = ecams; e < ecams + ecam_count; e++) {
		u64 first = e->base + ((u64)e->bus_first << BUS_SHIFT);
		u64 end = e->base + (((u64)e->bus_last + 1) << BUS_SHIFT);

		if (gpa < end && gpa + size > first)
			return e;
	}
	return NULL;
}

bool pci_ecam_overlaps(u64 gpa, u64 size) { return ecam_at(gpa, size); }

bool pci_ecam_decode(u64 gpa, u16 *seg, u16 *bdf, u32 *reg)
{
	const struct boot_ecam *e = ecam_at(gpa, 1);

	if (!e)
		return false;
	*seg = e->segment;
	*bdf = (gpa - e->base) >> PAGE_SHIFT;
	*reg = gpa & ~PAGE_MASK;
	return true;
}

/* Physical address of a register, 0: not by ECAM. */
static u64 ecam_address(u16 seg, u16 bdf, u32 reg)
{
	for (const struct boot_ecam *e = ecams; e < ecams + ecam_count; e++) {
		if (e->segment == seg && bdf >> 8 >= e->bus_first && bdf >> 8 <= e->bus_last)
			return e->base + ((u64)bdf << PAGE_SHIFT) + reg;
	}
	return 0;
}

u32 pci_read(u16 seg, u16 bdf, u32 reg, u32 size)
{
	u64 address = ecam_address(seg, bdf, reg);
	u32 v;

	if (address)
		return mmio_read(address, size);
	if (seg || reg >= CONFIG_SIZE_CF8)
		return reg_mask(0, size);
	spin_lock(&cf8_lock);
	port_out32(CF8, CF8_ENABLE | (u32)bdf << 8 | (reg & ~3u));
	v = port_in32(CFC);
	spin_unlock(&cf8_lock);
	return reg_part(v, reg, size);
}

void pci_write(u16 seg, u16 bdf, u32 reg, u32 size, u32 value)
{
	u64 address = ecam_address(seg, bdf, reg);

	if (address) {
		mmio_write(address, size, value);
		return;
	}
	if (seg || reg >= CONFIG_SIZE_CF8)
		return;
	spin_lock(&cf8_lock);
	port_out32(CF8, CF8_ENABLE | (u32)bdf << 8 | (reg & ~3u));
	if (size == 4)
		port_out32(CFC, value);
	else if (size == 2)
		port_out16(CFC + (reg & 2), value);
	else
		port_out8(CFC + (reg & 3), value);
	spin_unlock(&cf8_lock);
}

/* PCI local bus spec. 3.0 §6.2.5.1 */
u64 pci_bar(u16 seg, u16 bdf, u32 bar)
{
	u32 reg = PCI_BAR0 + 4 * bar;
	u32 low = reg < PCI_BARS_END ? pci_read(seg, bdf, reg, 4) : BAR_IO;
	u64 high = 0;

	if (low & BAR_IO)
		return 0;
	if ((low & PCI_BAR_TYPE) == PCI_BAR_64 && reg + 4 < PCI_BARS_END)
		high = pci_read(seg, bdf, reg + 4, 4);
	return high << 32 | (low & ~0xfu);
}
