/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading and writing a guest's memory from host mode, through windows. */
#ifndef DAIS_GUEST_H
#define DAIS_GUEST_H

#include "arch/x86/virt/vcpu_x86.h"

#define GA_WRITE 1u
#define GA_USER  2u
#define GA_EXEC  4u

/* FAULT: *error is the page-fault error code; DIED: the guest's tables are in no memory */
enum walk { WALK_OK, WALK_FAULT, WALK_DIED };
/* Guest linear to guest physical in the current mode (no paging, 32-bit, PAE, 4 and 5 levels), with
 * A and D bits set as hardware does. */
enum walk guest_walk(struct xvcpu *x, u64 linear, u32 access, u64 *gpa, u32 *error);
/* RAM only; false: some byte is no RAM of the domain. Crosses pages. */
bool guest_phys_read(struct xvcpu *x, u64 gpa, void *buf, u32 n);
bool guest_phys_write(struct xvcpu *x, u64 gpa, const void *buf, u32 n);
/* Instruction bytes at CS:RIP from byte `have` on, to the end of that page at most. Returns how
 * many there are in buf now; 0: a fault is queued or the domain died. */
u32 guest_fetch(struct xvcpu *x, u8 *buf, u32 have);
#define INSN_BYTES 15
#define SEG_L 0x200u /* of dais_seg.attr */
#define SEG_D 0x400u

/* --- insn.c: the decoder; pure --- */
struct insn {
	u8 length, opsize /* 2, 4, 8 */, addrsize /* 2, 4, 8 */, rex;
	u8 seg /* 0..5 es cs ss ds fs gs, 0xff none */, rep /* 0, 0xf2, 0xf3 */;
	bool lock, modrm_mem, has_modrm, vex /* VEX or EVEX: only length and operand are meant */;
	u8 map /* 0 one-byte, 1 0F, 2 0F38, 3 0F3A */, opcode, modrm, mod, reg, rm;
	u8 base /* 0xff none */, index /* 0xff none */, scale;
	bool rip_relative;
	s64 disp; u64 imm; u8 imm_size;
};
enum insn_mode { INSN_16, INSN_32, INSN_64 };
/* SHORT: more bytes needed; BAD: longer than 15 bytes or not known */
enum insn_result { INSN_OK, INSN_SHORT, INSN_BAD };
enum insn_result insn_decode(const u8 *b, u32 n, enum insn_mode mode, struct insn *i);

enum insn_mode guest_mode(struct xvcpu *x);
/* The instruction at RIP, decoded; *n bytes in buf[INSN_BYTES]. False: fault queued or domain dead. */
bool guest_decode(struct xvcpu *x, u8 *buf, u32 *n, struct insn *i);
/* Length of the instruction at RIP (exits without a next RIP); 0: fault queued or domain dead. */
u32 guest_insn_length(struct xvcpu *x);

/* --- emulate.c, io.c --- */
/* What Dais does not emulate: kills a guest, with this reason; the control domain gets #GP, the
 * log a line. */
void emulation_failed(struct xvcpu *x, const char *fmt, ...) __printf(2, 3);
/* Executes the instruction at RIP whose memory operand hit gpa (no RAM there), one iteration of a
 * REP. All its accesses go by x86_access. */
void emulate_memory(struct xvcpu *x);
/* x->exit.io: IN, OUT, INS, OUTS, one iteration. */
void emulate_io(struct xvcpu *x);
void emulate_cr8_write(struct xvcpu *x);
bool emulate_xsetbv(struct xvcpu *x);            /* false: #GP queued */

/* --- cpuid.c, msr.c, pv.c, state.c --- */
void cpuid_emulate(struct xvcpu *x, u32 leaf, u32 sub, u32 out[4]); /* eax ebx ecx edx */
u64 cpuid_cr4_allowed(void);
u64 cpuid_xcr0_allowed(void);
bool xcr0_valid(u64 value);                      /* may XCR0 hold it? */
u32 cpuid_xsave_size(void);                      /* bytes for all of xcr0_allowed */
bool msr_read(struct xvcpu *x, u32 msr, u64 *value);   /* false: #GP */
bool msr_write(struct xvcpu *x, u32 msr, u64 value);   /* false: #GP */
/* Which accesses need no exit: bit 0 read, bit 1 write; for the vendor's bitmap. */
u32 msr_passes(u32 msr, bool control);
void msr_reset(struct xvcpu *x);                       /* power-up values of what msr.c keeps */
u64 guest_tsc(const struct xvcpu *x);
bool pv_msr_write(struct xvcpu *x, u32 msr, u64 value);
bool pv_msr_read(struct xvcpu *x, u32 msr, u64 *value);
void pv_hypercall(struct xvcpu *x);              /* KVM's numbers: result in RAX */
void pv_enter(struct xvcpu *x);                  /* steal time at vCPU load */
void pv_leave(struct xvcpu *x);                  /* and at unload */
void pv_clock_update(struct xvcpu *x);           /* the guest's TSC was set */
/* Seconds since 1970 when the TSC read epoch_tsc */
void pv_init(u64 epoch_seconds, u64 epoch_tsc);

#endif
