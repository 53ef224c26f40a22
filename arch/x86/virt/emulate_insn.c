/* SPDX-License-Identifier: GPL-2.0-only */
/* The instructions that are emulated on device memory (SDM vol. 2). */
#include "arch/x86/virt/emulate.h"
#include "arch/x86/x86.h"

/* Bit 0 of most opcodes: byte or operand size. */
static u32 width(const struct emu *e)
{
	return e->i.opcode & 1 ? e->i.opsize : 1;
}

static bool done(struct emu *e)
{
	emu_end(e, true);
	return true;
}

/* Reads what will be written: the write's fault must come before a read that the device notices. */
static bool read_for_write(struct emu *e, u32 size, u64 *v)
{
	return emu_probe_write(e, e->seg, e->offset, size) && emu_operand(e, size, false, v);
}

static bool store(struct emu *e, u32 size, u64 v)
{
	return emu_operand(e, size, true, &v) ? done(e) : true;
}

static bool load(struct emu *e, u32 from, u32 to, bool sign)
{
	u64 v;

	if (!emu_operand(e, from, false, &v))
		return true;
	if (sign && from < 8)
		v = (s64)(v << (64 - 8 * from)) >> (64 - 8 * from);
	emu_set_reg(e, e->i.reg, to, v);
	return done(e);
}

/* What is only looked at: CMP, TEST. reg: the register is the left operand. */
static bool examine(struct emu *e, enum alu_op op, u32 size, u64 b, bool reg)
{
	u64 flags = 0, v;

	if (!emu_operand(e, size, false, &v))
		return true;
	alu(op, reg ? b : v, reg ? v : b, size, &flags);
	emu_set_flags(e, flags, FLAGS_ALL);
	return done(e);
}

/* What is read and written: the eight of alu_op, and */
enum { MOD_NOT = 8, MOD_NEG, MOD_INC, MOD_DEC, MOD_XCHG, MOD_XADD, MOD_CMPXCHG, MOD_BTS, MOD_BTR,
       MOD_BTC };

static bool modify(struct emu *e, u32 op, u32 size, u64 b)
{
	u64 flags = e->x->rflags, which = FLAGS_ALL, v, r;
	u8 old_to = 0xff; /* register that gets the old value */

	if (!read_for_write(e, size, &v))
		return true;
	switch (op) {
	case MOD_NOT: r = ~v; which = 0; break;
	case MOD_NEG: r = alu(ALU_SUB, 0, v, size, &flags); break;
	case MOD_INC: r = alu(ALU_ADD, v, 1, size, &flags); which &= ~FLAG_CF; break;
	case MOD_DEC: r = alu(ALU_SUB, v, 1, size, &flags); which &= ~FLAG_CF; break;
	case MOD_XCHG: r = b; which = 0; old_to = e->i.reg; break;
	case MOD_XADD: r = alu(ALU_ADD, v, b, size, &flags); old_to = e->i.reg; break;
	case MOD_CMPXCHG: /* the destination is written in any case */
		alu(ALU_CMP, emu_reg(e, RAX, size), v, size, &flags);
		r = flags & FLAG_ZF ? b : v;
		old_to = flags & FLAG_ZF ? 0xff : RAX;
		break;
	case MOD_BTS: case MOD_BTR: case MOD_BTC:
		r = op == MOD_BTS ? v | b : op == MOD_BTR ? v & ~b : v ^ b;
		flags = v & b ? FLAG_CF : 0;
		which = FLAG_CF;
		break;
	default: r = alu(op, v, b, size, &flags); break;
	}
	if (!emu_operand(e, size, true, &r))
		return true;
	if (old_to != 0xff)
		emu_set_reg(e, old_to, size, v);
	emu_set_flags(e, flags, which);
	return done(e);
}

static bool do_alu_memory(struct emu *e, u32 op, u64 b)
{
	return op == ALU_CMP ? examine(e, op, width(e), b, false) : modify(e, op, width(e), b);
}

