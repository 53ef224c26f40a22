/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_SVM_H
#define DAIS_SVM_H

#include "arch/x86/svm/vmcb.h"
#include "arch/x86/virt/vcpu_x86.h"

/* CPUID 8000_000A, EDX */
#define SVM_NP           (1u << 0)
#define SVM_NRIP         (1u << 3)
#define SVM_FLUSH_ASID   (1u << 6)
#define SVM_PAUSE_FILTER (1u << 10)
extern u32 svm_features, svm_asid_limit;

static inline struct vmcb *vmcb_of(struct xvcpu *x) { return x->vendor; }

extern const struct virt_ops svm_ops;

/* entry.asm: VMLOAD, VMRUN, VMSAVE with the general registers; host_vmcb holds the host's FS, GS, TR, LDTR, syscall MSRs. */
void svm_enter_guest(u64 vmcb_hpa, u64 *gpr, u64 host_vmcb_hpa, u64 shadow);
/* exit.c: which exits are wanted; fills x->exit from the VMCB, read once. */
void svm_set_intercepts(struct vmcb *b);
void svm_decode_exit(struct xvcpu *x);

#endif
