/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions whose memory operand is no RAM: what drivers do to device memory.
 * An access that the monitor must serve unwinds everything; the instruction then
 * starts again and finds what was served. So registers and flags change only
 * after the last access, and a page fault leaves no trace.
 */
#include "arch/x86/virt/emulate.h"
#include "arch/x86/x86.h"
#include "kernel/log.h"
#include "kernel/string.h"

#include <stdarg.h>

/* --- ALU: SDM vol. 1 §3.4.3.1 --- */

#define TOP(size)  (1ULL << (8 * (size) - 1))

static u64 result_flags(u64 r, u32 size)
{
	u64 f = 0;

	r &= MASK(size);
	f |= r ? 0 : FLAG_ZF;
	f |= r & TOP(size) ? FLAG_SF : 0;
	f |= __builtin_popcount(r & 0xff) & 1 ? 0 : FLAG_PF;
	return f;
}

static u64 add(u64 a, u64 b, u64 carry, u32 size, u64 *flags)
{
	u64 r = a + b + carry, out = (a & b) | ((a | b) & ~r);

	*flags = result_flags(r, size) | ((a ^ b ^ r) & FLAG_AF);
	*flags |= out & TOP(size) ? FLAG_CF : 0;
	*flags |= (a ^ r) & (b ^ r) & TOP(size) ? FLAG_OF : 0;
	return r & MASK(size);
}

static u64 sub(u64 a, u64 b, u64 borrow, u32 size, u64 *flags)
{
	u64 r = a - b - borrow, out = (~a & b) | ((~a | b) & r);

	*flags = result_flags(r, size) | ((a ^ b ^ r) & FLAG_AF);
	*flags |= out & TOP(size) ? FLAG_CF : 0;
	*flags |= (a ^ b) & (a ^ r) & TOP(size) ? FLAG_OF : 0;
	return r & MASK(size);
}

/* op as in bits 3..5 of opcodes. *flags: the old ones in, the six arithmetic flags out. */
u64 alu(enum alu_op op, u64 a, u64 b, u32 size, u64 *flags)
{
	u64 carry = *flags & FLAG_CF, r;

	switch (op) {
	case ALU_ADD: return add(a, b, 0, size, flags);
	case ALU_ADC: return add(a, b, carry, size, flags);
	case ALU_SBB: return sub(a, b, carry, size, flags);
	case ALU_SUB: case ALU_CMP: return sub(a, b, 0, size, flags);
	case ALU_OR:  r = a | b; break;
	case ALU_XOR: r = a ^ b; break;
	default:      r = a & b; break;
	}
	*flags = result_flags(r, size);
	return r & MASK(size);
}

/* --- registers --- */

static bool high_byte(const struct emu *e, u8 reg, u32 size)
{
	return size == 1 && !e->i.rex && reg >= RSP && reg <= RDI;
}

u64 emu_reg(const struct emu *e, u8 reg, u32 size)
{
	if (high_byte(e, reg, size))
		return e->x->gpr[reg - 4] >> 8 & 0xff;
	return e->x->gpr[reg] & MASK(size);
}

void emu_set_reg(struct emu *e, u8 reg, u32 size, u64 v)
{
	u64 *r = &e->x->gpr[reg], mask = MASK(size);

	if (high_byte(e, reg, size))
		e->x->gpr[reg - 4] = (e->x->gpr[reg - 4] & ~0xff00ULL) | (v & 0xff) << 8;
	else if (size >= 4)
		*r = v & mask;
	else
		*r = (*r & ~mask) | (v & mask);
}

/* --- memory --- */

/* SDM vol. 3 §5.3 to §5.5: limit, type; in 64-bit mode only canonical addresses. */
static bool segment_ok(const struct dais_sregs *s, const struct dais_seg *g, u64 offset, u32 size,
		       bool write)
{
	u64 last = offset + size - 1, top = g->attr & SEG_D ? 0xffffffff : 0xffff;
	u32 type = g->attr & 15;

	if ((s->cr0 & CR0_PE) && (g->attr & DAIS_SEG_UNUSABLE))
		return false;
	if ((s->cr0 & CR0_PE) && (write ? (type & 8) || !(type & 2) : (type & 8) && !(type & 2)))
		return false;
	if ((type & 0xc) == 4) /* expand-down data */
		return offset > g->limit && last <= top;
	return last <= g->limit;
}

static bool canonical(const struct dais_sregs *s, u64 a)
{
	u32 unused = s->cr4 & CR4_LA57 ? 7 : 16;

	return (u64)((s64)(a << unused) >> unused) == a;
}

