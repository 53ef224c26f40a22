/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/virt/run.c kernel/vcpu.c arch/x86/virt/lapic.c tests/unit/fake_run.c */
/* The run loop: what is settled before an entry, what follows an exit, loans; by one CPU, the others are played. */
#include "tests/unit/fake_run.h"

static void interrupt(struct xvcpu *x, u32 vector)
{
	lapic_post(&x->lapic, vector, false);
	vcpu_notify(&x->v, VP_IRQ);
}

static void preempt(struct xvcpu *x, u32 entry)
{
	(void)x; (void)entry;
	cpu_request(0, CPU_RESCHED);
}

/* --- HLT, interrupts --- */

static void halt(struct xvcpu *x, u32 entry)
{
	(void)entry;
	x->exit.kind = EXIT_HLT;
}

static void test_hlt_blocks(void **state)
{
	(void)state;
	start(true);
	assert_false(loop(halt, 5));
	assert_int_equal(t.entries, 1);
	assert_int_equal(t.blocks, 1);
	assert_int_equal(t.block_mask, VP_WAKE);
	assert_int_equal(guest.v.sc.state, SCHED_BLOCKED);
	assert_int_equal(t.timers, 1);
}

static void wake_up(void) { interrupt(&guest, 0x40); }

static void halt_once(struct xvcpu *x, u32 entry)
{
	if (!entry)
		halt(x, 0);
	else
		preempt(x, entry);
}

static void test_wake_before_block_is_not_lost(void **state)
{
	(void)state;
	start(true);
	t.before_block = wake_up;
	assert_true(loop(halt_once, 1));
	assert_int_equal(t.blocks, 1);
	assert_int_equal(t.irq[0], -1);
	assert_int_equal(t.irq[1], 0x40);
}

static void test_masked_interrupt_does_not_end_hlt(void **state)
{
	(void)state;
	start(true);
	guest.rflags &= ~RFLAGS_IF;
	interrupt(&guest, 0x40);
	assert_false(loop(halt, 5));
	assert_int_equal(t.entries, 1);
	assert_int_equal(t.irq[0], 0x40); /* offered all the same: it waits for IF in hardware */
	assert_int_equal(guest.v.sc.state, SCHED_BLOCKED);
}

static void test_interrupt_not_taken_stays(void **state)
{
	(void)state;
	start(true);
	t.refuse_irq = true;
	interrupt(&guest, 0x41);
	assert_true(loop(preempt, 0));
	assert_int_equal(t.irq[0], 0x41);
	assert_int_equal(lapic_deliverable(&guest.lapic), 0x41);
}

/* --- NMI --- */

static void nmi_within(struct xvcpu *x, u32 entry)
{
	u32 pokes = t.pokes;

	if (entry) {
		preempt(x, entry);
		return;
	}
	/* It was offered one; another is sent now, by another CPU. */
	cpu.id = 1;
	vcpu_notify(&x->v, VP_NMI);
	cpu.id = 0;
	assert_int_equal(t.pokes, pokes + 1);
	x->exit.kind = EXIT_INTR;
}

static void test_second_nmi_waits_for_the_first(void **state)
{
	(void)state;
	start(true);
	vcpu_notify(&guest.v, VP_NMI);
	assert_true(loop(nmi_within, 1));
	assert_int_equal(t.injected[0].type, EVENT_NMI);
	assert_false(t.waits[0]);
	assert_int_equal(t.injected[1].type, EVENT_NONE);
	assert_true(t.waits[1]);
	assert_true(guest.nmi_masked);
	assert_true(guest.v.pending & VP_NMI);
}

static void iret(struct xvcpu *x, u32 entry)
{
	if (entry == 1)
		x->nmi_masked = false;
	if (entry == 2)
		preempt(x, entry);
}

static void test_nmi_comes_when_its_mask_ends(void **state)
{
	(void)state;
	start(true);
	guest.nmi_masked = true;
	vcpu_notify(&guest.v, VP_NMI);
	assert_true(loop(iret, 2));
	assert_true(t.waits[0] && t.waits[1]);
	assert_false(t.waits[2]);
	assert_int_equal(t.injected[2].type, EVENT_NMI);
	assert_int_equal(t.injected[2].vector, VEC_NMI);
	assert_false(guest.v.pending & VP_NMI);
}