/* 00..3B: op E,G and op G,E */
static bool do_alu(struct emu *e)
{
	u32 size = width(e);
	enum alu_op op = e->i.opcode >> 3 & 7;
	u64 flags = e->x->rflags, v, g = emu_reg(e, e->i.reg, size);

	if (!(e->i.opcode & 2))
		return do_alu_memory(e, op, g);
	if (op == ALU_CMP)
		return examine(e, op, size, g, true);
	if (!emu_operand(e, size, false, &v))
		return true;
	emu_set_reg(e, e->i.reg, size, alu(op, g, v, size, &flags));
	emu_set_flags(e, flags, FLAGS_ALL);
	return done(e);
}

/* F6, F7; MUL and DIV of device memory: nobody */
static bool do_group3(struct emu *e)
{
	u32 op = e->i.reg & 7;

	if (op <= 1)
		return examine(e, ALU_AND, width(e), e->i.imm, false);
	return op <= 3 && modify(e, op == 2 ? MOD_NOT : MOD_NEG, width(e), 0);
}

/* BT, BTS, BTR, BTC: op 0..3. A bit number in a register reaches beyond the operand. */
static bool do_bit(struct emu *e, u32 op, bool immediate)
{
	u32 size = e->i.opsize, bits = 8 * size;
	s64 bit = immediate ? e->i.imm & (bits - 1) : emu_reg(e, e->i.reg, size) << (64 - bits);
	u64 v;

	if (!immediate) {
		bit >>= 64 - bits;
		e->offset += (bit >> __builtin_ctz(bits)) * (s64)size;
		e->offset &= MASK(e->i.addrsize);
		bit &= bits - 1;
	}
	if (op)
		return modify(e, MOD_BTS + op - 1, size, 1ULL << bit);
	if (!emu_operand(e, size, false, &v))
		return true;
	emu_set_flags(e, v >> bit & 1, FLAG_CF);
	return done(e);
}

/* --- strings --- */

static u64 string_offset(const struct emu *e, u8 reg)
{
	return emu_reg(e, reg, e->i.addrsize);
}

bool string_empty(const struct emu *e)
{
	return e->i.rep && !string_offset(e, RCX);
}

bool string_step(struct emu *e, u32 size, bool si, bool di, bool more)
{
	u64 step = e->x->rflags & RFLAGS_DF ? -(u64)size : size, left;

	if (si)
		emu_set_reg(e, RSI, e->i.addrsize, e->x->gpr[RSI] + step);
	if (di)
		emu_set_reg(e, RDI, e->i.addrsize, e->x->gpr[RDI] + step);
	if (!e->i.rep)
		return true;
	left = string_offset(e, RCX) - 1;
	emu_set_reg(e, RCX, e->i.addrsize, left);
	return !left || !more;
}

static bool string_compare(struct emu *e, u32 size, u64 a, u64 b, bool si)
{
	u64 flags = 0;

	alu(ALU_CMP, a, b, size, &flags);
	emu_set_flags(e, flags, FLAGS_ALL);
	emu_end(e, string_step(e, size, si, true, !!(flags & FLAG_ZF) == (e->i.rep == 0xf3)));
	return true;
}

