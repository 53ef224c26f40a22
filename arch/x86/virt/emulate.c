/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions that Dais executes in a guest's place: MOV and CMP with device
 * memory, IN and OUT, MOV to CR8; and the length of those that exits report without it.
 * Anything else on a device ends the guest, with a reason. The bytes may have
 * changed since the processor saw them: what does not fit the exit is not executed
 * but tried again by the guest, so that no right is checked by one instruction and
 * used by another.
 */
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/log.h"
#include "kernel/string.h"

struct insn {
	struct xvcpu *x;
	enum insn_mode mode;
	u8 b[INSN_BYTES + 4];
	u32 n, pos;            /* bytes there are; next one: beyond n when some were missing */
	u8 rex, opsize, addrsize;
	bool lock;
	u8 mod, reg;
	u64 address;           /* of the operand; without a segment's base */
};

/* Kills a guest, with this reason; the control domain gets #GP, the log a line. */
static void failed(struct xvcpu *x, const char *what, u64 at)
{
	u64 bytes = 0;
	u8 b[INSN_BYTES];

	for (u32 i = 0, n = guest_fetch(x, b); i < 8; i++)
		bytes = bytes << 8 | (i < n ? b[i] : 0);
	if (!is_control(x)) {
		domain_kill(x->v.dom, DAIS_DEATH_EMULATION, "vCPU %u %s 0x%lx, RIP 0x%lx: %016lx", x->v.index, what, at, x->rip,
			    bytes);
		return;
	}
	log_warn("control domain: vCPU %u %s 0x%lx, RIP 0x%lx: %016lx: gets #GP", x->v.index, what, at, x->rip, bytes);
	x86_exception(x, VEC_GP, 0);
}

/* --- decoding: SDM vol. 2 ch. 2 --- */

/* Little-endian, sign-extended. */
static u64 next(struct insn *i, u32 bytes)
{
	u64 v = 0;

	for (u32 k = 0; k < bytes; k++, i->pos++)
		v |= i->pos < i->n ? (u64)i->b[i->pos] << 8 * k : 0;
	return bytes ? sign_extend(v, bytes) : 0;
}

/* Fetches, and reads all prefixes. A REX counts only directly before the opcode. */
static void begin(struct insn *i, struct xvcpu *x)
{
	bool size = false, addr = false, more = true;

	*i = (struct insn){ .x = x, .mode = guest_mode(x) };
	i->n = guest_fetch(x, i->b);
	while (more && i->pos < i->n) {
		u8 b = i->b[i->pos], rex = 0;

		switch (b) {
		case 0x66: size = true; break;
		case 0x67: addr = true; break;
		case 0xf0: i->lock = true; break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0xf2: case 0xf3: break;
		default:
			more = i->mode == INSN_64 && b >> 4 == 4;
			rex = b;
		}
		if (more) {
			i->rex = rex;
			i->pos++;
		}
	}
	i->opsize = i->rex & 8 ? 8 : (i->mode == INSN_16) != size ? 2 : 4;
	i->addrsize = !addr ? i->mode : i->mode == INSN_32 ? 2 : 4;
}

/* Were all its bytes there? An instruction without an end is #GP. */
static bool complete(struct insn *i)
{
	if (i->pos > i->n && i->n == INSN_BYTES)
		x86_exception(i->x, VEC_GP, 0);
	return i->pos <= i->n;
}

/* ModRM and what belongs to it, for addresses of 32 and 64 bits; imm: bytes that follow, for RIP-relative ones. */
static void modrm(struct insn *i, u32 imm)
{
	u8 byte = next(i, 1), base = byte & 7, high = i->rex & 1 ? 8 : 0;

	i->mod = byte >> 6;
	i->reg = (byte >> 3 & 7) | (i->rex & 4 ? 8 : 0);
	if (i->mod == 3)
		return;
	if (base == RSP) {
		u8 sib = next(i, 1), index = (sib >> 3 & 7) | (i->rex & 2 ? 8 : 0);

		base = sib & 7;
		i->address = index == RSP ? 0 : i->x->gpr[index] << (sib >> 6);
	}
	if (i->mod || base != RBP) {
		i->address += i->x->gpr[base | high];
		i->address += next(i, i->mod == 2 ? 4 : i->mod);
	} else {
		i->address += next(i, 4);
		if (i->mode == INSN_64 && (byte & 7) == RBP)
			i->address += i->x->rip + i->pos + imm;
	}
}

