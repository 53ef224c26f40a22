/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/vendor.c arch/x86/svm/svm.c arch/x86/svm/exit.c kernel/format.c kernel/string.c */
/*
 * The AMD-V back end on a model processor. ASIDs: emulators flush everything at
 * each VMRUN and so hide every mistake; the model keeps translations by ASID as
 * hardware does, and fails when an entry could use one that is not its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "arch/x86/svm/svm.h"
#include "kernel/string.h"
#include "tests/unit/vendor.h"

#define CPUS  VENDOR_CPUS
#define ASIDS 6
#define VCPUS VENDOR_VCPUS

#define vcpu  vendor_vcpu
#define IRET_BIT (1u << VMEXIT_IRET % 32)
static struct vmcb vmcb[VCPUS] __aligned(4096);
static u8 host_vmcb;

/* What each CPU's TLB may hold: by ASID, whose translations, made when. */
static struct { struct vmcb *owner; u32 made; } tlb[CPUS][ASIDS];
static u32 stale_before[VCPUS]; /* translations made earlier than this are wrong */
static u32 now = 1;
static void (*guest)(struct vmcb *b, u64 *gpr);
static u64 entered_with; /* EVENTINJ at the last entry */

/* What the guest's next exit is. */
static struct fake { u64 code, info1, info2, vectoring; bool deliver; } fake;

static void fake_guest(struct vmcb *b, u64 *gpr)
{
	(void)gpr;
	b->exitcode = fake.code;
	b->exitinfo1 = fake.info1;
	b->exitinfo2 = fake.info2;
	b->exitintinfo = fake.vectoring;
	if (fake.deliver)
		b->vintr &= ~VINTR_IRQ;
}

void svm_enter_guest(u64 hpa_, u64 *gpr, u64 host_, u64 shadow)
{
	struct vmcb *b = (struct vmcb *)hpa_;
	u32 c = this_cpu()->id, n = b - vmcb;

	(void)shadow;
	assert_int_equal(host_, (u64)&host_vmcb);
	assert_in_range(b->asid, 1, ASIDS - 1);
	for (u32 a = 0; a < ASIDS; a++)
		if (b->tlb_control == TLB_FLUSH_ALL || (b->tlb_control == TLB_FLUSH_ASID && a == b->asid))
			tlb[c][a].owner = NULL;
	if (tlb[c][b->asid].owner) {
		assert_ptr_equal(tlb[c][b->asid].owner, b);
		assert_true(tlb[c][b->asid].made >= stale_before[n]);
	} else {
		tlb[c][b->asid].made = now;
	}
	tlb[c][b->asid].owner = b;
	entered_with = b->eventinj;
	if (guest)
		guest(b, gpr);
	b->eventinj = 0; /* APM vol. 3, VMRUN */
}

static int setup(void **state)
{
	(void)state;
	memset(tlb, 0, sizeof(tlb));
	memset(stale_before, 0, sizeof(stale_before));
	guest = NULL;
	svm_features = 0;
	svm_asid_limit = ASIDS;
	vendor_setup(&svm_ops);
	for (u32 i = 0; i < CPUS; i++) {
		vendor_cpu[i].vendor = &host_vmcb;
		vendor_cpu[i].asid_next = vendor_cpu[i].asid_generation = 1;
	}
	memset(vmcb, 0, sizeof(vmcb));
	for (u32 i = 0; i < VCPUS; i++) {
		vmcb[i].cpu = ~0u;
		vmcb[i].hpa = (u64)&vmcb[i];
		vcpu[i].vendor = &vmcb[i];
	}
	fake = (struct fake){ .deliver = true };
	guest = fake_guest;
	return 0;
}

static void enter(u32 c, u32 v)
{
	set_cpu(c);
	svm_ops.vcpu_load(&vcpu[v]);
	now++;
	svm_ops.enter(&vcpu[v], -1);
}