static void test_nmi_ends_hlt_unless_masked(void **state)
{
	(void)state;
	for (u32 masked = 0; masked < 2; masked++) {
		start(true);
		guest.rflags &= ~RFLAGS_IF;
		guest.v.activity = DAIS_ACT_HALTED;
		guest.nmi_masked = masked;
		vcpu_notify(&guest.v, VP_NMI);
		assert_int_equal(loop(preempt, 0), !masked);
		assert_int_equal(t.blocks, masked);
		assert_int_equal(!!(t.block_mask & VP_NMI), 0);
	}
}

/* --- events cut short --- */

static void cut_short(struct xvcpu *x, u32 entry)
{
	static const struct guest_event events[] = {
		{ .type = EVENT_EXCEPTION, .vector = VEC_PF, .has_error = true, .error = 6 },
		{ .type = EVENT_INTR, .vector = 0x50 }, { .type = EVENT_SOFT, .vector = 0x80 },
	};

	if (entry < ARRAY_SIZE(events))
		x->exit.vectoring = events[entry];
	else
		preempt(x, entry);
}

static void test_cut_short_goes_in_again(void **state)
{
	(void)state;
	start(true);
	assert_true(loop(cut_short, 3));
	assert_int_equal(t.injected[1].type, EVENT_EXCEPTION);
	assert_int_equal(t.injected[1].error, 6);
	assert_int_equal(t.injected[2].type, EVENT_INTR);
	assert_int_equal(t.injected[2].vector, 0x50);
	assert_int_equal(t.injected[3].type, EVENT_NONE); /* INT n is executed again */
}

/* --- flushes, preemption --- */

static void raise_gen(struct xvcpu *x, u32 entry)
{
	if (entry == 1)
		x->v.dom->flush_gen++;
	if (entry == 3)
		preempt(x, entry);
}

static void test_flush_once_for_each_change(void **state)
{
	(void)state;
	start(true);
	assert_true(loop(raise_gen, 3));
	assert_int_equal(t.flushes, 1);
	assert_int_equal(guest.flush_seen, 1);
}

static void test_preempted_is_unloaded_and_stays_runnable(void **state)
{
	(void)state;
	start(true);
	assert_true(loop(preempt, 0));
	assert_int_equal(t.entries, 1);
	assert_int_equal(t.unloads, 1);
	assert_int_equal(t.blocks, 0);
	assert_int_equal(guest.v.sc.state, SCHED_RUNNING);
	assert_int_equal(guest.v.exits, 1);
}

/* --- start-up --- */

static void test_init_then_sipi(void **state)
{
	(void)state;
	start(true);
	guest.v.index = 1;
	vcpu_notify(&guest.v, VP_INIT);
	assert_false(loop(preempt, 0));
	assert_int_equal(guest.v.activity, DAIS_ACT_WAIT_SIPI);
	assert_int_equal(t.entries, 0);
	vcpu_notify(&guest.v, VP_NMI); /* lost */
	assert_false(loop(preempt, 0));
	assert_int_equal(guest.v.pending, 0);
	guest.sipi_vector = 0x9a;
	vcpu_notify(&guest.v, VP_SIPI);
	assert_true(loop(preempt, 0));
	assert_int_equal(guest.sregs.cs.base, 0x9a000);
	assert_int_equal(guest.sregs.cs.selector, 0x9a00);
	assert_int_equal(guest.rip, 0);
	assert_int_equal(t.injected[0].type, EVENT_NONE);
	/* a SIPI to one that runs is nothing */
	start(true);
	guest.rip = 0x1234;
	vcpu_notify(&guest.v, VP_SIPI);
	assert_true(loop(preempt, 0));
	assert_int_equal(guest.rip, 0x1234);
}

/* --- what the monitor serves --- */

static void access_port(struct xvcpu *x, u32 entry)
{
	if (entry)
		preempt(x, entry);
	else
		x->exit.kind = EXIT_IO;
}

static void test_autonomous_parks_until_resumed(void **state)
{
	(void)state;
	start(true);
	assert_false(loop(access_port, 5));
	assert_int_equal(guest.v.activity, DAIS_ACT_PARKED);
	assert_int_equal(guest_page.reason, DAIS_EXIT_IO);
	assert_int_equal(t.events, 1);
	assert_int_equal(t.block_mask, VP_RESUMED | VP_STOP);
	interrupt(&guest, 0x40); /* ends no access */
	assert_false(loop(access_port, 5));
	assert_int_equal(t.served, 0);
	assert_int_equal(guest.v.activity, DAIS_ACT_PARKED);
	vcpu_notify(&guest.v, VP_RESUMED);
	assert_true(loop(access_port, 1));
	assert_int_equal(t.served, 1);
	assert_int_equal(t.irq[1], 0x40);
	assert_false(guest.v.pending & VP_RESUMED);
}

