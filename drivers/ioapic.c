/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's view of the real IO-APICs (82093AA data sheet): the
 * redirection entries it reads are its own, each that it writes programs the
 * real one with a host vector. A pin's route, once made, is kept, so that its
 * vector never changes. A level-triggered pin is masked from its arrival to the
 * guest's EOI, since the host ends it at once.
 *
 * Entries are changed under the device lock; hw_lock is a leaf that covers the
 * hardware and what the interrupt path changes of a pin.
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "drivers/iommu/iommu.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define REG_INDEX  0x00u
#define REG_DATA   0x10u
#define REG_EOI    0x40u      /* from version 0x20 on; harmless before */
#define IOAPIC_ENTRY 0x10u

/* Redirection entries, low half */
#define RTE_VECTOR    0x000000ffu
#define RTE_MODE      0x00000700u
#define RTE_LOGICAL   (1u << 11)
#define RTE_POLARITY  (1u << 13)
#define RTE_REMOTE_IRR (1u << 14) /* read-only */
#define RTE_LEVEL     (1u << 15)
#define RTE_MASKED    (1u << 16)
#define RTE_WRITABLE  0x0001afffu
#define RTE_UPPER_SHIFT 16        /* high half: bits 19:4 of a message's address (VT-d spec. §5.1.5.1) */
#define MSI_UPPER_SHIFT 4
#define MSI_LOGICAL   (1u << 2)

struct ioapic_pin {
	struct ioapic *io;
	struct irq_route *route; /* of what the guest unmasked first */
	u64 host;                /* what irq_point said then; 0: masked by the guest, or not routed */
	u32 guest[2];            /* entry as the control domain wrote it */
	u32 serving;             /* atomic: the guest's vector while in service, else 0 */
};

struct ioapic {
	struct trap trap;
	struct list link;
	u32 index;               /* the control domain's */
	u32 pins;
	u32 source;              /* its requester ID */
	struct ioapic_pin pin[];
};

static struct list ioapics = { &ioapics, &ioapics }; /* complete before the control domain runs */
static spinlock_t hw_lock;

static u32 hw_read(u64 base, u32 reg)
{
	mmio_write32(base + REG_INDEX, reg);
	return mmio_read32(base + REG_DATA);
}

static void hw_write(u64 base, u32 reg, u32 value)
{
	mmio_write32(base + REG_INDEX, reg);
	mmio_write32(base + REG_DATA, value);
}

static u32 entry_reg(const struct ioapic_pin *p) { return IOAPIC_ENTRY + 2 * (p - p->io->pin); }

/* hw_lock is held. A masked entry keeps its vector for the EOI. */
static void hw_update(const struct ioapic_pin *p)
{
	u32 entry = p->guest[0] & (RTE_POLARITY | RTE_LEVEL);

	if (!p->host || p->serving)
		entry |= RTE_MASKED;
	if (p->route)
		entry |= p->route->host >> 32;
	hw_write(p->io->trap.base, entry_reg(p), entry);
}

static void set_serving(struct ioapic_pin *p, u32 vector)
{
	spin_guard(&hw_lock);

	atomic_store(&p->serving, vector);
	hw_update(p);
}

static void end_vector(struct ioapic *io, u32 vector)
{
	for (struct ioapic_pin *p = io->pin; p < io->pin + io->pins; p++) {
		/* Lock-free: it was set before the delivery, so the EOI of that sees it. */
		if (atomic_load(&p->serving) == vector)
			set_serving(p, 0);
	}
}

void irq_eoi(u32 guest_vector)
{
	list_for(p, &ioapics)
		end_vector(list_entry(p, struct ioapic, link), guest_vector);
}

void ioapic_level(struct ioapic_pin *p, u64 message)
{
	set_serving(p, message >> 32 & RTE_VECTOR);
	/* Remapped, it arrived as edge-triggered: the local APIC's EOI does not reach the pin. */
	if (iommu_state() & DAIS_IOMMU_IRQ)
		mmio_write32(p->io->trap.base + REG_EOI, p->route->host >> 32 & RTE_VECTOR);
	/* If nobody takes it, the pin stays masked until its entry is written again. */
	if (control_deliver((u32)message, message >> 32) != DAIS_OK)
		atomic_store(&p->serving, 0);
}

