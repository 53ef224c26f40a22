/* SPDX-License-Identifier: GPL-2.0-only */
/* Decoding of exits: reads the VMCS once into struct exit. Decides nothing. */

#include "arch/x86/vmx/vmx.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/string.h"

/* By exit reason; what is not here was not asked for. */
static u32 kind_of(u32 reason)
{
	static const u8 kinds[] = {
		[REASON_INTERRUPT] = EXIT_INTR, [REASON_TRIPLE_FAULT] = EXIT_SHUTDOWN, [3] = EXIT_NOTHING /* INIT */,
		[REASON_INTERRUPT_WINDOW] = EXIT_NOTHING, [REASON_NMI_WINDOW] = EXIT_NOTHING, [REASON_CPUID] = EXIT_CPUID,
		[REASON_GETSEC] = EXIT_REFUSED, [REASON_HLT] = EXIT_HLT, [REASON_INVD] = EXIT_WBINVD, [REASON_RDPMC] = EXIT_GP,
		[REASON_VMCALL] = EXIT_HYPERCALL, [REASON_VMCLEAR ... REASON_VMXON] = EXIT_REFUSED, [REASON_IO] = EXIT_IO,
		[REASON_RDMSR] = EXIT_MSR_READ, [REASON_WRMSR] = EXIT_MSR_WRITE, [REASON_MWAIT] = EXIT_REFUSED,
		[REASON_MONITOR] = EXIT_REFUSED, [REASON_PAUSE] = EXIT_PAUSE, [REASON_ENTRY_MC] = EXIT_MACHINE_CHECK,
		[REASON_EOI] = EXIT_VIRTUAL_EOI,
		[REASON_EPT_VIOLATION] = EXIT_NESTED_FAULT, [REASON_INVEPT] = EXIT_REFUSED, [REASON_INVVPID] = EXIT_REFUSED,
		[REASON_WBINVD] = EXIT_WBINVD, [REASON_XSETBV] = EXIT_XSETBV, [REASON_VMFUNC] = EXIT_REFUSED,
	};

	return reason < ARRAY_SIZE(kinds) ? kinds[reason] : EXIT_UNKNOWN;
}

/* SDM vol. 3 §26.2.4, table 26-16 */
static struct guest_event event_of(u32 info, u32 error)
{
	if (!(info & INFO_VALID))
		return (struct guest_event){ EVENT_NONE, 0, false, 0 };
	return (struct guest_event){ MIN(EVENT_TYPE(INFO_TYPE(info)), EVENT_SOFT), info, info & INFO_ERROR, info & INFO_ERROR ? error : 0 };
}

/* DR6 and DR7 stay as they were when #DB exits (SDM vol. 3 §28.1): what the CPU would have set. */
static void debug_exception(struct xvcpu *x, u64 bits)
{
	u64 dr6, dr7;

	vmx_read_debug(x, &dr6, &dr7);
	dr6 = (dr6 & ~0xfULL) | (bits & 0x600f);      /* B0 to B3, BD, BS */
	vmx_write_debug(x, dr6, bits & 0x2000 ? dr7 & ~0x2000ULL : dr7); /* BD: GD is off in the handler */
}

static void decode_exception(struct xvcpu *x, u64 qualification)
{
	u32 info = vmread(EXIT_INTERRUPTION_INFO);
	struct exit *e = &x->exit;

	e->event = event_of(info, vmread(EXIT_INTERRUPTION_ERROR));
	e->kind = EXIT_EXCEPTION;
	if (INFO_TYPE(info) == INFO_NMI) {
		vmx_host_nmi();
		e->kind = EXIT_NOTHING;
	} else if (e->event.vector == VEC_MC) {
		e->kind = EXIT_MACHINE_CHECK;
	} else if (e->event.vector == VEC_DB) {
		debug_exception(x, qualification);
	}
	if (INFO_TYPE(info) == INFO_ICEBP)
		x->rip += e->insn_len;
	x->nmi_masked |= (info & INFO_NMI_UNBLOCK) && e->vectoring.type == EVENT_NONE;
}

