/* SPDX-License-Identifier: GPL-2.0-only */
/* Host vectors: which interrupt of the machine becomes which message to the control domain. */
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define VECTORS (IRQ_VECTOR_LAST - IRQ_VECTOR_FIRST + 1)
#define DEST_MAX 254u         /* 8-bit destinations; 255 is the broadcast (SDM vol. 3 §10.6.2.1) */
#define ADDRESS_DEST_SHIFT 12
#define VECTOR_MIN 16u

static struct irq_route *routes[MAX_CPUS]; /* VECTORS each, made at the first allocation, kept */
static u8 next_vector[MAX_CPUS];

/*
 * Vectors are handed out in turn, retired ones last: one that was just given up
 * rests as long as possible, so that what is still under way finds its route.
 */
static struct irq_route *find_unused(u32 cpu, enum irq_kind kind)
{
	for (u32 i = 0; i < VECTORS; i++) {
		struct irq_route *r = &routes[cpu][(next_vector[cpu] + i) % VECTORS];

		if (r->kind == kind) {
			next_vector[cpu] = (r - routes[cpu] + 1) % VECTORS;
			return r;
		}
	}
	return NULL;
}

static status_t make_table(u32 cpu)
{
	struct irq_route *t = dev_alloc(VECTORS * sizeof(*t));

	if (!t)
		return DAIS_NO_MEMORY;
	for (u32 i = 0; i < VECTORS; i++) {
		t[i].cpu = cpu;
		t[i].vector = IRQ_VECTOR_FIRST + i;
	}
	atomic_store(&routes[cpu], t);
	return DAIS_OK;
}

static status_t alloc_on(u32 cpu, struct irq_route **out)
{
	status_t s = DAIS_OK;

	if (cpu_apic_id(cpu) > DEST_MAX)
		return DAIS_NO_SPACE;
	if (!routes[cpu])
		s = make_table(cpu);
	if (s != DAIS_OK)
		return s;
	*out = find_unused(cpu, IRQ_FREE);
	if (!*out)
		*out = find_unused(cpu, IRQ_RETIRED);
	return *out ? DAIS_OK : DAIS_NO_SPACE;
}

/* On `cpu`, or on any other when it has no vector left. */
static status_t alloc(u32 cpu, struct irq_route **out)
{
	u32 cpus = cpu_count();
	status_t s = DAIS_NO_SPACE;

	for (u32 i = 0; i < cpus && s != DAIS_OK; i++)
		s = alloc_on((cpu + i) % cpus, out);
	return s;
}

bool irq_message_ok(u64 address, u32 data)
{
	u32 mode = data >> 8 & 7;

	return (address & ~0xfffffULL) == MSI_ADDRESS && mode <= 1 && (data & 0xff) >= VECTOR_MIN;
}

/* False: another route must be taken, *n when its CPU had one. */
static bool stays(const struct irq_route *r, const struct irq_want *w, u32 kind, u32 home,
		  struct irq_route **n)
{
	if (!r || r->kind != kind)
		return false;
	return r->cpu == home || !w->may_move || alloc_on(home, n) != DAIS_OK;
}

status_t irq_point(devlock_t l, struct irq_route **r, const struct irq_want *w,
		   struct irq_route **old)
{
	u32 home = control_home_cpu((u32)w->message);
	u32 kind = w->level ? IRQ_LEVEL : IRQ_EDGE;
	struct irq_route *n = NULL;
	status_t s;

	(void)l;
	*old = NULL;
	if (stays(*r, w, kind, home, &n)) {
		atomic_store(&(*r)->message, w->message);
		return DAIS_OK;
	}
	s = n ? DAIS_OK : alloc(home, &n);
	if (s != DAIS_OK)
		return s;
	n->pin = w->pin;
	n->count = 0;
	atomic_store(&n->message, w->message);
	atomic_store(&n->kind, kind);
	*old = *r;
	/* What is under way to the old vector belongs to the new message too. */
	if (*old)
		atomic_store(&(*old)->message, w->message);
	*r = n;
	return DAIS_OK;
}

/* A level-triggered line needs none: still asserted, it is signalled at the pin's new route. */
void irq_retire(devlock_t l, struct irq_route *r)
{
	(void)l;
	if (r)
		atomic_store(&r->kind, r->kind == IRQ_LEVEL ? IRQ_FREE : IRQ_RETIRED);
}

void irq_free(devlock_t l, struct irq_route *r)
{
	(void)l;
	if (!r)
		return;
	log_debug("irq: vector 0x%x of CPU %u freed after %lu interrupts", r->vector, r->cpu,
		  r->count);
	atomic_store(&r->kind, IRQ_FREE);
}

u32 irq_host_address(const struct irq_route *r)
{
	return MSI_ADDRESS | cpu_apic_id(r->cpu) << ADDRESS_DEST_SHIFT;
}

bool irq_handle(u32 cpu, u32 vector)
{
	struct irq_route *t = atomic_load(&routes[cpu]), *r;
	u64 message;
	u32 kind;

	if (!t || vector < IRQ_VECTOR_FIRST || vector > IRQ_VECTOR_LAST)
		return false;
	r = &t[vector - IRQ_VECTOR_FIRST];
	kind = atomic_load(&r->kind);
	message = atomic_load(&r->message);
	if (kind == IRQ_FREE)
		return false;
	r->count++;
	if (kind == IRQ_LEVEL && !ioapic_level_begin(r->pin, r, message))
		return true;
	if (control_deliver((u32)message, message >> 32) != DAIS_OK && kind == IRQ_LEVEL)
		ioapic_level_cancel(r->pin);
	return true;
}