/* The entry as a message; bits 55..49 are destination bits 14..8 (KVM's extended IDs). */
static u64 route(struct ioapic_pin *p)
{
	u32 low = p->guest[0], high = p->guest[1];
	u32 address = MSI_ADDRESS | (high >> 24) << MSI_DEST_SHIFT | (high >> 17 & 0x7f) << 5 |
		      (low & RTE_LOGICAL ? MSI_LOGICAL : 0);
	u64 host = irq_point(&p->route, NULL, p, p->io->source, address, low & (RTE_VECTOR | RTE_MODE | MSI_LEVEL));

	if (!host)
		log_warn("ioapic at 0x%lx: pin %lu stays masked: entry %08x %08x refused, or no vector",
			 p->io->trap.base, p - p->io->pin, high, low);
	return host;
}

static void entry_changed(struct ioapic_pin *p)
{
	u64 host = p->guest[0] & RTE_MASKED ? 0 : route(p);
	spin_guard(&hw_lock);

	p->host = host;
	if (!(p->guest[0] & RTE_LEVEL)) /* how Linux clears the remote IRR of old IO-APICs */
		atomic_store(&p->serving, 0);
	if (host)
		hw_write(p->io->trap.base, entry_reg(p) + 1, (host >> MSI_UPPER_SHIFT & 0xffff) << RTE_UPPER_SHIFT);
	hw_update(p);
}

/* All but the entries is the hardware's own. */
static void data_access(struct ioapic *io, struct access *a)
{
	u32 i = io->index - IOAPIC_ENTRY;
	struct ioapic_pin *p = &io->pin[i / 2];

	if (io->index < IOAPIC_ENTRY) {
		spin_guard(&hw_lock);

		if (a->write)
			hw_write(io->trap.base, io->index, a->value);
		else
			a->value = hw_read(io->trap.base, io->index);
	} else if (i / 2 < io->pins && a->write) {
		p->guest[i & 1] = i & 1 ? a->value : a->value & RTE_WRITABLE;
		entry_changed(p);
	} else if (i / 2 < io->pins) {
		a->value = p->guest[i & 1] | (!(i & 1) && atomic_load(&p->serving) ? RTE_REMOTE_IRR : 0);
	}
}

/* Registers are 32 bits wide (Linux also writes the index as a byte). */
static bool ioapic_access(struct trap *t, struct access *a)
{
	struct ioapic *io = container_of(t, struct ioapic, trap);
	u64 reg = a->at - t->base;

	if (reg == REG_INDEX && a->write)
		io->index = a->value & 0xff;
	else if (reg == REG_INDEX)
		a->value = io->index;
	else if (reg == REG_DATA && a->size == 4)
		data_access(io, a);
	else if (reg == REG_EOI && a->write)
		end_vector(io, a->value & RTE_VECTOR);
	else
		return false;
	return true;
}

void ioapics_init(const struct boot_info *b)
{
	const struct boot_ioapic *from = hpa_to_hva(hpa(b->ioapics));

	for (u32 i = 0; i < b->ioapic_count; i++, from++) {
		struct ioapic *io = heap_alloc(sizeof(*io) + from->pins * sizeof(io->pin[0]));

		log_info("ioapic at 0x%lx: %u pins", from->base, from->pins);
		if (!io)
			panic("no memory for an IO-APIC");
		io->pins = from->pins;
		io->source = from->source;
		io->trap = (struct trap){ .size = REG_EOI + 4, .access = ioapic_access };
		if (!trap_place(&io->trap, from->base))
			panic("the IO-APIC lies over other memory, or there is none to trap it");
		for (struct ioapic_pin *p = io->pin; p < io->pin + io->pins; p++) {
			*p = (struct ioapic_pin){ .io = io, .guest = { RTE_MASKED } };
			hw_update(p);
		}
		list_add_tail(&ioapics, &io->link);
	}
}