/* Random entries, migrations and flushes: no vCPU meets another's translations, or its own from before a flush. */
static void asids_random(bool by_asid)
{
	srand(7);
	svm_features = by_asid ? SVM_FLUSH_ASID : 0;
	for (u32 i = 0; i < 200000; i++) {
		u32 v = rand() % VCPUS;

		if (rand() % 5 == 0) {
			stale_before[v] = ++now;
			svm_ops.flush(&vcpu[v]);
		}
		enter(rand() % CPUS, v);
	}
}

static void asids_are_never_shared(void **state)
{
	(void)state;
	asids_random(false);
}

static void asids_with_flush_by_asid(void **state)
{
	(void)state;
	asids_random(true);
}

static void an_asid_is_kept_without_need(void **state)
{
	u32 asid;

	(void)state;
	enter(0, 0);
	asid = vmcb[0].asid;
	for (u32 i = 0; i < 100; i++) {
		enter(0, 0);
		assert_int_equal(vmcb[0].asid, asid);
		assert_int_equal(vmcb[0].tlb_control, 0);
	}
}

static void writing_cr3_flushes(void **state)
{
	struct dais_sregs s = { .cr3 = 0x5000 };

	(void)state;
	enter(0, 0);
	svm_ops.write_sregs(&vcpu[0], &s);
	stale_before[0] = ++now;
	enter(0, 0);
	assert_int_equal(vmcb[0].cr3, 0x5000);
	assert_true(vmcb[0].efer & EFER_SVME);
}

/* As CR3 does: paging, its rights and its mode. INIT of a guest whose CR3 is 0 changes no other. */
static void writing_paging_flushes(void **state)
{
	const struct dais_sregs to[] = { { .cr0 = CR0_PG | CR0_PE }, { .cr0 = 0 }, { .cr4 = CR4_PSE }, { .efer = EFER_NXE } };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(to); i++) {
		enter(0, 0);
		svm_ops.write_sregs(&vcpu[0], &to[i]);
		stale_before[0] = ++now;
		enter(0, 0);
	}
}

/* --- entry and exit --- */

static bool raise_kind(enum exit_kind kind)
{
	static const struct { u64 code, info1; } codes[EXIT_KINDS] = {
		[EXIT_INTR] = { VMEXIT_INTR, 0 }, [EXIT_NOTHING] = { VMEXIT_NMI, 0 }, [EXIT_MACHINE_CHECK] = { VMEXIT_EXCP + 18, 0 },
		[EXIT_HLT] = { VMEXIT_HLT, 0 }, [EXIT_PAUSE] = { VMEXIT_PAUSE, 0 }, [EXIT_CPUID] = { VMEXIT_CPUID, 0 },
		[EXIT_HYPERCALL] = { VMEXIT_VMMCALL, 0 }, [EXIT_MSR_READ] = { VMEXIT_MSR, 0 }, [EXIT_MSR_WRITE] = { VMEXIT_MSR, 1 },
		[EXIT_IO] = { VMEXIT_IOIO, 0 }, [EXIT_NESTED_FAULT] = { VMEXIT_NPF, 0 }, [EXIT_CR8_WRITE] = { VMEXIT_CR8_WRITE, 0 },
		[EXIT_XSETBV] = { VMEXIT_XSETBV, 0 }, [EXIT_WBINVD] = { VMEXIT_WBINVD, 0 }, [EXIT_REFUSED] = { VMEXIT_VMRUN, 0 },
		[EXIT_GP] = { VMEXIT_RDPMC, 0 }, [EXIT_EXCEPTION] = { VMEXIT_EXCP + VEC_AC, 0 }, [EXIT_SHUTDOWN] = { VMEXIT_SHUTDOWN, 0 },
		[EXIT_INVALID] = { ~0ULL, 0 }, [EXIT_UNKNOWN] = { 0x3ff, 0 },
	};

	fake = (struct fake){ .code = codes[kind].code, .info1 = codes[kind].info1, .deliver = fake.deliver };
	return fake.code;
}

/* APM vol. 2 §15.10.2 */
static void raise_io(u16 port, u8 size, bool in, bool string)
{
	raise_kind(EXIT_IO);
	fake.info1 = (u64)port << 16 | 1 << 7 | size << 4 | string << 2 | in;
	fake.info2 = vcpu[0].rip + 2;
}

