/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one dispatch for accesses of the control domain that trap. ECAM traps as a
 * range; other pages are in a table, sorted by address, which the nested-fault
 * path asks whenever it is about to map device memory: trap_lock, a leaf, covers
 * it for the few instructions of a search.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define HEAP_OBJECT_MAX 2048u
#define PCI_PORTS       0xcf8u
#define PCI_PORTS_END   0xd00u
#define LAPIC_FIRST     0xfee00000ULL /* where local APICs and MSI addresses lie */
#define LAPIC_LAST      0xfeefffffULL
#define NESTED_END      (1ULL << 48)  /* what four levels of nested tables reach */

struct trap_page { u64 page; u16 owner, users; };

static spinlock_t device_lock, trap_lock;
static struct trap_page *pages;  /* sorted; users > 1: small tables that share a page */
static u32 page_count, page_room;

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

void *dev_alloc(size_t size)
{
	if (size <= HEAP_OBJECT_MAX)
		return heap_alloc(size);
	return heap_pages(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
}

void dev_free(void *p, size_t size)
{
	if (size <= HEAP_OBJECT_MAX)
		heap_free(p, size);
	else
		heap_pages_free(p, ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
}

/* Index of the first page at or above this one. */
static u32 lower_bound(u64 page)
{
	u32 low = 0, high = page_count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (pages[middle].page < page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum trap_owner owner_of(u64 page)
{
	enum trap_owner owner = TRAP_NONE;
	u32 i;

	spin_lock(&trap_lock);
	i = lower_bound(page);
	if (i < page_count && pages[i].page == page)
		owner = pages[i].owner;
	spin_unlock(&trap_lock);
	return owner;
}

bool control_mmio_traps(u64 gpa, u64 size)
{
	bool traps;
	u32 i;

	if (pci_ecam_overlaps(gpa, size))
		return true;
	spin_lock(&trap_lock);
	i = lower_bound(gpa & PAGE_MASK);
	traps = i < page_count && pages[i].page < gpa + size;
	spin_unlock(&trap_lock);
	return traps;
}

/* Room for one more entry. */
static status_t grow(void)
{
	u32 room = page_room ? page_room * 2 : HEAP_OBJECT_MAX / sizeof(*pages);
	struct trap_page *old = pages, *new;
	u32 old_room = page_room;

	if (page_count < page_room)
		return DAIS_OK;
	new = dev_alloc(room * sizeof(*new));
	if (!new)
		return DAIS_NO_MEMORY;
	spin_lock(&trap_lock);
	if (old)
		memcpy(new, old, page_count * sizeof(*new));
	pages = new;
	page_room = room;
	spin_unlock(&trap_lock);
	dev_free(old, old_room * sizeof(*old));
	return DAIS_OK;
}

static void drop_page(u64 page)
{
	u32 i = lower_bound(page);
	bool last = --pages[i].users == 0;

	if (!last)
		return;
	spin_lock(&trap_lock);
	page_count--;
	memmove(&pages[i], &pages[i + 1], (page_count - i) * sizeof(*pages));
	spin_unlock(&trap_lock);
	if (control_trap_page(page, false) != DAIS_OK)
		log_warn("devices: no memory to map device page 0x%lx again", page);
}

/*
 * Accesses to a trapped page may be handed through: never to memory of Dais or
 * of a guest, nor to the host's local APIC, wherever a BAR was put.
 */
static bool allowed(u64 page)
{
	struct frame f = frame_get(hpa(page));

	if (page >= LAPIC_FIRST && page <= LAPIC_LAST)
		return false;
	return (f.state == FRAME_NONE || (f.state == FRAME_OWNED && f.owner == 0)) &&
	       !pci_ecam_overlaps(page, PAGE_SIZE);
}

/* The table first: a fault between the two must find the page trapped. */
static status_t add_page(u64 page, enum trap_owner owner)
{
	u32 i = lower_bound(page);
	status_t s;

	if (i < page_count && pages[i].page == page) {
		if (pages[i].owner != owner)
			return DAIS_DENIED;
		pages[i].users++;
		return DAIS_OK;
	}
	if (!allowed(page))
		return DAIS_DENIED;
	s = grow();
	if (s != DAIS_OK)
		return s;
	spin_lock(&trap_lock);
	memmove(&pages[i + 1], &pages[i], (page_count - i) * sizeof(*pages));
	pages[i] = (struct trap_page){ page, owner, 1 };
	page_count++;
	spin_unlock(&trap_lock);
	s = control_trap_page(page, true);
	if (s != DAIS_OK)
		drop_page(page);
	return s;
}

status_t trap_add(devlock_t l, u64 start, u64 size, enum trap_owner owner)
{
	status_t s;

	if (start >= NESTED_END || start + size > NESTED_END)
		return DAIS_DENIED;
	for (u64 page = start & PAGE_MASK; page < start + size; page += PAGE_SIZE) {
		s = add_page(page, owner);
		if (s == DAIS_OK)
			continue;
		if (page > start)
			trap_remove(l, start, page - start);
		return s;
	}
	return DAIS_OK;
}

void trap_remove(devlock_t l, u64 start, u64 size)
{
	(void)l;
	for (u64 page = start & PAGE_MASK; page < start + size; page += PAGE_SIZE)
		drop_page(page);
}

void trap_ports(u16 first, u16 count)
{
	for (u32 i = 0; i < count; i++)
		control_trap_port(first + i, true);
}

bool control_port_access(u32 port, u32 size, bool write, u64 *value)
{
	u32 v = *value & reg_mask(0, size), end = port + size;

	if (port >= PCI_PORTS && end <= PCI_PORTS_END)
		pci_port_access(port, size, write, &v);
	else if (port >= PCI_PORTS_END || end <= PCI_PORTS)
		pm_port_access(port, size, write, &v);
	else
		return false; /* half in: would reach the hardware's own address register */
	*value = v;
	return true;
}

bool control_mmio_access(u64 gpa, u32 size, bool write, u64 *value)
{
	enum trap_owner owner = owner_of(gpa & PAGE_MASK);
	bool done = false;
	devlock_t l;

	if (owner == TRAP_VPCI) /* takes no device lock: it delivers */
		return vpci_access(gpa, size, write, value);
	l = devices_lock();
	if (owner == TRAP_IOAPIC)
		done = ioapic_access(l, gpa, size, write, value);
	else if (owner == TRAP_MSIX)
		done = msix_access(l, gpa, size, write, value);
	else
		done = pci_ecam_access(l, gpa, size, write, value);
	devices_unlock(l);
	if (!write && size < sizeof(*value))
		*value &= (1ULL << size * 8) - 1;
	return done;
}

status_t devices_init(const struct boot_info *b)
{
	status_t s;

	pci_init(b);
	trap_ports(PCI_PORTS, PCI_PORTS_END - PCI_PORTS);
	pm_init(b);
	s = ioapics_init(b);
	if (s == DAIS_OK)
		s = vpci_init(b->control_vcpus);
	if (s != DAIS_OK)
		log_error("devices: no memory for the control domain's devices (status %d)", s);
	return s;
}
