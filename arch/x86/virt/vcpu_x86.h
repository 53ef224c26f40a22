/* SPDX-License-Identifier: GPL-2.0-only */
/* The x86 part of domains and vCPUs, and what the shared virt/ code asks of a vendor (svm/, vmx/). */
#ifndef DAIS_VCPU_X86_H
#define DAIS_VCPU_X86_H

#include "arch/x86/virt/lapic.h"
#include "arch/x86/virt/nested.h"
#include "arch/x86/x86.h"
#include "kernel/domain.h"
#include "kernel/vcpu.h"

/* Register numbers as instructions encode them */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* Why the guest left, read once by the vendor; no policy in it. */
enum exit_kind {
	EXIT_UNKNOWN,       /* detail = the vendor's code */
	EXIT_INTR, EXIT_MACHINE_CHECK, /* physical ones; an interrupt is taken when the window opens */
	EXIT_NOTHING,       /* a window opened; the host's NMI, which has been served: entered again */
	EXIT_HLT, EXIT_PAUSE, EXIT_CPUID, EXIT_HYPERCALL,
	EXIT_MSR_READ, EXIT_MSR_WRITE,
	EXIT_IO, EXIT_NESTED_FAULT,
	EXIT_CR8_WRITE,
	EXIT_VIRTUAL_EOI,   /* the CPU has ended an interrupt, level-triggered perhaps; detail = vector */
	EXIT_XSETBV, EXIT_WBINVD,
	EXIT_TIME,          /* RDTSC or RDTSCP, when intercepted */
	EXIT_REFUSED,       /* an instruction that no guest has: #UD */
	EXIT_GP,            /* an instruction with an operand that no guest may use, or RDPMC: #GP */
	EXIT_EXCEPTION,     /* event: to be given back to the guest */
	EXIT_SHUTDOWN,      /* triple fault */
	EXIT_INVALID,       /* entry refused the state: refused */
	EXIT_KINDS
};

/* An event that goes into the guest at entry, or was being delivered when the exit came: one more than the
 * number that both vendors have for it. */
enum event_type { EVENT_NONE, EVENT_INTR, EVENT_NMI = 3, EVENT_EXCEPTION, EVENT_SOFT /* INT n, re-executed instead */ };
#define EVENT_TYPE(number) ((number) + 1)
#define EVENT_NUMBER(type) ((u64)(type) - 1)
struct guest_event { u8 type, vector; bool has_error; u32 error; };

struct exit {
	u32 kind;                  /* enum exit_kind */
	u32 insn_len;              /* bytes, 0 = not known: decode; always known of an IO */
	u64 detail;                /* EXIT_UNKNOWN, EXIT_INVALID */
	const char *refused;       /* EXIT_INVALID: what is wrong, as far as the vendor knows */
	struct { u16 port; u8 size; bool in, string; } io;
	struct { u64 gpa; bool write, exec, present, table_walk; } fault; /* table_walk: hit while walking the guest's own tables */
	struct guest_event event;  /* EXIT_EXCEPTION; EXIT_INTR: the host's, when the exit has acknowledged it */
	struct guest_event vectoring; /* event whose delivery the exit cut short */
};

/* The access that an instruction makes to emulated memory or a port, and how it is completed
 * once the value is there, perhaps by the monitor. */
struct access {
	u64 addr, value;           /* value: what is written, or has been read */
	u64 operand;               /* OP_CMP: the other one */
	u16 flags;                 /* OP_* */
	u8 size;                   /* in bytes, of the access */
	bool port;
	u8 reg, to, shift;         /* a read sets `to` bytes of this register from bit `shift` on */
	u32 length;                /* of the instruction */
	enum { ACCESS_NONE, ACCESS_ASKED } state; /* of what the monitor has to do */
};
enum {
	OP_STORE = 1, OP_IMM = 2, OP_IMM8 = 4, OP_OFFSET = 8 /* in place of ModRM; the register is RAX */,
	OP_WIDEN = 16, OP_SIGN = 32, OP_CMP = 64, OP_SWAP = 128 /* memory on the right */,
};
static inline bool access_writes(const struct access *a) { return a->flags & OP_STORE; }

struct xvcpu {
	struct vcpu v;             /* first */
	union {                    /* RSP and RAX too: the vendor moves them */
		struct { u64 gpr[16], rip, rflags; };
		struct dais_gprs gprs;
	};
	struct exit exit;
	struct dais_sregs sregs;   /* valid while sregs_cached: x86_sregs() */
	bool sregs_cached, sregs_dirty;
	bool shadow;               /* interrupt shadow: read at exit, written at entry */
	struct guest_event inject; /* to deliver at the next entry (exception or re-injection) */
	bool nmi_masked;           /* the vendor sees IRET end it */
	bool nmi_waits;            /* one cannot be taken yet: an exit when it can, if the vendor is able to */
	u8 sipi_vector;
	struct access access;
	struct lapic lapic;
	/* state that Dais switches */
	void *xsave; u64 xcr0;     /* xcr0: saved; in the register while it runs */
	u64 dr[4];
	u64 tsc_aux, tsc_adjust, pat;
	/* KVM's paravirtual interface */
	u64 pv_clock, pv_wall, pv_steal; u32 pv_kicked, pv_version, yielded_to;
	u32 accessing;             /* atomic: host mode looks at the guest's memory (guest.c) */
	u64 flush_seen;            /* domain's flush_gen at the last entry */
	void *vendor;              /* struct vmcb or vmx_vcpu */
};

