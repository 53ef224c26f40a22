/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/svm/svm.c arch/x86/svm/exit.c kernel/format.c kernel/string.c */
/*
 * The AMD-V back end on a model processor. ASIDs: emulators flush everything at
 * each VMRUN and so hide every mistake; the model keeps translations by ASID as
 * hardware does, and fails when an entry could use one that is not its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "arch/x86/cpu.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/x86.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"

#define CPUS  3
#define ASIDS 6
#define VCPUS 9

struct host host;
struct quirks quirks;
struct domain *control_domain;
u64 facts[DAIS_STAT_FRAMES_TOTAL];
const struct nested_format nested_npt;
static struct cpu cpu[CPUS];
static struct xdomain domain;
static struct xvcpu vcpu[VCPUS];
static struct vmcb vmcb[VCPUS] __aligned(4096);
static u8 host_vmcb;

/* What each CPU's TLB may hold: by ASID, whose translations, made when. */
static struct { struct vmcb *owner; u32 made; } tlb[CPUS][ASIDS];
static u32 stale_before[VCPUS]; /* translations made earlier than this are wrong */
static u32 now = 1;
static void (*guest)(struct vmcb *b, u64 *gpr);

void *heap_alloc(size_t n)
{
	n = n > HEAP_SMALL ? ALIGN_UP(n, PAGE_SIZE) : ALIGN_UP(n, 16);
	return memset(aligned_alloc(n > HEAP_SMALL ? PAGE_SIZE : 16, n), 0, n);
}

void heap_free(void *p, size_t n) { (void)n; free(p); }
hpa_t hva_to_hpa(const void *p) { return hpa((u64)p); }
u32 cpu_id(void) { return this_cpu()->id; }
static u32 rereads;
void apic_reread_tpr(void) { rereads++; }
void log_line(enum log_level l, const char *f, ...) { (void)l; (void)f; }
void panic(const char *f, ...) { (void)f; abort(); }
void host_cpuid(u32 leaf, u32 sub, u32 out[4]) { (void)leaf; (void)sub; memset(out, 0, 16); }
u32 msr_passes(u32 msr, bool control) { return msr == 0xc0000081 ? 3 : (msr == 0x10 && !control); }

void svm_enter_guest(u64 hpa_, u64 *gpr, u64 host_, u64 sti)
{
	struct vmcb *b = (struct vmcb *)hpa_;
	u32 c = this_cpu()->id, n = b - vmcb;

	(void)sti;
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
	if (guest)
		guest(b, gpr);
}

static void set_cpu(u32 c)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu[c]);
}

static int setup(void **state)
{
	(void)state;
	memset(tlb, 0, sizeof(tlb));
	memset(stale_before, 0, sizeof(stale_before));
	guest = NULL;
	svm_features = 0;
	svm_asid_limit = ASIDS;
	for (u32 i = 0; i < CPUS; i++)
		cpu[i] = (struct cpu){ .self = &cpu[i], .id = i, .vendor = &host_vmcb, .asid_next = 1, .asid_generation = 1 };
	memset(vcpu, 0, sizeof(vcpu));
	memset(vmcb, 0, sizeof(vmcb));
	for (u32 i = 0; i < VCPUS; i++) {
		vmcb[i].cpu = ~0u;
		vcpu[i].vendor = &vmcb[i];
		vcpu[i].v.dom = &domain.d;
	}
	set_cpu(0);
	return 0;
}

