/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one dispatch for accesses of the control domain that trap: ports, and
 * ranges of memory. Those change under the device lock and trap_lock: the
 * nested-fault path, which has view_lock, takes only the latter.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/frame.h"
#include "kernel/log.h"

#define NESTED_END  (1ULL << 48)  /* what four levels of nested tables reach */
#define SLP_EN      (1u << 5)     /* in the upper byte of PM1_CNT, as the type (ACPI spec. §4.8.3.2.1) */
#define SLP_TYPE(v) ((v) >> 2 & 7)

spinlock_t device_lock;
static spinlock_t trap_lock;
static struct list traps = { &traps, &traps };
static u16 pm1[2];      /* ports of the upper bytes; of none: 1, which does not trap */
static bool may_sleep;  /* atomic */

/* --- memory --- */

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

void trap_reserve(struct trap *t, u64 base)
{
	spin_guard(&trap_lock);

	if (t->base)
		list_del(&t->link);
	t->base = base;
	if (base)
		list_add_tail(&traps, &t->link);
}

bool trap_place(struct trap *t, u64 base)
{
	u64 first = base & PAGE_MASK, end = base + t->size;
	bool ok = base && base < NESTED_END;

	if (t->base == base)
		return base;
	for (u64 page = first; ok && page < end; page += PAGE_SIZE)
		ok = allowed(t, page);
	/* The list first: a fault between the two must find the page trapped. */
	trap_reserve(t, ok ? base : 0);
	for (u64 page = first; ok && page < end; page += PAGE_SIZE)
		ok = control_trap_page(page) == DAIS_OK;
	if (!ok)
		trap_reserve(t, 0);
	/* While BARs are sized and moved, one may lie over RAM, which the device then is not. */
	if (!ok && base)
		log_warn("devices: registers at 0x%lx, over memory or others: not followed", base);
	return ok;
}

bool control_mmio_access(u64 gpa, u32 size, bool write, u64 *value)
{
	spin_guard(&device_lock);
	struct access a = { gpa, size, write, write ? *value : 0 };
	struct trap *t = find(gpa, 1);
	bool done;

	if (!t)
		t = find(gpa & PAGE_MASK, PAGE_SIZE);
	/* Misaligned accesses are undefined for devices too; so none leaves its register. */
	done = t && !(gpa & (size - 1)) && t->access(t, &a);
	*value = a.value;
	return done;
}

/* --- ports --- */

void port_access(struct access *a)
{
	if (a->write)
		port_write(a->at, a->size, a->value);
	else
		a->value = port_read(a->at, a->size);
}

void arch_shutdown_allowed(bool yes)
{
	atomic_store(&may_sleep, yes);
}

/*
 * A sleep state passes only after the control domain's notice, so that none comes as a surprise to guests. It
 * may always reset the machine, since a panicking one must.
 */
static bool sleep_refused(const struct access *a, u16 upper)
{
	u32 v = a->write && upper >= a->at && upper < a->at + a->size ? a->value >> (upper - a->at) * 8 : 0;
	bool pass = atomic_load(&may_sleep);

	if (v & SLP_EN)
		log_warn("power: the control domain enters sleep type %u%s", SLP_TYPE(v),
			 pass ? "" : ": refused without dais.ko's notice");
	return v & SLP_EN && !pass;
}

bool control_port_access(u32 port, u32 size, bool write, u64 *value)
{
	spin_guard(&device_lock);
	u32 mask = ~0u >> (32 - 8 * size);
	struct access a = { port, size, write, write ? *value & mask : 0 };

	if ((port & 3) + size > 4) /* part of it might reach the hardware's PCI ports */
		return false;
	if (port >= PCI_PORTS && port < PCI_PORTS_END)
		pci_port_access(&a);
	else if (!sleep_refused(&a, pm1[0]) && !sleep_refused(&a, pm1[1]))
		port_access(&a);
	*value = a.value & mask;
	return true;
}

void devices_init(const struct boot_info *b)
{
	const u32 control[] = { b->pm1a_cnt_port, b->pm1b_cnt_port };
	spin_guard(&device_lock);

	for (u32 port = PCI_PORTS; port < PCI_PORTS_END; port++)
		control_trap_port(port, true);
	for (u32 i = 0; i < ARRAY_SIZE(pm1); i++) {
		pm1[i] = control[i] + 1;
		if (control[i])
			control_trap_port(pm1[i], true);
	}
	pci_init(b);
	ioapics_init(b);
	vpci_init(b);
}
