/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions that Dais executes in a guest's place: MOV, CMP and TEST with
 * device memory, IN and OUT, MOV to CR8, XSETBV; and the length of those that
 * exits report without it. Anything else on a device ends the guest, with a reason. The bytes may have
 * changed since the processor saw them: what does not fit the exit is not executed
 * but tried again by the guest, so that no right is checked by one instruction and
 * used by another.
 */
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/log.h"
#include "kernel/string.h"

#include <stdarg.h>

#define MASK(size) ((size) == 8 ? ~0ULL : (1ULL << 8 * (size)) - 1) /* size in bytes */
#define NO_REG     0xff

#define FLAG_CF   0x001ULL
#define FLAG_PF   0x004ULL
#define FLAG_AF   0x010ULL
#define FLAG_ZF   0x040ULL
#define FLAG_SF   0x080ULL
#define FLAG_OF   0x800ULL
#define FLAGS_ALL (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

struct insn {
	struct xvcpu *x;
	enum insn_mode mode;
	u8 b[INSN_BYTES];
	u32 n, pos;            /* bytes there are; next one: beyond n when some were missing */
	u8 rex, seg /* or NO_REG */, opsize, addrsize;
	bool lock;
	u16 opcode;            /* 0x0f00 + second byte for the two-byte ones */
	u8 mod, reg, rm;
	u64 linear;            /* of the operand */
};

/* Kills a guest, with this reason; the control domain gets #GP, the log a line. */
static __printf(2, 3) void failed(struct xvcpu *x, const char *fmt, ...)
{
	char text[112];
	va_list ap;

	va_start(ap, fmt);
	vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->served.state = SERVED_NONE;
	if (!is_control(x)) {
		domain_kill(x->v.dom, DAIS_DEATH_EMULATION, "vCPU %u %s, RIP 0x%lx", x->v.index,
			    text, x->rip);
		return;
	}
	log_warn("control domain: vCPU %u %s, RIP 0x%lx: gets #GP", x->v.index, text, x->rip);
	x86_exception_error(x, VEC_GP, 0);
}

/* --- decoding: SDM vol. 2 ch. 2 --- */

static u64 sign_extend(u64 v, u32 size)
{
	return (u64)((s64)(v << (64 - 8 * size)) >> (64 - 8 * size));
}

/* Little-endian, sign-extended. */
static u64 next(struct insn *i, u32 bytes)
{
	u64 v = 0;

	for (u32 k = 0; k < bytes; k++, i->pos++)
		v |= i->pos < i->n ? (u64)i->b[i->pos] << 8 * k : 0;
	return bytes ? sign_extend(v, bytes) : 0;
}

static bool prefix(struct insn *i, u8 b, bool *size, bool *addr)
{
	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		if (i->mode != INSN_64) /* there they are nothing, and undo no FS or GS */
			i->seg = b >> 3 & 3;
		return true;
	case 0x64: case 0x65: i->seg = b & 7; return true;
	case 0x66: *size = true; return true;
	case 0x67: *addr = true; return true;
	case 0xf0: i->lock = true; return true;
	case 0xf2: case 0xf3: return true;
	}
	return false;
}

/* Fetches, and reads all prefixes. A REX counts only directly before the opcode. */
static void begin(struct insn *i, struct xvcpu *x)
{
	bool size = false, addr = false;

	*i = (struct insn){ .x = x, .mode = guest_mode(x), .seg = NO_REG };
	i->n = guest_fetch(x, i->b);
	for (; i->pos < i->n; i->pos++) {
		u8 b = i->b[i->pos];

		if (prefix(i, b, &size, &addr))
			i->rex = 0;
		else if (i->mode == INSN_64 && b >> 4 == 4)
			i->rex = b;
		else
			break;
	}
	i->opsize = i->rex & 8 ? 8 : (i->mode == INSN_16) != size ? 2 : 4;
	i->addrsize = !addr ? i->mode : i->mode == INSN_32 ? 2 : 4;
}

/* Were all its bytes there? An instruction without an end is #GP. */
static bool complete(struct insn *i)
{
	if (i->pos > i->n && i->n == INSN_BYTES)
		x86_exception_error(i->x, VEC_GP, 0);
	return i->pos <= i->n;
}

static u64 reg_or_0(const struct insn *i, u8 reg)
{
	return reg == NO_REG ? 0 : i->x->gpr[reg];
}

