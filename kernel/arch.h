/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel/ and drivers/ ask of the architecture: nothing else of it is known there. */
#pragma once

#include "kernel/types.h"

struct domain;
struct vcpu;

/* --- this CPU --- */
u32 cpu_id(void);                 /* 0..cpu_count()-1 */
u32 cpu_count(void);
void cpu_relax(void);
/* Makes another CPU leave guest mode or idle and look at its pending word; posted: the guest may take its interrupts
 * without leaving. */
void cpu_poke(u32 cpu, bool posted);

/* --- time: the TSC, assumed synchronous over CPUs (checked at start) --- */
u64 time_now(void);               /* TSC ticks */
u64 time_hz(void);                /* TSC frequency */
/* Programs this CPU's one-shot timer; a deadline in the past fires at once; ~0: none. */
void arch_timer_set(u64 deadline_tsc);

/* --- host memory: Dais's own is mapped at a fixed offset, guests' is not mapped --- */
void *hpa_to_hva(hpa_t a);        /* of Dais's own memory only */
hpa_t hva_to_hpa(const void *p);
/* Adds 2 MiB to the mapped memory, read-write, never executable. */
void host_map_2m(hpa_t a);

void cache_write_back(const void *p); /* the line that holds it, to memory */

/* Windows: this CPU's temporary view of one frame (or device page); valid until the
 * same slot is used again or window_close. Slots: each layer has its own. */
enum window_slot { WIN_MEM, WIN_SCRUB, WIN_DEVICE, WIN_FETCH /* and the following */ };
#define FETCH_VIEWS 4u
void *window_open(enum window_slot slot, hpa_t page); /* 4 KiB; write-back, of WIN_DEVICE uncached, from WIN_FETCH on read-only */
void window_close(enum window_slot slot);

/* --- nested tables of a domain: mgmt_lock guards a guest's, view_lock (kernel/mem.h) the control domain's --- */
/* Makes every table exist that nested_set(gpa, order) needs, splitting a larger page. May fail: NO_MEMORY. */
status_t nested_prepare(struct domain *d, gpa_t a, u32 order) __must_check;
/* Cannot fail after nested_prepare. prot: DAIS_MAP_RWX bits; 0 clears. Needs nested_flush
 * unless the entry was empty before. */
void nested_set(struct domain *d, gpa_t a, hpa_t to, u32 order, u64 prot);
/* prot of the leaf that covers a: 0 when none. *to: of the frame of `a` itself (4 KiB). */
u64 nested_get(struct domain *d, gpa_t a, hpa_t *to, u32 *order);
#define NESTED_UC (1ULL << 52)    /* in prot: device memory */
/* The top table, of four levels: an IOMMU may walk it. */
hpa_t nested_root(const struct domain *d);
extern bool nested_write_back;    /* IOMMUs read tables past the caches */
extern bool nested_vtd;           /* they are VT-d: its reserved bits stay clear in tables made from now on */
extern bool nested_snoop;         /* and honour its SNP bit, in RAM's pages that are set from now on */
/* On return no CPU or IOMMU holds a translation of d that was removed or narrowed before the call. */
void nested_flush(struct domain *d);
/* Frees table pages; the domain's vCPUs will never run again. */
void nested_free(struct domain *d);

/* --- architecture's part of domains and vCPUs (they embed the kernel's structs) --- */
struct domain *arch_domain_alloc(void);            /* zeroed, or NULL */
void arch_domain_free(struct domain *d);
struct vcpu *arch_vcpu_alloc(struct domain *d, u32 index); /* in reset state; or NULL */
void arch_vcpu_free(struct vcpu *v);
/* vcpu_state: op as in the ABI; buf is a private copy of length bytes. */
status_t arch_vcpu_state(struct vcpu *v, u64 op, u32 offset, u32 length, void *buf);
/* Is anything there that should end HLT, or a deliverable interrupt (whatever IF)? */
bool arch_vcpu_has_work(struct vcpu *v);
/* Is RFLAGS.IF clear? (of the vCPU that makes the hypercall) */
bool arch_vcpu_irqs_off(struct vcpu *v);
/* The monitor served the exit that v is parked at: page->data is taken, the instruction goes on at the next entry. */
void arch_vcpu_served(struct vcpu *v);
/* Saves what the hardware still holds of v (FPU, debug registers), on the CPU that ran it. */
void arch_vcpu_unload(struct vcpu *v);
/* Sets a hypercall's results later than its return (vcpu_run). */
void arch_vcpu_result(struct vcpu *v, status_t s, u64 value, u64 value2);
/* irq_set: a PCI MSI message to d's local APICs. BAD_ARG: unsupported delivery mode or no such destination. */
status_t arch_msi(struct domain *d, u64 address, u32 data);
/* Fixed interrupt `vector` (16..255) to one vCPU's local APIC. */
void arch_vcpu_interrupt(struct vcpu *v, u32 vector);
/* The control domain's virtual PCI function raises MSI-X vector `index` (drivers/). */
void control_msix_raise(u32 index);
u32 control_msix_count(void);
void arch_shutdown_allowed(bool yes);              /* DAIS_DOM_SHUTDOWN */
/* A killed domain is taken apart: the functions it had are blocked, and none reaches its memory on return (drivers/). */
void devices_end(struct domain *d);
u64 device_stat(u32 fn, bool faults); /* DAIS_STAT_FN_STATE, DAIS_STAT_FN_FAULTS (drivers/) */
/* Device memory that the control domain can reach itself, so that it may share it. */
bool arch_device_memory(u64 hpa, u64 size);
