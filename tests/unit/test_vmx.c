/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/vendor.c tests/unit/model_vmx.c arch/x86/vmx/vmx.c arch/x86/vmx/vcpu.c arch/x86/vmx/exit.c arch/x86/vmx/state.c arch/x86/vmx/check.c arch/x86/vmx/caps.c arch/x86/vmx/apicv.c kernel/format.c kernel/string.c */
/* The VT-x back end on a model processor: model_vmx.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/model_vmx.h"

static const struct exit *enter(u32 v, int irq)
{
	vmx_enter(&vendor_vcpu[v], irq);
	return &vendor_vcpu[v].exit;
}

/* --- windows and masks --- */

static void windows_open_only_when_asked(void **state)
{
	struct xvcpu *x = &vendor_vcpu[0];

	(void)state;
	raise_kind(EXIT_CPUID);
	enter(0, 0x51);
	assert_int_equal(entered.type, EVENT_INTR);
	assert_false(vmread(PROC_CONTROLS) & PROC_INTERRUPT_WINDOW);
	x->shadow = true;
	enter(0, 0x51);
	assert_int_equal(entered.type, EVENT_NONE);
	assert_true(vmread(PROC_CONTROLS) & PROC_INTERRUPT_WINDOW);
	x->shadow = false;
	x->inject = (struct guest_event){ EVENT_EXCEPTION, VEC_UD, false, 0 };
	enter(0, 0x51);
	assert_int_equal(entered.vector, VEC_UD);
	assert_true(vmread(PROC_CONTROLS) & PROC_INTERRUPT_WINDOW);
	x->inject.type = EVENT_NONE;
	x->nmi_waits = true;
	enter(0, -1);
	assert_int_equal(vmread(PROC_CONTROLS) & (PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW), PROC_NMI_WINDOW);
	x->nmi_waits = false;
	enter(0, -1);
	assert_false(vmread(PROC_CONTROLS) & PROC_NMI_WINDOW);
}

/* What SDM vol. 3 §27.3.1.5 would refuse is never written. */
static void blocking_is_consistent(void **state)
{
	struct xvcpu *x = &vendor_vcpu[0];

	(void)state;
	raise_kind(EXIT_CPUID);
	for (u32 n = 0; n < 2000; n++) {
		u32 in;

		fake.blocked = rand() % 3 | (rand() & 1 ? BLOCKED_NMI : 0);
		x->inject.type = EVENT_NONE;
		x->rflags = 2 | RFLAGS_IF;
		enter(0, -1);
		in = fake.blocked & 3;
		x->rflags = 2 | (rand() & 1 ? RFLAGS_IF : 0) | (rand() & 1 ? RFLAGS_TF : 0);
		x->shadow = x->shadow && rand() & 1;
		x->nmi_masked = x->nmi_masked && rand() & 1;
		x->rip += rand() & 1;
		x->inject.type = (u8[]){ EVENT_NONE, EVENT_INTR, EVENT_NMI, EVENT_EXCEPTION }[rand() % 4];
		x->inject.vector = x->inject.type == EVENT_NMI ? 2 : 0x41;
		/* as the entry would see it */
		fake.fails = true;
		fake.reason = REASON_BAD_STATE;
		enter(0, -1);
		u32 b = vmread(GUEST_INTERRUPTIBILITY);
		u64 pending = vmread(GUEST_PENDING_DEBUG);

		assert_true((b & 3) != 3 && !((b & 3) && !in));
		assert_false((b & BLOCKED_STI) && !(x->rflags & RFLAGS_IF));
		if (entered.type == EVENT_INTR || entered.type == EVENT_NMI)
			assert_int_equal(b & 3, 0);
		if (entered.type == EVENT_NMI)
			assert_false(b & BLOCKED_NMI);
		if (b & 3 && x->rflags & RFLAGS_TF)
			assert_true(pending & PENDING_BS);
		raise_kind(EXIT_CPUID);
	}
}