static u64 address_16(struct insn *i, u8 *base)
{
	static const u8 bases[8] = { RBX, RBX, RBP, RBP, NO_REG, NO_REG, RBP, RBX };
	static const u8 indexes[8] = { RSI, RDI, RSI, RDI, RSI, RDI, NO_REG, NO_REG };
	bool absolute = i->mod == 0 && i->rm == 6;
	u8 index = indexes[i->rm];

	*base = absolute ? NO_REG : bases[i->rm];
	return reg_or_0(i, *base) + reg_or_0(i, index) + next(i, absolute ? 2 : i->mod);
}

static u64 address_32(struct insn *i, u8 *base, bool *relative)
{
	u8 high = i->rex & 1 ? 8 : 0, low = i->rm;
	u64 a = 0;

	if (i->rm == 4) {
		u8 sib = next(i, 1), index = (sib >> 3 & 7) | (i->rex & 2 ? 8 : 0);

		low = sib & 7;
		a = index == RSP ? 0 : i->x->gpr[index] << (sib >> 6);
	}
	*base = low | high;
	if (i->mod == 0 && low == RBP) {
		*base = NO_REG;
		*relative = i->rm == RBP && i->mode == INSN_64;
		return a + next(i, 4);
	}
	a += i->x->gpr[*base];
	return a + next(i, i->mod == 2 ? 4 : i->mod);
}

static void set_linear(struct insn *i, u64 offset, u8 default_seg)
{
	u8 seg = i->seg == NO_REG ? default_seg : i->seg;

	i->linear = offset & MASK(i->addrsize);
	if (i->mode != INSN_64 || seg >= SEG_FS)
		i->linear += (&x86_sregs(i->x)->es)[seg].base;
}

/* ModRM and what belongs to it; imm: bytes that follow, for RIP-relative addresses. */
static void modrm(struct insn *i, u32 imm)
{
	u8 byte = next(i, 1), base = NO_REG;
	bool relative = false;
	u64 a;

	i->mod = byte >> 6;
	i->reg = (byte >> 3 & 7) | (i->rex & 4 ? 8 : 0);
	i->rm = byte & 7;
	if (i->mod == 3)
		return;
	a = i->addrsize == 2 ? address_16(i, &base) : address_32(i, &base, &relative);
	if (relative)
		a += i->x->rip + i->pos + imm;
	set_linear(i, a, base == RSP || base == RBP ? SEG_SS : SEG_DS);
}

/* --- the length of an instruction that is known --- */

static const struct { u8 kind, n, bytes[3]; } known[] = {
	{ EXIT_CPUID, 2, { 0x0f, 0xa2 } }, { EXIT_MSR_READ, 2, { 0x0f, 0x32 } },
	{ EXIT_MSR_WRITE, 2, { 0x0f, 0x30 } }, { EXIT_HLT, 1, { 0xf4 } },
	{ EXIT_HYPERCALL, 3, { 0x0f, 0x01, 0xd9 } }, { EXIT_HYPERCALL, 3, { 0x0f, 0x01, 0xc1 } },
	{ EXIT_XSETBV, 3, { 0x0f, 0x01, 0xd1 } }, { EXIT_PAUSE, 1, { 0x90 } },
	{ EXIT_WBINVD, 2, { 0x0f, 0x09 } }, { EXIT_WBINVD, 2, { 0x0f, 0x08 } },
};

u32 guest_insn_length(struct xvcpu *x)
{
	struct insn i;

	begin(&i, x);
	for (u32 k = 0; k < ARRAY_SIZE(known); k++) {
		u32 end = i.pos + known[k].n;

		if (known[k].kind != x->exit.kind || end > i.n)
			continue;
		if (!memcmp(i.b + i.pos, known[k].bytes, known[k].n))
			return end;
	}
	i.pos++;
	complete(&i);
	return 0;
}

/* --- device memory --- */

enum source { REG, IMM, IMM8, OFFSET /* memory by offset; the register is RAX */ };
enum action { STORE, LOAD, LOAD_ZERO, LOAD_SIGN, CMP, CMP_REG /* the register on the left */, TEST };

