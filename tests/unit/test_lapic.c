/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/emulate.c arch/x86/virt/access.c kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"
#include "drivers/devices.h"

#define X2 (LAPIC_BASE_DEFAULT | 1 << 10 | 1 << 11)
#define MS (FAKE_HZ / 1000)

static struct xvcpu *x;
static struct lapic *l;

static u64 rd(u32 reg)
{
	u64 v;

	assert_true(lapic_read(x, reg, &v));
	return v;
}

static void wr(u32 reg, u64 v)
{
	assert_true(lapic_write(x, reg, v));
}

static void deliver(u32 vector)
{
	assert_int_equal(lapic_deliverable(l), vector);
	lapic_accept(l, vector);
}

static void x2apic(struct xvcpu *v)
{
	assert_true(lapic_set_base(v, X2 | (v->v.index ? 0 : 1 << 8)));
}

static void reset_state(void **state)
{
	(void)state;
	assert_int_equal(l->base_msr, 0xfee00900);
	assert_int_equal(fake_vcpu(1)->lapic.base_msr, 0xfee00800);
	assert_int_equal(rd(REG_VERSION), 0x50014);
	assert_int_equal(rd(REG_SVR), 0xff);
	assert_int_equal(rd(REG_DFR), 0xffffffff);
	assert_int_equal(rd(REG_LVT), 0x10000);
	x = fake_vcpu(3);
	assert_int_equal(rd(REG_ID), 3 << 24);
}

/* Priorities: what is delivered, what waits, what EOI uncovers. */
static void priorities(void **state)
{
	(void)state;
	wr(REG_SVR, 0x1ff);
	assert_true(lapic_post(l, 0x31, false));
	assert_true(lapic_post(l, 0x35, false));
	assert_true(lapic_post(l, 0x80, false));
	deliver(0x80);
	assert_int_equal(rd(REG_PPR), 0x80);
	assert_int_equal(lapic_deliverable(l), -1);
	lapic_take_back(l, 0x80);
	deliver(0x80);
	assert_true(lapic_post(l, 0x85, false));
	assert_int_equal(lapic_deliverable(l), -1); /* the same class */
	assert_true(lapic_post(l, 0x90, false));
	deliver(0x90);
	assert_int_equal(rd(0x100 + 4 * 16), 1 << 16 | 1);
	wr(REG_EOI, 0);
	wr(REG_EOI, 0);
	deliver(0x85);
	wr(REG_EOI, 0);
	wr(REG_TPR, 0x30);
	assert_int_equal(lapic_deliverable(l), -1);
	wr(REG_TPR, 0x2f);
	deliver(0x35);
	wr(REG_EOI, 0);
	deliver(0x31);
	wr(REG_EOI, 0);
	assert_int_equal(lapic_deliverable(l), -1);
}

static void disabled_drops(void **state)
{
	(void)state;
	assert_false(lapic_post(l, 0x40, false)); /* SVR off since reset */
	wr(REG_SVR, 0x1ff);
	assert_true(lapic_post(l, 0x40, false));
	assert_true(lapic_set_base(x, 0xfee00100));
	assert_int_equal(lapic_deliverable(l), -1);
	assert_false(lapic_post(l, 0x40, false));
}

static void level_eoi(void **state)
{
	(void)state;
	wr(REG_SVR, 0x1ff);
	lapic_post(l, 0x40, true);
	assert_int_equal(rd(0x180 + 2 * 16), 1);
	deliver(0x40);
	wr(REG_EOI, 0);
	assert_int_equal(l->eoi_exit, 0x40);
	assert_int_equal(fake.eoi, 0);
	l->eoi_exit = 0;
	lapic_post(l, 0x40, false); /* now edge */
	deliver(0x40);
	wr(REG_EOI, 0);
	assert_int_equal(l->eoi_exit, 0);
	fake_domain->d.slot = 0;
	lapic_post(l, 0x41, true);
	deliver(0x41);
	wr(REG_EOI, 0);
	assert_int_equal(fake.eoi, 0x41);
	assert_int_equal(l->eoi_exit, 0);
}

static void errors(void **state)
{
	(void)state;
	wr(REG_SVR, 0x1ff);
	wr(REG_LVT + LVT_ERROR * 16, 0xfe);
	lapic_post(l, 5, false);
	deliver(0xfe);
	wr(REG_EOI, 0);
	assert_int_equal(rd(REG_ESR), 0);
	wr(REG_ESR, 0);
	assert_int_equal(rd(REG_ESR), 0x40);
	lapic_post(l, 5, false);
	wr(REG_ICR, 0x40004);
	deliver(0xfe);
	wr(REG_ESR, 0);
	assert_int_equal(rd(REG_ESR), 0x60);
}

