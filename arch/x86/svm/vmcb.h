/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual machine control block (APM vol. 2, appendix B), exit codes (appendix C). */
#ifndef DAIS_VMCB_H
#define DAIS_VMCB_H

#include "kernel/types.h"

struct vmcb {
	/* control area */
	u32 intercept[6];                         /* 000: bit n of these is for exit code n */
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
	u8  r4[0x3e0 - 0xd0];
	/* 3e0: the processor leaves this to software */
	u64 asid_generation;                      /* with ASID_*: not as the CPU's, so that assign_asid looks at it */
	u32 cpu;                                  /* whose ASIDs it has; ~0: none */
	bool watch;                               /* IRET is intercepted, or is under way: */
	bool iret;                                /* an NMI's is at iret_rip: the mask ends when RIP leaves it */
	u64 iret_rip;
	u64 hpa;                                  /* its own */
	/* state save area; no segment is "unusable" here: those that are not present are null */
	struct dais_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 400 */
	u8  r6[0xcb - 0xa0];
	u8  cpl; u32 r7; u64 efer;                /* 4cb, 4d0 */
	u8  r8[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip; /* 548 */
	u8  r9[0x1d8 - 0x180];
	u64 rsp, s_cet, ssp, isst, rax;           /* 5d8 */
	u64 star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip; /* 600 */
	u64 cr2;                                  /* 640 */
	u8  r10[0x268 - 0x248];
	u64 g_pat;                                /* 668 */
	u8  r11[0xc00 - 0x270];
};

_Static_assert(sizeof(struct vmcb) == 4096, "VMCB is a page");
_Static_assert(offsetof(struct vmcb, nrip) == 0xc8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB layout");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB layout");

#define ASID_FLUSH     (1ULL << 63) /* translations are to be flushed */
#define ASID_CONTROL   (1ULL << 62) /* tlb_control was set for one entry */
#define TLB_FLUSH_ALL  1
#define TLB_FLUSH_ASID 3

#define VINTR_IRQ        (1ULL << 8)
#define VINTR_IGN_TPR    (1ULL << 20)
#define VINTR_MASKING    (1ULL << 24)
#define VINTR_VECTOR(v)  ((u64)(v) << 32)

#define NP_ENABLE 1ULL

#define EVENTINJ_VALID   (1ULL << 31)
#define EVENTINJ_ERROR   (1ULL << 11)

enum vmexit {
	VMEXIT_CR8_WRITE = 0x18, VMEXIT_EXCP = 0x40,
	VMEXIT_INTR = 0x60, VMEXIT_NMI, VMEXIT_SMI, VMEXIT_INIT,
	VMEXIT_RDPMC = 0x6f, VMEXIT_CPUID = 0x72, VMEXIT_IRET = 0x74, VMEXIT_INVD = 0x76, VMEXIT_PAUSE, VMEXIT_HLT,
	VMEXIT_INVLPGA = 0x7a, VMEXIT_IOIO, VMEXIT_MSR, VMEXIT_SHUTDOWN = 0x7f,
	VMEXIT_VMRUN, VMEXIT_VMMCALL, VMEXIT_VMLOAD, VMEXIT_VMSAVE, VMEXIT_STGI, VMEXIT_CLGI, VMEXIT_SKINIT,
	VMEXIT_WBINVD = 0x89, VMEXIT_MONITOR, VMEXIT_MWAIT, VMEXIT_MWAIT_ARMED, VMEXIT_XSETBV, VMEXIT_RDPRU,
	VMEXIT_NPF = 0x400,
};
#define VMEXIT_INVALID 0xffffffffu /* low half: QEMU does not extend the sign */

#endif
