/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/emulate.c arch/x86/virt/access.c kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"
#include "kernel/arch.h"

static struct xvcpu *x;

static u64 rd(u32 msr)
{
	u64 v;

	assert_true(msr_read(x, msr, &v));
	return v;
}

static bool refused(u32 msr) { u64 v; return !msr_read(x, msr, &v) && !msr_write(x, msr, 0); }

static void what_is_there(void **state)
{
	static const u32 known[] = { 0x10, 0x1b, 0x3b, 0xfe, 0x277, 0x2ff, 0x6e0, 0x4b564d01, 0xc0000080, 0xc0000103,
				     0xc0010015, 0xc0011029, 0xc001102a, 0x1a0 };

	(void)state;
	msr_reset(x);
	for (u32 n = 0; n < ARRAY_SIZE(known); n++)
		rd(known[n]);
}

/* Every MSR of the ranges that bitmaps cover: what passes is a short list. */
static void what_passes(void **state)
{
	static const u32 first[] = { 0, 0xc0000000, 0xc0010000 };
	u32 read = 0, write = 0, control = 0;

	(void)state;
	fake_boot.facts[DAIS_STAT_DEFENCES] = 1u << DAIS_DEFENCE_IBPB;
	for (u32 n = 0; n < 3 * 0x2000; n++) {
		u32 msr = first[n / 0x2000] + n % 0x2000;

		read += msr_passes(msr, false) & 1;
		write += msr_passes(msr, false) >> 1 & 1;
		control += msr_passes(msr, true) >> 1 & 1;
	}
	assert_int_equal(read, 3 + 4 + 3);
	assert_int_equal(write, 3 + 4 + 3 + host.amd); /* and IBPB */
	assert_int_equal(control, write);
	assert_int_equal(msr_passes(0x19c, true), 1);
	assert_int_equal(msr_passes(0x199, true), 0);
	fake_boot.facts[DAIS_STAT_DEFENCES] = 0;
	assert_int_equal(msr_passes(0x49, false), 0);
}

static void hostile(void **state)
{
	(void)state;
	assert_true(refused(0x1d)); assert_true(refused(0x200)); assert_true(refused(0x250)); assert_true(refused(0x480)); assert_true(refused(0xc0010117)); assert_true(refused(0x199));
	assert_true(refused(0x40000000)); assert_true(refused(~0u)); assert_true(refused(0x800)); /* not in x2APIC mode */
	srand(2);
	for (u32 n = 0; n < 300000; n++) {
		u32 msr = rand() % 2 ? (u32)rand() % 0x2000 : rand() % 2 ? 0xc0000000 + rand() % 0x200 : 0xc0010000 + rand() % 0x2000;
		u64 v;

		if (rand() % 2)
			msr_write(x, msr, ((u64)rand() << 33 | rand()) >> rand() % 64);
		else
			msr_read(x, msr, &v);
	}
}

static void efer(void **state)
{
	(void)state;
	x->sregs.cr0 = CR0_PE;
	x->sregs.efer = 0;
	assert_false(msr_write(x, MSR_EFER, EFER_SVME));
	assert_false(msr_write(x, MSR_EFER, 1 << 13));
	assert_true(msr_write(x, MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE));
	assert_int_equal(rd(MSR_EFER), EFER_LME | EFER_SCE); /* LMA is the processor's */
	assert_true(x->sregs_dirty);
	x->sregs.cr0 |= CR0_PG;
	assert_false(msr_write(x, MSR_EFER, EFER_SCE));
	assert_true(msr_write(x, MSR_EFER, EFER_LME | EFER_NXE));
}

static void tsc(void **state)
{
	(void)state;
	fake_domain->d.tsc_offset = -1000ULL;
	assert_int_equal(rd(0x10), fake.now - 1000);
	assert_true(msr_write(x, 0x10, 5000));
	assert_int_equal(rd(0x10), 5000);
	assert_int_equal(rd(0x3b), 5000 - (fake.now - 1000));
	assert_int_equal(fake.tsc_offset, 5000 - fake.now);
	assert_true(msr_write(x, 0x3b, 0));
	assert_int_equal(rd(0x10), fake.now - 1000);
}

