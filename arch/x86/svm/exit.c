/* SPDX-License-Identifier: GPL-2.0-only */
/* Decoding of exits: reads the VMCB once into struct exit. Decides nothing. */

#include "arch/x86/svm/svm.h"
#include "arch/x86/x86.h"

static const u8 kinds[0x90] = {
	[VMEXIT_CR8_WRITE] = EXIT_CR8_WRITE, [VMEXIT_INTR] = EXIT_INTR, [VMEXIT_NMI] = EXIT_NMI, [VMEXIT_INIT] = EXIT_INIT,
	[VMEXIT_RDPMC] = EXIT_RDPMC, [VMEXIT_CPUID] = EXIT_CPUID, [VMEXIT_IRET] = EXIT_IRET, [VMEXIT_INVD] = EXIT_WBINVD,
	[VMEXIT_PAUSE] = EXIT_PAUSE, [VMEXIT_HLT] = EXIT_HLT, [VMEXIT_INVLPGA] = EXIT_REFUSED, [VMEXIT_IOIO] = EXIT_IO,
	[VMEXIT_SHUTDOWN] = EXIT_SHUTDOWN, [VMEXIT_VMMCALL] = EXIT_HYPERCALL, [VMEXIT_WBINVD] = EXIT_WBINVD,
	[VMEXIT_XSETBV] = EXIT_XSETBV,
};

/* VMRUN, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, MONITOR, MWAIT, RDPRU: no guest has them */
static bool refused(u64 code)
{
	return (code >= VMEXIT_VMRUN && code <= VMEXIT_SKINIT) || (code >= VMEXIT_MONITOR && code <= VMEXIT_MWAIT_ARMED) ||
	       code == VMEXIT_RDPRU || code == VMEXIT_INVLPGA;
}

static u32 kind_of(u64 code, u64 info1)
{
	if ((u32)code == VMEXIT_INVALID)
		return EXIT_INVALID;
	if (code == VMEXIT_NPF)
		return EXIT_NESTED_FAULT;
	if (code == VMEXIT_MSR)
		return info1 & 1 ? EXIT_MSR_WRITE : EXIT_MSR_READ;
	if (code == VMEXIT_EXCP + VEC_MC)
		return EXIT_MACHINE_CHECK;
	if (code >= VMEXIT_EXCP && code < VMEXIT_EXCP + 32)
		return EXIT_EXCEPTION;
	if (code == VMEXIT_VMMCALL)
		return EXIT_HYPERCALL;
	if (refused(code))
		return EXIT_REFUSED;
	if (code < ARRAY_SIZE(kinds) && (kinds[code] || code == VMEXIT_INTR))
		return kinds[code];
	return EXIT_UNKNOWN;
}

/* APM vol. 2 §15.10.2 */
static void decode_io(struct exit *e, u64 info1, u64 info2)
{
	e->io.port = info1 >> 16;
	e->io.size = info1 >> 4 & 7;
	e->io.in = info1 & 1;
	e->io.string = info1 >> 2 & 1;
	e->next_rip = info2;
}

/* APM vol. 2 §15.25.6 */
static void decode_fault(struct exit *e, u64 info1, u64 info2)
{
	e->fault.gpa = info2;
	e->fault.present = info1 & 1;
	e->fault.write = info1 >> 1 & 1;
	e->fault.exec = info1 >> 4 & 1;
	e->fault.table_walk = info1 >> 33 & 1;
}

/*
 * APM vol. 2 §15.7.2. QEMU's TCG reports the delivery of V_IRQ's vector as an
 * exception (type 3) and leaves V_IRQ set: that one is offered again anyway. INT n,
 * INT3 and INTO are executed again.
 */
static void decode_vectoring(struct exit *e, u64 info, bool irq_left)
{
	u8 type = info >> 8 & 7, vector = info;

	e->vectoring.type = EVENT_NONE;
	if (!(info & EVENTINJ_VALID))
		return;
	e->vectoring.vector = vector;
	e->vectoring.has_error = info >> 11 & 1;
	e->vectoring.error = info >> 32;
	if (type == TYPE_NMI)
		e->vectoring.type = EVENT_NMI;
	else if (type == TYPE_SOFT || vector == VEC_BP || vector == 4)
		e->vectoring.type = EVENT_SOFT;
	else if (vector >= 32 || type == TYPE_INTR)
		e->vectoring.type = irq_left ? EVENT_NONE : EVENT_INTR;
	else
		e->vectoring.type = EVENT_EXCEPTION;
}

void svm_decode_exit(struct xvcpu *x)
{
	const struct vmcb *b = svm_vcpu(x)->vmcb;
	struct exit *e = &x->exit;
	u64 code = b->exitcode, info1 = b->exitinfo1, info2 = b->exitinfo2;

	e->kind = kind_of(code, info1);
	e->insn_len = svm_features.nrip && b->nrip > b->rip && b->nrip - b->rip <= 15 ? b->nrip - b->rip : 0;
	e->next_rip = 0;
	e->detail = code;
	decode_vectoring(e, b->exitintinfo, b->vintr & VINTR_IRQ);
	switch (e->kind) {
	case EXIT_IO:
		decode_io(e, info1, info2);
		break;
	case EXIT_NESTED_FAULT:
		decode_fault(e, info1, info2);
		break;
	case EXIT_EXCEPTION:
		e->event = (struct guest_event){ EVENT_EXCEPTION, code - VMEXIT_EXCP, code == VMEXIT_EXCP + VEC_AC, info1 };
		break;
	}
}