static void an_iret_that_faults_leaves_the_mask(void **state)
{
	struct xvcpu *x = &vendor_vcpu[0];

	(void)state;
	raise_fault(0x1000, false, false, false, false);
	fake.qualification |= INFO_NMI_UNBLOCK;
	enter(0, -1);
	assert_true(x->nmi_masked);
	enter(0, -1);
	assert_true(vmread(GUEST_INTERRUPTIBILITY) == 0); /* as the fake exit left it; the entry had: */
	x->nmi_masked = true;
	fake.fails = true;
	fake.reason = REASON_BAD_STATE;
	enter(0, -1);
	assert_int_equal(vmread(GUEST_INTERRUPTIBILITY), BLOCKED_NMI);
}

static void host_events(void **state)
{
	(void)state;
	raise_kind(EXIT_EXCEPTION);
	fake.info = INFO_VALID | INFO_NMI << 8 | 2;
	assert_int_equal(enter(0, -1)->kind, EXIT_NOTHING);
	assert_int_equal(nmis, 1);
	fake.info = INFO_VALID | INFO_EXCEPTION << 8 | VEC_MC;
	assert_int_equal(enter(0, -1)->kind, EXIT_MACHINE_CHECK);
	assert_int_equal(nmis, 1);
}

/* DR6 is written as the CPU would have; GD goes off when it was the cause; ICEBP is past. */
static void debug_exceptions(void **state)
{
	struct xvcpu *x = &vendor_vcpu[0];
	u64 dr6, dr7;

	(void)state;
	vmx_write_debug(x, 0xffff0ff3, 0x2400);
	raise_kind(EXIT_EXCEPTION);
	fake.info = INFO_VALID | INFO_EXCEPTION << 8 | VEC_DB;
	fake.qualification = 0x4001;
	assert_int_equal(enter(0, -1)->kind, EXIT_EXCEPTION);
	assert_int_equal(x->exit.event.vector, VEC_DB);
	vmx_read_debug(x, &dr6, &dr7);
	assert_int_equal(dr6, 0xffff4ff1);
	assert_int_equal(dr7, 0x2400);
	vmptrld(&vmx[0]);
	fake.qualification = 0x2000;
	fake.info = INFO_VALID | INFO_ICEBP << 8 | VEC_DB;
	fake.length = 1;
	x->rip = 0x100;
	enter(0, -1);
	assert_int_equal(x->rip, 0x101);
	vmx_read_debug(x, &dr6, &dr7);
	assert_int_equal(dr7, 0x400);
}

/* --- control registers --- */

static const struct exit *move_to_cr(u32 cr, u64 value)
{
	raise_kind(EXIT_CR8_WRITE);
	fake.qualification = cr | R9 << 8;
	vendor_vcpu[0].gpr[R9] = value;
	return enter(0, -1);
}

static void owned_bits_change_as_the_guest_sees_them(void **state)
{
	struct xvcpu *x = &vendor_vcpu[0];
	struct dais_sregs s = { .cr0 = CR0_ET | CR0_CD | CR0_NW };

	(void)state;
	vmx_write_sregs(x, &s);
	vmptrld(&vmx[0]);
	assert_int_equal(vmread(GUEST_CR0), CR0_ET | CR0_NE);
	assert_int_equal(move_to_cr(0, CR0_ET | CR0_PE | CR0_CD)->kind, EXIT_NOTHING);
	vmx_read_sregs(x, &s);
	assert_int_equal(s.cr0, CR0_ET | CR0_CD); /* PE comes when the guest does it again */
	assert_int_equal(move_to_cr(0, CR0_ET | CR0_NW)->kind, EXIT_GP);
	assert_int_equal(move_to_cr(4, CR4_PAE | CR4_MCE)->kind, EXIT_NOTHING);
	vmx_read_sregs(x, &s);
	assert_int_equal(s.cr4, CR4_MCE);
	assert_int_equal(move_to_cr(4, CR4_PAE | CR4_VMXE)->kind, EXIT_GP);
	assert_int_equal(move_to_cr(4, CR4_PAE | CR4_PKE)->kind, EXIT_GP);
	/* a bit that only a monitor can have set: the guest clears it, and does not exit for it for ever */
	vmcs[0][CR4_READ_SHADOW.code] = CR4_PAE | CR4_PKE;
	assert_int_equal(move_to_cr(4, CR4_PAE)->kind, EXIT_NOTHING);
	assert_int_equal(vmcs[0][CR4_READ_SHADOW.code] & vmcs[0][CR4_MASK.code], 0);
	assert_int_equal(move_to_cr(8, 3)->kind, EXIT_CR8_WRITE);
	assert_int_equal(move_to_cr(3, 3)->kind, EXIT_UNKNOWN);
}

