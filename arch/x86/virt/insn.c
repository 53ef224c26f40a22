/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instruction decoder: lengths and memory operands of all integer, x87 and SSE
 * instructions, lengths with VEX and EVEX. Pure. SDM vol. 2 ch. 2 and app. A.
 *
 * A map is 256 letters: what follows the opcode.
 *   .  nothing        M  ModRM            x  no such opcode (any mode)
 *   b  imm8           n  ModRM + imm8     q  nothing, not in 64-bit mode
 *   z  imm16/32       N  ModRM + imm16/32 w  imm16    e  imm16 + imm8
 *   v  imm of operand size                o  offset of address size
 *   p  far pointer, not in 64-bit mode    P  prefix or escape: not an opcode
 *   g, G  F6 and F7: the immediate depends on ModRM
 *   r  ModRM whose operands are registers whatever mod says
 */
#include "arch/x86/virt/guest.h"

#define INSN_MAX 15u
#define NO_REG   0xff

static const char map_1[257] =
	"MMMMbzqqMMMMbzqP" "MMMMbzqqMMMMbzqq" "MMMMbzPqMMMMbzPq" "MMMMbzPqMMMMbzPq"
	"................" "................" "qqMMPPPPzNbn...." "bbbbbbbbbbbbbbbb"
	"nNnnMMMMMMMMMMMM" "..........p....." "oooo....bz......" "bbbbbbbbvvvvvvvv"
	"nnw.MMnNe.w..bq." "MMMMbbq.MMMMMMMM" "bbbbbbbbzzpb...." "P.PP..gG......MM";

static const char map_0f[257] =
	"MMMMx.....x.xM.n" "MMMMMMMMMMMMMMMM" "rrrrxxxxMMMMMMMM" "......x.PxPxxxxx"
	"MMMMMMMMMMMMMMMM" "MMMMMMMMMMMMMMMM" "MMMMMMMMMMMMMMMM" "nnnnMMM.MMxxMMMM"
	"zzzzzzzzzzzzzzzz" "MMMMMMMMMMMMMMMM" "...MnMxx...MnMMM" "MMMMMMMMMMnMMMMM"
	"MMnMnnnM........" "MMMMMMMMMMMMMMMM" "MMMMMMMMMMMMMMMM" "MMMMMMMMMMMMMMMM";

struct reader { const u8 *b; u32 n, pos; enum insn_mode mode; bool short_; };

static u8 next(struct reader *r)
{
	if (r->pos < r->n)
		return r->b[r->pos++];
	r->short_ = true;
	return 0;
}

/* Little-endian, sign-extended. */
static s64 next_n(struct reader *r, u32 bytes)
{
	u64 v = 0;

	for (u32 k = 0; k < bytes; k++)
		v |= (u64)next(r) << 8 * k;
	if (!bytes || bytes == 8)
		return v;
	return (s64)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

static bool prefix(struct insn *i, u8 b, enum insn_mode mode, bool *size16, bool *addr)
{
	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		if (mode != INSN_64) /* there they are nothing, and undo no FS or GS */
			i->seg = b >> 3 & 3;
		return true;
	case 0x64: case 0x65: i->seg = b & 7; return true;
	case 0x66: *size16 = true; return true;
	case 0x67: *addr = true; return true;
	case 0xf0: i->lock = true; return true;
	case 0xf2: case 0xf3: i->rep = b; return true;
	}
	return false;
}

/* Prefixes; returns the first opcode byte. A REX counts only directly before it. */
static u8 prefixes(struct reader *r, struct insn *i)
{
	bool size16 = false, addr = false;
	u8 b;

	for (;;) {
		b = next(r);
		if (r->short_)
			break;
		if (prefix(i, b, r->mode, &size16, &addr)) {
			i->rex = 0;
			continue;
		}
		if (r->mode != INSN_64 || b >> 4 != 4)
			break;
		i->rex = b;
	}
	i->opsize = (r->mode == INSN_16) != size16 ? 2 : 4;
	if (i->rex & 8)
		i->opsize = 8;
	if (r->mode == INSN_64)
		i->addrsize = addr ? 4 : 8;
	else
		i->addrsize = (r->mode == INSN_16) != addr ? 2 : 4;
	return b;
}

static void address_16(struct reader *r, struct insn *i)
{
	static const u8 base[8] = { RBX, RBX, RBP, RBP, NO_REG, NO_REG, RBP, RBX };
	static const u8 index[8] = { RSI, RDI, RSI, RDI, RSI, RDI, NO_REG, NO_REG };

	i->base = base[i->rm];
	i->index = index[i->rm];
	if (i->mod == 0 && i->rm == 6)
		i->base = NO_REG;
	i->disp = next_n(r, i->mod == 2 || (i->mod == 0 && i->rm == 6) ? 2 : i->mod);
}

