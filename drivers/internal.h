/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the drivers share among themselves.
 *
 * Locks: the device lock (between 1 and 2 of kernel/lock.h) covers everything
 * that the control domain configures, and is held while pages are trapped. The
 * interrupt path must not wait for that, so it takes only leaf locks, under
 * which nothing is mapped, allocated or delivered: of the IO-APICs (ioapic.c),
 * the virtual function (vpci.c), the trap table (control.c), port 0xCF8 (pci.c).
 */
#ifndef DAIS_DRIVERS_INTERNAL_H
#define DAIS_DRIVERS_INTERNAL_H

#include "drivers/devices.h"
#include "kernel/list.h"
#include "kernel/lock.h"

typedef struct { int held; } devlock_t; /* only devices_lock returns it */
devlock_t devices_lock(void);
void devices_unlock(devlock_t l);

/* Zeroed memory of the heap, of any size up to 1 MiB; NULL: none left. */
void *dev_alloc(size_t size) __must_check;
void dev_free(void *p, size_t size);

/* A register of a device at its physical address; size 1, 2, 4, 8, within a page. */
u64 mmio_read(u64 address, u32 size);
void mmio_write(u64 address, u32 size, u64 value);

/* Parts of a 32-bit register: `reg` is the byte address of an access of `size` within it. */
static inline u32 reg_mask(u32 reg, u32 size)
{
	return (size >= 4 ? ~0u : (1u << size * 8) - 1) << (reg & 3) * 8;
}

static inline u32 reg_part(u32 dword, u32 reg, u32 size)
{
	return (dword & reg_mask(reg, size)) >> (reg & 3) * 8;
}

static inline u32 reg_merge(u32 old, u32 reg, u32 size, u32 value)
{
	u32 mask = reg_mask(reg, size);

	return (old & ~mask) | (value << (reg & 3) * 8 & mask);
}

/* --- irq.c --- */
struct ioapic_pin;

enum irq_kind {
	IRQ_FREE = 0,
	IRQ_RETIRED,      /* no source uses it now; what was under way is still delivered */
	IRQ_EDGE,
	IRQ_LEVEL,        /* an IO-APIC pin's, masked until the guest's EOI */
};

/*
 * Where a host vector of one CPU leads. irq_handle reads routes without a lock,
 * against writers that hold the device lock: routes are never freed, kind and
 * message are one word each, and kind is written last when a route is taken.
 * The worst that a mixture of old and new can do is one spurious interrupt.
 */
struct irq_route {
	u32 kind;                  /* atomic, enum irq_kind */
	u16 cpu;
	u8 vector;                 /* of the host */
	u64 message;               /* atomic: address | data << 32, what the guest asked for */
	struct ioapic_pin *pin;    /* IRQ_LEVEL */
	u64 count;                 /* interrupts that arrived; its CPU alone writes it */
};

#define MSI_ADDRESS 0xfee00000u
static inline u64 irq_message(u32 address, u32 data) { return address | (u64)data << 32; }
/* Only fixed and lowest-priority messages to local APICs are routed (decision 10). */
bool irq_message_ok(u64 address, u32 data);
/*
 * Makes *r a route to this message, on the CPU where its destination runs:
 * an existing route is changed in place, or, when it lies on another CPU and
 * may_move, replaced; then *old is to be retired once the hardware no longer
 * uses it. NO_SPACE, NO_MEMORY: nothing changed.
 */
struct irq_want { u64 message; struct ioapic_pin *pin; bool level, may_move; };
status_t irq_point(devlock_t l, struct irq_route **r, const struct irq_want *w,
		   struct irq_route **old) __must_check;
/* The source is masked or gone. NULL is ignored. */
void irq_retire(devlock_t l, struct irq_route *r);  /* moved: late arrivals are delivered */
void irq_free(devlock_t l, struct irq_route *r);    /* switched off: late arrivals are dropped */
/* The message that sends a real MSI there (APM vol. 2 §16.11.1, SDM vol. 3 §10.11). */
u32 irq_host_address(const struct irq_route *r);

