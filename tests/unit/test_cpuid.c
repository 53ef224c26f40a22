/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/emulate.c arch/x86/virt/access.c kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"

static struct xvcpu *x;
static u32 r[4];

static void leaf(u32 n, u32 sub)
{
	cpuid_emulate(x, n, sub, r);
}

/* On a host that has every feature bit set, a guest sees none that Dais does not carry. */
static void nothing_too_much(void **state)
{
	(void)state;
	leaf(1, 0);
	assert_int_equal(r[ECX] & (1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 15 | 1 << 18), 0); /* MONITOR VMX SMX EST TM2 PDCM DCA */
	assert_int_equal(r[EDX] & (1 << 7 | 1 << 14 | 1 << 18 | 1 << 21 | 1 << 22 | 1 << 29 | 1u << 31), 0); /* MCE MCA PSN DS ACPI TM PBE */
	leaf(7, 0);
	assert_int_equal(r[EAX], 1);
	assert_int_equal(r[EBX] & (1 << 2 | 1 << 4 | 1 << 11 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 25), 0); /* SGX HLE RTM PQM MPX PQE PT */
	assert_int_equal(r[ECX] & (1 << 3 | 1 << 4 | 1 << 5 | 1 << 7), 0); /* PKU OSPKE WAITPKG SHSTK */
	assert_int_equal(r[EDX] & (7u << 26 | 1 << 29 | 1u << 31 | 1 << 20), 0); /* SPEC_CTRL … ARCH_CAPS SSBD IBT */
	leaf(0x80000001, 0);
	assert_int_equal(r[ECX] & (1 << 2 | 1 << 3 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 23 | 1 << 29), 0); /* SVM EXTAPIC OSVW IBS SKINIT PERFCTR MWAITX */
	leaf(0x80000008, 0);
	assert_int_equal(r[EBX] & (1 << 14 | 1 << 15 | 1 << 24 | 1 << 25), 0);
	static const u32 empty[] = { 3, 5, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x12, 0x14, 0x15, 0x16, 0x20, 0x40000002, 0x40000102, 0x8000000a, 0x8000001b, 0x8000001f, 0x80000022, 0xc0000000, ~0u };

	for (u32 n = 0; n < ARRAY_SIZE(empty); n++) {
		leaf(empty[n], 0);
		assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
	}
}

/* On a host that has nothing, what Dais itself gives is there. */
static void always_there(void **state)
{
	(void)state;
	fake.cpuid_all = 0;
	leaf(1, 0);
	assert_int_equal(r[ECX], 1 << 21 | 1 << 24 | 1u << 31);
	assert_int_equal(r[EDX], 1 << 9 | 1 << 12 | 1 << 28);
	leaf(6, 0);
	assert_int_equal(r[EAX], 4);
	leaf(7, 0);
	assert_int_equal(r[EBX], 2);
	leaf(0, 0);
	assert_int_equal(r[EAX], 0xd);
}

static void hypervisor_leaves(void **state)
{
	(void)state;
	leaf(0x40000000, 0);
	assert_int_equal(r[EAX], 0x40000001);
	assert_memory_equal(&r[EBX], "KVMKVMKVM\0\0\0", 12);
	leaf(0x40000001, 0);
	assert_int_equal(r[EAX], 1 << 0 | 1 << 1 | 1 << 3 | 1 << 7 | 1 << 11 | 1 << 13 | 1 << 15 | 1 << 24);
	x->v.autonomous = true;
	leaf(0x40000001, 0);
	assert_true(r[EAX] & 1 << 5); /* steal time */
	x->v.autonomous = false;
	leaf(0x40000001, 0);
	leaf(DAIS_CPUID_LEAF, 0);
	assert_memory_equal(&r[EBX], DAIS_CPUID_SIGNATURE, 12);
	leaf(DAIS_CPUID_LEAF + 1, 0);
	assert_int_equal(r[EAX], DAIS_ABI_VERSION);
	assert_int_equal(r[EBX], 0);
	fake_domain->d.slot = 0;
	leaf(DAIS_CPUID_LEAF + 1, 0);
	assert_int_equal(r[EBX], DAIS_CPUID_CONTROL);
}

