/* SPDX-License-Identifier: GPL-2.0-only */
/* Which exits are wanted, and their decoding: reads the VMCB once into struct exit. Decides nothing. */

#include "arch/x86/svm/svm.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"

/* Those that are intercepted; #DB and #AC because they can loop for ever in the CPU. */
static const u8 kinds[0xa0] = {
	[VMEXIT_CR8_WRITE] = EXIT_CR8_WRITE, [VMEXIT_EXCP + VEC_DB] = EXIT_EXCEPTION,
	[VMEXIT_EXCP + VEC_AC] = EXIT_EXCEPTION, [VMEXIT_EXCP + VEC_MC] = EXIT_MACHINE_CHECK,
	[VMEXIT_INTR] = EXIT_INTR, [VMEXIT_NMI] = EXIT_NOTHING, [VMEXIT_INIT] = EXIT_NOTHING, [VMEXIT_RDPMC] = EXIT_GP,
	[VMEXIT_CPUID] = EXIT_CPUID, [VMEXIT_IRET] = EXIT_NOTHING, [VMEXIT_INVD] = EXIT_WBINVD, [VMEXIT_PAUSE] = EXIT_PAUSE,
	[VMEXIT_HLT] = EXIT_HLT, [VMEXIT_INVLPGA] = EXIT_REFUSED, [VMEXIT_IOIO] = EXIT_IO, [VMEXIT_MSR] = EXIT_MSR_READ,
	[VMEXIT_SHUTDOWN] = EXIT_SHUTDOWN, [VMEXIT_VMRUN] = EXIT_REFUSED, [VMEXIT_VMMCALL] = EXIT_HYPERCALL,
	[VMEXIT_VMLOAD ... VMEXIT_SKINIT] = EXIT_REFUSED, [VMEXIT_WBINVD] = EXIT_WBINVD,
	[VMEXIT_MONITOR ... VMEXIT_MWAIT_ARMED] = EXIT_REFUSED, [VMEXIT_XSETBV] = EXIT_XSETBV, [VMEXIT_RDPRU] = EXIT_REFUSED,
};

/* IRET's is switched on when it is waited for. */
void svm_set_intercepts(struct vmcb *b)
{
	for (u32 code = 0; code < ARRAY_SIZE(kinds); code++)
		if (kinds[code] && code != VMEXIT_IRET && (code != VMEXIT_PAUSE || svm_features & SVM_PAUSE_FILTER))
			b->intercept[code / 32] |= 1u << code % 32;
	b->pause_count = 3000;
	/* With the threshold feature the count starts anew whenever more cycles lie between two PAUSEs: 0 would be always. */
	b->pause_threshold = 128;
}

/*
 * APM vol. 2 §15.7.2. QEMU's TCG reports the delivery of V_IRQ's vector as an
 * exception (type 3) and leaves V_IRQ set: that one is offered again anyway. INT n,
 * INT3 and INTO are executed again.
 */
static __cold struct guest_event decode_vectoring(u64 info, bool irq_left)
{
	struct guest_event e = { EVENT_TYPE(info >> 8 & 7), info, info >> 11 & 1, info >> 32 };

	if (e.type == EVENT_EXCEPTION && (e.vector == VEC_BP || e.vector == 4))
		e.type = EVENT_SOFT;
	else if (e.type == EVENT_EXCEPTION && e.vector >= 32)
		e.type = EVENT_INTR;
	if (e.type == EVENT_INTR && irq_left)
		e.type = EVENT_NONE;
	return e;
}

/* Those that bring more than their code. */
static void decode_details(struct exit *e, const struct vmcb *b)
{
	u64 code = b->exitcode, info1 = b->exitinfo1, info2 = b->exitinfo2;

	e->detail = code;
	if (code == VMEXIT_IOIO) { /* APM vol. 2 §15.10.2 */
		e->io = (typeof(e->io)){ .port = info1 >> 16, .size = info1 >> 4 & 7, .in = info1 & 1, .string = info1 >> 2 & 1 };
		e->insn_len = info2 - b->rip;
	} else if (code == VMEXIT_NPF) { /* §15.25.6 */
		e->kind = EXIT_NESTED_FAULT;
		e->fault = (typeof(e->fault)){
			.gpa = info2, .present = info1 & 1, .write = info1 >> 1 & 1, .exec = info1 >> 4 & 1,
			.table_walk = info1 >> 33 & 1,
		};
	} else if ((u32)code == VMEXIT_INVALID) {
		e->kind = EXIT_INVALID;
		e->refused = "state refused at entry";
		this_cpu()->asid_next = svm_asid_limit; /* a flush with it may not have happened: the next begins a generation */
	} else {
		e->event = (struct guest_event){ EVENT_EXCEPTION, code - VMEXIT_EXCP, code == VMEXIT_EXCP + VEC_AC, info1 };
	}
}

void svm_decode_exit(struct xvcpu *x)
{
	const struct vmcb *b = vmcb_of(x);
	struct exit *e = &x->exit;
	u64 code = b->exitcode;
	u32 kind = code < ARRAY_SIZE(kinds) ? kinds[code] : EXIT_UNKNOWN;

	if (kind == EXIT_MSR_READ)
		kind += b->exitinfo1 & 1; /* EXIT_MSR_WRITE */
	e->kind = kind;
	e->insn_len = 0;
	e->vectoring.type = EVENT_NONE;
	if (unlikely(b->exitintinfo & EVENTINJ_VALID))
		e->vectoring = decode_vectoring(b->exitintinfo, b->vintr & VINTR_IRQ);
	if (kind == EXIT_IO || kind == EXIT_EXCEPTION || kind == EXIT_UNKNOWN)
		decode_details(e, b);
	else if (svm_features & SVM_NRIP)
		e->insn_len = b->nrip - b->rip <= 15 ? b->nrip - b->rip : 0;
	else if (kind != EXIT_HYPERCALL) /* Dais's own have one length, by the ABI */
		e->insn_len = guest_length_in_view(x, kind, b->rip + b->cs.base, b->cr3);
}