/* size 0: the operand size; extension: ModRM.reg of those with IMM and IMM8 */
static const struct op { u16 opcode; u8 size, action, source, extension; } ops[] = {
	{ 0x88, 1, STORE, REG, 0 }, { 0x89, 0, STORE, REG, 0 },
	{ 0x8a, 1, LOAD, REG, 0 }, { 0x8b, 0, LOAD, REG, 0 },
	{ 0xa0, 1, LOAD, OFFSET, 0 }, { 0xa1, 0, LOAD, OFFSET, 0 },
	{ 0xa2, 1, STORE, OFFSET, 0 }, { 0xa3, 0, STORE, OFFSET, 0 },
	{ 0xc6, 1, STORE, IMM, 0 }, { 0xc7, 0, STORE, IMM, 0 },
	{ 0x63, 4, LOAD_SIGN, REG, 0 },
	{ 0x0fb6, 1, LOAD_ZERO, REG, 0 }, { 0x0fb7, 2, LOAD_ZERO, REG, 0 },
	{ 0x0fbe, 1, LOAD_SIGN, REG, 0 }, { 0x0fbf, 2, LOAD_SIGN, REG, 0 },
	{ 0x38, 1, CMP, REG, 0 }, { 0x39, 0, CMP, REG, 0 },
	{ 0x3a, 1, CMP_REG, REG, 0 }, { 0x3b, 0, CMP_REG, REG, 0 },
	{ 0x80, 1, CMP, IMM, 7 }, { 0x81, 0, CMP, IMM, 7 }, { 0x83, 0, CMP, IMM8, 7 },
	{ 0x84, 1, TEST, REG, 0 }, { 0x85, 0, TEST, REG, 0 },
	{ 0xf6, 1, TEST, IMM, 0 }, { 0xf7, 0, TEST, IMM, 0 },
};

static const struct op *op_of(const struct insn *i)
{
	for (u32 n = 0; n < ARRAY_SIZE(ops); n++)
		if (ops[n].opcode == i->opcode && !i->lock)
			return i->opcode == 0x63 && i->mode != INSN_64 ? NULL : &ops[n];
	return NULL;
}

static void set_reg(u64 *r, u32 size, u64 v)
{
	*r = size >= 4 ? v & MASK(size) : (*r & ~MASK(size)) | (v & MASK(size));
}

/* AH, CH, DH, BH */
static bool high_byte(const struct insn *i, u32 size)
{
	return size == 1 && !i->rex && i->reg >= RSP && i->reg <= RDI;
}

/* SDM vol. 1 §3.4.3.1 */
static u64 arithmetic_flags(u64 a, u64 b, u32 size, bool test)
{
	u64 top = 1ULL << (8 * size - 1), r = (test ? a & b : a - b) & MASK(size);
	u64 f = (r ? 0 : FLAG_ZF) | (r & top ? FLAG_SF : 0);

	f |= __builtin_popcount(r & 0xff) & 1 ? 0 : FLAG_PF;
	if (test)
		return f;
	f |= ((a ^ b ^ r) & FLAG_AF) | (a < b ? FLAG_CF : 0);
	return f | ((a ^ b) & (a ^ r) & top ? FLAG_OF : 0);
}

/* What follows a read: mem came from the device, reg is the other operand. */
static void finish_read(struct insn *i, u32 action, u32 size, u64 mem, u64 reg)
{
	u32 to = action == LOAD ? size : i->opsize;
	u64 flags;

	if (action >= CMP) {
		flags = action == CMP_REG ? arithmetic_flags(reg, mem, size, false) :
					    arithmetic_flags(mem, reg, size, action == TEST);
		i->x->rflags = (i->x->rflags & ~FLAGS_ALL) | flags;
		return;
	}
	mem = action == LOAD_SIGN ? sign_extend(mem, size) : mem;
	if (high_byte(i, to))
		i->x->gpr[i->reg - 4] = (i->x->gpr[i->reg - 4] & ~0xff00ULL) | mem << 8;
	else
		set_reg(&i->x->gpr[i->reg], to, mem);
}

static void unknown(struct insn *i)
{
	char bytes[INSN_BYTES * 2 + 1] = "";

	for (u32 n = 0; n < i->n; n++)
		format(bytes + 2 * n, 3, "%02x", i->b[n]);
	failed(i->x, "has device memory 0x%lx in an instruction that is not emulated: %s",
	       i->x->exit.fault.gpa, bytes);
}