/* --- the length of an instruction that is known --- */

/* Those of both vendors, INVD and WBINVD differ in bits that do not count. */
const struct known_insn known_insns[EXIT_KINDS] = {
	[EXIT_CPUID] = { 0xa20f, 0xffff, 2 }, [EXIT_MSR_READ] = { 0x320f, 0xffff, 2 }, [EXIT_MSR_WRITE] = { 0x300f, 0xffff, 2 },
	[EXIT_HLT] = { 0xf4, 0xff, 1 }, [EXIT_HYPERCALL] = { 0xc1010f, 0xe7ffff, 3 }, [EXIT_XSETBV] = { 0xd1010f, 0xffffff, 3 },
	[EXIT_PAUSE] = { 0x90, 0xff, 1 }, [EXIT_WBINVD] = { 0x080f, 0xfeff, 2 },
};

__cold u32 guest_insn_length(struct xvcpu *x)
{
	const struct known_insn *k = &known_insns[x->exit.kind];
	const struct dais_sregs *s = x86_sregs(x);
	u32 first, n = guest_length_in_view(x, x->exit.kind, x->rip + s->cs.base, s->cr3);
	struct insn i;

	if (n)
		return n;
	begin(&i, x);
	memcpy(&first, i.b + i.pos, sizeof(first));
	i.pos += k->n;
	if (i.pos <= i.n && !((first ^ k->bytes) & k->mask))
		return i.pos;
	i.pos -= k->n - 1;
	complete(&i);
	return 0;
}

/* --- device memory --- */

/* size 0: the operand size, which OP_WIDEN's register has in any case. CMP: Linux looks for tables in holes. */
static const struct op { u16 opcode, flags; u8 size; } ops[] = {
	{ 0x88, OP_STORE, 1 }, { 0x89, OP_STORE, 0 }, { 0x8a, 0, 1 }, { 0x8b, 0, 0 },
	{ 0xa0, OP_OFFSET, 1 }, { 0xa1, OP_OFFSET, 0 }, { 0xa2, OP_OFFSET | OP_STORE, 1 }, { 0xa3, OP_OFFSET | OP_STORE, 0 },
	{ 0xc6, OP_IMM | OP_STORE, 1 }, { 0xc7, OP_IMM | OP_STORE, 0 },
	{ 0x0fb6, OP_WIDEN, 1 }, { 0x0fb7, OP_WIDEN, 2 }, { 0x0fbe, OP_WIDEN | OP_SIGN, 1 }, { 0x0fbf, OP_WIDEN | OP_SIGN, 2 },
	{ 0x63, OP_WIDEN | OP_SIGN, 4 },
	{ 0x38, OP_CMP, 1 }, { 0x39, OP_CMP, 0 }, { 0x3a, OP_CMP | OP_SWAP, 1 }, { 0x3b, OP_CMP | OP_SWAP, 0 },
	{ 0x80, OP_CMP | OP_IMM, 1 }, { 0x81, OP_CMP | OP_IMM, 0 }, { 0x83, OP_CMP | OP_IMM8, 0 },
};

static const struct op *op_of(const struct insn *i, u16 opcode)
{
	for (u32 n = 0; n < ARRAY_SIZE(ops); n++)
		if (ops[n].opcode == opcode)
			return opcode == 0x63 && i->mode != INSN_64 ? NULL : &ops[n];
	return NULL;
}

