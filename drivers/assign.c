/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions given to guests. A function is the control domain's, a guest's, or
 * blocked: it reaches nothing and interrupts nobody. From a guest it always comes
 * back by being blocked, so that the control domain can reset it before it
 * reaches memory again. Whoever has it, the control domain keeps access to its
 * registers: it serves the guest's view of them, and the messages that it writes
 * there are the guest's while the guest has the function.
 */
#include "drivers/internal.h"
#include "drivers/iommu/iommu.h"
#include "kernel/hypercall.h"

#define CLASS_BRIDGE 0x06u
#define HEADER_LAYOUT 0x7fu

/* Not for guests: bridges, of which others depend, and Dais's own virtual function. */
static status_t assignable(u32 fn)
{
	return fn == vpci_fn || pci_read(fn, PCI_CLASS, 4) >> 24 == CLASS_BRIDGE ||
	       (pci_read(fn, PCI_HEADER_TYPE, 1) & HEADER_LAYOUT) ? DAIS_DENIED : iommu_assignable(fn);
}

/* Does somebody handle its interrupts, or may it access memory? Then a driver has it. */
static bool in_use(const struct pci_fn *f)
{
	for (u32 i = 0; i <= f->count; i++)
		if (f->entry[i].route)
			return true;
	return f->owner || f->blocked || pci_read(f->fn, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

status_t call_dev_assign(struct call *c)
{
	struct domain *d = domain_arg(c, 0);
	spin_guard(&device_lock);
	struct pci_fn *f = pci_function((u32)c->arg[1]);
	status_t s;

	if (c->dom != control_domain || d == control_domain)
		return DAIS_DENIED;
	if (!f || c->arg[2] & 7) /* an entry's words lie within pages (PCI local bus spec. §6.8.2) */
		return DAIS_BAD_ARG;
	if (atomic_load(&d->state) == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	s = assignable(f->fn);
	if (s == DAIS_OK && in_use(f))
		s = DAIS_BUSY;
	if (s == DAIS_OK)
		s = iommu_attach(f->fn, d);
	if (s != DAIS_OK)
		return s;
	msi_off(f); /* what the last driver wrote means nothing to d */
	f->owner = d;
	f->vf_table = c->arg[2];
	msix_update(f);
	return DAIS_OK;
}

static void block(struct pci_fn *f)
{
	u32 command = pci_read(f->fn, PCI_COMMAND, 2);

	pci_write(f->fn, PCI_COMMAND, 2, command & ~PCI_COMMAND_MASTER);
	iommu_block(f->fn);
	msi_off(f);
	irq_drain();
	f->owner = NULL;
	f->blocked = true;
}

status_t call_dev_return(struct call *c)
{
	struct domain *d = domain_arg(c, 0);
	spin_guard(&device_lock);
	struct pci_fn *f = pci_function((u32)c->arg[1]);
	status_t s = DAIS_OK;

	if (c->dom != control_domain)
		return DAIS_DENIED;
	if (!f || (d == control_domain ? !f->blocked : f->owner != d))
		return DAIS_BAD_ARG;
	if (d != control_domain) {
		block(f);
		return DAIS_OK;
	}
	s = iommu_attach(f->fn, control_domain);
	f->blocked = s != DAIS_OK;
	f->vf_table = f->blocked ? f->vf_table : 0;
	msix_update(f);
	return s;
}

void devices_end(struct domain *d)
{
	spin_guard(&device_lock);

	list_for(p, &pci_functions)
		if (list_entry(p, struct pci_fn, link)->owner == d)
			block(list_entry(p, struct pci_fn, link));
}

u64 device_stat(u32 fn, bool faults)
{
	spin_guard(&device_lock);
	const struct pci_fn *f = pci_function(fn);

	if (!f || faults)
		return f ? iommu_faults(fn) : 0;
	return DAIS_FN_THERE | (assignable(fn) == DAIS_OK ? DAIS_FN_ASSIGNABLE : 0) |
	       (f->blocked ? DAIS_FN_BLOCKED : 0) | (f->owner ? (u64)f->owner->id << 32 : 0);
}
