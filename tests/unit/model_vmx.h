/* SPDX-License-Identifier: GPL-2.0-only */
/* A model of a processor with VT-x. Its VMCS is an array of fields; the TLB keeps translations by tables (EPT
 * pointer), as hardware does, and an entry fails when it could use one from before a change. */
#ifndef MODEL_VMX_H
#define MODEL_VMX_H

#include "arch/x86/vmx/vmx.h"
#include "tests/unit/vendor.h"

#define CPUS  VENDOR_CPUS
#define VCPUS VENDOR_VCPUS
#define FIELDS 0x7000
#define TABLES 3

extern u64 vmcs[VCPUS][FIELDS], (*current)[FIELDS];
extern struct vmx_vcpu vmx[VCPUS];
extern u32 active[VCPUS];              /* 1 + the CPU whose caches hold the VMCS; 0: cleared */
extern u32 nmis, pdpte_reads;
extern u32 stale_before[TABLES], now;  /* translations of these tables made earlier are wrong */
extern bool model_tlb;
extern u8 apic_page[4096];              /* of all vCPUs */
extern void (*guest)(void);            /* runs at an entry */
extern struct guest_event entered;     /* what the last entry put in */

/* What the next exit stores. */
extern struct fake {
	u32 reason, vectoring, vectoring_error, info, error, length;
	u64 qualification, gpa;
	u32 blocked;
	bool fails, no_entry;
} fake;

int setup(void **state);
bool raise_kind(enum exit_kind kind);
void raise_fault(u64 gpa, bool write, bool exec, bool present, bool table_walk);

#endif
