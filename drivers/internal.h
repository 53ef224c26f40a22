/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the drivers share among themselves.
 *
 * Locks: the device lock (control.c; between 1 and 2 of kernel/lock.h) is held
 * throughout drivers/, by whoever comes in: an access that traps, and the start.
 * It covers all that the control domain configures; pages are trapped and messages
 * delivered under it. The exception is the interrupt path, which must not wait
 * for that: irq_handle, irq_eoi and control_msix_raise read what is published
 * atomically, and take two leaves at most: hw_lock (ioapic.c) and trap_lock (control.c).
 */
#ifndef DAIS_DRIVERS_INTERNAL_H
#define DAIS_DRIVERS_INTERNAL_H

#include "drivers/devices.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/string.h"

/* An access to memory, a port, or a register of a function, by its address there; on its way it is translated in place. */
struct access {
	u64 at;
	u32 size;               /* bytes: 1, 2, 4, memory also 8; aligned */
	bool write;
	u64 value;              /* 0 before a read */
};

/* The same to `memory`, which stands for what begins at address `base`. */
static inline void access_bytes(struct access *a, void *memory, u64 base)
{
	u8 *at = (u8 *)memory + (a->at - base);

	memcpy(a->write ? (void *)at : &a->value, a->write ? (void *)&a->value : at, a->size);
}

/* --- control.c --- */

extern spinlock_t device_lock;

/* A range of device memory whose pages trap. */
struct trap {
	struct list link;
	u64 base, size;         /* base 0: it lies nowhere now */
	u32 fn;                 /* ECAM: the first function in it */
	/* Gets all accesses to its pages but those that lie in another range. False: nothing is there. */
	bool (*access)(struct trap *t, struct access *a);
};
/*
 * Moves it to base, 0 = nowhere. False, and it lies nowhere: over memory, the
 * host's local APIC or another device's range, or there is no memory to trap it.
 */
bool trap_place(struct trap *t, u64 base);
/* The same unchecked, while nothing of it is mapped. */
void trap_reserve(struct trap *t, u64 base);

void port_access(struct access *a); /* to the hardware */

/* --- mmio.c: a register of a device at its physical address, within a page --- */
void mmio_access(struct access *a);
u32 mmio_read32(u64 address);
void mmio_write32(u64 address, u32 value);

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
	struct domain *dom;        /* whom it is delivered to, NULL = the control domain */
	u64 host;                  /* the same that the hardware sends (APM vol. 2 §16.11.1), or what the IOMMU makes that of */
	u32 fn;                    /* who sends it */
	struct ioapic_pin *pin;    /* whose it is, NULL = a message of PCI */
};

#define MSI_ADDRESS 0xfee00000u /* with the local APICs, in the 1 MiB of this mask */
#define MSI_ADDRESS_MASK (~0xfffffULL)
#define MSI_DEST_SHIFT 12
/* Bits 14:8 of an ID stand in 11:5, as KVM has it; real ones only if they are remapped. */
#define MSI_DEST(id) (((id) & 0xff) << MSI_DEST_SHIFT | ((id) >> 8 & 0x7f) << 5)
#define MSI_DEST_OF(message) (((message) >> MSI_DEST_SHIFT & 0xff) | ((message) >> 5 & 0x7f) << 8)
#define MSI_LEVEL   0x8000u    /* in the data, and in an IO-APIC's entry */
/*
 * Makes *r lead to this message of the guest; the result is what the hardware
 * shall send, `host`. A new route (*r is NULL) is taken
 * on the CPU where the message's destination runs now, and stays there: only
 * the guest's message changes later. 0, nothing changed: the message is refused,
 * or no vector is left.
 */
u64 irq_point(struct irq_route **r, struct domain *d, struct ioapic_pin *pin, u32 fn, u64 address, u32 data) __must_check;
void irq_free(struct irq_route **r); /* Its source is off. */
void irq_drain(void); /* On return no CPU delivers by a route that was freed before. */

/* --- ioapic.c --- */
void ioapics_init(const struct boot_info *b);
/* A level-triggered interrupt arrived: the pin is masked until its EOI. */
void ioapic_level(struct ioapic_pin *p, u64 message);

/* --- pci.c: a function is segment << 16 | bus << 8 | device << 3 | function --- */
void pci_init(const struct boot_info *b);
void pci_port_access(struct access *a);

/* Configuration space itself, the virtual function's too; afterwards a->at is something else. */
void pci_access(u32 fn, struct access *a);
/* NULL: no such function, or no memory to follow its interrupts. */
struct pci_fn *pci_function(u32 fn);
extern struct list pci_functions; /* those looked at so far */
u32 pci_read(u32 fn, u32 reg, u32 size);
void pci_write(u32 fn, u32 reg, u32 size, u32 value);

#define PCI_COMMAND     0x04
#define PCI_COMMAND_MEM 0x0002u
#define PCI_COMMAND_MASTER 0x0004u
#define PCI_CLASS       0x08u   /* and revision */
#define PCI_HEADER_TYPE 0x0eu
#define PCI_BAR0        0x10u
#define PCI_BARS_END    0x28u
#define PCI_CAP_MSI     0x05u
#define PCI_CAP_MSIX    0x11u
#define PCI_NOTHING     0xffffffffu /* what a register of no function reads */
#define PCI_PORTS       0xcf8u  /* address, then data */
#define PCI_PORTS_END   0xd00u

/* --- msi.c --- */
enum { MSI_LOW, MSI_HIGH, MSI_DATA, MSI_CONTROL, MSI_WORDS }; /* as in a MSI-X table */
#define MSI_MASKED 1u           /* in the control word */
#define MSI_CAP_CONTROL 2u      /* offset in both capabilities */
#define MSIX_SIZE     0x07ffu   /* there: entries less one */

struct msi_entry {
	u32 word[MSI_WORDS];    /* as the guest sees it */
	struct irq_route *route;
};

struct pci_fn {                 /* a function whose capabilities are known */
	struct list link;
	u32 fn, ids;            /* vendor and device */
	u8 msi, msix;           /* where the capabilities lie, 0 = none */
	u16 msi_control;        /* as the hardware has it: what it can do */
	bool on;                /* MSI-X */
	bool blocked;           /* its guest is gone: it reaches nothing until it is returned */
	struct domain *owner;   /* the guest that has it, NULL = none */
	u64 vf_table;           /* of a virtual function, whose BARs do not tell: where its MSI-X table is, or 0 */
	u32 count;              /* of the MSI-X table */
	struct trap table;
	struct msi_entry entry[]; /* behind the table's: MSI's */
};
/* A new one, whose interrupts are off; NULL: no memory. */
struct pci_fn *msi_new(u32 fn, u32 ids, u8 msi, u8 msix);
void msi_free(struct pci_fn *f);
/* False: the register has nothing to do with interrupts. */
bool msi_access(struct pci_fn *f, struct access *a);
void msix_update(struct pci_fn *f);     /* a BAR or the command register changed */
void msi_off(struct pci_fn *f);         /* all its interrupts; no route is left */

/* --- vpci.c --- */
#define VPCI_BAR_SIZE 0x10000u
extern u32 vpci_fn;             /* the virtual function; ~0: there is none */
void vpci_init(const struct boot_info *b);
void vpci_config(struct access *a);
void vpci_pending(struct access *a, u64 base); /* its BAR at base, behind the table */
void vpci_message(u32 index, u64 message);     /* as in an irq_route; 0: masked */

#endif