/* The memory operand's address; *v: the other operand. False: another instruction than in `ops`. */
static bool operands(struct insn *i, const struct op *o, u32 size, u64 *v)
{
	u32 imm = o->source == IMM ? MIN(size, 4u) : o->source == IMM8 ? 1 : 0;

	if (o->source == OFFSET)
		set_linear(i, next(i, i->addrsize), SEG_DS);
	else
		modrm(i, imm);
	if (imm && (i->reg & 7) != o->extension)
		return false;
	*v = imm ? next(i, imm) : i->x->gpr[i->reg];
	if (!imm && high_byte(i, size))
		*v = i->x->gpr[i->reg - 4] >> 8;
	*v &= MASK(size);
	return true;
}

/*
 * The processor has translated the operand and checked all rights to it: so its
 * page is the fault's, if it lies in one page and the direction is the same.
 */
static void execute(struct insn *i)
{
	const struct exit *e = &i->x->exit;
	const struct op *o;
	u32 size = 0, offset;
	u64 v = 0, mem;
	bool write;

	i->opcode = (u8)next(i, 1);
	if (i->opcode == 0x0f)
		i->opcode = 0x0f00 | (u8)next(i, 1);
	o = op_of(i);
	if (o)
		size = o->size ? MIN(o->size, i->opsize) : i->opsize;
	if (o && !operands(i, o, size, &v))
		o = NULL;
	write = o && o->action == STORE;
	if (!complete(i) || (o && (i->mod == 3 || write != e->fault.write)))
		return;
	offset = i->linear & ~PAGE_MASK;
	if (!o || offset + size > PAGE_SIZE) {
		unknown(i);
		return;
	}
	mem = v;
	if (x86_access(i->x, false, (e->fault.gpa & PAGE_MASK) | offset, size, write, &mem) !=
	    ACCESS_DONE)
		return;
	if (!write)
		finish_read(i, o->action, size, mem & MASK(size), v);
	x86_skip(i->x, i->pos);
}

void emulate_memory(struct xvcpu *x)
{
	const struct exit *e = &x->exit;
	struct insn i;

	if (e->fault.table_walk) {
		failed(x, "has page tables outside its memory (0x%lx)", e->fault.gpa);
	} else if (e->vectoring.type != EVENT_NONE) {
		/* Injected again, it would fault again, before any interrupt is taken. */
		failed(x, "takes an event through device memory (0x%lx)", e->fault.gpa);
	} else if (e->fault.exec) {
		failed(x, "executes device memory at 0x%lx", e->fault.gpa);
	} else {
		begin(&i, x);
		execute(&i);
	}
}

/* --- ports, CR8, XCR0 --- */

void emulate_io(struct xvcpu *x)
{
	u32 size = x->exit.io.size, length = x->exit.insn_len;
	u64 v = x->gpr[RAX] & MASK(size);

	if (x->exit.io.string) {
		failed(x, "has string I/O on emulated port 0x%x", x->exit.io.port);
		return;
	}
	if (x86_access(x, true, x->exit.io.port, size, !x->exit.io.in, &v) != ACCESS_DONE)
		return;
	if (x->exit.io.in)
		set_reg(&x->gpr[RAX], size, v);
	x86_skip(x, length ? length : (u32)(x->exit.next_rip - x->rip));
}

/* 0F 22 /0 with REX.R, or LOCK (APM vol. 3, MOV CRn) */
void emulate_cr8_write(struct xvcpu *x)
{
	struct insn i;
	u8 modrm;
	u64 v;

	begin(&i, x);
	i.opcode = next(&i, 2);
	modrm = next(&i, 1);
	if (!complete(&i) || i.opcode != 0x220f || (modrm & 0x38) || !(i.lock || i.rex & 4))
		return;
	v = x->gpr[(modrm & 7) | (i.rex & 1 ? 8 : 0)] & MASK(i.mode == INSN_64 ? 8 : 4);
	if (v > 15) {
		x86_exception_error(x, VEC_GP, 0);
		return;
	}
	lapic_set_tpr(x, v << 4);
	x86_skip(x, i.pos);
}

/* SDM vol. 1 §13.3: what may be set together. */
bool emulate_xsetbv(struct xvcpu *x)
{
	u64 value = x->gpr[RDX] << 32 | (u32)x->gpr[RAX];

	if ((u32)x->gpr[RCX] || x86_cpl(x) || !xcr0_valid(value)) {
		x86_exception_error(x, VEC_GP, 0);
		return false;
	}
	x86_set_xcr0(x, value);
	return true;
}