/* What an xAPIC has none of reads 0, and is not written. */
static void xapic_registers(void **state)
{
	(void)state;
	assert_int_equal(rd(0x40), 0);
	wr(0x40, ~0u);
	wr(REG_VERSION, ~0u);
	wr(REG_ISR, ~0u);
	wr(REG_CURRENT, 5);
	assert_int_equal(rd(0x40), 0);
	assert_int_equal(rd(REG_VERSION), 0x50014);
	assert_int_equal(rd(REG_ISR), 0);
	assert_int_equal(rd(REG_CURRENT), 0);
	wr(REG_ID, 5 << 24);
	assert_int_equal(rd(REG_ID), 0);
	wr(REG_DFR, 0);
	assert_int_equal(rd(REG_DFR), 0x0fffffff);
	wr(REG_ICR2, ~0u);
	assert_int_equal(rd(REG_ICR2), 0xff000000);
	wr(REG_ICR, 0xc0500);
	assert_int_equal(rd(REG_ICR), 0xc0500);
	assert_int_equal(rd(REG_ICR2), 0xff000000);
	wr(REG_SVR, 0x1ff);
	wr(REG_SELF_IPI, 0x50);
	assert_int_equal(lapic_deliverable(l), -1);
}

static void mode_transitions(void **state)
{
	(void)state;
	assert_false(lapic_set_base(x, LAPIC_BASE_DEFAULT | 1 << 10));
	assert_false(lapic_set_base(x, 0xfee00900 | 1));
	x2apic(x);
	assert_false(lapic_set_base(x, 0xfee00900));
	assert_true(lapic_set_base(x, 0xfee00100));
	assert_false(lapic_set_base(x, X2));
	assert_true(lapic_set_base(x, 0xfee00900));
	x2apic(x);
	lapic_reset(x, true);
	assert_true(lapic_x2apic(l)); /* INIT leaves the mode */
}

static void x2apic_registers(void **state)
{
	u64 v;

	(void)state;
	x = fake_vcpu(17);
	l = &x->lapic;
	x2apic(x);
	assert_int_equal(rd(REG_ID), 17);
	assert_int_equal(rd(REG_LDR), 1 << 16 | 2);
	assert_false(lapic_write(x, REG_ID, 0));
	assert_false(lapic_write(x, REG_LDR, 0));
	assert_false(lapic_read(x, REG_DFR, &v));
	assert_false(lapic_read(x, REG_EOI, &v));
	assert_false(lapic_write(x, REG_EOI, 1));
	assert_false(lapic_write(x, REG_ESR, 1));
	assert_false(lapic_write(x, REG_TPR, 0x100));
	assert_false(lapic_write(x, REG_SVR, 0x1000));
	assert_false(lapic_write(x, REG_ICR2, 0));
	assert_false(lapic_read(x, REG_SELF_IPI, &v));
	assert_false(lapic_write(x, REG_LVT, 0x100));
	assert_int_equal(l->esr_latch, 0); /* #GP instead */
	wr(REG_LVT + 0x30, 0x5700); /* as Linux at power-off: read-only bits are no reserved ones */
	assert_int_equal(rd(REG_LVT + 0x30), 0x10700);
	wr(REG_SVR, 0x1ff);
	wr(REG_SELF_IPI, 0x55);
	deliver(0x55);
	wr(REG_ICR, 17ULL << 32 | 0x44);
	assert_int_equal(rd(REG_ICR), 17ULL << 32 | 0x44);
}

static u32 got(u32 vector)
{
	u32 mask = 0;

	for (u32 n = 0; n < FAKE_VCPUS; n++) {
		struct lapic *t = &fake_vcpu(n)->lapic;

		if (t->irr[vector / 32] >> vector % 32 & 1)
			mask |= 1u << n;
		t->irr[vector / 32] &= ~(1u << vector % 32);
	}
	return mask;
}

static void all_enabled(void)
{
	for (u32 n = 0; n < FAKE_VCPUS; n++)
		assert_true(lapic_write(fake_vcpu(n), REG_SVR, 0x1ff));
}