static void enter(u32 c, u32 v)
{
	bool taken;

	set_cpu(c);
	svm_ops.vcpu_load(&vcpu[v]);
	now++;
	svm_ops.enter(&vcpu[v], -1, &taken);
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

/* --- entry and exit --- */

static u64 exitcode, info1, info2, intinfo;
static bool deliver;

static void fake_guest(struct vmcb *b, u64 *gpr)
{
	(void)gpr;
	b->exitcode = exitcode;
	b->exitinfo1 = info1;
	b->exitinfo2 = info2;
	b->exitintinfo = intinfo;
	if (deliver)
		b->vintr &= ~VINTR_IRQ;
}

static const struct exit *run(u64 code, u64 i1, u64 i2, u64 vectoring, int irq, bool *taken)
{
	exitcode = code;
	info1 = i1;
	info2 = i2;
	intinfo = vectoring;
	guest = fake_guest;
	svm_ops.vcpu_load(&vcpu[0]);
	svm_ops.enter(&vcpu[0], irq, taken);
	return &vcpu[0].exit;
}

static void an_interrupt_is_offered_until_taken(void **state)
{
	bool taken;

	(void)state;
	deliver = false;
	run(VMEXIT_CPUID, 0, 0, 0, 0x51, &taken);
	assert_false(taken);
	assert_int_equal(vmcb[0].vintr >> 32 & 0xff, 0x51);
	deliver = true;
	run(VMEXIT_CPUID, 0, 0, 0, 0x51, &taken);
	assert_true(taken);
	deliver = false;
	run(VMEXIT_CPUID, 0, 0, 0, -1, &taken);
	assert_false(taken);
	assert_false(vmcb[0].vintr & VINTR_IRQ);
}

/* Where VMRUN itself loses host interrupts, the APIC is asked again after each exit; hardware pays nothing. */
static void lost_interrupts_are_looked_for(void **state)
{
	bool taken;

	(void)state;
	rereads = 0;
	run(VMEXIT_CPUID, 0, 0, 0, 0x51, &taken);
	assert_int_equal(rereads, 0);
	quirks.loses_irqs = true;
	run(VMEXIT_CPUID, 0, 0, 0, 0x51, &taken);
	quirks.loses_irqs = false;
	assert_int_equal(rereads, 1);
}

static void exits_are_decoded(void **state)
{
	static const struct { u64 code, info1; u32 kind; } table[] = {
		{ VMEXIT_INTR, 0, EXIT_INTR }, { VMEXIT_NMI, 0, EXIT_NMI }, { VMEXIT_HLT, 0, EXIT_HLT },
		{ VMEXIT_CPUID, 0, EXIT_CPUID }, { VMEXIT_MSR, 0, EXIT_MSR_READ }, { VMEXIT_MSR, 1, EXIT_MSR_WRITE },
		{ VMEXIT_VMMCALL, 0, EXIT_HYPERCALL }, { VMEXIT_SHUTDOWN, 0, EXIT_SHUTDOWN }, { VMEXIT_IRET, 0, EXIT_IRET },
		{ VMEXIT_XSETBV, 0, EXIT_XSETBV }, { VMEXIT_CR8_WRITE, 0, EXIT_CR8_WRITE }, { VMEXIT_EXCP + 18, 0, EXIT_MACHINE_CHECK },
		{ VMEXIT_EXCP + 1, 0, EXIT_EXCEPTION }, { 0xffffffffffffffffULL, 0, EXIT_INVALID }, { 0xffffffffULL, 0, EXIT_INVALID },
		{ 0x80, 0, EXIT_REFUSED }, { 0x82, 0, EXIT_REFUSED }, { 0x86, 0, EXIT_REFUSED }, { 0x8b, 0, EXIT_REFUSED },
		{ VMEXIT_INVLPGA, 0, EXIT_REFUSED }, { VMEXIT_RDPRU, 0, EXIT_REFUSED }, { VMEXIT_WBINVD, 0, EXIT_WBINVD },
		{ 0x65, 0, EXIT_UNKNOWN }, { 0x3ff, 0, EXIT_UNKNOWN }, { 0x401, 0, EXIT_UNKNOWN }, { 0x12345678, 0, EXIT_UNKNOWN },
	};
	bool taken;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(run(table[i].code, table[i].info1, 0, 0, -1, &taken)->kind, table[i].kind);
}

static void io_and_faults_are_decoded(void **state)
{
	const struct exit *e;
	bool taken;

	(void)state;
	vcpu[0].rip = 0x1000;
	e = run(VMEXIT_IOIO, 0x3f8ULL << 16 | 1 << 7 | 2 << 4 | 1, 0x1002, 0, -1, &taken);
	assert_int_equal(e->io.port, 0x3f8);
	assert_int_equal(e->io.size, 2);
	assert_true(e->io.in);
	assert_false(e->io.string);
	assert_int_equal(e->insn_len, 2);
	e = run(VMEXIT_NPF, 1ULL << 33 | 1 << 4 | 2, 0xfec00010, 0, -1, &taken);
	assert_int_equal(e->fault.gpa, 0xfec00010);
	assert_true(e->fault.write && e->fault.exec && e->fault.table_walk && !e->fault.present);
}

/* What the exit cut short is delivered again, but for what is executed or offered again anyway. */
static void vectoring_is_decoded(void **state)
{
	static const struct { u64 info; bool left; u32 type; } table[] = {
		{ 0, false, EVENT_NONE }, { EVENTINJ_VALID | 0x51, false, EVENT_INTR }, { EVENTINJ_VALID | 0x351, true, EVENT_NONE },
		{ EVENTINJ_VALID | 0x202, false, EVENT_NMI }, { EVENTINJ_VALID | 0x30e | EVENTINJ_ERROR, false, EVENT_EXCEPTION },
		{ EVENTINJ_VALID | 0x303, false, EVENT_SOFT }, { EVENTINJ_VALID | 0x480, false, EVENT_SOFT },
	};
	bool taken;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		deliver = !table[i].left;
		assert_int_equal(run(VMEXIT_NPF, 0, 0, table[i].info, 0x51, &taken)->vectoring.type, table[i].type);
	}
	assert_int_equal(vcpu[0].exit.vectoring.vector, 0x80);
}

