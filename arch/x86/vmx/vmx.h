/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_VMX_H
#define DAIS_VMX_H

#include "arch/x86/virt/vcpu_x86.h"
#include "arch/x86/vmx/vmcs.h"
#include "boot/boot_info_vmx.h"

/* Host mode uses no SYSCALL and no SWAPGS: these hold the guest's values while its vCPU is loaded. */
#define VMX_MSRS 5

struct vmx_vcpu {
	u32 *vmcs;
	u8 *apic_page;          /* virtual-APIC page: TPR alone, unless */
	bool apicv;             /* the hardware's virtual APIC is in use */
	u64 eoi_exit[4];        /* its EOI-exit bitmap as the VMCS has it */
	u32 cpu;                /* whose TLB its translations may be in; ~0: none */
	bool launched, flush;
	u32 proc;               /* PROC_CONTROLS as the VMCS has them */
	u32 blocked;            /* interruptibility and RIP as the last exit left them */
	u64 exit_rip;
	u64 host_rsp;
	u64 cr2, dr6, msr[VMX_MSRS]; /* while it is not loaded */
};

static inline struct vmx_vcpu *vmx_vcpu(struct xvcpu *x) { return x->vendor; }

extern const struct virt_ops vmx_ops;

/* --- caps.c --- */
extern u32 vmx_control[VMX_WORDS];          /* the controls in use; VMX_EPT: what there is */
bool vmx_probe(u32 cpu);                    /* this CPU; false: something is missing, and was named */

/* --- insn.c: the instructions; they stop Dais when they fail, but for the first --- */
bool vmxon(u64 hpa);
void vmptrld(const struct vmx_vcpu *s);
void vmclear(struct vmx_vcpu *s);           /* off this CPU: the next entry is a launch */
u64 vmread(struct vmcs_field f);
void vmwrite(struct vmcs_field f, u64 value);
void invept(u64 ept_pointer);               /* all translations made by these tables, on this CPU */
void vmx_host_nmi(void);                    /* calls the host's handler; its IRET ends the NMI mask */

/* --- entry.asm --- */
/* VMLAUNCH or VMRESUME with the general registers; returns at the exit. False: the instruction failed. *host_rsp: HOST_RSP as
 * the VMCS has it. */
bool vmx_enter_guest(u64 *gpr, u64 launched, u64 *host_rsp);
void vmx_exit(void);                        /* HOST_RIP */

/* --- vcpu.c --- */
/* Makes the VMCS of a vCPU that runs nowhere current for a while; true: it is loaded here anyway. */
bool vmx_borrow(struct xvcpu *x);
void vmx_give_back(struct xvcpu *x, bool loaded);
status_t vmx_vcpu_init(struct xvcpu *x);
void vmx_vcpu_free(struct xvcpu *x);
void vmx_vcpu_load(struct xvcpu *x);
void vmx_vcpu_unload(struct xvcpu *x);
u64 vmx_enter(struct xvcpu *x, int irq);

/* --- apicv.c --- */
extern bool vmx_apicv;                      /* may be used */
bool vmx_apicv_init(struct xvcpu *x);       /* false: no memory */
bool vmx_apicv_out(struct xvcpu *x, int irq); /* before an entry; true: the CPU delivers interrupts itself */
void vmx_apicv_in(struct xvcpu *x);         /* after it */

/* --- exit.c, check.c --- */
void vmx_decode_exit(struct xvcpu *x);      /* fills x->exit from the VMCS, read once */
void vmx_decode_failure(struct xvcpu *x);   /* the entry instruction failed */
const char *vmx_bad_field(void);            /* the first guest field that an entry would refuse */

/* --- state.c --- */
/* Bits that are as the guest sees them: a change of the others exits.
 * CD and NW go through entries and exits unchanged (SDM vol. 3 §28.5.1), so guests never have them; NE and
 * VMXE must be 1; without MCE a machine check would be a shutdown. Of CR4, no guest may set what CPUID does not show:
 * VME to OSXMMEXCPT but MCE; of the later ones those whose features it shows; which there are, the CPU checks. */
#define CR0_FREE (~(CR0_CD | CR0_NW | CR0_NE))
#define CR4_FREE ((0x7ffULL & ~CR4_MCE) | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP)
void vmx_read_sregs(struct xvcpu *x, struct dais_sregs *s);
void vmx_write_sregs(struct xvcpu *x, const struct dais_sregs *s);
u32 vmx_cpl(struct xvcpu *x);
u64 vmx_cr4(struct xvcpu *x);
void vmx_set_pat(struct xvcpu *x, u64 value);
void vmx_read_debug(struct xvcpu *x, u64 *dr6, u64 *dr7);
void vmx_write_debug(struct xvcpu *x, u64 dr6, u64 dr7);
void vmx_set_tsc_offset(struct xvcpu *x, u64 offset);
void vmx_msr_map_set(u8 *map, u32 range, u32 i, u32 pass);

#endif