static void xapic_ipis(void **state)
{
	u32 everybody = (1u << FAKE_VCPUS) - 1;

	(void)state;
	all_enabled();
	for (u32 n = 0; n < 8; n++)
		assert_true(lapic_write(fake_vcpu(n), REG_LDR, 1u << (24 + n)));
	wr(REG_ICR2, 5 << 24);
	wr(REG_ICR, 0x50);
	assert_int_equal(got(0x50), 1 << 5);
	assert_int_equal(fake.notified[5], VP_IRQ);
	wr(REG_ICR2, 0xffu << 24);
	wr(REG_ICR, 0x50);
	assert_int_equal(got(0x50), everybody);
	wr(REG_ICR, 0x80050);
	assert_int_equal(got(0x50), everybody);
	wr(REG_ICR, 0xc0050);
	assert_int_equal(got(0x50), everybody & ~1u);
	wr(REG_ICR, 0x40050);
	assert_int_equal(got(0x50), 1);
	wr(REG_ICR2, 0x06u << 24); /* logical, flat */
	wr(REG_ICR, 0x850);
	assert_int_equal(got(0x50), 6);
	wr(REG_ICR, 0x950); /* lowest priority: one */
	assert_int_equal(got(0x50), 2);
	wr(REG_ICR2, 77u << 24); /* nobody */
	wr(REG_ICR, 0x50);
	assert_int_equal(got(0x50), 0);
}

static void cluster_ipis(void **state)
{
	(void)state;
	all_enabled();
	for (u32 n = 0; n < FAKE_VCPUS; n++) {
		assert_true(lapic_write(fake_vcpu(n), REG_DFR, 0x0fffffff));
		assert_true(lapic_write(fake_vcpu(n), REG_LDR, (n / 4 << 4 | 1u << n % 4) << 24));
	}
	wr(REG_ICR2, 0x25u << 24); /* cluster 2, members 0 and 2 */
	wr(REG_ICR, 0x850);
	assert_int_equal(got(0x50), 1 << 8 | 1 << 10);
}

static void x2apic_ipis(void **state)
{
	(void)state;
	all_enabled();
	for (u32 n = 0; n < FAKE_VCPUS; n++)
		x2apic(fake_vcpu(n));
	wr(REG_ICR, 18ULL << 32 | 0x50);
	assert_int_equal(got(0x50), 1 << 18);
	wr(REG_ICR, (1ULL << 16 | 5) << 32 | 0x850);
	assert_int_equal(got(0x50), 1 << 16 | 1 << 18);
	wr(REG_ICR, 0xffffffffULL << 32 | 0x50);
	assert_int_equal(got(0x50), (1u << FAKE_VCPUS) - 1);
	assert_int_equal(ipi_send_bitmap(x, 0x5, 15, 0x51), 2);
	assert_int_equal(got(0x51), 5 << 15);
	assert_int_equal(ipi_send_bitmap(x, ~0ULL, FAKE_VCPUS - 1, 0x51), 1);
}

static void start_up(void **state)
{
	(void)state;
	wr(REG_ICR2, 2 << 24);
	wr(REG_ICR, 0xc500);
	assert_int_equal(fake.notified[2], VP_INIT);
	wr(REG_ICR, 0x8500); /* de-assert: nothing */
	assert_int_equal(fake.notified[2], VP_INIT);
	wr(REG_ICR, 0x469a);
	assert_int_equal(fake.notified[2], VP_INIT | VP_SIPI);
	assert_int_equal(fake_vcpu(2)->sipi_vector, 0x9a);
	wr(REG_ICR, 0x400);
	assert_int_equal(fake.notified[2], VP_INIT | VP_SIPI | VP_NMI);
	wr(REG_ICR, 0x200); /* SMI: nothing */
	x2apic(x);
	assert_false(lapic_write(x, REG_ICR, 0x300));
	assert_false(lapic_write(x, REG_ICR, 0x700));
}

