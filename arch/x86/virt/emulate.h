/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the emulator: emulate.c (operands), emulate_insn.c (instructions), io.c
 * (ports). */
#ifndef DAIS_EMULATE_H
#define DAIS_EMULATE_H

#include "arch/x86/virt/guest.h"

#define FLAG_CF 0x001ULL
#define FLAG_PF 0x004ULL
#define FLAG_AF 0x010ULL
#define FLAG_ZF 0x040ULL
#define FLAG_SF 0x080ULL
#define FLAG_OF 0x800ULL
#define FLAGS_ALL   (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

#define MASK(size) ((size) == 8 ? ~0ULL : (1ULL << 8 * (size)) - 1) /* size in bytes */

enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
enum alu_op { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

struct emu {
	struct xvcpu *x;
	enum insn_mode mode;
	struct insn i;
	u8 bytes[INSN_BYTES];
	u8 seg;               /* of the memory operand */
	u64 offset;
	u32 size;             /* of the access under way */
};

u64 alu(enum alu_op op, u64 a, u64 b, u32 size, u64 *flags);
u64 emu_reg(const struct emu *e, u8 reg, u32 size);
void emu_set_reg(struct emu *e, u8 reg, u32 size, u64 v);
void emu_set_flags(struct emu *e, u64 flags, u64 which);
/* Accesses: false: unwind; a fault is queued, the monitor was asked, or the guest is dead. */
bool emu_access(struct emu *e, u8 seg, u64 offset, u32 size, bool write, u64 *value);
bool emu_probe_write(struct emu *e, u8 seg, u64 offset, u32 size);
bool emu_operand(struct emu *e, u32 size, bool write, u64 *value);
void emu_end(struct emu *e, bool skip);
/* False: not known. True: done, or unwound. */
bool emulate_insn(struct emu *e);
/* String instructions: steps RSI, RDI and RCX after one element; true: the instruction is over.
 * more: REPE/REPNE's condition holds. */
bool string_step(struct emu *e, u32 size, bool si, bool di, bool more);
/* A REP with RCX = 0: nothing to do. */
bool string_empty(const struct emu *e);

#endif
