/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an access to a port or to memory that is no RAM goes: the local APIC's
 * page, the control domain's devices, a guest's traps. What a monitor must serve
 * waits in x->access and is completed when the vCPU goes on.
 */

#include "arch/x86/virt/guest.h"
#include "drivers/devices.h"
#include "kernel/log.h"

#define FLAGS_ALL 0x8d5ULL /* CF PF AF ZF SF OF */

/* xAPIC registers are 32 bits wide at 16-byte steps; other accesses are undefined (SDM vol. 3 §10.4.1): nothing. */
static void access_lapic(struct xvcpu *x, struct access *a)
{
	u32 offset = a->addr & ~PAGE_MASK, in_reg = offset & 15;
	u64 v = 0;

	if (!access_writes(a)) {
		lapic_read(x, offset - in_reg, &v);
		a->value = in_reg + a->size <= 4 ? v >> in_reg * 8 : 0;
	} else if (a->size == 4 && !in_reg) {
		lapic_write(x, offset, a->value);
	}
}

static bool in_lapic_page(struct xvcpu *x, u64 addr)
{
	return lapic_enabled(&x->lapic) && !lapic_x2apic(&x->lapic) &&
	       (addr & PAGE_MASK) == (x->lapic.base_msr & 0x000ffffffffff000ULL);
}

static void access_control(struct access *a)
{
	static u64 last, lines; /* a line a page, and not for ever; no harm in a race */
	bool write = access_writes(a);

	if (a->port ? control_port_access(a->addr, a->size, write, &a->value) :
		      control_mmio_access(a->addr, a->size, write, &a->value))
		return;
	if (!write)
		a->value = ~0ULL;
	if (a->port || a->addr >> PAGE_SHIFT == last)
		return;
	last = a->addr >> PAGE_SHIFT;
	if (lines++ < 100)
		log_info("control domain: %s of %u bytes at %lx, where Dais's or a guest's memory or nothing is",
			 write ? "write" : "read", a->size, a->addr);
}

/* False: the monitor has to. */
static bool serve(struct xvcpu *x, struct access *a)
{
	if (!a->port && in_lapic_page(x, a->addr))
		access_lapic(x, a);
	else if (is_control(x))
		access_control(a);
	else
		return trap_access(&x->v, a->port ? DAIS_TRAP_PORT : DAIS_TRAP_MMIO, a->addr, a->size, access_writes(a), &a->value);
	return true;
}

/* CF, PF, AF, ZF, SF, OF: SDM vol. 1 §3.4.3.1 */
static u64 compare(u64 a, u64 b, u32 size)
{
	u64 top = 8 * size - 1, r = (a - b) & size_mask(size);

	return (a < b) | !__builtin_parity(r & 0xff) << 2 | ((a ^ b ^ r) & 0x10) | !r << 6 | (r >> top) << 7 |
	       (((a ^ b) & (a ^ r)) >> top) << 11;
}

static void access_end(struct xvcpu *x)
{
	const struct access *a = &x->access;
	u64 *r = &x->gpr[a->reg], mask = size_mask(a->to) << a->shift;
	u64 v = a->value & size_mask(a->size), other = a->operand & size_mask(a->size);

	if (a->flags & OP_CMP) {
		x->rflags &= ~FLAGS_ALL;
		x->rflags |= a->flags & OP_SWAP ? compare(other, v, a->size) : compare(v, other, a->size);
	} else if (!access_writes(a)) { /* 32 bits clear the upper half */
		v = a->flags & OP_SIGN ? sign_extend(v, a->size) : v;
		*r = (a->to >= 4 ? 0 : *r & ~mask) | (v << a->shift & mask);
	}
	x86_skip(x, a->length);
}

static void ask_monitor(struct xvcpu *x, const struct access *a)
{
	x->v.page->access = (struct dais_access){ a->addr, a->value, a->size, access_writes(a) };
	vcpu_exit_to_monitor(&x->v, a->port ? DAIS_EXIT_IO : DAIS_EXIT_MMIO);
}

void x86_access(struct xvcpu *x, const struct access *access)
{
	struct access *a = &x->access;

	*a = *access;
	a->value &= size_mask(a->size);
	if (serve(x, a)) {
		access_end(x);
	} else {
		a->state = ACCESS_ASKED;
		ask_monitor(x, a);
	}
}

void arch_vcpu_served(struct vcpu *v)
{
	struct access *a = &xvcpu(v)->access;

	if (a->state != ACCESS_ASKED)
		return;
	a->state = ACCESS_NONE;
	a->value = v->page->access.data;
	access_end(xvcpu(v));
}