static void memory_types(void **state)
{
	(void)state;
	msr_reset(x);
	assert_int_equal(rd(0x277), 0x0007040600070406);
	assert_false(msr_write(x, 0x277, 0x0007040600070402));
	assert_true(msr_write(x, 0x277, 0x0007010600070106));
	assert_int_equal(rd(0x277), 0x0007010600070106);
	assert_int_equal(rd(0xfe), 0x400);
	assert_true(msr_write(x, 0x2ff, 0)); /* inert */
	assert_int_equal(rd(0x2ff), 0x806);
}

static void tsc_aux(void **state)
{
	(void)state;
	assert_true(msr_write(x, MSR_TSC_AUX, 7));
	assert_int_equal(rd(MSR_TSC_AUX), 7);
	assert_false(msr_write(x, MSR_TSC_AUX, 1ULL << 32));
	host.rdtscp = false;
	assert_true(refused(MSR_TSC_AUX));
}

static void x2apic(void **state)
{
	(void)state;
	assert_false(msr_write(x, MSR_APIC_BASE, 0xfee00d01));
	assert_true(msr_write(x, MSR_APIC_BASE, 0xfee00d00));
	assert_int_equal(rd(MSR_APIC_BASE), 0xfee00d00);
	assert_int_equal(rd(0x803), 0x50014);
	assert_true(msr_write(x, 0x80f, 0x1ff));
	assert_true(msr_write(x, 0x83f, 0x44));
	assert_int_equal(lapic_deliverable(&x->lapic), 0x44);
	assert_true(refused(0x831));
	assert_true(refused(0x8ff));
}

/* --- KVM's --- */

struct clock { u32 version, pad; u64 tsc, ns; u32 mul; signed char shift; u8 flags, pad1[2]; };

static u64 clock_ns(const struct clock *c, u64 tsc)
{
	u64 d = tsc - c->tsc;

	d = c->shift < 0 ? d >> -c->shift : d << c->shift;
	return c->ns + (u64)(((unsigned __int128)d * c->mul) >> 32);
}

static void kvm_clock(void **state)
{
	struct clock *c = (struct clock *)fake_ram(0x5040);
	u32 *wall = (u32 *)fake_ram(0x6000), version;

	(void)state;
	fake_domain->epoch_tsc = fake.now;
	fake_domain->d.tsc_offset = -fake.now;
	assert_true(msr_write(x, 0x4b564d01, 0x5041));
	assert_int_equal(rd(0x4b564d01), 0x5041);
	assert_int_equal(c->version % 2, 0);
	assert_int_equal(c->flags, 1);
	fake_time(FAKE_HZ * 1000);
	assert_in_range(clock_ns(c, guest_tsc(x)), 1000000000000 - 1000, 1000000000000 + 1000);
	version = c->version;
	assert_true(msr_write(x, 0x10, 12345)); /* the clock does not jump with the TSC */
	assert_true(c->version != version && c->version % 2 == 0);
	assert_in_range(clock_ns(c, guest_tsc(x)), 1000000000000 - 1000, 1000000000000 + 1000);
	fake_boot = (struct boot_info){ .epoch_seconds = 1700000000, .epoch_tsc = fake_domain->epoch_tsc - 3 * FAKE_HZ / 2 };
	assert_true(msr_write(x, 0x4b564d00, 0x6000));
	assert_int_equal(wall[1], 1700000001);
	assert_int_equal(wall[2], 500000000);
	assert_true(msr_write(x, 0x4b564d01, FAKE_MMIO | 1)); /* no RAM there: nothing */
	assert_true(msr_write(x, 0x4b564d01, FAKE_RAM - 4 + 1));
	assert_false(msr_write(x, 0x4b564d02, 1));
}

static u64 call(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	x->gpr[RAX] = nr;
	x->gpr[RBX] = a;
	x->gpr[RCX] = b;
	x->gpr[RDX] = c;
	x->gpr[RSI] = d;
	pv_hypercall(x);
	return x->gpr[RAX];
}