static void segments_survive(void **state)
{
	struct dais_sregs in = { .cs = { 0x10, 0xa9b, 0xffffffff, 0 }, .ss = { 0x18, 0xcf3, 0xffffffff, 0 }, .cr0 = 0x80000011 }, out;

	(void)state;
	in.ldtr.attr = DAIS_SEG_UNUSABLE;
	svm_ops.write_sregs(&vcpu[0], &in);
	assert_int_equal(vmcb[0].cpl, 3);
	svm_ops.read_sregs(&vcpu[0], &out);
	assert_memory_equal(&in.cs, &out.cs, sizeof(in.cs));
	assert_memory_equal(&in.ss, &out.ss, sizeof(in.ss));
	assert_true(out.ldtr.attr & DAIS_SEG_UNUSABLE);
	assert_int_equal(out.cr0, in.cr0);
	assert_int_equal(out.efer & EFER_SVME, 0);
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
	svm_ops.want_iret(&vcpu[0], true);
	assert_int_equal(vmcb[0].intercept[3], 1u << 20);
	svm_ops.want_iret(&vcpu[0], false);
	assert_int_equal(vmcb[0].intercept[3], 0);
}

/* What the MSR policy passes is clear in the map, all else set: APM vol. 2 §15.11. */
static void permission_maps(void **state)
{
	static struct xdomain other;
	struct xvcpu x = { .v.dom = &domain.d };
	const u8 *io, *msr;

	(void)state;
	assert_int_equal(svm_ops.domain_init(&domain), DAIS_OK); /* the first one is the control domain */
	control_domain = &domain.d;
	assert_int_equal(svm_ops.vcpu_init(&x), DAIS_OK);
	io = (u8 *)vmcb_of(&x)->iopm_base;
	msr = (u8 *)vmcb_of(&x)->msrpm_base;
	assert_int_equal(msr[0x800 + 0x81 / 4] >> (0x81 % 4 * 2) & 3, 0);
	assert_int_equal(msr[0x10 / 4] >> 0 & 3, 3);
	assert_int_equal(msr[0x1000], 0xff);
	assert_int_equal(io[0xcf8 / 8], 0);
	svm_ops.trap_port(0xcf9, true);
	assert_int_equal(io[0xcf9 / 8], 2);
	svm_ops.vcpu_free(&x);
	x.v.dom = &other.d;
	assert_int_equal(svm_ops.domain_init(&other), DAIS_OK);
	assert_int_equal(svm_ops.vcpu_init(&x), DAIS_OK);
	assert_int_equal(((u8 *)vmcb_of(&x)->iopm_base)[0xcf8 / 8], 0xff);
	assert_int_equal(((u8 *)vmcb_of(&x)->msrpm_base)[0x10 / 4] & 3, 2);
	assert_int_equal(((u8 *)vmcb_of(&x)->msrpm_base)[0x1000], 0xff);
	svm_ops.vcpu_free(&x);
	control_domain = NULL;
	heap_free(domain.vendor, 5 * PAGE_SIZE);
	heap_free(other.vendor, 5 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(asids_are_never_shared, setup),
		cmocka_unit_test_setup(asids_with_flush_by_asid, setup),
		cmocka_unit_test_setup(an_asid_is_kept_without_need, setup),
		cmocka_unit_test_setup(writing_cr3_flushes, setup),
		cmocka_unit_test_setup(an_interrupt_is_offered_until_taken, setup),
		cmocka_unit_test_setup(lost_interrupts_are_looked_for, setup),
		cmocka_unit_test_setup(exits_are_decoded, setup),
		cmocka_unit_test_setup(io_and_faults_are_decoded, setup),
		cmocka_unit_test_setup(vectoring_is_decoded, setup),
		cmocka_unit_test_setup(segments_survive, setup),
		cmocka_unit_test_setup(what_is_intercepted, setup),
		cmocka_unit_test_setup(permission_maps, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
