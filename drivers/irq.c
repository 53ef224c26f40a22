/* SPDX-License-Identifier: GPL-2.0-only */
/* Host vectors: which interrupt of the machine becomes which message to the control domain. */
#include "drivers/internal.h"
#include "drivers/iommu/iommu.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"

#define VECTORS    (IRQ_VECTOR_LAST - IRQ_VECTOR_FIRST + 1)
#define DATA_MODE(data) ((data) >> 8 & 7)
#define MODE_LOWEST 1u
#define VECTOR_MIN 16u

static struct irq_route *routes[MAX_CPUS]; /* VECTORS each, made when one is first needed, kept */
static u32 handling[MAX_CPUS]; /* atomic: in irq_handle, perhaps with a route that is free by now */

/*
 * Vectors are handed out in turn: one that was just given up rests as long as
 * possible, so that what is still under way to it is dropped, not misled.
 */
static struct irq_route *find_free(u32 home)
{
	static u32 next;

	for (u32 i = 0; i < cpu_count(); i++) {
		u32 cpu = (home + i) % cpu_count(), id = cpu_apic_id(cpu);

		if (!routes[cpu] && id <= iommu_irq_dest_max())
			atomic_store(&routes[cpu], heap_alloc(VECTORS * sizeof(struct irq_route)));
		for (u32 n = 0; n < VECTORS && routes[cpu]; n++) {
			u64 vector = next++ % VECTORS;
			struct irq_route *r = &routes[cpu][vector];

			if (r->message)
				continue;
			r->host = MSI_ADDRESS | MSI_DEST(id) | (IRQ_VECTOR_FIRST + vector) << 32;
			return r;
		}
	}
	return NULL;
}

/* A free route for what fn sends, NULL: there is none. */
static struct irq_route *take(u32 home, u32 fn)
{
	struct irq_route *r = find_free(home);

	if (!r)
		return NULL;
	r->fn = fn;
	r->host = iommu_irq_alloc(fn, r->host);
	return r->host ? r : NULL;
}

u64 irq_point(struct irq_route **r, struct domain *d, struct ioapic_pin *pin, u32 fn, u64 address, u32 data)
{
	/* Only fixed and lowest-priority messages to local APICs are routed (decision 10). */
	if ((address & MSI_ADDRESS_MASK) != MSI_ADDRESS || DATA_MODE(data) > MODE_LOWEST ||
	    (data & 0xff) < VECTOR_MIN)
		return 0;
	if (!*r)
		*r = take(irq_home_cpu(d, address), fn);
	if (!*r)
		return 0;
	(*r)->pin = pin;
	(*r)->dom = d;
	atomic_store(&(*r)->message, address | (u64)data << 32);
	return (*r)->host;
}

void irq_free(struct irq_route **r)
{
	if (*r) {
		iommu_irq_free((*r)->fn, (*r)->host);
		(void)atomic_xchg(&(*r)->message, 0); /* before irq_drain looks */
	}
	*r = NULL;
}

void irq_drain(void)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		while (atomic_load(&handling[cpu]))
			cpu_relax();
}

bool irq_handle(u32 cpu, u32 vector)
{
	struct irq_route *r = atomic_load(&routes[cpu]);
	u64 message;

	if (!r || vector < IRQ_VECTOR_FIRST || vector > IRQ_VECTOR_LAST)
		return false;
	r += vector - IRQ_VECTOR_FIRST;
	atomic_xchg(&handling[cpu], 1); /* a full barrier: before the message is read */
	message = atomic_load(&r->message);
	if (message && r->dom)
		(void)!arch_msi(r->dom, (u32)message, message >> 32); /* nonsense is dropped, as on a bus */
	else if (message && r->pin && message >> 32 & MSI_LEVEL)
		ioapic_level(r->pin, message);
	else if (message)
		control_deliver((u32)message, message >> 32);
	atomic_store(&handling[cpu], 0);
	return message;
}