/* Bitmaps of ports and MSRs whose use exits; the guests share one pair, the control domain has its own. */
struct permission_maps { u8 io[3 * PAGE_SIZE], msr[2 * PAGE_SIZE]; };

struct xdomain {
	struct domain d;           /* first */
	struct nested nt;
	struct permission_maps *maps;
	u64 level[4];              /* atomic: vectors that were level-triggered once */
	u64 epoch_tsc;             /* TSC when the domain was created: kvm-clock's zero */
};

static inline struct xvcpu *xvcpu(struct vcpu *v) { return (struct xvcpu *)v; }
static inline struct xdomain *xdomain(struct domain *d) { return (struct xdomain *)d; }
static inline bool is_control(const struct xvcpu *x) { return x->v.dom->slot == 0; }

/* The back end, chosen once at start. Everything it can do without being asked is in here. */
struct virt_ops {
	const char *name;                                   /* "AMD-V" */
	const struct nested_format *nested;
	status_t (*cpu_start)(u32 cpu);                     /* switch it on, on this CPU; tells facts[] VIRT, ASIDS, FEATURES, FEATURES_USED */
	/* In the MSR map: accesses that pass (msr_passes) of register i, 0..0x1fff, of the range that begins at 0, 0xc0000000, 0xc0010000 */
	void (*msr_map_set)(u8 *map, u32 range, u32 i, u32 pass);
	status_t (*vcpu_init)(struct xvcpu *x);             /* reset state (SDM vol. 3 §10.1.1) */
	void (*vcpu_free)(struct xvcpu *x);
	void (*vcpu_load)(struct xvcpu *x);                 /* another vCPU ran on this CPU, or this one elsewhere */
	void (*vcpu_unload)(struct xvcpu *x);               /* another CPU may load it now */
	/* Enters, returns at the exit with x->exit, rip, rflags, gpr, shadow, nmi_masked filled. `irq`: vector to offer, or -1. Not 0: it was not delivered. */
	u64 (*enter)(struct xvcpu *x, int irq);
	void (*read_sregs)(struct xvcpu *x, struct dais_sregs *s);
	void (*write_sregs)(struct xvcpu *x, const struct dais_sregs *s);
	/* Of a vCPU that is on this CPU, without all the rest: for x86_cpl, x86_cr4 */
	u32 (*cpl)(struct xvcpu *x);
	u64 (*cr4)(struct xvcpu *x);
	void (*set_pat)(struct xvcpu *x, u64 value);
	void (*read_debug)(struct xvcpu *x, u64 *dr6, u64 *dr7);
	void (*write_debug)(struct xvcpu *x, u64 dr6, u64 dr7);
	void (*set_tsc_offset)(struct xvcpu *x, u64 offset);
	void (*flush)(struct xvcpu *x);                     /* all its translations on this CPU, at the next entry */
};
extern const struct virt_ops *virt;

/* Segments and control registers of the guest (cr8, xcr0, apic_base are elsewhere), read from the vendor once per exit. x86_sregs_changed writes them back at entry. */
struct dais_sregs *x86_sregs(struct xvcpu *x);
static inline void x86_sregs_changed(struct xvcpu *x) { x->sregs_dirty = true; }
/* CPL 0..3; 3 in virtual-8086 mode */
static inline u32 x86_cpl(struct xvcpu *x)
{
	const struct dais_sregs *s = &x->sregs;

	if (likely(!x->sregs_cached))
		return virt->cpl(x);
	return !(s->cr0 & CR0_PE) ? 0 : x->rflags & RFLAGS_VM ? 3 : s->ss.attr >> 5 & 3;
}
static inline u64 x86_cr4(struct xvcpu *x) { return x->sregs_cached ? x->sregs.cr4 : virt->cr4(x); }

/* Queue an exception for the next entry; when another is pending: the double-fault rules (SDM vol. 3 §6.15).
 * The error code counts for those that have one. */
void x86_exception(struct xvcpu *x, u8 vector, u32 error);

void x86_set_tsc_aux(struct xvcpu *x, u64 value); /* of the vCPU that runs here */

/* Ends the current instruction: RIP += length (wrapped to the mode's size), shadow off, RF off, single-step trap if TF. */
void x86_skip_rest(struct xvcpu *x);
static inline void x86_skip(struct xvcpu *x, u32 length)
{
	u64 from = x->rip;

	x->rip += length;
	x->shadow = false;
	if (unlikely(((from ^ x->rip) >> 32) || (x->rflags & (RFLAGS_TF | RFLAGS_RF))))
		x86_skip_rest(x);
}

/* access.c: makes the access and ends its instruction; or asks the monitor for it: then it ends in arch_vcpu_served. */
void x86_access(struct xvcpu *x, const struct access *a);

/* Brings its state into this CPU's registers; arch_vcpu_unload saves it again. */
void x86_vcpu_load(struct xvcpu *x);

/* On return every vCPU of d has left guest mode since the call, or not begun to enter it. Waits for no lock. */
void x86_flush(struct domain *d);
/* Sets v's pending state for start-up (INIT, SIPI): called on the CPU that runs it. */
void x86_reset_vcpu(struct xvcpu *x, bool init);  /* init: INIT keeps XSAVE, most MSRs */

#endif