static void hypercalls(void **state)
{
	(void)state;
	assert_int_equal(call(99, 0, 0, 0, 0), -1000ULL);
	assert_int_equal(call(5, 0, 2, 0, 0), 0);
	assert_int_equal(fake_vcpu(2)->pv_kicked, 1);
	assert_int_equal(fake.notified[2], VP_IRQ);
	assert_int_equal(call(5, 0, ~0ULL, 0, 0), 0);
	for (u32 n = 0; n < 4; n++)
		assert_true(lapic_write(fake_vcpu(n), 0xf0, 0x1ff));
	assert_int_equal(call(10, 0xa, 0, 0, 0x50), 2);
	assert_int_equal(fake_vcpu(3)->lapic.irr[2], 1 << 16);
	assert_int_equal(call(10, ~0ULL, ~0ULL, 0, 0x400), 4);
	assert_int_equal(call(10, 1, 0, 0, 0x500), 0); /* no INIT this way */
	fake_flat(x, INSN_32);
	assert_int_equal(call(1ULL << 32 | 99, 0, 0, 0, 0), -1000u);
}

/* Of autonomous guests' vCPUs: what they waited, and whether they wait. */
static void steal_time(void **state)
{
	struct { u64 ns; u32 version, flags; u8 preempted; } *s = (void *)fake_ram(0x7040);

	(void)state;
	assert_false(msr_write(x, 0x4b564d03, 0x7041)); /* hosted: Linux accounts for it */
	x->v.autonomous = true;
	assert_false(msr_write(x, 0x4b564d03, 0x7043)); /* not aligned */
	assert_true(msr_write(x, 0x4b564d03, 0x7041));
	assert_int_equal(rd(0x4b564d03), 0x7041);
	assert_int_equal(s->version % 2, 0);
	x->v.sc.waited = 7 * FAKE_HZ + FAKE_HZ / 4;
	pv_steal_update(x, false);
	assert_int_equal(s->preempted, 1);
	pv_steal_update(x, true);
	assert_int_equal(s->preempted, 0);
	assert_int_equal(s->ns, 7250000000);
	assert_true(msr_write(x, 0x4b564d03, 0));
	x->v.sc.waited = 0;
	pv_steal_update(x, true);
	assert_int_equal(s->ns, 7250000000);
	assert_true(msr_write(x, 0x4b564d03, FAKE_MMIO | 1)); /* no RAM there: nothing */
}

/* To a vCPU of the same domain that waits for a CPU: the one that is named, or the next in turn. */
static void yields(void **state)
{
	(void)state;
	fake.waits = 2;
	assert_int_equal(call(11, 2, 0, 0, 0), 0);
	assert_null(fake.yielded_to); /* hosted */
	x->v.autonomous = true;
	assert_int_equal(call(11, 3, 0, 0, 0), 0);
	assert_ptr_equal(fake.yielded_to, &fake_vcpu(3)->v);
	assert_int_equal(call(11, ~0ULL, 0, 0, 0), 0);
	assert_int_equal(call(11, 0, 0, 0, 0), 0); /* itself */
	assert_ptr_equal(fake.yielded_to, &fake_vcpu(3)->v);
	pv_yield(x);
	assert_ptr_equal(fake.yielded_to, &fake_vcpu(2)->v);
	fake.waits = 1;
	pv_yield(x);
	assert_ptr_equal(fake.yielded_to, &fake_vcpu(1)->v);
}

static int start(void **state)
{
	(void)state;
	fake_start(4);
	x = fake_vcpu(0);
	return 0;
}

static int stop(void **state) { (void)state; fake_stop(); return 0; }
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = { T(what_is_there), T(what_passes), T(hostile), T(efer), T(tsc), T(memory_types), T(tsc_aux), T(x2apic), T(kvm_clock), T(hypercalls), T(steal_time), T(yields) };

	return fake_run_both(tests);
}
