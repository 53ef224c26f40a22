/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one dispatch for accesses of the control domain that trap: ports, and
 * ranges of memory. Those change under the device lock and trap_lock: the
 * nested-fault path, which has the domain's mem lock, takes only the latter.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/frame.h"
#include "kernel/log.h"

#define PCI_PORTS_END   (CFC + 4)
#define NESTED_END      (1ULL << 48)  /* what four levels of nested tables reach */

static spinlock_t device_lock, trap_lock;
static struct list traps = { &traps, &traps };

devlock_t devices_lock(void)
{
	spin_lock(&device_lock);
	return (devlock_t){ 1 };
}

void devices_unlock(devlock_t l)
{
	(void)l;
	spin_unlock(&device_lock);
}

/* The first range that touches [gpa, gpa + size). */
static struct trap *find(u64 gpa, u64 size)
{
	list_for(p, &traps) {
		struct trap *t = list_entry(p, struct trap, link);

		if (gpa < t->base + t->size && t->base < gpa + size)
			return t;
	}
	return NULL;
}

bool control_mmio_traps(u64 gpa, u64 size)
{
	spin_guard(&trap_lock);

	return find(gpa, size);
}

/*
 * Accesses to a trapped page may be handed through: never to memory of Dais or
 * of a guest, nor to the host's local APIC, wherever a BAR was put. Only ranges
 * of one kind may share a page.
 */
static bool allowed(const struct trap *t, u64 page)
{
	const struct trap *other = find(page, PAGE_SIZE);
	struct frame f = frame_get(hpa(page));

	return (page & MSI_ADDRESS_MASK) != MSI_ADDRESS &&
	       (!other || other->access == t->access) &&
	       (f.state == FRAME_NONE || f.state == FRAME_FIRMWARE || f.state == FRAME_CONTROL);
}

void trap_reserve(devlock_t l, struct trap *t, u64 base)
{
	spin_guard(&trap_lock);

	(void)l;
	if (t->base)
		list_del(&t->link);
	t->base = base;
	if (base)
		list_add_tail(&traps, &t->link);
}

bool trap_place(devlock_t l, struct trap *t, u64 base)
{
	u64 first = base & PAGE_MASK, end = base + t->size;
	bool ok = base && base < NESTED_END;

	if (t->base == base)
		return base;
	for (u64 page = first; ok && page < end; page += PAGE_SIZE)
		ok = allowed(t, page);
	/* The list first: a fault between the two must find the page trapped. */
	trap_reserve(l, t, ok ? base : 0);
	for (u64 page = first; ok && page < end; page += PAGE_SIZE)
		ok = control_trap_page(page) == DAIS_OK;
	if (!ok)
		trap_reserve(l, t, 0);
	/* While BARs are sized and moved, one may lie over RAM, which the device then is not. */
	if (!ok && base)
		log_warn("devices: registers at 0x%lx, over memory or others: not followed", base);
	return ok;
}

bool control_port_access(u32 port, u32 size, bool write, u64 *value)
{
	u32 mask = ~0u >> (32 - 8 * size), v = *value & mask;

	if ((port & 3) + size > 4) /* part of it might reach the hardware's PCI ports */
		return false;
	if (port >= CF8 && port < PCI_PORTS_END)
		pci_port_access(port, size, write, &v);
	else
		pm_port_access(port, size, write, &v);
	*value = v & mask;
	return true;
}

bool control_mmio_access(u64 gpa, u32 size, bool write, u64 *value)
{
	devlock_t l = devices_lock();
	struct trap *t = find(gpa, 1);
	bool done;

	if (!t)
		t = find(gpa & PAGE_MASK, PAGE_SIZE);
	if (!write)
		*value = 0;
	/* Misaligned accesses are undefined for devices too; so none leaves its register. */
	done = t && !(gpa & (size - 1)) && t->access(l, t, gpa, size, write, value);
	devices_unlock(l);
	return done;
}

status_t devices_init(const struct boot_info *b)
{
	devlock_t l = devices_lock();
	status_t s;

	for (u32 port = CF8; port < PCI_PORTS_END; port++)
		control_trap_port(port, true);
	pm_init(b);
	s = pci_init(l, b);
	if (s == DAIS_OK)
		s = ioapics_init(l, b);
	vpci_init(b->control_vcpus);
	if (s != DAIS_OK)
		log_error("devices: no memory, or an IO-APIC over other memory (status %u)", s);
	devices_unlock(l);
	return s;
}