static void address_32(struct reader *r, struct insn *i)
{
	u32 disp = i->mod == 2 ? 4 : i->mod;
	u8 b = i->rex & 1 ? 8 : 0;

	if ((i->rm & 7) == 4) {
		u8 sib = next(r);

		i->scale = sib >> 6;
		i->index = (sib >> 3 & 7) | (i->rex & 2 ? 8 : 0);
		if (i->index == RSP)
			i->index = NO_REG;
		i->base = (sib & 7) | b;
		if ((sib & 7) == RBP && i->mod == 0) {
			i->base = NO_REG;
			disp = 4;
		}
	} else {
		i->base = i->rm;
		if ((i->rm & 7) == RBP && i->mod == 0) {
			i->base = NO_REG;
			i->rip_relative = r->mode == INSN_64;
			disp = 4;
		}
	}
	i->disp = next_n(r, disp);
}

static void modrm(struct reader *r, struct insn *i, bool registers)
{
	i->has_modrm = true;
	i->modrm = next(r);
	i->mod = registers ? 3 : i->modrm >> 6;
	i->reg = (i->modrm >> 3 & 7) | (i->rex & 4 ? 8 : 0);
	i->rm = i->modrm & 7;
	if (i->addrsize != 2 || i->mod == 3)
		i->rm |= i->rex & 1 ? 8 : 0;
	if (i->mod == 3)
		return;
	i->modrm_mem = true;
	if (i->addrsize == 2)
		address_16(r, i);
	else
		address_32(r, i);
}

static void immediate(struct reader *r, struct insn *i, u32 bytes)
{
	i->imm_size = bytes;
	i->imm = next_n(r, bytes);
}

static bool operands(struct reader *r, struct insn *i, char form)
{
	u32 z = i->opsize == 2 ? 2 : 4;

	switch (form) {
	case '.': return true;
	case 'q': return r->mode != INSN_64;
	case 'M': modrm(r, i, false); return true;
	case 'r': modrm(r, i, true); return true;
	case 'n': modrm(r, i, false); immediate(r, i, 1); return true;
	case 'N': modrm(r, i, false); immediate(r, i, z); return true;
	case 'b': immediate(r, i, 1); return true;
	case 'z': immediate(r, i, z); return true;
	case 'w': immediate(r, i, 2); return true;
	case 'e': immediate(r, i, 3); return true;
	case 'v': immediate(r, i, i->opsize); return true;
	case 'o': i->disp = next_n(r, i->addrsize); return true;
	case 'p': immediate(r, i, z + 2); return r->mode != INSN_64;
	case 'g': case 'G':
		modrm(r, i, false);
		if ((i->reg & 7) <= 1)
			immediate(r, i, form == 'g' ? 1 : z);
		return true;
	}
	return false;
}

static char form_of(const struct insn *i)
{
	switch (i->map) {
	case 0: return map_1[i->opcode];
	case 1: return map_0f[i->opcode];
	case 2: return 'M';
	case 3: return 'n';
	}
	return 'x';
}

/* C4, C5 and 62 are LES, LDS and BOUND outside 64-bit mode unless their ModRM would name a
 * register. */
static bool is_vex(const struct reader *r, u8 b)
{
	if (b != 0xc4 && b != 0xc5 && b != 0x62)
		return false;
	return r->mode == INSN_64 || (r->pos < r->n && r->b[r->pos] >= 0xc0);
}

static void vex(struct reader *r, struct insn *i, u8 escape)
{
	u8 p0 = next(r);

	i->vex = true;
	i->map = 1;
	/* R, X, B are inverted; outside 64-bit mode they read as 0 */
	i->rex = ~p0 >> 5 & 4;
	if (escape != 0xc5) {
		i->map = p0 & (escape == 0x62 ? 7 : 31);
		i->rex |= ~p0 >> 5 & 3;
		next(r);
	}
	if (escape == 0x62)
		next(r);
	i->opcode = next(r);
}

static void opcode(struct reader *r, struct insn *i, u8 b)
{
	i->opcode = b;
	if (is_vex(r, b)) {
		vex(r, i, b);
		return;
	}
	if (b != 0x0f)
		return;
	i->map = 1;
	i->opcode = next(r);
	if (i->opcode == 0x38 || i->opcode == 0x3a) {
		i->map = i->opcode == 0x38 ? 2 : 3;
		i->opcode = next(r);
	}
}

enum insn_result insn_decode(const u8 *b, u32 n, enum insn_mode mode, struct insn *i)
{
	struct reader r = { .b = b, .n = MIN(n, INSN_MAX), .mode = mode };
	bool known;

	*i = (struct insn){ .seg = NO_REG, .base = NO_REG, .index = NO_REG };
	opcode(&r, i, prefixes(&r, i));
	known = i->vex && i->map == 1 && i->opcode == 0x77 ? true : operands(&r, i, form_of(i));
	i->length = r.pos;
	if (r.short_)
		return n >= INSN_MAX ? INSN_BAD : INSN_SHORT;
	return known ? INSN_OK : INSN_BAD;
}