static void messages(void **state)
{
	struct domain *d = &fake_domain->d;

	(void)state;
	all_enabled();
	assert_int_equal(arch_msi(d, 0xfee00000 | 7 << 12, 0x60), DAIS_OK);
	assert_int_equal(got(0x60), 1 << 7);
	assert_int_equal(arch_msi(d, 0xfee00000 | 7 << 12, 0x8060), DAIS_OK);
	assert_int_equal(fake_vcpu(7)->lapic.tmr[3], 1);
	assert_int_equal(got(0x60), 1 << 7);
	/* CPUs that deliver interrupts themselves know of it before it comes */
	assert_int_equal(xdomain(d)->level[1], 1ULL << 32);
	assert_int_equal(fake.flushes, 1);
	assert_int_equal(arch_msi(d, 0xfee00000 | 6 << 12, 0x8060), DAIS_OK);
	assert_int_equal(fake.flushes, 1);
	assert_int_equal(got(0x60), 1 << 6);
	assert_int_equal(arch_msi(d, 0xfee00000 | 7 << 12, 0x400), DAIS_OK);
	assert_int_equal(fake.notified[7] & VP_NMI, VP_NMI);
	assert_int_equal(arch_msi(d, 0xfee00000 | 7 << 12, 0x500), DAIS_BAD_ARG);
	assert_int_equal(arch_msi(d, 0xfee00000 | 7 << 12, 0x0f), DAIS_BAD_ARG);
	assert_int_equal(arch_msi(d, 0xfee00000 | 99 << 12, 0x60), DAIS_BAD_ARG);
	assert_int_equal(arch_msi(d, 0xfed00000, 0x60), DAIS_BAD_ARG);
	assert_int_equal(arch_msi(d, 0x1fee00000, 0x60), DAIS_BAD_ARG);
	assert_int_equal(arch_msi(d, 0xfee00000 | 1 << 5, 0x60), DAIS_BAD_ARG); /* destination 256 */
	x = fake_vcpu(3);
	wr(REG_LDR, 8 << 24);
	assert_int_equal(arch_msi(d, 0xfee00004 | 8 << 12, 0x60), DAIS_OK);
	assert_int_equal(got(0x60), 1 << 3);
	control_domain = d;
	fake_vcpu(7)->v.sc.cpu = 11;
	assert_int_equal(irq_home_cpu(NULL, 0xfee00000 | 7 << 12), 11);
	assert_int_equal(control_deliver(0xfee00000 | 7 << 12, 0x61), DAIS_OK);
	assert_int_equal(got(0x61), 1 << 7);
	assert_int_equal(control_deliver(0xfee00000 | 7 << 12, 0x400), DAIS_BAD_ARG);
}

/* --- timer --- */

static u32 fired(u32 vector)
{
	u32 bit = l->irr[vector / 32] >> vector % 32 & 1;

	l->irr[vector / 32] &= ~(1u << vector % 32);
	return bit;
}

static void timer_one_shot(void **state)
{
	(void)state;
	wr(REG_SVR, 0x1ff);
	wr(REG_LVT, 0x70);
	wr(REG_DIVIDE, 0xb); /* by 1 */
	wr(REG_INITIAL, 1000000); /* 1 ms */
	fake_time(MS / 4);
	assert_in_range(rd(REG_CURRENT), 749990, 750010);
	assert_int_equal(fired(0x70), 0);
	fake_time(MS);
	assert_int_equal(fired(0x70), 1);
	assert_int_equal(rd(REG_CURRENT), 0);
	fake_time(10 * MS);
	assert_int_equal(fired(0x70), 0);
	wr(REG_DIVIDE, 3); /* by 16 */
	wr(REG_INITIAL, 1000000);
	fake_time(15 * MS);
	assert_int_equal(fired(0x70), 0);
	fake_time(MS);
	assert_int_equal(fired(0x70), 1);
	wr(REG_INITIAL, 1000000);
	wr(REG_INITIAL, 0);
	fake_time(20 * MS);
	assert_int_equal(fired(0x70), 0);
	wr(REG_INITIAL, 0xffffffff); /* no overflow: 16 * 4.3 s */
	assert_in_range(rd(REG_CURRENT), 0xfffffff0, 0xffffffff);
}

static void timer_periodic(void **state)
{
	u32 count = 0;

	(void)state;
	wr(REG_SVR, 0x1ff);
	wr(REG_LVT, 0x20070);
	wr(REG_DIVIDE, 0xb);
	wr(REG_INITIAL, 1000000);
	for (u32 n = 0; n < 100; n++) {
		fake_time(MS / 10);
		count += fired(0x70);
	}
	assert_int_equal(count, 10);
	wr(REG_LVT, 0x30070); /* masked: it goes on silently */
	fake_time(3 * MS);
	assert_int_equal(fired(0x70), 0);
	assert_true(rd(REG_CURRENT) > 0);
	wr(REG_LVT, 0x70); /* one last shot */
	fake_time(3 * MS);
	assert_int_equal(fired(0x70), 1);
	assert_int_equal(rd(REG_CURRENT), 0);
	wr(REG_LVT, 0x20070);
	wr(REG_INITIAL, 1); /* 1 ns: not that often */
	fake_time(MS);
	for (u32 n = count = 0; n < 1000; n++) {
		fake_time(MS / 100);
		count += fired(0x70);
	}
	assert_in_range(count, 10, 51);
}