/* --- ioapic.c --- */
status_t ioapics_init(const struct boot_info *b) __must_check;
bool ioapic_access(devlock_t l, u64 gpa, u32 size, bool write, u64 *value);
/* A level-triggered pin's interrupt arrived: masks the pin. False: no longer its route. */
bool ioapic_level_begin(struct ioapic_pin *p, const struct irq_route *r, u64 message);
void ioapic_level_cancel(struct ioapic_pin *p);     /* it could not be delivered: stays masked */

/* --- pci.c --- */
void pci_init(const struct boot_info *b);
bool pci_ecam_overlaps(u64 gpa, u64 size);
bool pci_ecam_decode(u64 gpa, u16 *seg, u16 *bdf, u32 *reg);
u64 pci_bar(u16 seg, u16 bdf, u32 bar);             /* address of a memory BAR, 0 = none */

#define PCI_COMMAND     0x04
#define PCI_COMMAND_MEM 0x0002u
#define PCI_BAR0        0x10
#define PCI_BARS        6u
#define PCI_BARS_END    (PCI_BAR0 + 4 * PCI_BARS)
#define PCI_BAR_TYPE    6u
#define PCI_BAR_64      4u

/* --- pci_filter.c --- */
struct pci_fn {                 /* a function whose capabilities were looked at */
	struct list link;
	u16 seg, bdf;
	u32 ids;                /* vendor and device */
	u8 msi, msix;           /* where the capabilities lie, 0 = none */
	u16 msi_control;        /* as the hardware has it */
	u32 msi_address, msi_address_high, msi_data; /* as the guest sees them */
	struct irq_route *msi_route;                 /* while enabled */
	struct msix *x;         /* while enabled */
	struct sriov *sriov;    /* of a physical function */
};
void pci_port_access(u16 port, u32 size, bool write, u32 *value);
bool pci_ecam_access(devlock_t l, u64 gpa, u32 size, bool write, u64 *value);

/* --- msi.c, msix.c: `offset` is of a dword within the capability --- */
u32 msi_size(const struct pci_fn *f);
u32 msi_read(const struct pci_fn *f, u32 offset, u32 raw);
void msi_write(devlock_t l, struct pci_fn *f, u32 offset, u32 value);
void msi_drop(devlock_t l, struct pci_fn *f);       /* the function is gone */
void msix_write(devlock_t l, struct pci_fn *f, u32 value); /* the dword with the control word */
void msix_update(devlock_t l, struct pci_fn *f);    /* a BAR or the command register changed */
void msix_drop(devlock_t l, struct pci_fn *f);
bool msix_access(devlock_t l, u64 gpa, u32 size, bool write, u64 *value);

/* --- sriov.c --- */
void sriov_find(devlock_t l, struct pci_fn *f);     /* is it a physical function? */
void sriov_drop(devlock_t l, struct pci_fn *f);
/* Of a virtual function; 0 = it is none, or does not decode memory. */
u64 sriov_bar(u16 seg, u16 bdf, u32 bar);

/* --- vpci.c --- */
status_t vpci_init(u32 vectors) __must_check;
bool vpci_is(u16 seg, u16 bdf);
u32 vpci_config_read(u32 dword);
void vpci_config_write(devlock_t l, u32 dword, u32 value);
bool vpci_access(u64 gpa, u32 size, bool write, u64 *value);

/* --- pm.c --- */
void port_pass(u16 port, u32 size, bool write, u32 *value); /* to the hardware */
void pm_init(const struct boot_info *b);
void pm_port_access(u16 port, u32 size, bool write, u32 *value);

/* --- control.c: pages that trap --- */
enum trap_owner { TRAP_NONE = 0, TRAP_IOAPIC, TRAP_MSIX, TRAP_VPCI };
/* Pages that touch [start, start + size). Failing, DENIED or NO_MEMORY, changes nothing. */
status_t trap_add(devlock_t l, u64 start, u64 size, enum trap_owner owner) __must_check;
void trap_remove(devlock_t l, u64 start, u64 size);
void trap_ports(u16 first, u16 count);

#endif
