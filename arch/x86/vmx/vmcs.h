/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual-machine control structure: fields (SDM vol. 3 appendix B), controls (ch. 25), exit reasons (appendix C). */
#ifndef DAIS_VMCS_H
#define DAIS_VMCS_H

#include "kernel/types.h"

/* A type of its own, so that a field's number cannot stand where its value is meant. */
struct vmcs_field { u32 code; };
#define VMCS_FIELD(code) ((struct vmcs_field){ code })

#define VPID                        VMCS_FIELD(0x0000)
#define POSTED_VECTOR               VMCS_FIELD(0x0002)
#define GUEST_ES_SELECTOR           VMCS_FIELD(0x0800) /* CS SS DS FS GS LDTR TR follow at steps of 2, */
#define GUEST_ES_LIMIT              VMCS_FIELD(0x4800) /* of these four too: segment_field() */
#define GUEST_ES_ACCESS_RIGHTS      VMCS_FIELD(0x4814)
#define GUEST_ES_BASE               VMCS_FIELD(0x6806)
#define GUEST_INTERRUPT_STATUS      VMCS_FIELD(0x0810)
#define HOST_ES_SELECTOR            VMCS_FIELD(0x0c00)
#define HOST_FS_SELECTOR            VMCS_FIELD(0x0c08)
#define HOST_GS_SELECTOR            VMCS_FIELD(0x0c0a)
#define HOST_CS_SELECTOR            VMCS_FIELD(0x0c02)
#define HOST_SS_SELECTOR            VMCS_FIELD(0x0c04)
#define HOST_DS_SELECTOR            VMCS_FIELD(0x0c06)
#define HOST_TR_SELECTOR            VMCS_FIELD(0x0c0c)
#define IO_BITMAP_A                 VMCS_FIELD(0x2000)
#define IO_BITMAP_B                 VMCS_FIELD(0x2002)
#define MSR_BITMAPS                 VMCS_FIELD(0x2004)
#define TSC_OFFSET                  VMCS_FIELD(0x2010)
#define VIRTUAL_APIC_ADDRESS        VMCS_FIELD(0x2012)
#define POSTED_DESCRIPTOR           VMCS_FIELD(0x2016)
#define EPT_POINTER                 VMCS_FIELD(0x201a)
#define EOI_EXIT_BITMAP0            VMCS_FIELD(0x201c) /* 1 to 3 follow at steps of 2 */
#define GUEST_PHYSICAL_ADDRESS      VMCS_FIELD(0x2400)
#define VMCS_LINK_POINTER           VMCS_FIELD(0x2800)
#define GUEST_DEBUGCTL              VMCS_FIELD(0x2802)
#define GUEST_PAT                   VMCS_FIELD(0x2804)
#define GUEST_EFER                  VMCS_FIELD(0x2806)
#define GUEST_PDPTE0                VMCS_FIELD(0x280a) /* 1 to 3 follow at steps of 2 */
#define HOST_PAT                    VMCS_FIELD(0x2c00)
#define HOST_EFER                   VMCS_FIELD(0x2c02)
#define PIN_CONTROLS                VMCS_FIELD(0x4000)
#define PROC_CONTROLS               VMCS_FIELD(0x4002)
#define EXCEPTION_BITMAP            VMCS_FIELD(0x4004)
#define PAGE_FAULT_MASK             VMCS_FIELD(0x4006)
#define PAGE_FAULT_MATCH            VMCS_FIELD(0x4008)
#define CR3_TARGET_COUNT            VMCS_FIELD(0x400a)
#define EXIT_MSR_STORE_COUNT        VMCS_FIELD(0x400e)
#define EXIT_MSR_LOAD_COUNT         VMCS_FIELD(0x4010)
#define ENTRY_MSR_LOAD_COUNT        VMCS_FIELD(0x4014)
#define TPR_THRESHOLD               VMCS_FIELD(0x401c)
#define EXIT_CONTROLS               VMCS_FIELD(0x400c)
#define ENTRY_CONTROLS              VMCS_FIELD(0x4012)
#define ENTRY_INTERRUPTION_INFO     VMCS_FIELD(0x4016)
#define ENTRY_EXCEPTION_ERROR       VMCS_FIELD(0x4018)
#define PROC2_CONTROLS              VMCS_FIELD(0x401e)
#define PLE_GAP                     VMCS_FIELD(0x4020)
#define PLE_WINDOW                  VMCS_FIELD(0x4022)
#define INSTRUCTION_ERROR           VMCS_FIELD(0x4400)
#define EXIT_REASON                 VMCS_FIELD(0x4402)
#define EXIT_INTERRUPTION_INFO      VMCS_FIELD(0x4404)
#define EXIT_INTERRUPTION_ERROR     VMCS_FIELD(0x4406)
#define IDT_VECTORING_INFO          VMCS_FIELD(0x4408)
#define IDT_VECTORING_ERROR         VMCS_FIELD(0x440a)
#define EXIT_INSTRUCTION_LENGTH     VMCS_FIELD(0x440c)
#define GUEST_GDTR_LIMIT            VMCS_FIELD(0x4810)
#define GUEST_IDTR_LIMIT            VMCS_FIELD(0x4812)
#define GUEST_INTERRUPTIBILITY      VMCS_FIELD(0x4824)
#define GUEST_ACTIVITY              VMCS_FIELD(0x4826)
#define GUEST_SYSENTER_CS           VMCS_FIELD(0x482a)
#define GUEST_SYSENTER_ESP          VMCS_FIELD(0x6824)
#define GUEST_SYSENTER_EIP          VMCS_FIELD(0x6826)
#define HOST_SYSENTER_CS            VMCS_FIELD(0x4c00)
#define HOST_SYSENTER_ESP           VMCS_FIELD(0x6c10)
#define HOST_SYSENTER_EIP           VMCS_FIELD(0x6c12)
#define CR0_MASK                    VMCS_FIELD(0x6000)
#define CR4_MASK                    VMCS_FIELD(0x6002)
#define CR0_READ_SHADOW             VMCS_FIELD(0x6004)
#define CR4_READ_SHADOW             VMCS_FIELD(0x6006)
#define EXIT_QUALIFICATION          VMCS_FIELD(0x6400)
#define GUEST_CR0                   VMCS_FIELD(0x6800)
#define GUEST_CR3                   VMCS_FIELD(0x6802)
#define GUEST_CR4                   VMCS_FIELD(0x6804)
#define GUEST_GDTR_BASE             VMCS_FIELD(0x6816)
#define GUEST_IDTR_BASE             VMCS_FIELD(0x6818)
#define GUEST_DR7                   VMCS_FIELD(0x681a)
#define GUEST_RSP                   VMCS_FIELD(0x681c)
#define GUEST_RIP                   VMCS_FIELD(0x681e)
#define GUEST_RFLAGS                VMCS_FIELD(0x6820)
#define GUEST_PENDING_DEBUG         VMCS_FIELD(0x6822)
#define HOST_CR0                    VMCS_FIELD(0x6c00)
#define HOST_CR3                    VMCS_FIELD(0x6c02)
#define HOST_CR4                    VMCS_FIELD(0x6c04)
#define HOST_FS_BASE                VMCS_FIELD(0x6c06)
#define HOST_GS_BASE                VMCS_FIELD(0x6c08)
#define HOST_TR_BASE                VMCS_FIELD(0x6c0a)
#define HOST_GDTR_BASE              VMCS_FIELD(0x6c0c)
#define HOST_IDTR_BASE              VMCS_FIELD(0x6c0e)
#define HOST_RSP                    VMCS_FIELD(0x6c14)
#define HOST_RIP                    VMCS_FIELD(0x6c16)

