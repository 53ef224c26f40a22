/* SPDX-License-Identifier: GPL-2.0-only */
/* The instructions that are emulated on device memory: SDM vol. 2. Each returns as emulate_insn does. */
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

/* Reads the operand that will be written: a fault of the write must come before a read that the device notices. */
static bool read_for_write(struct emu *e, u32 size, u64 *v)
{
	return emu_probe_write(e, e->seg, e->offset, size) && emu_operand(e, size, false, v);
}

static bool store(struct emu *e, u32 size, u64 v)
{
	return emu_operand(e, size, true, &v) ? done(e) : true;
}

/* mem = mem op b */
static bool alu_memory(struct emu *e, enum alu_op op, u32 size, u64 b, u64 which)
{
	u64 flags = e->x->rflags, v, r;

	if (op == ALU_CMP ? !emu_operand(e, size, false, &v) : !read_for_write(e, size, &v))
		return true;
	r = alu(op, v, b, size, &flags);
	if (op != ALU_CMP && !emu_operand(e, size, true, &r))
		return true;
	emu_set_flags(e, flags, which);
	return done(e);
}

/* 00..3B: op E,G and op G,E */
static bool do_alu(struct emu *e)
{
	u32 size = width(e);
	enum alu_op op = e->i.opcode >> 3 & 7;
	u64 flags = e->x->rflags, v, r;

	if (!(e->i.opcode & 2))
		return alu_memory(e, op, size, emu_reg(e, e->i.reg, size), FLAGS_ALL);
	if (!emu_operand(e, size, false, &v))
		return true;
	r = alu(op, emu_reg(e, e->i.reg, size), v, size, &flags);
	if (op != ALU_CMP)
		emu_set_reg(e, e->i.reg, size, r);
	emu_set_flags(e, flags, FLAGS_ALL);
	return done(e);
}

static bool do_test(struct emu *e, u64 b)
{
	u32 size = width(e);
	u64 flags = 0, v;

	if (!emu_operand(e, size, false, &v))
		return true;
	alu(ALU_AND, v, b, size, &flags);
	emu_set_flags(e, flags, FLAGS_ALL);
	return done(e);
}

static bool do_not(struct emu *e)
{
	u64 v;

	return read_for_write(e, width(e), &v) ? store(e, width(e), ~v) : true;
}

static bool do_neg(struct emu *e)
{
	u32 size = width(e);
	u64 flags = 0, v, r;

	if (!read_for_write(e, size, &v))
		return true;
	r = alu(ALU_SUB, 0, v, size, &flags);
	if (!emu_operand(e, size, true, &r))
		return true;
	emu_set_flags(e, flags, FLAGS_ALL);
	return done(e);
}

/* F6, F7 */
static bool do_group3(struct emu *e)
{
	switch (e->i.reg & 7) {
	case 0: case 1: return do_test(e, e->i.imm);
	case 2: return do_not(e);
	case 3: return do_neg(e);
	}
	return false; /* MUL and DIV of device memory: nobody */
}

/* FE, FF: INC and DEC leave CF alone */
static bool do_group45(struct emu *e)
{
	if ((e->i.reg & 7) > 1)
		return false;
	return alu_memory(e, e->i.reg & 7 ? ALU_SUB : ALU_ADD, width(e), 1, FLAGS_ALL & ~FLAG_CF);
}

static bool do_load(struct emu *e, u8 reg, u32 from, u32 to, bool sign)
{
	u64 v;

	if (!emu_operand(e, from, false, &v))
		return true;
	if (sign && from < 8)
		v = (s64)(v << (64 - 8 * from)) >> (64 - 8 * from);
	emu_set_reg(e, reg, to, v);
	return done(e);
}

static bool do_xchg(struct emu *e)
{
	u32 size = width(e);
	u64 v, r = emu_reg(e, e->i.reg, size);

	if (!read_for_write(e, size, &v) || !emu_operand(e, size, true, &r))
		return true;
	emu_set_reg(e, e->i.reg, size, v);
	return done(e);
}

static bool do_xadd(struct emu *e)
{
	u32 size = width(e);
	u64 flags = 0, v, sum;

	if (!read_for_write(e, size, &v))
		return true;
	sum = alu(ALU_ADD, v, emu_reg(e, e->i.reg, size), size, &flags);
	if (!emu_operand(e, size, true, &sum))
		return true;
	emu_set_reg(e, e->i.reg, size, v);
	emu_set_flags(e, flags, FLAGS_ALL);
	return done(e);
}