static void test_paused_blocks_and_goes_on(void **state)
{
	(void)state;
	start(true);
	domain.d.state = DAIS_DOM_PAUSED;
	vcpu_notify(&guest.v, VP_STOP);
	assert_false(loop(preempt, 0));
	assert_int_equal(t.entries, 0);
	assert_int_equal(t.block_mask, VP_STOP);
	domain.d.state = DAIS_DOM_RUNNING;
	vcpu_notify(&guest.v, VP_STOP);
	assert_true(loop(preempt, 0));
	assert_int_equal(t.entries, 1);
}

/* --- loans --- */

/* Ends the loan; then the lender runs until the loop is stopped from outside. */
static u64 lent(guest_fn run, u32 entries)
{
	lend();
	assert_int_equal(loop(run, entries), true);
	assert_null(lender.v.borrower);
	assert_null(guest.v.lender);
	assert_int_equal(lender.v.in_guest, 0);
	assert_true(t.result > 0);
	return t.result - 1;
}

static void test_loan_ends_with_hlt(void **state)
{
	(void)state;
	start(false);
	assert_int_equal(lent(halt, 0), DAIS_EXIT_HLT);
	assert_int_equal(guest_page.reason, DAIS_EXIT_HLT);
	assert_int_equal(guest.v.activity, DAIS_ACT_HALTED);
	assert_int_equal(t.blocks, 0);
}

static void lenders_interrupt(struct xvcpu *x, u32 entry)
{
	(void)x; (void)entry;
	lender.rflags &= ~RFLAGS_IF; /* whatever its IF */
	cpu.id = 1;
	interrupt(&lender, 0x33);
	cpu.id = 0;
	assert_int_equal(t.pokes, 1); /* the CPU that runs the borrower is told */
}

static void test_lenders_interrupt_ends_the_loan(void **state)
{
	(void)state;
	start(false);
	assert_int_equal(lent(lenders_interrupt, 0), DAIS_EXIT_INTR);
	assert_int_equal(guest.v.activity, DAIS_ACT_RUNNABLE);
	assert_int_equal(guest.v.exits, 1);
}

static void test_kick_and_states_end_a_loan(void **state)
{
	static const struct { u32 state, bits; u64 reason; } cases[] = {
		{ DAIS_DOM_RUNNING, VP_KICK, DAIS_EXIT_KICK }, { DAIS_DOM_PAUSED, VP_STOP, DAIS_EXIT_PAUSED },
		{ DAIS_DOM_DEAD, VP_STOP, DAIS_EXIT_DEAD }, { DAIS_DOM_DEAD, VP_STOP | VP_KICK, DAIS_EXIT_KICK },
	};

	(void)state;
	for (u32 n = 0; n < ARRAY_SIZE(cases); n++) {
		start(false);
		domain.d.state = cases[n].state;
		guest.v.pending = cases[n].bits;
		assert_int_equal(lent(NULL, 0), cases[n].reason);
		assert_int_equal(guest.v.exits, 0);
		assert_int_equal(t.others, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hlt_blocks), cmocka_unit_test(test_wake_before_block_is_not_lost),
		cmocka_unit_test(test_masked_interrupt_does_not_end_hlt), cmocka_unit_test(test_interrupt_not_taken_stays),
		cmocka_unit_test(test_second_nmi_waits_for_the_first), cmocka_unit_test(test_nmi_comes_when_its_mask_ends),
		cmocka_unit_test(test_nmi_ends_hlt_unless_masked), cmocka_unit_test(test_cut_short_goes_in_again),
		cmocka_unit_test(test_flush_once_for_each_change), cmocka_unit_test(test_preempted_is_unloaded_and_stays_runnable),
		cmocka_unit_test(test_init_then_sipi), cmocka_unit_test(test_autonomous_parks_until_resumed),
		cmocka_unit_test(test_paused_blocks_and_goes_on), cmocka_unit_test(test_loan_ends_with_hlt),
		cmocka_unit_test(test_lenders_interrupt_ends_the_loan), cmocka_unit_test(test_kick_and_states_end_a_loan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
