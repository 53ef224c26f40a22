/* SPDX-License-Identifier: GPL-2.0-only */
/* The one dispatch of exits: a table of handlers, each changing the vCPU and nothing else. */

#include "arch/x86/cpu.h"
#include "arch/x86/virt/control.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "kernel/hypercall.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/trace.h"

/* --- instructions: true when it is done, false when it raised an exception --- */

static bool raise(struct xvcpu *x, u8 vector)
{
	x86_exception(x, vector, 0);
	return false;
}

static u64 edx_eax(const struct xvcpu *x)
{
	return x->gpr[RDX] << 32 | (u32)x->gpr[RAX];
}

static bool insn_skip(struct xvcpu *)
{
	return true;
}

/* Spins for long: somebody whom it waits for may be waiting for a CPU. */
static bool insn_pause(struct xvcpu *x)
{
	pv_yield(x);
	return true;
}

static bool insn_hlt(struct xvcpu *x)
{
	x->v.activity = DAIS_ACT_HALTED;
	return true;
}

static bool insn_cpuid(struct xvcpu *x)
{
	u32 out[4];

	cpuid_emulate(x, x->gpr[RAX], x->gpr[RCX], out);
	x->gpr[RAX] = out[0];
	x->gpr[RBX] = out[1];
	x->gpr[RCX] = out[2];
	x->gpr[RDX] = out[3];
	return true;
}

static bool insn_rdmsr(struct xvcpu *x)
{
	u64 v;

	if (!msr_read(x, x->gpr[RCX], &v))
		return raise(x, VEC_GP);
	x->gpr[RAX] = (u32)v;
	x->gpr[RDX] = v >> 32;
	return true;
}

static bool insn_wrmsr(struct xvcpu *x)
{
	return msr_write(x, x->gpr[RCX], edx_eax(x)) || raise(x, VEC_GP);
}

static bool insn_xsetbv(struct xvcpu *x)
{
	if ((u32)x->gpr[RCX] || x86_cpl(x) || !xcr0_valid(edx_eax(x)))
		return raise(x, VEC_GP);
	xsetbv(0, edx_eax(x));
	return true;
}

static bool is_own_call(const struct xvcpu *x) { return (x->gpr[RAX] & ~0xffffULL) == DAIS_CALL_BASE; }

/* Ours when RAX names it, else KVM's. CPL 0 only, as on KVM. */
static bool insn_hypercall(struct xvcpu *x)
{
	static const u8 reg[CALL_ARGS] = { RDI, RSI, RDX, RCX, R8, R9 };
	struct call c;

	if (x86_cpl(x))
		return raise(x, VEC_UD);
	if (!is_own_call(x)) {
		pv_hypercall(x);
		return true;
	}
	c.self = &x->v;
	for (u32 i = 0; i < CALL_ARGS; i++)
		c.arg[i] = x->gpr[reg[i]];
	x->gpr[RAX] = hypercall(&c, x->gpr[RAX] & 0xffff);
	x->gpr[RDI] = c.out[0];
	x->gpr[RSI] = c.out[1];
	return true;
}

/* --- other exits, and what looks after its instruction itself --- */

static void exit_interrupt(struct xvcpu *x)
{
	if (x->exit.event.type == EVENT_INTR)
		trap_entry(&(struct trap_frame){ .vector = x->exit.event.vector });
	irq_window();
}

static void exit_virtual_eoi(struct xvcpu *x)
{
	lapic_end(x, x->exit.detail & 0xff);
}

static void exit_machine_check(struct xvcpu *)
{
	__asm__ volatile("int $18");
}

/* CPL 0 gets as far as the intercept: so there is no such instruction, or operand */
static void exit_refused(struct xvcpu *x)
{
	x86_exception(x, x->exit.kind == EXIT_GP ? VEC_GP : VEC_UD, 0);
}

static void exit_exception(struct xvcpu *x)
{
	x86_exception(x, x->exit.event.vector, x->exit.event.error);
}

static void exit_nested_fault(struct xvcpu *x)
{
	if (is_control(x) ? !control_fault(x, x->exit.fault.gpa) :
			    !x->exit.fault.exec || !mem_execute(x->v.dom, x->exit.fault.gpa))
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

/* Entry refused the state, or Dais did not ask for this exit. */
static void exit_bad(struct xvcpu *x)
{
	const struct dais_sregs *s = x86_sregs(x);

	domain_kill(x->v.dom, DAIS_DEATH_BAD_STATE, "vCPU %u: %s %lx: RIP %lx CR0 %lx CR3 %lx CR4 %lx EFER %lx", x->v.index,
		    x->exit.kind == EXIT_INVALID ? x->exit.refused : "unknown exit", x->exit.detail, x->rip, s->cr0, s->cr3,
		    s->cr4, s->efer);
}

/* Neither: nothing is to be done. */
static const struct { bool (*insn)(struct xvcpu *x); void (*other)(struct xvcpu *x); } handler[EXIT_KINDS] = {
	[EXIT_CPUID] = { .insn = insn_cpuid }, [EXIT_HLT] = { .insn = insn_hlt }, [EXIT_HYPERCALL] = { .insn = insn_hypercall },
	[EXIT_MSR_READ] = { .insn = insn_rdmsr }, [EXIT_MSR_WRITE] = { .insn = insn_wrmsr }, [EXIT_PAUSE] = { .insn = insn_pause },
	[EXIT_WBINVD] = { .insn = insn_skip }, [EXIT_XSETBV] = { .insn = insn_xsetbv },
	[EXIT_CR8_WRITE] = { .other = emulate_cr8_write }, [EXIT_EXCEPTION] = { .other = exit_exception },
	[EXIT_INTR] = { .other = exit_interrupt }, [EXIT_INVALID] = { .other = exit_bad }, [EXIT_IO] = { .other = emulate_io },
	[EXIT_MACHINE_CHECK] = { .other = exit_machine_check },
	[EXIT_NESTED_FAULT] = { .other = exit_nested_fault }, [EXIT_GP] = { .other = exit_refused },
	[EXIT_REFUSED] = { .other = exit_refused }, [EXIT_SHUTDOWN] = { .other = exit_shutdown },
	[EXIT_TIME] = { .other = exit_refused }, [EXIT_UNKNOWN] = { .other = exit_bad },
	[EXIT_VIRTUAL_EOI] = { .other = exit_virtual_eoi },
};

void exit_handle(struct xvcpu *x)
{
	u32 kind = x->exit.kind, length = x->exit.insn_len;
	struct vcpu *v = &x->v;

	trace(DAIS_TRACE_EXIT, v, kind, x->rip);
	if (handler[kind].insn) {
		if (!length) /* our own hypercall has no prefixes, by the ABI */
			length = kind == EXIT_HYPERCALL && is_own_call(x) ? 3 : guest_insn_length(x);
		if (length && handler[kind].insn(x))
			x86_skip(x, length);
	} else if (handler[kind].other) {
		handler[kind].other(x);
	}
	if (unlikely(x->lapic.eoi_exit) && v->activity == DAIS_ACT_RUNNABLE && !is_control(x)) {
		v->page->access.addr = x->lapic.eoi_exit;
		x->lapic.eoi_exit = 0;
		vcpu_exit_to_monitor(v, DAIS_EXIT_EOI);
	}
}
