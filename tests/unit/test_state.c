/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/emulate.c arch/x86/virt/access.c arch/x86/virt/state.c kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"
#include "kernel/arch.h"

static struct xvcpu *x;

static status_t get(u32 group, u32 offset, u32 length, void *buf)
{
	return arch_vcpu_state(&x->v, DAIS_STATE_GET | group, offset, length, buf);
}

static status_t set(u32 group, u32 offset, u32 length, const void *buf)
{
	u8 copy[2048];

	memcpy(copy, buf, length);
	return arch_vcpu_state(&x->v, DAIS_STATE_SET | group, offset, length, copy);
}

static void sizes(void **state)
{
	static const u32 size[] = { 18 * 8, sizeof(struct dais_sregs) };
	u8 buf[4096];

	(void)state;
	for (u32 g = 0; g < ARRAY_SIZE(size); g++) {
		u32 n = size[g];

		assert_int_equal(get(g, 0, n, buf), DAIS_OK);
		assert_int_equal(get(g, n, 0, buf), DAIS_OK);
		assert_int_equal(get(g, n - 4, 4, buf), DAIS_OK);
		assert_int_equal(get(g, n - 4, 5, buf), DAIS_BAD_ARG);
		assert_int_equal(get(g, ~0u, 8, buf), DAIS_BAD_ARG);
	}
	assert_int_equal(get(2, 0, 0, buf), DAIS_BAD_ARG);
	assert_int_equal(get(0x200, 0, 0, buf), DAIS_BAD_ARG);
	assert_int_equal(arch_vcpu_state(&x->v, ~0ULL, 0, 0, buf), DAIS_BAD_ARG);
}

static void general(void **state)
{
	struct dais_gprs g, h;
	u64 rcx = 77, bad = 1 << 3;

	(void)state;
	for (u32 n = 0; n < 16; n++)
		x->gpr[n] = n * 3 + 1;
	x->rip = 0x1234;
	x->rflags = 0x202;
	assert_int_equal(get(DAIS_STATE_GPRS, 0, sizeof(g), &g), DAIS_OK);
	assert_int_equal(g.rsp, 4 * 3 + 1);
	assert_int_equal(g.rflags, 0x202);
	assert_int_equal(set(DAIS_STATE_GPRS, offsetof(struct dais_gprs, rcx), 8, &rcx), DAIS_OK);
	g.rcx = 77;
	assert_int_equal(get(DAIS_STATE_GPRS, 0, sizeof(h), &h), DAIS_OK);
	assert_memory_equal(&g, &h, sizeof(g));
	assert_int_equal(set(DAIS_STATE_GPRS, offsetof(struct dais_gprs, rflags), 8, &bad), DAIS_BAD_ARG);
	bad = 0;
	assert_int_equal(set(DAIS_STATE_GPRS, offsetof(struct dais_gprs, rflags), 8, &bad), DAIS_OK);
	assert_int_equal(x->rflags, 2);
	x->access.state = ACCESS_ASKED;
	assert_int_equal(set(DAIS_STATE_GPRS, offsetof(struct dais_gprs, rcx), 8, &rcx), DAIS_OK);
	assert_int_equal(x->access.state, ACCESS_ASKED);
	assert_int_equal(set(DAIS_STATE_GPRS, offsetof(struct dais_gprs, rip), 8, &rcx), DAIS_OK);
	assert_int_equal(x->access.state, ACCESS_NONE); /* another instruction: that one is given up */
	assert_int_equal(get(DAIS_STATE_GPRS, 0, sizeof(g), &g), DAIS_OK);
	x->v.activity = DAIS_ACT_WAIT_SIPI;
	assert_int_equal(get(DAIS_STATE_GPRS, 0, sizeof(g), &g), DAIS_OK);
	assert_int_equal(x->v.activity, DAIS_ACT_WAIT_SIPI);
	assert_int_equal(set(DAIS_STATE_GPRS, 0, sizeof(g), &g), DAIS_OK);
	assert_int_equal(x->v.activity, DAIS_ACT_RUNNABLE);
}

static void system_registers(void **state)
{
	static const struct { u32 at; u64 bad; } list[] = {
#define F(f, v) { offsetof(struct dais_sregs, f), v }
		F(cr0, 1ULL << 32), F(cr0, CR0_PG), F(cr0, CR0_NW), F(cr3, 1ULL << 52), F(cr4, 1ULL << 40), F(cr8, 16),
		F(efer, EFER_SVME | EFER_LME), F(efer, EFER_LMA), F(xcr0, 0), F(xcr0, 5), F(xcr0, 1ULL << 63), F(apic_base, LAPIC_BASE_DEFAULT | 1 << 10),
		F(apic_base, 0xfee00d00), F(gdt_base, 1ULL << 60), F(fs.base, 1ULL << 60), F(tr.base, 1ULL << 60),
	};
	struct dais_sregs s, t;

	(void)state;
	x->sregs.efer = EFER_LME;
	x->sregs.cr0 = CR0_PE;
	x->lapic.tpr = 0x30;
	assert_int_equal(get(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_OK);
	assert_int_equal(s.cr8, 3);
	assert_int_equal(set(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_OK);
	assert_int_equal(x->lapic.tpr, 0x30);
	for (u32 n = 0; n < ARRAY_SIZE(list); n++) {
		assert_int_equal(set(DAIS_STATE_SREGS, list[n].at, 8, &list[n].bad), DAIS_BAD_ARG);
		assert_int_equal(get(DAIS_STATE_SREGS, 0, sizeof(t), &t), DAIS_OK);
		assert_memory_equal(&s, &t, sizeof(s));
	}
	s.cr0 |= CR0_PG;
	s.cr4 = CR4_PAE;
	assert_int_equal(set(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_BAD_ARG); /* LMA must say so */
	s.efer |= EFER_LMA;
	s.xcr0 = 7;
	x->sregs_dirty = false;
	assert_int_equal(set(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_OK);
	assert_true(x->sregs_dirty);
	assert_int_equal(x->xcr0, 7);
	s.cs.attr = 0x69b; /* L and D */
	assert_int_equal(set(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_BAD_ARG);
}

/* Whatever a monitor writes is taken or refused as a whole. */
static void random_groups(void **state)
{
	static u8 before[1024], junk[1024], after[1024];

	(void)state;
	srand(9);
	for (u32 n = 0; n < 100000; n++) {
		u32 group = rand() % 2, size = group ? sizeof(struct dais_sregs) : sizeof(struct dais_gprs);
		u32 at = rand() % size, length = rand() % (size - at);

		for (u32 k = 0; k < length; k++)
			junk[k] = rand() % 3 ? 0 : rand();
		assert_int_equal(get(group, 0, size, before), DAIS_OK);
		if (set(group, at, length, junk) == DAIS_OK)
			continue;
		assert_int_equal(get(group, 0, size, after), DAIS_OK);
		assert_memory_equal(before, after, size);
		assert_true(xcr0_valid(x->xcr0));
	}
}

static int start(void **state)
{
	(void)state;
	fake_start(1);
	x = fake_vcpu(0);
	return 0;
}

static int stop(void **state) { (void)state; fake_stop(); return 0; }
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = { T(sizes), T(general), T(system_registers), T(random_groups) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
