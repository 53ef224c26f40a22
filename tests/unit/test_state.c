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
	static const u32 size[] = { 18 * 8, 0, 0, 1024, 48, 2688, 32 };
	u8 buf[4096];

	(void)state;
	for (u32 g = 0; g < ARRAY_SIZE(size); g++) {
		u32 n = g == DAIS_STATE_SREGS ? sizeof(struct dais_sregs) : size[g];

		if (g == DAIS_STATE_MSRS)
			continue;
		assert_int_equal(get(g, 0, n, buf), DAIS_OK);
		assert_int_equal(get(g, n, 0, buf), DAIS_OK);
		assert_int_equal(get(g, n - 4, 4, buf), DAIS_OK);
		assert_int_equal(get(g, n - 4, 5, buf), DAIS_BAD_ARG);
		assert_int_equal(get(g, ~0u, 8, buf), DAIS_BAD_ARG);
	}
	assert_int_equal(get(7, 0, 0, buf), DAIS_BAD_ARG);
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
}

static void system_registers(void **state)
{
	static const struct { u32 at; u64 bad; } list[] = {
#define F(f, v) { offsetof(struct dais_sregs, f), v }
		F(cr0, 1ULL << 32), F(cr0, CR0_PG), F(cr0, CR0_NW), F(cr3, 1ULL << 52), F(cr4, 1ULL << 13), F(cr4, 1ULL << 40), F(cr8, 16),
		F(efer, EFER_SVME | EFER_LME), F(efer, EFER_LMA), F(xcr0, 0), F(xcr0, 5), F(xcr0, 1ULL << 63), F(apic_base, LAPIC_BASE_DEFAULT | 1 << 10),
		F(apic_base, 1), F(gdt_base, 1ULL << 60), F(fs.base, 1ULL << 60), F(tr.base, 1ULL << 60),
	};
	struct dais_sregs s, t;

	(void)state;
	x->sregs.efer = EFER_LME;
	x->sregs.cr0 = CR0_PE;
	x->lapic.tpr = 0x35;
	assert_int_equal(get(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_OK);
	assert_int_equal(s.cr8, 3);
	assert_int_equal(set(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_OK);
	assert_int_equal(x->lapic.tpr, 0x35);
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
	s.apic_base = 0xfee00d00;
	x->sregs_dirty = false;
	assert_int_equal(set(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_OK);
	assert_true(x->sregs_dirty);
	assert_int_equal(x->xcr0, 7);
	assert_true(lapic_x2apic(&x->lapic));
	s.cs.attr = 0x69b; /* L and D */
	assert_int_equal(set(DAIS_STATE_SREGS, 0, sizeof(s), &s), DAIS_BAD_ARG);
}

/* Nothing that a monitor writes makes XRSTOR fault. */
static void xsave(void **state)
{
	u8 *area = x->xsave, junk[1024];
	u64 v = 7;
	u32 mxcsr = 0x1f80;

	(void)state;
	memset(junk, 0xa5, sizeof(junk));
	memcpy(area + 28, "\xff\xff\x02\x00", 4); /* what this processor saved */
	assert_int_equal(set(DAIS_STATE_XSAVE, 0, 24, junk), DAIS_OK);
	assert_int_equal(set(DAIS_STATE_XSAVE, 24, 4, junk), DAIS_BAD_ARG);
	assert_int_equal(set(DAIS_STATE_XSAVE, 24, 4, &mxcsr), DAIS_OK);
	assert_int_equal(set(DAIS_STATE_XSAVE, 28, 4, junk), DAIS_OK); /* the mask is not taken */
	assert_memory_equal(area + 28, "\xff\xff\x02\x00", 4);
	assert_int_equal(set(DAIS_STATE_XSAVE, 512, 8, &v), DAIS_OK);
	assert_int_equal(*(u64 *)(area + 512), 7);
	v = 1ULL << 9;
	assert_int_equal(set(DAIS_STATE_XSAVE, 512, 8, &v), DAIS_BAD_ARG);
	for (u32 n = 520; n < 576; n += 8)
		assert_int_equal(set(DAIS_STATE_XSAVE, n, 8, &v), DAIS_BAD_ARG);
	assert_int_equal(*(u64 *)(area + 512), 7);
	assert_int_equal(set(DAIS_STATE_XSAVE, 576, 1024, junk), DAIS_OK);
	assert_int_equal(set(DAIS_STATE_XSAVE, 510, 100, junk), DAIS_BAD_ARG);
	memset(area + 28, 0, 4);
	mxcsr = 0x1f80 | 1 << 6; /* DAZ: not by the default mask */
	assert_int_equal(set(DAIS_STATE_XSAVE, 24, 4, &mxcsr), DAIS_BAD_ARG);
}

static void msrs(void **state)
{
	struct dais_msr m[3] = { { 0x277, 0, 0x0606060606060606 }, { 0xc0000080, 0, EFER_SCE }, { 0x3b, 0, 100 } };

	(void)state;
	msr_reset(x);
	x->sregs.cr0 = x->sregs.efer = 0;
	assert_int_equal(set(DAIS_STATE_MSRS, 0, sizeof(m), m), DAIS_OK);
	assert_int_equal(x->tsc_adjust, 100);
	m[0].value = m[1].value = m[2].value = 0;
	assert_int_equal(get(DAIS_STATE_MSRS, 0, sizeof(m), m), DAIS_OK);
	assert_int_equal(m[0].value, 0x0606060606060606);
	assert_int_equal(m[1].value, EFER_SCE);
	assert_int_equal(get(DAIS_STATE_MSRS, 0, 8, m), DAIS_BAD_ARG);
	m[1].index = 0x199;
	assert_int_equal(get(DAIS_STATE_MSRS, 0, sizeof(m), m), DAIS_BAD_ARG);
	m[1].index = 0x80b; /* an EOI is no state */
	x->lapic.base_msr |= 1 << 10;
	assert_int_equal(set(DAIS_STATE_MSRS, 0, sizeof(m), m), DAIS_BAD_ARG);
	m[0].reserved = 1;
	assert_int_equal(get(DAIS_STATE_MSRS, 0, 16, m), DAIS_BAD_ARG);
}

static void debug(void **state)
{
	struct dais_debug d = { 1, 2, 3, 4, 0xffff0ff0, 0x400 }, e;

	(void)state;
	assert_int_equal(set(DAIS_STATE_DEBUG, 0, sizeof(d), &d), DAIS_OK);
	assert_int_equal(get(DAIS_STATE_DEBUG, 0, sizeof(e), &e), DAIS_OK);
	assert_memory_equal(&d, &e, sizeof(d));
	d.dr7 = 1ULL << 32;
	assert_int_equal(set(DAIS_STATE_DEBUG, 0, sizeof(d), &d), DAIS_BAD_ARG);
}

static void events(void **state)
{
	struct dais_events e, f;

	(void)state;
	x->inject = (struct guest_event){ EVENT_EXCEPTION, VEC_PF, true, 5 };
	x->v.activity = DAIS_ACT_HALTED;
	x->v.pending = VP_NMI;
	x->shadow = true;
	assert_int_equal(get(DAIS_STATE_EVENTS, 0, sizeof(e), &e), DAIS_OK);
	assert_int_equal(e.exception, 0x80000000 | 0x100 | VEC_PF);
	assert_int_equal(e.nmi_pending, 1);
	x->inject.type = EVENT_NONE;
	x->v.pending = 0;
	x->v.activity = DAIS_ACT_RUNNABLE;
	assert_int_equal(set(DAIS_STATE_EVENTS, 0, sizeof(e), &e), DAIS_OK);
	assert_int_equal(get(DAIS_STATE_EVENTS, 0, sizeof(f), &f), DAIS_OK);
	assert_memory_equal(&e, &f, sizeof(e));
	e.activity = DAIS_ACT_PARKED;
	assert_int_equal(set(DAIS_STATE_EVENTS, 0, sizeof(e), &e), DAIS_BAD_ARG);
	e.activity = DAIS_ACT_RUNNABLE;
	e.exception = 0x80000020;
	assert_int_equal(set(DAIS_STATE_EVENTS, 0, sizeof(e), &e), DAIS_BAD_ARG);
	e.exception = 0;
	e.reserved = 1;
	assert_int_equal(set(DAIS_STATE_EVENTS, 0, sizeof(e), &e), DAIS_BAD_ARG);
	x->v.activity = DAIS_ACT_PARKED;
	assert_int_equal(get(DAIS_STATE_EVENTS, 0, sizeof(e), &e), DAIS_OK);
	assert_int_equal(set(DAIS_STATE_EVENTS, 0, sizeof(e), &e), DAIS_OK);
	assert_int_equal(x->v.activity, DAIS_ACT_PARKED);
}

static void random_state(void **state)
{
	(void)state;
	srand(4);
	for (u32 n = 0; n < 200000; n++) {
		u8 buf[64];
		u32 length = rand() % 9 * 8;

		for (u32 k = 0; k < sizeof(buf); k++)
			buf[k] = rand() % 3 ? 0 : rand();
		(void)arch_vcpu_state(&x->v, (rand() % 7) | (rand() & 0x100), rand() % 2 ? 0 : rand() % 2700 / 4 * 4, length, buf);
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
	const struct CMUnitTest tests[] = { T(sizes), T(general), T(system_registers), T(xsave), T(msrs), T(debug), T(events), T(random_state) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