/* A field of segment i (0..7: ES CS SS DS FS GS LDTR TR, as in struct dais_sregs), given that of ES. */
static inline struct vmcs_field segment_field(struct vmcs_field es, u32 i)
{
	return VMCS_FIELD(es.code + 2 * i);
}

/* Controls that change while a guest runs or are asked about; the others are named in boot/boot_info_vmx.h. */
#define PIN_POSTED            (1u << 7)
#define PROC_INTERRUPT_WINDOW (1u << 2)
#define PROC_NMI_WINDOW       (1u << 22)
#define ENTRY_IA32E           (1u << 9)
#define PROC2_VPID            (1u << 5)
#define PROC2_PAUSE_LOOP      (1u << 10)
#define PROC2_APICV           (1u << 4 | 1u << 8 | 1u << 9) /* x2APIC mode, APIC registers, interrupt delivery */

/* Access rights: the descriptor's bits 40..55, and */
#define AR_UNUSABLE  0x10000u
#define AR_G         0x8000u
#define AR_DB        0x4000u
#define AR_L         0x2000u
#define AR_P         0x80u
#define AR_S         0x10u

/* Interruptibility state */
#define BLOCKED_STI    1u
#define BLOCKED_MOV_SS 2u
#define BLOCKED_NMI    8u
#define PENDING_BS     0x4000ULL

/* Interruption and vectoring information: vector, and */
#define INFO_VALID       (1u << 31)
#define INFO_ERROR       (1u << 11)
#define INFO_NMI_UNBLOCK (1u << 12) /* of an exit: IRET had ended the NMI mask when it faulted; in a qualification too */
#define INFO_TYPE(i)     ((i) >> 8 & 7)
enum { INFO_INTR = 0, INFO_NMI = 2, INFO_EXCEPTION = 3, INFO_SOFT_INT = 4, INFO_ICEBP = 5, INFO_SOFT_EXCEPTION = 6 };

enum exit_reason {
	REASON_EXCEPTION = 0, REASON_INTERRUPT = 1, REASON_TRIPLE_FAULT = 2, REASON_INTERRUPT_WINDOW = 7, REASON_NMI_WINDOW = 8, REASON_TASK_SWITCH = 9,
	REASON_CPUID = 10, REASON_GETSEC = 11, REASON_HLT = 12, REASON_INVD = 13, REASON_RDPMC = 15, REASON_VMCALL = 18,
	REASON_VMCLEAR = 19, REASON_VMXON = 27, REASON_CR = 28, REASON_IO = 30, REASON_RDMSR = 31, REASON_WRMSR = 32,
	REASON_BAD_STATE = 33, REASON_MWAIT = 36, REASON_MONITOR = 39, REASON_PAUSE = 40, REASON_ENTRY_MC = 41,
	REASON_EOI = 45, REASON_EPT_VIOLATION = 48, REASON_INVEPT = 50, REASON_INVVPID = 53, REASON_WBINVD = 54, REASON_XSETBV = 55,
	REASON_VMFUNC = 59,
};
#define REASON_FAILED (1u << 31) /* the entry failed */

#define MSR_FEATURE_CONTROL  0x3a
#define FEATURE_LOCKED       1ULL
#define FEATURE_VMXON        4ULL  /* outside SMX */
#define MSR_VMX_BASIC        0x480
#define MSR_VMX_CR0_FIXED0   0x486 /* bits that must be 1; the next: that may be 1; then the same for CR4 */
#define CR4_VMXE             (1ULL << 13)

#endif
