/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's view of the real IO-APICs (82093AA data sheet): the
 * registers it reads are its own, each redirection entry that it writes programs
 * the real one with a host vector. A level-triggered pin is masked from its
 * arrival to the guest's EOI, since the host ends it at once.
 *
 * Entries are changed under the device lock; hw_lock is a leaf that covers the
 * hardware and what the interrupt path changes (in_service).
 */
#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define REG_INDEX  0x00u
#define REG_DATA   0x10u
#define REG_EOI    0x40u
#define IOAPIC_ID  0x00u
#define IOAPIC_VERSION 0x01u
#define IOAPIC_ARB 0x02u
#define IOAPIC_ENTRY 0x10u
#define VERSION_HAS_EOI 0x20u

#define RTE_VECTOR    0x000000ffULL
#define RTE_MODE      0x00000700ULL
#define RTE_LOGICAL   (1ULL << 11)
#define RTE_PENDING   (1ULL << 12) /* delivery status, read-only */
#define RTE_POLARITY  (1ULL << 13)
#define RTE_REMOTE_IRR (1ULL << 14) /* read-only */
#define RTE_LEVEL     (1ULL << 15)
#define RTE_MASKED    (1ULL << 16)
#define RTE_WRITABLE  (0xfffe00000001ffffULL & ~(RTE_PENDING | RTE_REMOTE_IRR))
#define MODE_EXTINT   0x700u
#define MSI_LOGICAL   (1u << 2)
#define MSI_LEVEL     0xc000u      /* level-triggered, asserted */

struct ioapic_pin {
	struct ioapic *io;
	struct irq_route *route;
	u64 guest;               /* entry as the control domain wrote it */
	u64 hw;                  /* entry as the hardware has it */
	bool wanted;             /* unmasked by the guest, and routed */
	bool in_service;
	u8 service_vector;       /* the guest's, when it was delivered */
};

struct ioapic {
	struct list link;
	u64 base;
	u32 id, version, index;  /* index: the control domain's */
	u32 pins;
	struct ioapic_pin *pin;
};

static struct list ioapics = { &ioapics, &ioapics }; /* complete before the control domain runs */
static spinlock_t hw_lock;
static u32 serving[256];                             /* pins in service by guest vector; hw_lock */

static u32 hw_read(const struct ioapic *io, u32 reg)
{
	mmio_write(io->base + REG_INDEX, 4, reg);
	return mmio_read(io->base + REG_DATA, 4);
}

static void hw_write(const struct ioapic *io, u32 reg, u32 value)
{
	mmio_write(io->base + REG_INDEX, 4, reg);
	mmio_write(io->base + REG_DATA, 4, value);
}

/*
 * Anything but the mask changes only while the pin is masked and edge-triggered:
 * that also clears a remote IRR that would wait for the old vector's EOI.
 */
static void hw_program(struct ioapic_pin *p, u64 entry)
{
	u32 reg = IOAPIC_ENTRY + 2 * (p - p->io->pin);

	if ((entry ^ p->hw) & ~RTE_MASKED) {
		hw_write(p->io, reg, (entry & ~RTE_LEVEL) | RTE_MASKED);
		hw_write(p->io, reg + 1, entry >> 32);
		hw_write(p->io, reg, entry | RTE_MASKED);
		p->hw = entry | RTE_MASKED;
	}
	if (entry != p->hw)
		hw_write(p->io, reg, entry);
	p->hw = entry;
}

static void hw_mask(struct ioapic_pin *p)
{
	hw_program(p, p->wanted && !p->in_service ? p->hw & ~RTE_MASKED : p->hw | RTE_MASKED);
}

static void end_service(struct ioapic_pin *p)
{
	if (!p->in_service)
		return;
	p->in_service = false;
	serving[p->service_vector]--;
}

static void end_vector(struct ioapic *io, u32 vector)
{
	for (struct ioapic_pin *p = io->pin; p < io->pin + io->pins; p++) {
		if (!p->in_service || p->service_vector != vector)
			continue;
		end_service(p);
		hw_mask(p);
	}
}