/* Linear address of seg:offset; false: #GP or #SS is queued. */
static bool linear_of(struct emu *e, u8 seg, u64 offset, u32 size, bool write, u64 *linear)
{
	const struct dais_sregs *s = x86_sregs(e->x);
	const struct dais_seg *g = &(&s->es)[seg];
	bool ok;

	if (e->mode == INSN_64) {
		*linear = offset + (seg >= SEG_FS ? g->base : 0);
		ok = canonical(s, *linear) && canonical(s, *linear + size - 1);
	} else {
		*linear = (u32)(g->base + offset);
		ok = segment_ok(s, g, offset, size, write);
	}
	if (!ok) {
		emu_end(e, false);
		x86_exception_error(e->x, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
	}
	return ok;
}

static bool translate(struct emu *e, u64 linear, bool write, u64 *gpa)
{
	u32 access = (write ? GA_WRITE : 0) | (x86_cpl(e->x) == 3 ? GA_USER : 0), error;

	switch (guest_walk(e->x, linear, access, gpa, &error)) {
	case WALK_OK:
		return true;
	case WALK_FAULT:
		emu_end(e, false);
		x86_page_fault(e->x, linear, error);
		return false;
	default:
		emulation_failed(e->x, "has page tables outside its memory (access to 0x%lx)",
				 linear);
		return false;
	}
}

/* Device memory: in naturally aligned pieces, as a bus would cut it. */
static bool device_access(struct emu *e, u64 gpa, u8 *buf, u32 n, bool write)
{
	while (n) {
		u32 size = 8;
		u64 v = 0;

		while (size > n || (n != e->size && gpa & (size - 1)))
			size /= 2;
		if (write)
			memcpy(&v, buf, size);
		if (x86_access(e->x, false, gpa, size, write, &v) != ACCESS_DONE)
			return false;
		if (!write)
			memcpy(buf, &v, size);
		gpa += size;
		buf += size;
		n -= size;
	}
	return true;
}

static bool part_access(struct emu *e, u64 gpa, u8 *buf, u32 n, bool write)
{
	if (write ? guest_phys_write(e->x, gpa, buf, n) : guest_phys_read(e->x, gpa, buf, n))
		return true;
	return device_access(e, gpa, buf, n, write);
}

bool emu_access(struct emu *e, u8 seg, u64 offset, u32 size, bool write, u64 *value)
{
	u64 linear, gpa[2] = { 0 };
	u32 first;

	if (!linear_of(e, seg, offset, size, write, &linear))
		return false;
	first = MIN(size, PAGE_SIZE - (linear & ~PAGE_MASK));
	/* Both pages before the first byte: a fault on the second must find nothing done. */
	if (!translate(e, linear, write, &gpa[0]))
		return false;
	if (first < size && !translate(e, linear + first, write, &gpa[1]))
		return false;
	if (!write)
		*value = 0;
	e->size = size;
	if (!part_access(e, gpa[0], (u8 *)value, first, write))
		return false;
	return first == size || part_access(e, gpa[1], (u8 *)value + first, size - first, write);
}

/* May it be written? Asked before a read whose result must not be lost. */
bool emu_probe_write(struct emu *e, u8 seg, u64 offset, u32 size)
{
	u64 linear, gpa;

	return linear_of(e, seg, offset, size, true, &linear) && translate(e, linear, true, &gpa) &&
	       translate(e, linear + size - 1, true, &gpa);
}

static u64 effective_offset(const struct emu *e)
{
	const struct insn *i = &e->i;
	u64 a = i->disp;

	if (i->base != 0xff)
		a += e->x->gpr[i->base];
	if (i->index != 0xff)
		a += e->x->gpr[i->index] << i->scale;
	if (i->rip_relative)
		a += e->x->rip + i->length;
	return a & MASK(i->addrsize);
}

static u8 effective_segment(const struct emu *e)
{
	const struct insn *i = &e->i;

	if (i->seg != 0xff)
		return i->seg;
	return i->base == RSP || i->base == RBP ? SEG_SS : SEG_DS;
}

/* The ModRM or moffs operand */
bool emu_operand(struct emu *e, u32 size, bool write, u64 *value)
{
	return emu_access(e, e->seg, e->offset, size, write, value);
}

/* --- the end of an instruction --- */

/* The instruction, an iteration, or the attempt is over: nothing served is left to replay. */
void emu_end(struct emu *e, bool skip)
{
	e->x->served_count = 0;
	e->x->served_pos = 0;
	if (skip)
		x86_skip(e->x, e->i.length);
}

void emu_set_flags(struct emu *e, u64 flags, u64 which)
{
	e->x->rflags = (e->x->rflags & ~which) | (flags & which);
}

void emulation_failed(struct xvcpu *x, const char *fmt, ...)
{
	char text[96];
	va_list ap;

	va_start(ap, fmt);
	vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->served_count = x->served_pos = 0;
	if (!is_control(x)) {
		domain_kill(x->v.dom, DAIS_DEATH_EMULATION, "vCPU %u %s, RIP 0x%lx", x->v.index,
			    text, x->rip);
		return;
	}
	log_warn("control domain: vCPU %u %s, RIP 0x%lx: gets #GP", x->v.index, text, x->rip);
	x86_exception_error(x, VEC_GP, 0);
}

static void unknown(struct emu *e)
{
	char bytes[INSN_BYTES * 2 + 1];

	for (u32 n = 0; n < e->i.length; n++)
		format(bytes + 2 * n, 3, "%02x", e->bytes[n]);
	emulation_failed(e->x, "has device memory 0x%lx in an instruction that is not emulated: %s",
			 e->x->exit.fault.gpa, bytes);
}

void emulate_memory(struct xvcpu *x)
{
	struct emu e = { .x = x, .mode = guest_mode(x) };
	u32 n;

	x->served_pos = 0;
	if (x->exit.fault.table_walk) {
		emulation_failed(x, "has page tables outside its memory (0x%lx)",
				 x->exit.fault.gpa);
		return;
	}
	if (!guest_decode(x, e.bytes, &n, &e.i))
		return;
	e.seg = effective_segment(&e);
	e.offset = effective_offset(&e);
	if (!emulate_insn(&e))
		unknown(&e);
}