static bool do_cmpxchg(struct emu *e)
{
	u32 size = width(e);
	u64 flags = 0, v, to;

	if (!read_for_write(e, size, &v))
		return true;
	alu(ALU_CMP, emu_reg(e, RAX, size), v, size, &flags);
	/* The destination is written in any case. */
	to = flags & FLAG_ZF ? emu_reg(e, e->i.reg, size) : v;
	if (!emu_operand(e, size, true, &to))
		return true;
	if (!(flags & FLAG_ZF))
		emu_set_reg(e, RAX, size, v);
	emu_set_flags(e, flags, FLAGS_ALL);
	return done(e);
}

/* BT, BTS, BTR, BTC: op 0..3. A bit number in a register reaches beyond the operand. */
static bool do_bit(struct emu *e, u32 op, bool immediate)
{
	u32 size = e->i.opsize, width = 8 * size;
	s64 bit = immediate ? (s64)(e->i.imm & (width - 1)) : (s64)emu_reg(e, e->i.reg, size);
	u64 v, mask;

	if (!immediate) {
		bit = (s64)((u64)bit << (64 - width)) >> (64 - width);
		e->offset += (bit >> __builtin_ctz(width)) * (s64)size;
		e->offset &= e->i.addrsize == 8 ? ~0ULL : (1ULL << 8 * e->i.addrsize) - 1;
		bit &= width - 1;
	}
	mask = 1ULL << bit;
	if (op ? !read_for_write(e, size, &v) : !emu_operand(e, size, false, &v))
		return true;
	if (op) {
		u64 to = op == 1 ? v | mask : op == 2 ? v & ~mask : v ^ mask;

		if (!emu_operand(e, size, true, &to))
			return true;
	}
	emu_set_flags(e, v & mask ? FLAG_CF : 0, FLAG_CF);
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
		if (is_movs && (!emu_probe_write(e, SEG_ES, di, size) || !emu_access(e, from, si, size, false, &v)))
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
		if (!emu_access(e, from, si, size, false, &v) || !emu_access(e, SEG_ES, di, size, false, &w))
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
	e->offset = (u64)e->i.disp & (e->i.addrsize == 8 ? ~0ULL : (1ULL << 8 * e->i.addrsize) - 1);
	if (e->i.opcode & 2)
		return store(e, width(e), emu_reg(e, RAX, width(e)));
	return do_load(e, RAX, width(e), width(e), false);
}

static bool one_byte(struct emu *e)
{
	const struct insn *i = &e->i;

	switch (i->opcode) {
	case 0xa0 ... 0xa3: return do_mov_offset(e);
	case 0xa4 ... 0xa7: case 0xaa ... 0xaf: return do_string(e);
	}
	/* Somebody changed the instruction since it faulted: the guest tries what is there now. */
	if (!i->modrm_mem)
		return i->has_modrm;
	switch (i->opcode) {
	case 0x00 ... 0x3b: return do_alu(e);
	case 0x63: return e->mode == INSN_64 && do_load(e, i->reg, 4, i->opsize, true);
	case 0x80 ... 0x83: return alu_memory(e, i->reg & 7, width(e), i->imm, FLAGS_ALL);
	case 0x84: case 0x85: return do_test(e, emu_reg(e, i->reg, width(e)));
	case 0x86: case 0x87: return do_xchg(e);
	case 0x88: case 0x89: return store(e, width(e), emu_reg(e, i->reg, width(e)));
	case 0x8a: case 0x8b: return do_load(e, i->reg, width(e), width(e), false);
	case 0x8c: return (i->reg & 7) <= SEG_GS && store(e, 2, (&x86_sregs(e->x)->es)[i->reg & 7].selector);
	case 0xc6: case 0xc7: return !(i->reg & 7) && store(e, width(e), i->imm);
	case 0xf6: case 0xf7: return do_group3(e);
	case 0xfe: case 0xff: return do_group45(e);
	}
	return false;
}

static bool two_byte(struct emu *e)
{
	const struct insn *i = &e->i;

	if (!i->modrm_mem)
		return i->has_modrm;
	switch (i->opcode) {
	case 0xa3: return do_bit(e, 0, false);
	case 0xab: return do_bit(e, 1, false);
	case 0xb3: return do_bit(e, 2, false);
	case 0xbb: return do_bit(e, 3, false);
	case 0xba: return (i->reg & 7) >= 4 && do_bit(e, (i->reg & 7) - 4, true);
	case 0xb0: case 0xb1: return do_cmpxchg(e);
	case 0xb6: case 0xbe: return do_load(e, i->reg, 1, i->opsize, i->opcode & 8);
	case 0xb7: case 0xbf: return do_load(e, i->reg, 2, i->opsize, i->opcode & 8);
	case 0xc0: case 0xc1: return do_xadd(e);
	case 0xc3: return store(e, i->opsize, emu_reg(e, i->reg, i->opsize));
	}
	return false;
}

bool emulate_insn(struct emu *e)
{
	if (e->i.vex || e->i.map > 1)
		return false;
	return e->i.map ? two_byte(e) : one_byte(e);
}
