/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMUs: which memory a PCI function reaches, and which interrupts it may make
 * (VT-d spec. 3.3; AMD I/O Virtualization Technology spec. 48882, 3.06).
 *
 * A function is segment << 16 | bus << 8 | device << 3 | function. Until it is
 * attached it reaches nothing; without an entry of its own made by
 * iommu_irq_alloc it makes no interrupt.
 * A guest's functions use its nested tables themselves, so that CPU and devices
 * see the same memory at every moment; nested_flush() flushes IOTLBs too.
 * The control domain's functions use a table of their own, which the loader
 * built: its RAM, GPA = HPA, without what Dais shows it of its own or of
 * guests; and what firmware demands for some (RMRR, IVMD).
 *
 * Locks: iommu_lock is taken inside; it comes before memory_lock.
 */
#ifndef DAIS_IOMMU_H
#define DAIS_IOMMU_H

#include "kernel/types.h"

struct boot_info;
struct domain;

/* Blocks all functions. Once, before other CPUs run and before the control domain is there. */
void iommu_init(const struct boot_info *b);
/* Attaches the functions that firmware has regions for to the control domain, as soon as that is there. */
void iommu_attach_regions(void);
/* Is it an IOMMU itself? It is Dais's alone. */
bool iommu_hides(u32 fn);
/* DAIS_IOMMU_* bits, the value of DAIS_STAT_IOMMU: what there is, or why there is none. */
u64 iommu_state(void);
/* May fn be given to a guest? DENIED: no IOMMU covers it, or firmware has a region for it;
 * BAD_STATE: the IOMMU of this machine cannot serve guests (iommu_state() says why). */
status_t iommu_assignable(u32 fn) __must_check;
/* mgmt_lock is held when d is a guest. From now on fn reaches exactly d's memory, what it was attached to before is flushed. OK, too, if it already is.
 * As iommu_assignable, but for the control domain only if no IOMMU covers fn; NO_MEMORY, NO_SPACE: nothing has changed. */
status_t iommu_attach(u32 fn, struct domain *d) __must_check;
/* The control domain found fn, which was not there before. */
void iommu_claim(u32 fn);
/* It reaches nothing, whatever it was attached to; flushed on return. */
void iommu_block(u32 fn);
/* On return no IOTLB holds a translation of guest d that was removed or narrowed before. */
void iommu_flush(struct domain *d);
/* What fn shall send (address | data << 32; for an IO-APIC's entry its bits stand in the same places, VT-d spec.
 * §5.1.5.1) for what would be the message `host` without remapping. 0: no entry, or memory for it, is left. */
u64 iommu_irq_alloc(u32 fn, u64 host) __must_check;
u32 iommu_irq_dest_max(void);               /* the greatest APIC ID that `host` may name */
void iommu_irq_free(u32 fn, u64 message);   /* fn cannot send it any more, on return */
/* Accesses that were refused, as far as the IOMMU tells. A storm of them: fn is quarantined, that is, blocked silently. */
u64 iommu_faults(u32 fn);

#endif
