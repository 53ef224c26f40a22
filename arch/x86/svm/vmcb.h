/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual machine control block (APM vol. 2, appendix B), exit codes (appendix C). */
#ifndef DAIS_VMCB_H
#define DAIS_VMCB_H

#include "kernel/types.h"

struct vmcb_seg { u16 selector, attrib; u32 limit; u64 base; };

struct vmcb {
	/* control area */
	u16 cr_read, cr_write, dr_read, dr_write; /* 000 */
	u32 exceptions;                           /* 008 */
	u32 intercept1, intercept2, intercept3;   /* 00c */
	u8  r1[0x3c - 0x18];
	u16 pause_threshold, pause_count;         /* 03c */
	u64 iopm_base, msrpm_base, tsc_offset;    /* 040 */
	u32 asid; u8 tlb_control; u8 r2[3];       /* 058 */
	u64 vintr;                                /* 060 */
	u64 int_state;                            /* 068 */
	u64 exitcode, exitinfo1, exitinfo2, exitintinfo; /* 070 */
	u64 np_control;                           /* 090 */
	u64 avic_bar, ghcb;                       /* 098 */
	u64 eventinj, n_cr3, virt_ext;            /* 0a8 */
	u32 clean, r3;                            /* 0c0 */
	u64 nrip;                                 /* 0c8 */
	u8  insn_len, insn[15];                   /* 0d0 */
	u8  r4[0x400 - 0xe0];
	/* state save area */
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 400 */
	u8  r5[0xcb - 0xa0];
	u8  cpl; u32 r6; u64 efer;                /* 4cb, 4d0 */
	u8  r7[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip; /* 548 */
	u8  r8[0x1d8 - 0x180];
	u64 rsp, s_cet, ssp, isst, rax;           /* 5d8 */
	u64 star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip; /* 600 */
	u64 cr2;                                  /* 640 */
	u8  r9[0x268 - 0x248];
	u64 g_pat, dbgctl, br_from, br_to, lastexc_from, lastexc_to; /* 668 */
	u8  r10[0x2e0 - 0x298];
	u64 spec_ctrl;                            /* 6e0 */
	u8  r11[0xc00 - 0x2e8];
};

_Static_assert(sizeof(struct vmcb) == 4096, "VMCB is a page");
_Static_assert(offsetof(struct vmcb, iopm_base) == 0x40, "VMCB layout");
_Static_assert(offsetof(struct vmcb, vintr) == 0x60, "VMCB layout");
_Static_assert(offsetof(struct vmcb, exitcode) == 0x70, "VMCB layout");
_Static_assert(offsetof(struct vmcb, eventinj) == 0xa8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, nrip) == 0xc8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB layout");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB layout");
_Static_assert(offsetof(struct vmcb, spec_ctrl) == 0x6e0, "VMCB layout");

/* intercept1 (offset 00c) */
#define I1_INTR     (1u << 0)
#define I1_NMI      (1u << 1)
#define I1_INIT     (1u << 3)
#define I1_RDPMC    (1u << 15)
#define I1_CPUID    (1u << 18)
#define I1_IRET     (1u << 20)
#define I1_INVD     (1u << 22)
#define I1_PAUSE    (1u << 23)
#define I1_HLT      (1u << 24)
#define I1_INVLPGA  (1u << 26)
#define I1_IOIO     (1u << 27)
#define I1_MSR      (1u << 28)
#define I1_SHUTDOWN (1u << 31)
/* intercept2 (offset 010) */
#define I2_VMRUN    (1u << 0)
#define I2_VMMCALL  (1u << 1)
#define I2_VMLOAD   (1u << 2)
#define I2_VMSAVE   (1u << 3)
#define I2_STGI     (1u << 4)
#define I2_CLGI     (1u << 5)
#define I2_SKINIT   (1u << 6)
#define I2_WBINVD   (1u << 9)
#define I2_MONITOR  (1u << 10)
#define I2_MWAIT    (1u << 11)
#define I2_MWAIT_ARMED (1u << 12)
#define I2_XSETBV   (1u << 13)
#define I2_RDPRU    (1u << 14)

#define TLB_FLUSH_ALL  1
#define TLB_FLUSH_ASID 3

#define VINTR_IRQ        (1ULL << 8)
#define VINTR_IGN_TPR    (1ULL << 20)
#define VINTR_MASKING    (1ULL << 24)
#define VINTR_VECTOR(v)  ((u64)(v) << 32)

#define NP_ENABLE 1ULL

#define EVENTINJ_VALID   (1ULL << 31)
#define EVENTINJ_ERROR   (1ULL << 11)
#define EVENTINJ_TYPE(t) ((u64)(t) << 8)
#define TYPE_INTR 0
#define TYPE_NMI  2
#define TYPE_EXCEPTION 3
#define TYPE_SOFT 4

#define VMEXIT_CR8_WRITE 0x18
#define VMEXIT_EXCP      0x40
#define VMEXIT_INTR      0x60
#define VMEXIT_NMI       0x61
#define VMEXIT_INIT      0x63
#define VMEXIT_RDPMC     0x6f
#define VMEXIT_CPUID     0x72
#define VMEXIT_IRET      0x74
#define VMEXIT_INVD      0x76
#define VMEXIT_PAUSE     0x77
#define VMEXIT_HLT       0x78
#define VMEXIT_INVLPGA   0x7a
#define VMEXIT_IOIO      0x7b
#define VMEXIT_MSR       0x7c
#define VMEXIT_SHUTDOWN  0x7f
#define VMEXIT_VMRUN     0x80
#define VMEXIT_VMMCALL   0x81
#define VMEXIT_SKINIT    0x86
#define VMEXIT_WBINVD    0x89
#define VMEXIT_MONITOR   0x8a
#define VMEXIT_MWAIT     0x8b
#define VMEXIT_MWAIT_ARMED 0x8c
#define VMEXIT_XSETBV    0x8d
#define VMEXIT_RDPRU     0x8e
#define VMEXIT_NPF       0x400
#define VMEXIT_INVALID   0xffffffffu /* low half: QEMU does not extend the sign */

#define MSR_VM_CR        0xc0010114
#define MSR_VM_HSAVE_PA  0xc0010117
#define VM_CR_SVMDIS     (1ULL << 4)

#endif