static void timer_deadline(void **state)
{
	(void)state;
	wr(REG_SVR, 0x1ff);
	fake_domain->d.tsc_offset = -500000ULL;
	lapic_deadline_write(x, 5 * MS);
	assert_int_equal(l->deadline, 0); /* wrong mode: ignored */
	wr(REG_LVT, 0x40070);
	wr(REG_INITIAL, 1000);
	assert_int_equal(rd(REG_INITIAL), 0);
	lapic_deadline_write(x, guest_tsc(x) + MS);
	fake_time(MS - 1);
	assert_int_equal(fired(0x70), 0);
	fake_time(1);
	assert_int_equal(fired(0x70), 1);
	assert_int_equal(l->deadline, 0);
	lapic_deadline_write(x, 1); /* long past: at once, without a timer */
	assert_int_equal(fired(0x70), 1);
	assert_int_equal(l->deadline, 0);
	wr(REG_LVT, 0x20070); /* nothing of an earlier period is left */
	wr(REG_INITIAL, 1000000);
	wr(REG_LVT, 0x40070);
	lapic_deadline_write(x, 1);
	assert_int_equal(fired(0x70), 1);
	assert_int_equal(l->deadline, 0);
	lapic_deadline_write(x, ~0ULL);
	fake_time(MS);
	assert_int_equal(fired(0x70), 0);
	lapic_deadline_write(x, guest_tsc(x) + MS);
	lapic_deadline_write(x, 0);
	fake_time(2 * MS);
	assert_int_equal(fired(0x70), 0);
	lapic_deadline_write(x, guest_tsc(x) + MS);
	wr(REG_LVT, 0x70); /* the mode change disarms it */
	fake_time(2 * MS);
	assert_int_equal(fired(0x70), 0);
	/* a step of the guest's TSC moves the deadline */
	wr(REG_LVT, 0x40070);
	lapic_deadline_write(x, guest_tsc(x) + 10 * MS);
	assert_true(msr_write(x, 0x3b, 9 * MS));
	fake_time(MS);
	assert_int_equal(fired(0x70), 1);
}

/* The vCPU that runs here looks for interrupts before it is entered anyway; others are told. */
static void tells_others_only(void **state)
{
	(void)state;
	wr(REG_SVR, 0x1ff);
	assert_true(lapic_write(fake_vcpu(1), REG_SVR, 0x1ff));
	this_cpu()->running = &x->v;
	wr(REG_ICR, 3 << 18 | 0x51); /* all others */
	wr(REG_ICR, 1 << 18 | 0x52); /* itself */
	assert_int_equal(fake.notified[0], 0);
	assert_int_equal(fake.notified[1], VP_IRQ);
	assert_int_equal(lapic_deliverable(l), 0x52);
	this_cpu()->running = &fake_vcpu(1)->v;
	wr(REG_ICR, 1 << 18 | 0x53);
	assert_int_equal(fake.notified[0], VP_IRQ);
}

static void random_registers(void **state)
{
	(void)state;
	srand(3);
	for (u32 n = 0; n < 200000; n++) {
		u64 v;

		x = fake_vcpu(rand() % 4);
		if (rand() % 5000 == 0)
			lapic_set_base(x, LAPIC_BASE_DEFAULT | (u64)(rand() % 4) << 10);
		if (rand() % 3)
			lapic_write(x, (rand() & 0x3f) << 4, ((u64)rand() << 33 | rand()) & (rand() % 2 ? ~0ULL : 0x5ffff));
		else
			lapic_read(x, (rand() & 0x3f) << 4, &v);
		if (rand() % 8 == 0)
			fake_time(rand() % MS);
		int irq = lapic_deliverable(&x->lapic);

		if (irq >= 0)
			lapic_accept(&x->lapic, irq);
		assert_true(irq < 0 || (irq >= 16 && irq < 256));
	}
}

static int start(void **state)
{
	(void)state;
	fake_start(FAKE_VCPUS);
	x = fake_vcpu(0);
	l = &x->lapic;
	return 0;
}

static int stop(void **state) { (void)state; fake_stop(); return 0; }
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reset_state), T(priorities), T(disabled_drops), T(level_eoi), T(errors), T(xapic_registers), T(mode_transitions),
		T(x2apic_registers), T(xapic_ipis), T(cluster_ipis), T(x2apic_ipis), T(start_up), T(messages),
		T(timer_one_shot), T(timer_periodic), T(timer_deadline), T(tells_others_only), T(random_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
