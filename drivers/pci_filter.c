/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's accesses to PCI configuration space, by ports and by
 * ECAM. All goes to the hardware but what makes interrupts: MSI and MSI-X
 * capabilities show the guest's values and hold the host's. A function is
 * looked at when its capabilities are first touched, so that virtual and
 * hot-plugged functions need nothing of their own.
 */
#include "drivers/internal.h"
#include "kernel/arch.h"
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
#define PCI_CAP_MSI     0x05u
#define PCI_CAP_MSIX    0x11u
#define CAPS_MAX        48u        /* of 4 bytes or more in 192 */
#define HEADER_CARDBUS  2u
#define NOTHING         0xffffffffu

#define BUCKETS 256u
static struct list functions[BUCKETS]; /* device lock */
static u32 cf8;                        /* the control domain's; it serializes the pair itself */

static struct list *bucket(u16 seg, u16 bdf)
{
	struct list *b = &functions[(bdf ^ bdf >> 8 ^ seg) % BUCKETS];

	if (!b->next)
		list_init(b);
	return b;
}

static struct pci_fn *find(u16 seg, u16 bdf)
{
	struct list *b = bucket(seg, bdf);

	list_for(p, b) {
		struct pci_fn *f = list_entry(p, struct pci_fn, link);

		if (f->seg == seg && f->bdf == bdf)
			return f;
	}
	return NULL;
}

static void find_capabilities(struct pci_fn *f)
{
	u32 at;

	if (!(pci_read(f->seg, f->bdf, PCI_COMMAND, 4) & PCI_STATUS_CAPS) ||
	    (pci_read(f->seg, f->bdf, PCI_HEADER_TYPE, 1) & 0x7f) == HEADER_CARDBUS)
		return;
	at = pci_read(f->seg, f->bdf, PCI_CAP_POINTER, 1) & ~3u;
	for (u32 i = 0; i < CAPS_MAX && at >= PCI_CAPS_FIRST; i++) {
		u32 cap = pci_read(f->seg, f->bdf, at, 2);

		if ((cap & 0xff) == PCI_CAP_MSI) {
			f->msi = at;
			f->msi_control = pci_read(f->seg, f->bdf, at + 2, 2);
		}
		if ((cap & 0xff) == PCI_CAP_MSIX)
			f->msix = at;
		at = cap >> 8 & ~3u;
	}
}

/* What firmware left switched on would arrive at vectors that Dais uses for others. */
static void quiesce(devlock_t l, struct pci_fn *f)
{
	if (f->msi)
		msi_write(l, f, 0, 0);
	if (f->msix)
		msix_write(l, f, 0);
}

/* NULL: no such function, or no memory. */
static struct pci_fn *get(devlock_t l, u16 seg, u16 bdf)
{
	struct pci_fn *f = find(seg, bdf);

	if (f)
		return f;
	if (pci_read(seg, bdf, PCI_COMMAND, 4) == NOTHING) /* virtual functions have no vendor */
		return NULL;
	f = dev_alloc(sizeof(*f));
	if (!f) {
		log_error("pci %04x:%04x: no memory to follow its interrupts: they stay off",
			  seg, bdf);
		return NULL;
	}
	f->seg = seg;
	f->bdf = bdf;
	f->ids = pci_read(seg, bdf, PCI_ID, 4);
	find_capabilities(f);
	sriov_find(l, f);
	list_add(bucket(seg, bdf), &f->link);
	quiesce(l, f);
	return f;
}

/* The guest looks for a function: what was known ends when it is gone or another. */
static void check_identity(devlock_t l, u16 seg, u16 bdf, u32 ids)
{
	struct pci_fn *f = find(seg, bdf);

	if (!f || f->ids == ids)
		return;
	msi_drop(l, f);
	msix_drop(l, f);
	sriov_drop(l, f);
	list_del(&f->link);
	dev_free(f, sizeof(*f));
}

static bool in_msi(const struct pci_fn *f, u32 reg)
{
	return f->msi && reg >= f->msi && reg < f->msi + msi_size(f);
}

static bool in_msix(const struct pci_fn *f, u32 reg)
{
	return f->msix && (reg & ~3u) == f->msix;
}