/* The operands and the end of an instruction; false: ModRM says that it is another. */
static bool operands(struct insn *i, const struct op *o, struct access *a)
{
	u32 imm = 0;
	bool high;

	a->flags = o->flags;
	a->size = o->size ? MIN(o->size, i->opsize) : i->opsize;
	a->to = o->flags & OP_WIDEN ? i->opsize : a->size;
	if (o->flags & (OP_IMM | OP_IMM8))
		imm = o->flags & OP_IMM ? MIN(a->size, 4u) : 1;
	if (o->flags & OP_OFFSET)
		i->address = next(i, i->addrsize);
	else
		modrm(i, imm);
	high = a->to == 1 && !i->rex && i->reg >= RSP; /* AH, CH, DH, BH */
	a->reg = high ? i->reg - 4 : i->reg;
	a->shift = high ? 8 : 0;
	a->operand = imm ? next(i, imm) : i->x->gpr[a->reg] >> a->shift;
	a->value = a->operand;
	a->length = i->pos;
	return !imm || (i->reg & 7) == (o->flags & OP_CMP ? 7 : 0);
}

/*
 * The processor has translated the operand, checked all rights to it, and names
 * its address: if it begins there (it may begin in the page before), lies in one
 * page and the direction is the same. Segments count as flat.
 */
static void execute(struct insn *i, u64 gpa, bool write)
{
	struct access a = { .addr = gpa };
	u16 opcode = (u8)next(i, 1);
	const struct op *o;

	if (opcode == 0x0f)
		opcode = 0x0f00 | (u8)next(i, 1);
	o = op_of(i, opcode);
	if (o && !operands(i, o, &a))
		o = NULL;
	if (!complete(i) || (o && (i->mod == 3 || access_writes(&a) != write)))
		return;
	if (!o || i->addrsize == 2 || ((i->address ^ gpa) & ~PAGE_MASK) ||
	    (gpa & ~PAGE_MASK) + a.size > PAGE_SIZE)
		failed(i->x, "has an instruction that is not emulated on device memory", gpa);
	else
		x86_access(i->x, &a);
}

void emulate_memory(struct xvcpu *x)
{
	const struct exit *e = &x->exit;
	struct insn i;

	if (e->fault.table_walk) {
		failed(x, "has page tables outside its memory, at", e->fault.gpa);
	} else if (e->vectoring.type != EVENT_NONE) {
		/* Injected again, it would fault again, before any interrupt is taken. */
		failed(x, "takes an event through device memory", e->fault.gpa);
	} else if (e->fault.exec) {
		failed(x, "executes device memory", e->fault.gpa);
	} else {
		begin(&i, x);
		execute(&i, e->fault.gpa, e->fault.write);
	}
}

/* --- ports, CR8 --- */

void emulate_io(struct xvcpu *x)
{
	const struct exit *e = &x->exit;
	struct access a = {
		.port = true, .addr = e->io.port, .size = e->io.size, .flags = e->io.in ? 0 : OP_STORE,
		.value = x->gpr[RAX], .reg = RAX, .to = e->io.size, .length = e->insn_len,
	};

	if (e->io.string)
		failed(x, "has string I/O on emulated port", e->io.port);
	else
		x86_access(x, &a);
}

/* 0F 22 /0 with REX.R, or LOCK (APM vol. 3, MOV CRn) */
void emulate_cr8_write(struct xvcpu *x)
{
	struct insn i;
	u16 opcode;
	u8 modrm;
	u64 v;

	begin(&i, x);
	opcode = next(&i, 2);
	modrm = next(&i, 1);
	if (!complete(&i) || opcode != 0x220f || (modrm & 0x38) || !(i.lock || i.rex & 4))
		return;
	v = x->gpr[(modrm & 7) | (i.rex & 1 ? 8 : 0)] & size_mask(i.mode == INSN_64 ? 8 : 4);
	if (v > 15) {
		x86_exception(x, VEC_GP, 0);
		return;
	}
	lapic_set_tpr(x, v << 4);
	x86_skip(x, i.pos);
}
