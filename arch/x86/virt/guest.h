/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of virt/ offer each other: a guest's memory and instructions, CPUID, MSRs, KVM's
 * interface. */
#ifndef DAIS_GUEST_H
#define DAIS_GUEST_H

#include "arch/x86/cpu.h"
#include "arch/x86/virt/vcpu_x86.h"

/* --- guest.c: a guest's memory from host mode --- */
/*
 * No lock: exits come here for every instruction's bytes. While x->accessing is
 * set, nested_flush waits, so that a frame, or a table that the look-up passes,
 * is given to nobody else before we are done with it. Takes no lock inside.
 */
static inline void guest_access_begin(struct xvcpu *x)
{
	atomic_xchg(&x->accessing, 1); /* before the tables, or flush_gen, are read */
}

static inline void guest_access_end(struct xvcpu *x)
{
	atomic_store(&x->accessing, 0);
}

/* RAM of the domain within one page; false: it is none, or read-only, or n reaches beyond the
 * page. */
bool guest_ram(struct xvcpu *x, u64 gpa, void *buf, u32 n, bool write);
/* Linear to guest-physical by the tables of the current mode. Only for what the processor has just
 * translated itself: rights, A and D are not looked at. False: not mapped now. */
bool guest_walk(struct xvcpu *x, u64 linear, u64 *gpa);
#define INSN_BYTES 15
/* The bytes at CS:RIP, at most INSN_BYTES; returns how many there are. */
u32 guest_fetch(struct xvcpu *x, u8 buf[INSN_BYTES]);
/* Pages take turns by their numbers. */
static inline struct fetch_view *guest_fetch_view(u64 linear) { return &this_cpu()->fetch[linear >> PAGE_SHIFT & (FETCH_VIEWS - 1)]; }

/*
 * The first 4 at this linear address, quickly; false: not there. The pages that instructions were last fetched from stay in
 * view: found again by CR3 and its linear address while no mapping of the domain was taken away: asked after they are
 * read, so that nothing has to hold up whoever takes it. A guest that changed its own tables since may see what was there
 * before: the caller compares it with the exit, and does not give it up before it has walked the tables.
 */
static inline bool guest_peek(const struct xvcpu *x, u64 linear, u64 cr3, u32 *first)
{
	const struct fetch_view *f = guest_fetch_view(linear);
	u64 offset = linear & ~PAGE_MASK;

	if (f->page != (linear | ~PAGE_MASK) || f->cr3 != cr3 || offset > PAGE_SIZE - sizeof(*first))
		return false;
	*first = atomic_load((const u32 *)(f->bytes + offset));
	return f->gen == atomic_load(&x->v.dom->flush_gen);
}
enum insn_mode { INSN_16 = 2, INSN_32 = 4, INSN_64 = 8 }; /* the default address size */
enum insn_mode guest_mode(struct xvcpu *x);
/* of operands, in bytes */
static inline u64 size_mask(u32 size) { return size == 8 ? ~0ULL : (1ULL << 8 * size) - 1; }
static inline u64 sign_extend(u64 v, u32 size) { return (u64)((s64)(v << (64 - 8 * size)) >> (64 - 8 * size)); }
#define SEG_L 0x200u /* of dais_seg.attr */
#define SEG_D 0x400u

/* --- exit.c: acts on x->exit --- */
void exit_handle(struct xvcpu *x);

/* --- emulate.c --- */
/* Length of the instruction that x->exit.kind says was executed; 0: it is to be tried again, or a
 * fault is queued. */
u32 guest_insn_length(struct xvcpu *x);
/* After the prefixes, little-endian; n 0: not for this kind of exit */
extern const struct known_insn { u32 bytes, mask, n; } known_insns[EXIT_KINDS];
/* The same, of what is still in view; 0: it has to be fetched. linear: RIP + CS base */
static inline u32 guest_length_in_view(const struct xvcpu *x, u32 kind, u64 linear, u64 cr3)
{
	const struct known_insn *k = &known_insns[kind];
	u32 first;

	return k->n && guest_peek(x, linear, cr3, &first) && !((first ^ k->bytes) & k->mask) ? k->n : 0;
}
/* MOV whose memory operand hit x->exit.fault.gpa, where no RAM is. */
void emulate_memory(struct xvcpu *x);
void emulate_io(struct xvcpu *x);                /* x->exit.io */
void emulate_cr8_write(struct xvcpu *x);

/* --- cpuid.c, msr.c, pv.c --- */
void cpuid_emulate(struct xvcpu *x, u32 leaf, u32 sub, u32 out[4]); /* eax ebx ecx edx */
u64 cpuid_xcr0_allowed(void);
bool xcr0_valid(u64 value);                      /* may XCR0 hold it? */
u32 cpuid_xsave_size(void);                      /* bytes for all of xcr0_allowed */
bool msr_read(struct xvcpu *x, u32 msr, u64 *value);   /* false: #GP */
bool msr_write(struct xvcpu *x, u32 msr, u64 value);   /* false: #GP */
u64 msr_efer_allowed(void);
/* Which accesses need no exit: bit 0 read, bit 1 write; for the vendor's bitmap. */
u32 msr_passes(u32 msr, bool control);
void msr_reset(struct xvcpu *x);                       /* power-up values of what msr.c keeps */
u64 guest_tsc(const struct xvcpu *x);
bool pv_msr(struct xvcpu *x, u32 msr, u64 *value, bool write);
void pv_hypercall(struct xvcpu *x);              /* KVM's numbers: result in RAX */
/* It comes onto a CPU, or leaves it while it wants to run: the guest is told. */
void pv_steal_update(struct xvcpu *x, bool runs);
/* Of those that Dais schedules only; the control domain, which lends its time, would pay for it at every loan. */
static inline bool pv_has_steal(const struct xvcpu *x) { return x->v.autonomous && !is_control(x); }
void pv_yield(struct xvcpu *x);                  /* to one of its domain that waits for a CPU: the next in turn */
void pv_clock_update(struct xvcpu *x);           /* the guest's TSC was set */

#endif