static void pae_tables_are_loaded(void **state)
{
	struct dais_sregs s = { .cr0 = CR0_ET | CR0_PE | CR0_PG, .cr4 = CR4_PAE, .cr3 = 0x5000 };

	(void)state;
	vmx_write_sregs(&vendor_vcpu[0], &s);
	assert_int_equal(pdpte_reads, 1);
	assert_int_equal(vmcs[0][GUEST_PDPTE0.code + 6], 0x0101010101010101);
	s.efer = EFER_LME | EFER_LMA;
	s.cr3 = 0x6000;
	vmx_write_sregs(&vendor_vcpu[0], &s);
	assert_int_equal(pdpte_reads, 1);
	assert_true(vmcs[0][ENTRY_CONTROLS.code] & ENTRY_IA32E);
}

/* --- entry failures --- */

static void good_state(struct dais_sregs *s)
{
	struct dais_seg data = { 0x18, 0xc93, ~0u, 0 };

	*s = (struct dais_sregs){ .cs = { 0x10, 0xa9b, ~0u, 0 }, .ss = data, .ds = data, .es = data, .fs = data, .gs = data,
				  .ldtr = { 0, 0x82, 0xffff, 0 }, .tr = { 0, 0x8b, 0xffff, 0 }, .cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG,
				  .cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA, .cr3 = 0x1000 };
}

static const char *refused(const struct dais_sregs *s, u64 rip, u64 rflags)
{
	vmx_write_sregs(&vendor_vcpu[0], s);
	raise_kind(EXIT_INVALID);
	vendor_vcpu[0].rip = rip;
	vendor_vcpu[0].rflags = rflags;
	assert_int_equal(enter(0, -1)->kind, EXIT_INVALID);
	return vendor_vcpu[0].exit.refused;
}

static void refused_fields_are_named(void **state)
{
	const u64 rip = 0xffffffff81000000;
	struct dais_sregs s;

	(void)state;
	host.phys_bits = 40;
	good_state(&s);
	assert_string_equal(refused(&s, rip, 2), "a field that Dais does not check");
	assert_string_equal(refused(&s, 1ULL << 63, 2), "RIP");
	assert_string_equal(refused(&s, rip, 0), "RFLAGS");
	assert_string_equal(refused(&s, rip, 2 | RFLAGS_VM), "RFLAGS");
	s.cr3 = 1ULL << 41;
	assert_string_equal(refused(&s, rip, 2), "CR3");
	good_state(&s);
	s.cr4 = 0;
	assert_string_equal(refused(&s, rip, 2), "CR4 or EFER");
	good_state(&s);
	s.cs.attr = 0xe9b;
	assert_string_equal(refused(&s, rip, 2), "CS access rights");
	good_state(&s);
	s.tr.attr = 0x89;
	assert_string_equal(refused(&s, rip, 2), "TR access rights");
	good_state(&s);
	s.ds.attr = 0x493;
	assert_string_equal(refused(&s, rip, 2), "DS access rights");
	good_state(&s);
	s.ss.base = 1ULL << 32;
	assert_string_equal(refused(&s, rip, 2), "SS base");
	good_state(&s);
	s.gdt_base = 1ULL << 60;
	assert_string_equal(refused(&s, rip, 2), "GDTR");
	good_state(&s);
	s.fs.attr = s.ldtr.attr = DAIS_SEG_UNUSABLE;
	assert_string_equal(refused(&s, rip, 2), "a field that Dais does not check");
	/* real mode, as after a reset */
	s = (struct dais_sregs){ .cs = { 0xf000, 0x9b, 0xffff, 0xffff0000 }, .cr0 = CR0_ET };
	s.es = s.ss = s.ds = s.fs = s.gs = (struct dais_seg){ 0, 0x93, 0xffff, 0 };
	s.ldtr.attr = 0x82;
	s.tr.attr = 0x8b;
	assert_string_equal(refused(&s, 0xfff0, 2), "a field that Dais does not check");
	fake.no_entry = true;
	vmcs[0][INSTRUCTION_ERROR.code] = 7;
	assert_int_equal(enter(0, -1)->kind, EXIT_INVALID);
	assert_string_equal(vendor_vcpu[0].exit.refused, "a control field");
}