/* The dword that holds `reg`, as the guest sees it. */
static u32 dword_view(const struct pci_fn *f, u32 reg)
{
	u32 raw = pci_read(f->seg, f->bdf, reg & ~3u, 4);

	return in_msi(f, reg) ? msi_read(f, (reg & ~3u) - f->msi, raw) : raw;
}

static u32 config_read(devlock_t l, u16 seg, u16 bdf, u32 reg, u32 size)
{
	struct pci_fn *f = NULL;
	u32 v;

	if (vpci_is(seg, bdf))
		return reg_part(vpci_config_read(reg / 4), reg, size);
	if (reg >= PCI_CAPS_FIRST && reg < PCI_CONFIG_SIZE)
		f = get(l, seg, bdf);
	if (f && in_msi(f, reg))
		return reg_part(dword_view(f, reg), reg, size);
	v = pci_read(seg, bdf, reg, size);
	if (reg == PCI_ID && size == 4)
		check_identity(l, seg, bdf, v);
	return v;
}

static void capability_write(devlock_t l, u16 seg, u16 bdf, u32 reg, u32 size, u32 value)
{
	struct pci_fn *f = get(l, seg, bdf);

	if (!f)
		return;
	if (in_msi(f, reg))
		msi_write(l, f, (reg & ~3u) - f->msi,
			  reg_merge(dword_view(f, reg), reg, size, value));
	else if (in_msix(f, reg))
		msix_write(l, f, reg_merge(dword_view(f, reg), reg, size, value));
	else
		pci_write(seg, bdf, reg, size, value);
}

static void config_write(devlock_t l, u16 seg, u16 bdf, u32 reg, u32 size, u32 value)
{
	struct pci_fn *f;

	if (vpci_is(seg, bdf)) {
		vpci_config_write(l, reg / 4,
				  reg_merge(vpci_config_read(reg / 4), reg, size, value));
		return;
	}
	if (reg >= PCI_CAPS_FIRST && reg < PCI_CONFIG_SIZE) {
		capability_write(l, seg, bdf, reg, size, value);
		return;
	}
	pci_write(seg, bdf, reg, size, value);
	f = reg < PCI_BARS_END ? find(seg, bdf) : NULL;
	if (f && f->x && (reg < PCI_COMMAND + 2 || reg >= PCI_BAR0))
		msix_update(l, f);
}

static void config_access(devlock_t l, u16 seg, u16 bdf, u32 reg, u32 size, bool write, u32 *value)
{
	/* Nothing in configuration space is wider than a dword, and nothing crosses one. */
	if ((reg & 3) + size > 4) {
		if (!write)
			*value = reg_mask(0, size);
		return;
	}
	if (write)
		config_write(l, seg, bdf, reg, size, *value);
	else
		*value = config_read(l, seg, bdf, reg, size);
}

bool pci_ecam_access(devlock_t l, u64 gpa, u32 size, bool write, u64 *value)
{
	u32 reg, part = *value, high = *value >> 32;
	u16 seg, bdf;

	if (!pci_ecam_decode(gpa, &seg, &bdf, &reg))
		return false;
	config_access(l, seg, bdf, reg, MIN(size, 4u), write, &part);
	if (size == 8)
		config_access(l, seg, bdf, (reg + 4) & ~PAGE_MASK, 4, write, &high);
	*value = part | (u64)high << 32;
	return true;
}

static void data_access(u16 port, u32 size, bool write, u32 *value)
{
	devlock_t l = devices_lock();

	if (cf8 & CF8_ENABLE)
		config_access(l, 0, cf8 >> 8 & 0xffff, (cf8 & 0xfc) + (port & 3), size, write,
			      value);
	else if (!write)
		*value = reg_mask(0, size);
	devices_unlock(l);
}

/* Ports 0xCF8..0xCFB but as a dword: the reset control register, and what chipsets have there. */
void pci_port_access(u16 port, u32 size, bool write, u32 *value)
{
	if (port >= CFC)
		data_access(port, size, write, value);
	else if (port != CF8 || size != 4)
		pm_port_access(port, size, write, value);
	else if (write)
		cf8 = *value;
	else
		*value = cf8;
}