static void topology(void **state)
{
	(void)state;
	x = fake_vcpu(3);
	leaf(1, 0);
	assert_int_equal(r[EBX] >> 24, 3);
	assert_int_equal(r[EBX] >> 16 & 0xff, 4);
	assert_true(r[EDX] >> 28 & 1);
	leaf(0xb, 0);
	assert_int_equal(r[EAX], 0);
	assert_int_equal(r[EBX], 1);
	assert_int_equal(r[ECX], 1 << 8);
	assert_int_equal(r[EDX], 3);
	leaf(0xb, 1);
	assert_int_equal(r[EAX], 2);
	assert_int_equal(r[EBX], 4);
	assert_int_equal(r[ECX], 2 << 8 | 1);
	leaf(0xb, 2);
	assert_int_equal(r[EAX] | r[EBX], 0);
	assert_int_equal(r[ECX], 2);
	if (host.intel) {
		leaf(4, 0);
		assert_int_equal(r[EAX], 0x3fff); /* who shares it, and how many cores: leaf 0xb says that */
		leaf(0x80000008, 0);
		assert_int_equal(r[ECX], 0);
		return;
	}
	leaf(0x80000008, 0);
	assert_int_equal(r[ECX], 3 | 2 << 12);
	leaf(0x8000001e, 0);
	assert_int_equal(r[EAX], 3);
	leaf(0x8000001d, 0);
	assert_int_equal(r[EAX], 0x3fff);
	leaf(0x80000001, 0);
	assert_true(r[ECX] & 2);
}

static void xsave(void **state)
{
	(void)state;
	assert_int_equal(cpuid_xcr0_allowed(), 0xe7);
	assert_int_equal(cpuid_xsave_size(), 2688);
	x->xcr0 = 3;
	leaf(0xd, 0);
	assert_int_equal(r[EAX], 0xe7);
	assert_int_equal(r[EBX], 576);
	assert_int_equal(r[ECX], 2688);
	x->xcr0 = 7;
	leaf(0xd, 0);
	assert_int_equal(r[EBX], 832);
	leaf(0xd, 1);
	assert_int_equal(r[EAX], 7);
	assert_int_equal(r[EBX], 832);
	leaf(0xd, 2);
	assert_int_equal(r[EAX], 256);
	assert_int_equal(r[EBX], 576);
	leaf(7, 1);
	assert_int_equal(r[EAX], 0x1c30);
	leaf(7, 2);
	assert_int_equal(r[EAX] | r[EBX] | r[ECX] | r[EDX], 0);
	leaf(0xd, 9);
	assert_int_equal(r[EAX] | r[EBX], 0);
	leaf(0xd, 40);
	assert_int_equal(r[EAX] | r[EBX], 0);
	leaf(1, 0);
	assert_int_equal(r[ECX] >> 27 & 1, 0);
	x->sregs.cr4 |= CR4_OSXSAVE;
	leaf(1, 0);
	assert_int_equal(r[ECX] >> 27 & 1, 1);
	host.xcr0 = 7; /* no AVX-512 */
	assert_int_equal(cpuid_xsave_size(), 832);
	leaf(7, 0);
	assert_int_equal(r[EBX] & (1 << 16 | 1u << 31), 0);
	assert_int_equal(r[ECX] & (1 << 1 | 1 << 6), 0);
}

static void xcr0_values(void **state)
{
	static const struct { u32 v; bool ok; } list[] = {
		{ 0, 0 }, { 1, 1 }, { 3, 1 }, { 7, 1 }, { 5, 0 }, { 0xe7, 1 }, { 0x67, 0 }, { 0xe3, 0 }, { 0x207, 0 },
	};

	(void)state;
	for (u32 n = 0; n < ARRAY_SIZE(list); n++)
		assert_int_equal(xcr0_valid(list[n].v), list[n].ok);
}

static void apic_off(void **state)
{
	(void)state;
	assert_true(lapic_set_base(x, 0xfee00100));
	leaf(1, 0);
	assert_int_equal(r[EDX] >> 9 & 1, 0);
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
	const struct CMUnitTest tests[] = { T(nothing_too_much), T(always_there), T(hypervisor_leaves), T(topology), T(xsave), T(xcr0_values), T(apic_off) };

	return fake_run_both(tests);
}