/* --- VMCS and translations, over CPUs --- */

/* No wrmsr in a test: the part of load and unload that is about the VMCS. */
static void load(u32 c, u32 v)
{
	set_cpu(c);
	vmptrld(&vmx[v]);
	if (vmx[v].cpu != c)
		vmx[v].flush = true;
	vmx[v].cpu = c;
}

/* Random entries, migrations and changes of tables: nothing from before a change is used. */
static void translations_random(void **state)
{
	static struct xdomain domains[TABLES];

	(void)state;
	for (u32 t = 0; t < TABLES; t++)
		domains[t].nt.root = hpa((t + 1) << 12);
	for (u32 v = 0; v < VCPUS; v++) {
		vendor_vcpu[v].v.dom = &domains[v % TABLES].d;
		current = &vmcs[v];
		vmwrite(EPT_POINTER, domains[v % TABLES].nt.root.v | 0x1e);
	}
	raise_kind(EXIT_CPUID);
	vmclear(&vmx[0]);
	model_tlb = true;
	for (u32 i = 0; i < 200000; i++) {
		u32 v = rand() % VCPUS;

		now++;
		if (rand() % 7 == 0) {
			stale_before[v % TABLES] = now;
			for (u32 k = v % TABLES; k < VCPUS; k += TABLES)
				vmx_ops.flush(&vendor_vcpu[k]);
		}
		load(rand() % CPUS, v);
		enter(v, -1);
		vmclear(&vmx[v]);
	}
}

static void another_vcpus_state_can_be_looked_at(void **state)
{
	struct dais_sregs s;

	(void)state;
	load(0, 1);
	vmwrite(GUEST_RIP, 77);
	vmcs[2][GUEST_CR3.code] = 0x5000;
	vmx_read_sregs(&vendor_vcpu[2], &s);
	assert_int_equal(s.cr3, 0x5000);
	assert_int_equal(active[2], 0);
	vendor_cpu[0].vendor = &vendor_vcpu[1];
	vmx_set_tsc_offset(&vendor_vcpu[2], 5);
	assert_int_equal(vmcs[2][TSC_OFFSET.code], 5);
	assert_int_equal(vmread(GUEST_RIP), 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VENDOR_TESTS,
		cmocka_unit_test_setup(windows_open_only_when_asked, setup),
		cmocka_unit_test_setup(blocking_is_consistent, setup),
		cmocka_unit_test_setup(an_iret_that_faults_leaves_the_mask, setup),
		cmocka_unit_test_setup(host_events, setup),
		cmocka_unit_test_setup(debug_exceptions, setup),
		cmocka_unit_test_setup(owned_bits_change_as_the_guest_sees_them, setup),
		cmocka_unit_test_setup(pae_tables_are_loaded, setup),
		cmocka_unit_test_setup(refused_fields_are_named, setup),
		cmocka_unit_test_setup(translations_random, setup),
		cmocka_unit_test_setup(another_vcpus_state_can_be_looked_at, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
