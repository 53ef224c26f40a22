/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the drivers share among themselves.
 *
 * Locks: the device lock (between 1 and 2 of kernel/lock.h) covers everything
 * that the control domain configures, and is held while pages are trapped and the
 * virtual function's messages are delivered (run queues come after it). The
 * interrupt path must not wait for that, so it takes only leaf locks, under
 * which nothing is mapped, allocated or delivered: of the IO-APICs (ioapic.c),
 * the virtual function (vpci.c), the trapped ranges (control.c), port 0xCF8 (pci.c).
 */
#ifndef DAIS_DRIVERS_INTERNAL_H
#define DAIS_DRIVERS_INTERNAL_H

#include "drivers/devices.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/string.h"

/* --- control.c --- */
typedef struct { int held; } devlock_t; /* only devices_lock returns it */
devlock_t devices_lock(void);
void devices_unlock(devlock_t l);

/*
 * A range of device memory whose pages trap. `access` gets all accesses to its
 * pages but those that lie in another range; they are aligned, and a read's
 * *value is 0 before. It returns false where nothing is.
 */
struct trap {
	struct list link;
	u64 base, size;         /* base 0: it lies nowhere now */
	bool (*access)(devlock_t l, struct trap *t, u64 gpa, u32 size, bool write, u64 *value);
};
/*
 * Moves it to base, 0 = nowhere. False, and it lies nowhere: over memory, the
 * host's local APIC or another device's range, or there is no memory to trap it.
 */
bool trap_place(devlock_t l, struct trap *t, u64 base);
/* The same unchecked, while nothing of it is mapped. */
void trap_reserve(devlock_t l, struct trap *t, u64 base);

/* --- mmio.c: a register of a device at its physical address; size 1, 2, 4, 8, within a page --- */
u64 mmio_read(u64 address, u32 size);
void mmio_write(u64 address, u32 size, u64 value);

/* `size` bytes of a 32-bit register; `reg` is their byte address. */
static inline void reg_access(u32 *dword, u32 reg, u32 size, bool write, u32 *value)
{
	u8 *at = (u8 *)dword + (reg & 3);

	if (!write)
		*value = 0;
	memcpy(write ? (void *)at : value, write ? (void *)value : at, size);
}

/* --- irq.c --- */
struct ioapic_pin;

/*
 * Where a host vector of one CPU leads. irq_handle reads routes without a lock,
 * against writers that hold the device lock: routes are never freed, the message
 * is one word, written last when a route is taken. The worst that a mixture of
 * old and new can do is one spurious interrupt.
 */
struct irq_route {
	u64 message;               /* atomic: address | data << 32 of the guest's; 0 = unused */
	struct ioapic_pin *pin;    /* whose it is, NULL = a message of PCI */
	u32 cpu;
	u32 address, vector;       /* of the host: the real message (APM vol. 2 §16.11.1) */
};

#define MSI_ADDRESS 0xfee00000u /* with the local APICs, in the 1 MiB of this mask */
#define MSI_ADDRESS_MASK (~0xfffffULL)
#define MSI_LEVEL   0x8000u    /* in the data, and in an IO-APIC's entry */
/*
 * Makes *r lead to this message of the guest. A new route (*r is NULL) is taken
 * on the CPU where the message's destination runs now, and stays there: only
 * the message changes later. False, nothing changed: the message is refused, or
 * no vector is left.
 */
bool irq_point(devlock_t l, struct irq_route **r, struct ioapic_pin *pin, u64 address,
	       u32 data) __must_check;
/* Its source is off. */
void irq_free(devlock_t l, struct irq_route **r);

/* --- ioapic.c --- */
status_t ioapics_init(devlock_t l, const struct boot_info *b) __must_check;
/* A level-triggered interrupt arrived: the pin is masked until its EOI. */
void ioapic_level(struct ioapic_pin *p, u64 message);

/* --- pci.c --- */
struct pci_ecam {
	struct trap trap;
	u16 seg, bdf;                  /* of the range's first page */
};
status_t pci_init(devlock_t l, const struct boot_info *b) __must_check;

#define PCI_COMMAND     0x04
#define PCI_COMMAND_MEM 0x0002u
#define PCI_BAR0        0x10u
#define PCI_BARS_END    0x28u
#define PCI_CAP_MSI     0x05u
#define PCI_CAP_MSIX    0x11u
#define PCI_NOTHING     0xffffffffu /* what a register of no function reads */
#define CF8 0xcf8u
#define CFC 0xcfcu
#define CF8_ENABLE 0x80000000u

/* --- pci_filter.c --- */
struct pci_fn {                 /* a function whose capabilities were looked at */
	struct list link;
	u16 seg, bdf;
	u32 ids;                /* vendor and device */
	u8 msi, msix;           /* where the capabilities lie, 0 = none */
	u16 msi_control;        /* as the hardware had it: what it can do */
	u32 msi_word[4];        /* the MSI capability's dwords as the guest sees them, from 1 on */
	struct irq_route *msi_route;  /* while enabled */
	struct msix *x;
};
bool pci_ecam_access(devlock_t l, struct trap *t, u64 gpa, u32 size, bool write, u64 *value);
void pci_port_access(u16 port, u32 size, bool write, u32 *value);

/* --- msi.c --- */
#define MSIX_ENTRY_MASKED 1u    /* in an entry's fourth word */
/* False: the register has nothing to do with interrupts. */
bool msi_access(devlock_t l, struct pci_fn *f, u32 reg, u32 size, bool write, u32 *value);
void msix_update(devlock_t l, struct pci_fn *f);    /* a BAR or the command register changed */
void msi_found(devlock_t l, struct pci_fn *f);      /* its capabilities are known */
void msi_gone(devlock_t l, struct pci_fn *f);

/* --- vpci.c --- */
void vpci_init(u32 vectors);
bool vpci_is(u16 seg, u16 bdf);
void vpci_config(devlock_t l, u32 reg, u32 size, bool write, u32 *value);

/* --- pm.c --- */
void port_pass(u16 port, u32 size, bool write, u32 *value); /* to the hardware */
void pm_init(const struct boot_info *b);
void pm_port_access(u16 port, u32 size, bool write, u32 *value);

#endif