static void decode_io(struct exit *e, u64 q)
{
	e->io.port = q >> 16;
	e->io.size = (q & 7) + 1;
	e->io.in = q >> 3 & 1;
	e->io.string = q >> 4 & 1;
}

/* SDM vol. 3 table 28-7 */
static void decode_fault(struct xvcpu *x, u64 q)
{
	struct exit *e = &x->exit;

	e->fault.gpa = vmread(GUEST_PHYSICAL_ADDRESS);
	e->fault.write = q >> 1 & 1;
	e->fault.exec = q >> 2 & 1;
	e->fault.present = q >> 3 & 7;
	e->fault.table_walk = (q >> 7 & 1) && !(q >> 8 & 1);
	x->nmi_masked |= (q & INFO_NMI_UNBLOCK) && e->vectoring.type == EVENT_NONE;
}

/*
 * A MOV to CR0 or CR4 that changes bits which the guest does not have itself. They change as it sees
 * them, and it does the same again, now without an exit: the CPU checks and does the rest.
 */
static u32 write_cr(struct vmcs_field shadow, u64 mask, u64 value)
{
	vmwrite(shadow, (vmread(shadow) & ~mask) | (value & mask));
	return EXIT_NOTHING;
}

/* SDM vol. 3 table 28-3: bits 0-3 the register, 4-5 the kind of access, 8-11 the operand */
static u32 decode_cr(const struct xvcpu *x, u64 q)
{
	u64 v = x->gpr[q >> 8 & 15];

	switch (q & 0x3f) { /* MOV to CR */
	case 0: return (v & CR0_NW) && !(v & CR0_CD) ? EXIT_GP : write_cr(CR0_READ_SHADOW, vmread(CR0_MASK), v);
	case 4: return v & vmread(CR4_MASK) & ~CR4_MCE ? EXIT_GP : write_cr(CR4_READ_SHADOW, vmread(CR4_MASK), v);
	case 8: return EXIT_CR8_WRITE;
	default: return EXIT_UNKNOWN;
	}
}

static void decode_refused(struct exit *e, u32 reason)
{
	e->kind = EXIT_INVALID;
	e->refused = reason == REASON_BAD_STATE ? vmx_bad_field() : "MSR-load area";
	e->vectoring.type = EVENT_NONE;
}

void vmx_decode_exit(struct xvcpu *x)
{
	u32 reason = vmread(EXIT_REASON);
	u64 q = vmread(EXIT_QUALIFICATION);
	struct exit *e = &x->exit;

	e->detail = reason;
	e->kind = kind_of(reason & 0xffff);
	e->insn_len = vmread(EXIT_INSTRUCTION_LENGTH);
	if ((reason & REASON_FAILED) && e->kind != EXIT_MACHINE_CHECK) {
		decode_refused(e, reason & 0xffff);
		return;
	}
	e->vectoring = event_of(vmread(IDT_VECTORING_INFO), vmread(IDT_VECTORING_ERROR));
	switch (reason & 0xffff) {
	case REASON_EXCEPTION: decode_exception(x, q); break;
	case REASON_INTERRUPT: e->event = event_of(vmread(EXIT_INTERRUPTION_INFO), 0); break;
	case REASON_CR: e->kind = decode_cr(x, q); break;
	case REASON_IO: decode_io(e, q); break;
	case REASON_EPT_VIOLATION: decode_fault(x, q); break;
	case REASON_EOI: e->detail = q; break;
	case REASON_TASK_SWITCH: /* what the CPU leaves to a hypervisor would be a hundred lines, for no known guest */
		e->kind = EXIT_INVALID;
		e->refused = "a hardware task switch";
		break;
	}
}

/* SDM vol. 3 table 31-1 */
void vmx_decode_failure(struct xvcpu *x)
{
	u32 error = vmread(INSTRUCTION_ERROR);

	x->exit = (struct exit){ .kind = EXIT_INVALID, .detail = error };
	x->exit.refused = error == 7 ? "a control field" : error == 8 ? "a host-state field" : "VMLAUNCH or VMRESUME";
}
