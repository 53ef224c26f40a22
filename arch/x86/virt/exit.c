/* SPDX-License-Identifier: GPL-2.0-only */
/* The one dispatch of exits: a table of handlers, each changing the vCPU and nothing else. */

#include "arch/x86/virt/exit.h"
#include "arch/x86/cpu.h"
#include "arch/x86/virt/control.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "kernel/hypercall.h"
#include "kernel/log.h"
#include "kernel/trace.h"

/* 0: a fault is queued, or the domain is dead. */
static u32 insn_length(struct xvcpu *x)
{
	return x->exit.insn_len ? x->exit.insn_len : guest_insn_length(x);
}

static void exit_nothing(struct xvcpu *x)
{
	(void)x;
}

static void exit_interrupt(struct xvcpu *x)
{
	(void)x;
	irq_window();
}

static void exit_machine_check(struct xvcpu *x)
{
	(void)x;
	__asm__ volatile("int $18");
}

static void exit_hlt(struct xvcpu *x)
{
	u32 n = insn_length(x);

	if (!n)
		return;
	x86_skip(x, n);
	x->v.activity = DAIS_ACT_HALTED;
}

static void exit_skip(struct xvcpu *x)
{
	u32 n = insn_length(x);

	if (n)
		x86_skip(x, n);
}

static void exit_cpuid(struct xvcpu *x)
{
	u32 n = insn_length(x), out[4];

	if (!n)
		return;
	cpuid_emulate(x, x->gpr[RAX], x->gpr[RCX], out);
	x->gpr[RAX] = out[0];
	x->gpr[RBX] = out[1];
	x->gpr[RCX] = out[2];
	x->gpr[RDX] = out[3];
	x86_skip(x, n);
}

static void exit_msr_read(struct xvcpu *x)
{
	u32 n = insn_length(x);
	u64 v;

	if (!n)
		return;
	if (!msr_read(x, x->gpr[RCX], &v)) {
		x86_exception_error(x, VEC_GP, 0);
		return;
	}
	x->gpr[RAX] = (u32)v;
	x->gpr[RDX] = v >> 32;
	x86_skip(x, n);
}

static void exit_msr_write(struct xvcpu *x)
{
	u32 n = insn_length(x);

	if (!n)
		return;
	if (msr_write(x, x->gpr[RCX], (u32)x->gpr[RAX] | x->gpr[RDX] << 32))
		x86_skip(x, n);
	else
		x86_exception_error(x, VEC_GP, 0);
}

/* Ours when RAX names it, else KVM's. CPL 0 only, as on KVM. */
static void exit_hypercall(struct xvcpu *x)
{
	u64 nr = x->gpr[RAX], out[2] = { 0, 0 };
	u64 arg[6] = { x->gpr[RDI], x->gpr[RSI], x->gpr[RDX], x->gpr[RCX], x->gpr[R8], x->gpr[R9] };
	u32 n = insn_length(x);

	if (!n)
		return;
	if (x86_cpl(x)) {
		x86_exception(x, VEC_UD);
		return;
	}
	x86_skip(x, n);
	if ((nr & ~0xffffULL) != DAIS_CALL_BASE) {
		pv_hypercall(x);
		return;
	}
	x->gpr[RAX] = hypercall(&x->v, nr & 0xffff, arg, out);
	x->gpr[RDI] = out[0];
	x->gpr[RSI] = out[1];
}

static void exit_xsetbv(struct xvcpu *x)
{
	u32 n = insn_length(x);

	if (n && emulate_xsetbv(x))
		x86_skip(x, n);
}

static void exit_gp(struct xvcpu *x)
{
	x86_exception_error(x, VEC_GP, 0);
}

/* CPL 0 gets as far as the intercept; so there is no such instruction */
static void exit_refused(struct xvcpu *x)
{
	x86_exception(x, VEC_UD);
}

static void exit_exception(struct xvcpu *x)
{
	const struct guest_event *e = &x->exit.event;

	if (e->has_error)
		x86_exception_error(x, e->vector, e->error);
	else
		x86_exception(x, e->vector);
}

/* The mask ends when IRET has run, which the next entry may not get to: run.c watches RIP. */
static void exit_iret(struct xvcpu *x)
{
	virt->want_iret(x, false);
	x->nmi_iret = true;
	x->iret_rip = x->rip;
}

static void exit_nested_fault(struct xvcpu *x)
{
	if (is_control(x) && control_fault(x, x->exit.fault.gpa))
		return;
	emulate_memory(x);
}

static void exit_shutdown(struct xvcpu *x)
{
	if (is_control(x)) {
		log_error("control domain: triple fault on vCPU %u at %lx: the machine is reset", x->v.index, x->rip);
		machine_reset();
	}
	domain_kill(x->v.dom, DAIS_DEATH_TRIPLE_FAULT, "vCPU %u: triple fault at RIP %lx", x->v.index, x->rip);
}

static void exit_invalid(struct xvcpu *x)
{
	const struct dais_sregs *s = x86_sregs(x);

	domain_kill(x->v.dom, DAIS_DEATH_BAD_STATE, "vCPU %u: state refused at entry: CR0 %lx CR3 %lx CR4 %lx EFER %lx", x->v.index,
		    s->cr0, s->cr3, s->cr4, s->efer);
}

static void exit_unknown(struct xvcpu *x)
{
	domain_kill(x->v.dom, DAIS_DEATH_BAD_STATE, "vCPU %u: exit %lx at RIP %lx, which Dais did not ask for", x->v.index,
		    x->exit.detail, x->rip);
}

static void (*const handler[EXIT_KINDS])(struct xvcpu *x) = {
	[EXIT_INTR] = exit_interrupt, [EXIT_NMI] = exit_nothing, [EXIT_MACHINE_CHECK] = exit_machine_check,
	[EXIT_INIT] = exit_nothing, [EXIT_HLT] = exit_hlt, [EXIT_PAUSE] = exit_skip, [EXIT_CPUID] = exit_cpuid,
	[EXIT_HYPERCALL] = exit_hypercall, [EXIT_MSR_READ] = exit_msr_read, [EXIT_MSR_WRITE] = exit_msr_write,
	[EXIT_IO] = emulate_io, [EXIT_NESTED_FAULT] = exit_nested_fault, [EXIT_CR8_WRITE] = emulate_cr8_write,
	[EXIT_XSETBV] = exit_xsetbv, [EXIT_WBINVD] = exit_skip, [EXIT_RDPMC] = exit_gp, [EXIT_TIME] = exit_refused,
	[EXIT_REFUSED] = exit_refused, [EXIT_EXCEPTION] = exit_exception, [EXIT_IRET] = exit_iret,
	[EXIT_INT_WINDOW] = exit_nothing, [EXIT_SHUTDOWN] = exit_shutdown, [EXIT_INVALID] = exit_invalid,
	[EXIT_UNKNOWN] = exit_unknown,
};

void exit_handle(struct xvcpu *x)
{
	struct vcpu *v = &x->v;

	trace(DAIS_TRACE_EXIT, v, x->exit.kind, x->rip);
	handler[x->exit.kind](x);
	if (unlikely(x->lapic.eoi_exit) && v->activity == DAIS_ACT_RUNNABLE && !is_control(x)) {
		v->page->access.addr = x->lapic.eoi_exit;
		x->lapic.eoi_exit = 0;
		vcpu_exit_to_monitor(v, DAIS_EXIT_EOI);
	}
}