void irq_eoi(u32 guest_vector)
{
	/* Lock-free: a pin is counted before its interrupt is delivered, so its EOI sees it. */
	if (guest_vector > RTE_VECTOR || !atomic_load(&serving[guest_vector]))
		return;
	spin_lock(&hw_lock);
	list_for(p, &ioapics)
		end_vector(list_entry(p, struct ioapic, link), guest_vector);
	spin_unlock(&hw_lock);
}

bool ioapic_level_begin(struct ioapic_pin *p, const struct irq_route *r, u64 message)
{
	bool current;

	spin_lock(&hw_lock);
	current = p->route == r;
	if (current) {
		end_service(p);
		p->service_vector = message >> 32 & RTE_VECTOR;
		p->in_service = true;
		serving[p->service_vector]++;
		hw_mask(p);
	}
	spin_unlock(&hw_lock);
	return current;
}

void ioapic_level_cancel(struct ioapic_pin *p)
{
	spin_lock(&hw_lock);
	end_service(p); /* hardware stays masked until the entry is written again */
	spin_unlock(&hw_lock);
}

/* As a message; bits 55..49 are destination bits 14..8 (KVM's extended IDs). */
static u64 entry_message(u64 g)
{
	u32 address = MSI_ADDRESS | (g >> 56) << 12 | (g >> 49 & 0x7f) << 5;
	u32 data = g & (RTE_VECTOR | RTE_MODE);

	if (g & RTE_LOGICAL)
		address |= MSI_LOGICAL;
	if (g & RTE_LEVEL)
		data |= MSI_LEVEL;
	return irq_message(address, data);
}

/* A route for what the guest wrote; false: the pin stays masked. */
static bool pin_route(devlock_t l, struct ioapic_pin *p, struct irq_route **now,
		      struct irq_route **old)
{
	struct irq_want w = { entry_message(p->guest), p, p->guest & RTE_LEVEL, true };
	u32 number = p - p->io->pin;

	if (p->guest & RTE_MASKED)
		return false;
	if (!irq_message_ok((u32)w.message, w.message >> 32)) {
		if ((p->guest & RTE_MODE) != MODE_EXTINT) /* Linux tries those, nobody needs them */
			log_warn("ioapic %u: pin %u stays masked: entry 0x%lx refused", p->io->id,
				 number, p->guest);
		return false;
	}
	if (irq_point(l, now, &w, old) == DAIS_OK)
		return true;
	log_error("ioapic %u: pin %u stays masked: no host vector is free", p->io->id, number);
	return false;
}

static void pin_apply(devlock_t l, struct ioapic_pin *p)
{
	struct irq_route *now = p->route, *old = NULL;
	bool wanted = pin_route(l, p, &now, &old);
	bool release = now && (p->guest & RTE_MASKED) && !(p->guest & RTE_VECTOR);

	spin_lock(&hw_lock);
	p->route = release ? NULL : now;
	p->wanted = wanted;
	if (!(p->guest & RTE_LEVEL)) /* how Linux clears the remote IRR of old IO-APICs */
		end_service(p);
	if (wanted)
		hw_program(p, RTE_MASKED | now->vector | (p->guest & (RTE_POLARITY | RTE_LEVEL)) |
			   (u64)cpu_apic_id(now->cpu) << 56);
	hw_mask(p);
	spin_unlock(&hw_lock);
	irq_retire(l, old);
	if (release)
		irq_free(l, now);
}

static u32 register_read(struct ioapic *io)
{
	u32 i = io->index - IOAPIC_ENTRY;
	struct ioapic_pin *p = &io->pin[i / 2];
	u64 entry;

	if (io->index == IOAPIC_ID || io->index == IOAPIC_ARB)
		return io->id << 24;
	if (io->index == IOAPIC_VERSION)
		return io->version;
	if (io->index < IOAPIC_ENTRY || i / 2 >= io->pins)
		return 0;
	/* Lock-free: in_service may change at any time anyway. */
	entry = p->guest | (atomic_load(&p->in_service) ? RTE_REMOTE_IRR : 0);
	return i & 1 ? entry >> 32 : entry;
}

