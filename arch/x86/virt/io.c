/* SPDX-License-Identifier: GPL-2.0-only */
/* IN, OUT and their string forms; MOV to CR8; XSETBV. */
#include "arch/x86/virt/emulate.h"
#include "arch/x86/x86.h"

static void skip_exit(struct xvcpu *x)
{
	u32 length = x->exit.insn_len;

	if (!length && x->exit.next_rip)
		length = x->exit.next_rip - x->rip;
	if (!length)
		length = guest_insn_length(x);
	if (length)
		x86_skip(x, length);
}

static void io_register(struct xvcpu *x)
{
	u32 size = x->exit.io.size;
	struct emu e = { .x = x };
	u64 v = emu_reg(&e, RAX, size);

	if (x86_access(x, true, x->exit.io.port, size, !x->exit.io.in, &v) != ACCESS_DONE)
		return;
	if (x->exit.io.in)
		emu_set_reg(&e, RAX, size, v);
	emu_end(&e, false);
	skip_exit(x);
}

static bool io_element(struct emu *e)
{
	struct xvcpu *x = e->x;
	u32 size = x->exit.io.size, port = x->exit.io.port;
	u64 at = emu_reg(e, x->exit.io.in ? RDI : RSI, e->i.addrsize), v = 0;
	u8 from = e->i.seg == 0xff ? SEG_DS : e->i.seg;

	if (x->exit.io.in)
		return emu_probe_write(e, SEG_ES, at, size) &&
		       x86_access(x, true, port, size, false, &v) == ACCESS_DONE &&
		       emu_access(e, SEG_ES, at, size, true, &v);
	return emu_access(e, from, at, size, false, &v) &&
	       x86_access(x, true, port, size, true, &v) == ACCESS_DONE;
}

/* INS and OUTS: decoded, since not every processor says segment and address size. */
static void io_string(struct xvcpu *x)
{
	struct emu e = { .x = x, .mode = guest_mode(x) };
	u32 n;

	if (!guest_decode(x, e.bytes, &n, &e.i))
		return;
	if (e.i.map || e.i.opcode < 0x6c || e.i.opcode > 0x6f)
		return; /* changed since: the guest tries what is there now */
	if (string_empty(&e))
		emu_end(&e, true);
	else if (io_element(&e))
		emu_end(&e, string_step(&e, x->exit.io.size, !x->exit.io.in, x->exit.io.in, true));
}

void emulate_io(struct xvcpu *x)
{
	x->served_pos = 0;
	if (x->exit.io.string)
		io_string(x);
	else
		io_register(x);
}

void emulate_cr8_write(struct xvcpu *x)
{
	u8 buf[INSN_BYTES], reg = x->exit.cr8.reg;
	struct insn i;
	u32 n, length = x->exit.insn_len;

	if (reg == 0xff || !length) {
		if (!guest_decode(x, buf, &n, &i))
			return;
		reg = i.rm;
		length = i.length;
	}
	if (x->gpr[reg] > 15) {
		x86_exception_error(x, VEC_GP, 0);
		return;
	}
	lapic_set_tpr(x, x->gpr[reg] << 4);
	x86_skip(x, length);
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