/* APM vol. 2 §15.25.6 */
static void raise_fault(u64 gpa, bool write, bool exec, bool present, bool table_walk)
{
	raise_kind(EXIT_NESTED_FAULT);
	fake.info1 = (table_walk ? 1ULL << 33 : 1ULL << 32) | exec << 4 | write << 1 | present;
	fake.info2 = gpa;
}

static void vectoring(const struct guest_event *e)
{
	fake.vectoring = EVENTINJ_VALID | EVENT_NUMBER(e->type) << 8 | e->vector | (e->has_error ? EVENTINJ_ERROR : 0) |
			 (u64)e->error << 32;
}

static void take_interrupt(bool yes) { fake.deliver = yes; }

static struct guest_event injected(void)
{
	u64 i = entered_with;

	return (struct guest_event){ i ? EVENT_TYPE(i >> 8 & 7) : EVENT_NONE, i, i & EVENTINJ_ERROR, i >> 32 };
}

static void on_cpu(bool yes) { (void)yes; }

static u32 msr_map_bits(const u8 *map, u32 range, u32 i)
{
	return map[range * 0x800 + i / 4] >> (i % 4 * 2) & 3;
}

const struct vendor vendor = { raise_kind, raise_io, raise_fault, vectoring, take_interrupt, injected, on_cpu, msr_map_bits };

static const struct exit *run(u64 code, u64 i1, u64 i2, u64 info, int irq)
{
	fake = (struct fake){ code, i1, i2, info, fake.deliver };
	svm_ops.vcpu_load(&vcpu[0]);
	svm_ops.enter(&vcpu[0], irq);
	return &vcpu[0].exit;
}

/* Where VMRUN itself loses host interrupts, the APIC is asked again after each exit; hardware pays nothing. */
static void lost_interrupts_are_looked_for(void **state)
{
	(void)state;
	vendor_rereads = 0;
	run(VMEXIT_CPUID, 0, 0, 0, 0x51);
	assert_int_equal(vendor_rereads, 0);
	quirks.loses_irqs = true;
	run(VMEXIT_CPUID, 0, 0, 0, 0x51);
	quirks.loses_irqs = false;
	assert_int_equal(vendor_rereads, 1);
}

/* An exit code that has a kind is asked for, but where it depends; no other is. */
static void what_is_intercepted(void **state)
{
	struct vmcb b = { .pause_count = 0 };

	(void)state;
	svm_set_intercepts(&b);
	assert_int_equal(b.intercept[0], 1u << 24);
	assert_int_equal(b.intercept[1], 0);
	assert_int_equal(b.intercept[2], 1u << 1 | 1u << 17 | 1u << 18);
	assert_int_equal(b.intercept[3], 0x9d44800b); /* not IRET, PAUSE */
	assert_int_equal(b.intercept[4], 0x7e7f);
	assert_int_equal(b.intercept[5], 0);
	svm_features = SVM_PAUSE_FILTER;
	svm_set_intercepts(&b);
	assert_int_equal(b.intercept[3], 0x9dc4800b);
	assert_true(b.pause_count && b.pause_threshold); /* a threshold of 0 starts the count anew at every PAUSE: none would exit */
}

