/* SPDX-License-Identifier: GPL-2.0-only */
/* Host vectors: which interrupt of the machine becomes which message to the control domain. */
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"

#define VECTORS (IRQ_VECTOR_LAST - IRQ_VECTOR_FIRST + 1)
#define DEST_MAX 254u         /* 8-bit destinations; 255 is the broadcast (SDM vol. 3 §10.6.2.1) */
#define ADDRESS_DEST_SHIFT 12
#define DATA_MODE(data)    ((data) >> 8 & 7)
#define MODE_LOWEST 1u
#define VECTOR_MIN 16u

static struct irq_route *routes[MAX_CPUS]; /* VECTORS each, made at the first allocation, kept */
static u32 next_vector[MAX_CPUS];

static struct irq_route *make_table(u32 cpu)
{
	struct irq_route *t = heap_alloc(VECTORS * sizeof(*t));

	for (u32 i = 0; t && i < VECTORS; i++) {
		t[i].cpu = cpu;
		t[i].address = MSI_ADDRESS | cpu_apic_id(cpu) << ADDRESS_DEST_SHIFT;
		t[i].vector = IRQ_VECTOR_FIRST + i;
	}
	atomic_store(&routes[cpu], t);
	return t;
}

/*
 * Vectors are handed out in turn: one that was just given up rests as long as
 * possible, so that what is still under way to it is dropped, not misled.
 */
static struct irq_route *alloc_on(u32 cpu)
{
	if (cpu_apic_id(cpu) > DEST_MAX || (!routes[cpu] && !make_table(cpu)))
		return NULL;
	for (u32 i = 0; i < VECTORS; i++) {
		struct irq_route *r = &routes[cpu][next_vector[cpu]++ % VECTORS];

		if (!r->message)
			return r;
	}
	return NULL;
}

bool irq_point(devlock_t l, struct irq_route **r, struct ioapic_pin *pin, u64 address, u32 data)
{
	u32 home = control_home_cpu(address), cpus = cpu_count();

	(void)l;
	/* Only fixed and lowest-priority messages to local APICs are routed (decision 10). */
	if ((address & MSI_ADDRESS_MASK) != MSI_ADDRESS || DATA_MODE(data) > MODE_LOWEST ||
	    (data & 0xff) < VECTOR_MIN)
		return false;
	for (u32 i = 0; !*r && i < cpus; i++)
		*r = alloc_on((home + i) % cpus);
	if (!*r)
		return false;
	(*r)->pin = pin;
	atomic_store(&(*r)->message, address | (u64)data << 32);
	return true;
}

void irq_free(devlock_t l, struct irq_route **r)
{
	(void)l;
	if (*r)
		atomic_store(&(*r)->message, 0);
	*r = NULL;
}

bool irq_handle(u32 cpu, u32 vector)
{
	struct irq_route *t = atomic_load(&routes[cpu]), *r;
	u64 message;

	if (!t || vector < IRQ_VECTOR_FIRST || vector > IRQ_VECTOR_LAST)
		return false;
	r = &t[vector - IRQ_VECTOR_FIRST];
	message = atomic_load(&r->message);
	if (!message)
		return false;
	if (r->pin && message >> 32 & MSI_LEVEL)
		ioapic_level(r->pin, message);
	else
		control_deliver((u32)message, message >> 32);
	return true;
}