static bool do_string(struct emu *e)
{
	u32 size = width(e);
	u8 from = e->i.seg == 0xff ? SEG_DS : e->i.seg;
	u64 si = string_offset(e, RSI), di = string_offset(e, RDI), v = emu_reg(e, RAX, size), w;
	bool is_movs = (e->i.opcode & ~1) == 0xa4;

	if (string_empty(e))
		return done(e);
	switch (e->i.opcode & ~1) {
	case 0xa4: case 0xaa: /* MOVS, STOS */
		if (is_movs && (!emu_probe_write(e, SEG_ES, di, size) ||
				!emu_access(e, from, si, size, false, &v)))
			return true;
		if (emu_access(e, SEG_ES, di, size, true, &v))
			emu_end(e, string_step(e, size, is_movs, true, true));
		return true;
	case 0xac: /* LODS */
		if (!emu_access(e, from, si, size, false, &v))
			return true;
		emu_set_reg(e, RAX, size, v);
		emu_end(e, string_step(e, size, true, false, true));
		return true;
	case 0xa6: /* CMPS */
		if (!emu_access(e, from, si, size, false, &v) ||
		    !emu_access(e, SEG_ES, di, size, false, &w))
			return true;
		return string_compare(e, size, v, w, true);
	default:   /* SCAS */
		if (!emu_access(e, SEG_ES, di, size, false, &w))
			return true;
		return string_compare(e, size, v, w, false);
	}
}

/* --- dispatch --- */

static bool do_mov_offset(struct emu *e)
{
	e->seg = e->i.seg == 0xff ? SEG_DS : e->i.seg;
	e->offset = e->i.disp & MASK(e->i.addrsize);
	e->i.reg = RAX;
	return e->i.opcode & 2 ? store(e, width(e), emu_reg(e, RAX, width(e))) :
				 load(e, width(e), width(e), false);
}

static bool one_byte(struct emu *e)
{
	u32 size = width(e), op = e->i.reg & 7;
	u64 g = emu_reg(e, e->i.reg, size);

	switch (e->i.opcode) {
	case 0x00 ... 0x3b: return do_alu(e);
	case 0x63: return e->mode == INSN_64 && load(e, 4, e->i.opsize, true);
	case 0x80 ... 0x83: return do_alu_memory(e, op, e->i.imm);
	case 0x84: case 0x85: return examine(e, ALU_AND, size, g, false);
	case 0x86: case 0x87: return modify(e, MOD_XCHG, size, g);
	case 0x88: case 0x89: return store(e, size, g);
	case 0x8a: case 0x8b: return load(e, size, size, false);
	case 0x8c: return op <= SEG_GS && store(e, 2, (&x86_sregs(e->x)->es)[op].selector);
	case 0xc6: case 0xc7: return !op && store(e, size, e->i.imm);
	case 0xf6: case 0xf7: return do_group3(e);
	case 0xfe: case 0xff: return op <= 1 && modify(e, MOD_INC + op, size, 1);
	}
	return false;
}

static bool two_byte(struct emu *e)
{
	u32 size = width(e), op = e->i.reg & 7;
	u64 g = emu_reg(e, e->i.reg, size);

	switch (e->i.opcode) {
	case 0xa3: case 0xab: case 0xb3: case 0xbb: return do_bit(e, e->i.opcode >> 3 & 3, false);
	case 0xba: return op >= 4 && do_bit(e, op - 4, true);
	case 0xb0: case 0xb1: return modify(e, MOD_CMPXCHG, size, g);
	case 0xb6: case 0xbe: return load(e, 1, e->i.opsize, e->i.opcode & 8);
	case 0xb7: case 0xbf: return load(e, 2, e->i.opsize, e->i.opcode & 8);
	case 0xc0: case 0xc1: return modify(e, MOD_XADD, size, g);
	case 0xc3: return store(e, e->i.opsize, g);
	}
	return false;
}

bool emulate_insn(struct emu *e)
{
	const struct insn *i = &e->i;

	if (i->vex || i->map > 1)
		return false;
	if (!i->map && i->opcode >= 0xa0 && i->opcode <= 0xa3)
		return do_mov_offset(e);
	if (!i->map && i->opcode >= 0xa4 && i->opcode <= 0xaf && (i->opcode & ~1) != 0xa8)
		return do_string(e);
	/* Somebody changed the instruction since it faulted: the guest tries what is there now. */
	if (!i->modrm_mem)
		return i->has_modrm;
	return i->map ? two_byte(e) : one_byte(e);
}