static void codes_of_refused_and_unknown(void **state)
{
	static const struct { u64 code; u32 kind; } table[] = {
		{ 0xffffffffULL, EXIT_INVALID }, { 0x82, EXIT_REFUSED }, { 0x86, EXIT_REFUSED }, { 0x8b, EXIT_REFUSED },
		{ VMEXIT_INVLPGA, EXIT_REFUSED }, { VMEXIT_RDPRU, EXIT_REFUSED }, { VMEXIT_IRET, EXIT_NOTHING },
		{ 0x65, EXIT_UNKNOWN }, { 0x401, EXIT_UNKNOWN }, { 0x12345678, EXIT_UNKNOWN },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(run(table[i].code, 0, 0, 0, -1)->kind, table[i].kind);
}

/* QEMU's TCG reports the delivery of V_IRQ's vector as an exception, and leaves V_IRQ set. */
static void an_interrupt_left_over_is_offered_again(void **state)
{
	(void)state;
	fake.deliver = false;
	assert_int_equal(run(VMEXIT_NPF, 0, 0, EVENTINJ_VALID | 0x351, 0x51)->vectoring.type, EVENT_NONE);
	fake.deliver = true;
	assert_int_equal(run(VMEXIT_NPF, 0, 0, EVENTINJ_VALID | 0x351, 0x51)->vectoring.type, EVENT_INTR);
	assert_int_equal(run(VMEXIT_NPF, 0, 0, EVENTINJ_VALID | 0x303, -1)->vectoring.type, EVENT_SOFT);
}

/* Without next RIP the bytes that are in view say it, if they are the exit's; but Dais's own hypercall's is known. */
static void lengths_without_next_rip(void **state)
{
	static u8 page[PAGE_SIZE] = { [0x123] = 0x0f, 0xa2 };

	(void)state;
	vcpu[0].rip = 0x5123;
	vmcb[0].cr3 = 0x1000;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0, 0, -1)->insn_len, 0);
	*guest_fetch_view(0x7123) = (struct fetch_view){ 0x7fff, 0x1000, 0, page };
	assert_int_equal(run(VMEXIT_CPUID, 0, 0, 0, -1)->insn_len, 0);
	vmcb[0].cs.base = 0x2000;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0, 0, -1)->insn_len, 2);
	assert_int_equal(run(VMEXIT_MSR, 0, 0, 0, -1)->insn_len, 0);
	assert_int_equal(run(VMEXIT_INTR, 0, 0, 0, -1)->insn_len, 0);
	svm_features = SVM_NRIP;
	vmcb[0].nrip = vcpu[0].rip + 7;
	assert_int_equal(run(VMEXIT_CPUID, 0, 0, 0, -1)->insn_len, 7);
}

static void cpl_is_a_field(void **state)
{
	struct dais_sregs s = { .ss = { 0x18, 0xcf3, 0xffffffff, 0 } };

	(void)state;
	svm_ops.write_sregs(&vcpu[0], &s);
	assert_int_equal(vmcb[0].cpl, 3);
	svm_ops.read_sregs(&vcpu[0], &s);
	assert_int_equal(s.efer & EFER_SVME, 0);
}

/* IRET is trapped while an NMI is served; the mask ends when RIP has left it. */
static void an_nmi_masks_until_iret_has_run(void **state)
{
	(void)state;
	run(VMEXIT_CPUID, 0, 0, 0, -1);
	assert_false(vmcb[0].intercept[3] & IRET_BIT);
	vcpu[0].nmi_masked = true;
	run(VMEXIT_CPUID, 0, 0, 0, -1);
	assert_true(vmcb[0].intercept[3] & IRET_BIT);
	run(VMEXIT_IRET, 0, 0, 0, -1);
	run(VMEXIT_INTR, 0, 0, 0, -1);
	assert_true(vcpu[0].nmi_masked);
	assert_false(vmcb[0].intercept[3] & IRET_BIT);
	vcpu[0].rip += 2;
	run(VMEXIT_INTR, 0, 0, 0, -1);
	assert_false(vcpu[0].nmi_masked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(asids_are_never_shared, setup),
		cmocka_unit_test_setup(asids_with_flush_by_asid, setup),
		cmocka_unit_test_setup(an_asid_is_kept_without_need, setup),
		cmocka_unit_test_setup(writing_cr3_flushes, setup), cmocka_unit_test_setup(writing_paging_flushes, setup),
		VENDOR_TESTS,
		cmocka_unit_test_setup(lost_interrupts_are_looked_for, setup),
		cmocka_unit_test_setup(what_is_intercepted, setup),
		cmocka_unit_test_setup(codes_of_refused_and_unknown, setup),
		cmocka_unit_test_setup(an_interrupt_left_over_is_offered_again, setup),
		cmocka_unit_test_setup(lengths_without_next_rip, setup),
		cmocka_unit_test_setup(cpl_is_a_field, setup),
		cmocka_unit_test_setup(an_nmi_masks_until_iret_has_run, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
