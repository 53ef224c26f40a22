/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_SVM_H
#define DAIS_SVM_H

#include "arch/x86/svm/vmcb.h"
#include "arch/x86/virt/vcpu_x86.h"

/* CPUID 8000_000A */
struct svm_features { bool nrip, flush_asid, pause_filter; u32 asids; };
extern struct svm_features svm_features;

struct svm_vcpu {
	struct vmcb *vmcb;
	u32 cpu;             /* whose ASIDs and clean bits it has; ~0: none */
	u64 asid_generation;
	u64 offered;         /* vintr as last written, to tell a delivered interrupt */
	bool flush;
};

struct svm_domain { void *iopm, *msrpm; };

static inline struct svm_vcpu *svm_vcpu(struct xvcpu *x) { return x->vendor; }

extern const struct virt_ops svm_ops;

/* entry.asm: VMLOAD, VMRUN, VMSAVE with the general registers; host_vmcb holds the host's FS, GS, TR, LDTR, syscall MSRs. */
void svm_enter_guest(u64 vmcb_hpa, u64 *gpr, u64 host_vmcb_hpa, u64 sti_first);
/* exit.c: fills x->exit from the VMCB, read once. */
void svm_decode_exit(struct xvcpu *x);
void svm_read_sregs(struct xvcpu *x, struct dais_sregs *s);
void svm_write_sregs(struct xvcpu *x, const struct dais_sregs *s);
void svm_write_msr(struct xvcpu *x, u32 msr, u64 value);
status_t svm_domain_init(struct xdomain *d);
void svm_domain_free(struct xdomain *d);
void svm_trap_port(u16 port, bool on);

#endif