static void register_write(devlock_t l, struct ioapic *io, u32 value)
{
	u32 i = io->index - IOAPIC_ENTRY;
	struct ioapic_pin *p = &io->pin[i / 2];

	if (io->index == IOAPIC_ID)
		io->id = value >> 24;
	if (io->index < IOAPIC_ENTRY || i / 2 >= io->pins)
		return;
	if (i & 1)
		p->guest = (u32)p->guest | (u64)value << 32;
	else
		p->guest = (p->guest & ~0xffffffffULL) | value;
	p->guest &= RTE_WRITABLE;
	pin_apply(l, p);
}

static void end_by_register(struct ioapic *io, u32 vector)
{
	if ((io->version & 0xff) < VERSION_HAS_EOI)
		return;
	spin_lock(&hw_lock);
	end_vector(io, vector & RTE_VECTOR);
	spin_unlock(&hw_lock);
}

static u32 io_read(struct ioapic *io, u32 reg)
{
	if (reg == REG_DATA)
		return register_read(io);
	return reg == REG_INDEX ? io->index : 0;
}

static void io_write(devlock_t l, struct ioapic *io, u32 reg, u32 value)
{
	if (reg == REG_INDEX)
		io->index = value & 0xff;
	else if (reg == REG_DATA)
		register_write(l, io, value);
	else if (reg == REG_EOI)
		end_by_register(io, value);
}

/* Registers are 32 bits wide: of a wider access the low half counts, a narrower write is none. */
bool ioapic_access(devlock_t l, u64 gpa, u32 size, bool write, u64 *value)
{
	list_for(p, &ioapics) {
		struct ioapic *io = list_entry(p, struct ioapic, link);
		u32 reg = gpa - io->base;

		if (gpa < io->base || gpa > io->base + REG_EOI)
			continue;
		if (!write)
			*value = io_read(io, reg);
		else if (size >= 4 || reg == REG_INDEX)
			io_write(l, io, reg, *value);
		return true;
	}
	return false;
}

static status_t ioapic_add(devlock_t l, const struct boot_ioapic *b)
{
	struct ioapic *io = dev_alloc(sizeof(*io));

	if (!io)
		return DAIS_NO_MEMORY;
	io->base = b->base;
	io->id = hw_read(io, IOAPIC_ID) >> 24;
	io->version = hw_read(io, IOAPIC_VERSION);
	if (io->version == ~0u) {
		log_warn("ioapic at 0x%lx, as the MADT says: nothing is there", io->base);
		dev_free(io, sizeof(*io));
		return DAIS_OK;
	}
	io->pins = (io->version >> 16 & 0xff) + 1;
	io->pin = dev_alloc(io->pins * sizeof(*io->pin));
	if (!io->pin)
		return DAIS_NO_MEMORY;
	for (u32 i = 0; i < io->pins; i++) {
		io->pin[i] = (struct ioapic_pin){ .io = io, .guest = RTE_MASKED };
		hw_program(&io->pin[i], RTE_MASKED);
	}
	list_add_tail(&ioapics, &io->link);
	log_info("ioapic %u at 0x%lx: version 0x%x, interrupts %u to %u", io->id, io->base,
		 io->version & 0xff, b->gsi_base, b->gsi_base + io->pins - 1);
	return trap_add(l, io->base, REG_EOI + 4, TRAP_IOAPIC);
}

/* Failing ends the start of Dais: nothing is undone. */
status_t ioapics_init(const struct boot_info *b)
{
	const struct boot_ioapic *t = hpa_to_hva(hpa(b->ioapics));
	devlock_t l = devices_lock();
	status_t s = DAIS_OK;

	for (u32 i = 0; i < b->ioapic_count && s == DAIS_OK; i++)
		s = ioapic_add(l, &t[i]);
	devices_unlock(l);
	return s;
}
