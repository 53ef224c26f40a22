/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SR-IOV (PCIe base spec. §9.3.3): virtual functions have no IDs, BARs and
 * memory-enable bit of their own; those are in the capability of their physical
 * function, which Linux touches first, so that it is known by then.
 */
#include "drivers/internal.h"
#include "kernel/log.h"

#define EXT_CAPS_FIRST 0x100u
#define EXT_CAPS_MAX   960u      /* of 4 bytes or more */
#define EXT_CAP_SRIOV  0x0010u
#define SRIOV_CONTROL  0x08u     /* offsets in the capability */
#define SRIOV_COUNT    0x10u
#define SRIOV_FIRST    0x14u
#define SRIOV_STRIDE   0x16u
#define SRIOV_BAR0     0x24u
#define CONTROL_ENABLE 0x0001u
#define CONTROL_MEM    0x0008u

struct sriov {
	struct list link;
	u16 seg, bdf, at;
	u64 bar_size[PCI_BARS];  /* of one virtual function */
};

static struct list physical = { &physical, &physical }; /* device lock */

static u32 get(const struct sriov *s, u32 offset, u32 size)
{
	return pci_read(s->seg, s->bdf, s->at + offset, size);
}

static u32 find_capability(u16 seg, u16 bdf)
{
	u32 at = EXT_CAPS_FIRST, header;

	for (u32 i = 0; i < EXT_CAPS_MAX && at >= EXT_CAPS_FIRST; i++) {
		header = pci_read(seg, bdf, at, 4);
		if ((header & 0xffff) == EXT_CAP_SRIOV)
			return at;
		at = header >> 20 & 0xffc;
		if (header == ~0u)
			return 0;
	}
	return 0;
}

/* The writable bits of a BAR, which is restored. */
static u32 size_mask(const struct sriov *s, u32 bar)
{
	u32 reg = s->at + SRIOV_BAR0 + 4 * bar, old = pci_read(s->seg, s->bdf, reg, 4), mask;

	pci_write(s->seg, s->bdf, reg, 4, ~0u);
	mask = pci_read(s->seg, s->bdf, reg, 4);
	pci_write(s->seg, s->bdf, reg, 4, old);
	return mask;
}

static void size_bars(struct sriov *s)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		u64 mask = size_mask(s, i);
		bool wide = (mask & PCI_BAR_TYPE) == PCI_BAR_64 && i + 1 < PCI_BARS;

		mask |= wide ? (u64)size_mask(s, i + 1) << 32 : ~0ULL << 32;
		s->bar_size[i] = (u32)mask ? -(mask & ~0xfULL) : 0;
		i += wide;
	}
}

void sriov_find(devlock_t l, struct pci_fn *f)
{
	u32 at = find_capability(f->seg, f->bdf);
	struct sriov *s = at ? dev_alloc(sizeof(*s)) : NULL;

	(void)l;
	if (at && !s)
		log_error("pci %04x:%04x: no memory for its virtual functions' MSI-X", f->seg,
			  f->bdf);
	if (!s)
		return;
	s->seg = f->seg;
	s->bdf = f->bdf;
	s->at = at;
	list_add(&physical, &s->link);
	f->sriov = s;
	if (get(s, SRIOV_CONTROL, 2) & CONTROL_ENABLE)
		log_warn("pci %04x:%04x: virtual functions were on before Dais: no MSI-X for them",
			 f->seg, f->bdf);
	else
		size_bars(s);
}

void sriov_drop(devlock_t l, struct pci_fn *f)
{
	(void)l;
	if (!f->sriov)
		return;
	list_del(&f->sriov->link);
	dev_free(f->sriov, sizeof(*f->sriov));
	f->sriov = NULL;
}

static u64 bar_of(const struct sriov *s, u32 index, u32 bar)
{
	u32 reg = SRIOV_BAR0 + 4 * bar;
	u64 at = get(s, reg, 4);

	if (!(get(s, SRIOV_CONTROL, 2) & CONTROL_MEM) || !s->bar_size[bar])
		return 0;
	if ((at & PCI_BAR_TYPE) == PCI_BAR_64)
		at |= (u64)get(s, reg + 4, 4) << 32;
	return (at & ~0xfULL) + index * s->bar_size[bar];
}

u64 sriov_bar(u16 seg, u16 bdf, u32 bar)
{
	list_for(p, &physical) {
		const struct sriov *s = list_entry(p, struct sriov, link);
		u32 first = s->bdf + get(s, SRIOV_FIRST, 2), stride = get(s, SRIOV_STRIDE, 2);
		u32 index = stride ? (bdf - first) / stride : 0;

		if (seg != s->seg || bdf < first || bdf != first + index * stride ||
		    index >= get(s, SRIOV_COUNT, 2))
			continue;
		return bar < PCI_BARS ? bar_of(s, index, bar) : 0;
	}
	return 0;
}
