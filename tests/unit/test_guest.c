/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/emulate.c arch/x86/virt/access.c kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"

static struct xvcpu *x;

#define P 1ULL
#define W 2ULL
#define U 4ULL
#define PS 0x80ULL
#define NX (1ULL << 63)

/* Tables lie at 0x1000, 0x2000 … */
static u64 *e64(u64 table, u32 n) { return (u64 *)fake_ram(table) + n; }
static u32 *e32(u64 table, u32 n) { return (u32 *)fake_ram(table) + n; }

static u64 walk_ok(u64 linear)
{
	u64 gpa = 0;

	assert_true(guest_walk(x, linear, &gpa));
	return gpa;
}

static void walk_nowhere(u64 linear)
{
	u64 gpa;

	assert_false(guest_walk(x, linear, &gpa));
}

/* Linear 0x40000000 + … : PML4[0] -> PDPT[1] -> PD[0] -> PT[n] */
static void four_levels(u64 flags)
{
	fake_long_mode(x, 0x1018); /* PWT and PCD */
	*e64(0x1000, 0) = 0x2000 | P | W | U;
	*e64(0x2000, 1) = 0x3000 | P | W | U;
	*e64(0x3000, 0) = 0x4000 | P | W | U;
	*e64(0x3000, 1) = 0x201000 | P | W | U | PS; /* bit 12 is PAT */
	*e64(0x2000, 2) = 0x40000000 | P | W | U | PS;
	*e64(0x4000, 5) = 0x9000 | flags;
}

static void long_mode(void **state)
{
	(void)state;
	four_levels(P | W | U | NX);
	assert_int_equal(walk_ok(0x40005123), 0x9123);
	assert_int_equal(walk_ok(0x40234567), 0x234567);
	assert_int_equal(walk_ok(0x87654321), 0x47654321);
	walk_nowhere(0x40006000);
	walk_nowhere(0);
	*e64(0x4000, 5) |= PS; /* PAT there */
	assert_int_equal(walk_ok(0x40005123), 0x9123);
	assert_int_equal(*e64(0x4000, 5), 0x9000 | P | W | U | NX | PS);
	x->sregs.cr0 &= ~CR0_PG;
	assert_int_equal(walk_ok(0x12345), 0x12345);
}

static void five_levels(void **state)
{
	(void)state;
	four_levels(P);
	x->sregs.cr3 = 0x6000;
	x->sregs.cr4 |= CR4_LA57;
	*e64(0x6000, 3) = 0x1000 | P | W | U;
	assert_int_equal(walk_ok(3ULL << 48 | 0x40005010), 0x9010);
}

static void pae(void **state)
{
	(void)state;
	four_levels(P | W);
	x->sregs.efer = 0;
	x->sregs.cr3 = 0x2020; /* 32-byte aligned is enough */
	*e64(0x2020, 1) = 0x3000 | P;
	assert_int_equal(walk_ok(0x40005123), 0x9123);
	assert_int_equal(walk_ok(0x40234567), 0x234567);
	walk_nowhere(0x80000000);
}

static void two_levels(void **state)
{
	(void)state;
	fake_flat(x, INSN_32);
	x->sregs.cr0 |= CR0_PG;
	x->sregs.cr3 = 0x1000;
	*e32(0x1000, 1) = 0x2000 | P | W | U;
	*e32(0x1000, 2) = 0x00c00000 | P | W | U | PS | 0x5 << 13;
	*e32(0x2000, 1023) = 0x7000 | P | U;
	assert_int_equal(walk_ok(0x7ff345), 0x7345);
	x->sregs.cr4 = CR4_PSE;
	assert_int_equal(walk_ok(0x812345), 0x500c12345);
	walk_nowhere(0xc00000);
}

static void tables_nowhere(void **state)
{
	(void)state;
	four_levels(P | W);
	*e64(0x3000, 0) = FAKE_MMIO | P | W | U;
	walk_nowhere(0x40005000);
	x->sregs.cr3 = FAKE_RAM + 0x1000;
	walk_nowhere(0x40005000);
}

static void one_page(void **state)
{
	u8 b[16];

	(void)state;
	assert_true(guest_ram(x, 0x10ff0, (void *)"0123456789abcdef", 16, true));
	assert_true(guest_ram(x, 0x10ff0, b, 16, false));
	assert_memory_equal(b, "0123456789abcdef", 16);
	assert_false(guest_ram(x, 0x10ff1, b, 16, false));
	assert_false(guest_ram(x, FAKE_RAM - 1, b, 2, true));
	fake_unmap(0x10000);
	assert_false(guest_ram(x, 0x10ff0, b, 1, false));
	assert_int_equal(x->accessing, 0);
}

static void fetch(void **state)
{
	u8 b[INSN_BYTES];

	(void)state;
	four_levels(P | U);
	memcpy(fake_ram(0x9ffa), "012345", 6);
	memcpy(fake_ram(0xb000), "6789abcdefghi", 13);
	x->rip = 0x40005ffa;
	assert_int_equal(guest_fetch(x, b), 6); /* to the end of the page */
	assert_memory_equal(b, "012345", 6);
	*e64(0x4000, 6) = 0xb000 | P;
	assert_int_equal(guest_fetch(x, b), INSN_BYTES);
	assert_memory_equal(b, "0123456789abcde", INSN_BYTES);
	*e64(0x4000, 6) = FAKE_MMIO | P;
	assert_int_equal(guest_fetch(x, b), 6);
	x->rip = 0x40006000;
	assert_int_equal(guest_fetch(x, b), 0);
	fake_flat(x, INSN_16);
	x->sregs.cs.base = 0xb000 - 2;
	x->rip = 2;
	assert_int_equal(guest_fetch(x, b), INSN_BYTES);
	assert_memory_equal(b, "6789", 4);
	assert_false(fake.raised);
}

/* The exit of an instruction at this address, as the back end decodes it */
static bool peek(u64 rip, u32 *first)
{
	x->rip = rip;
	return guest_peek(x, rip + x->sregs.cs.base, x->sregs.cr3, first);
}

/* What was fetched stays in view until something could have changed where it comes from. */
static void stays_in_view(void **state)
{
	u8 b[INSN_BYTES];
	u32 first;

	(void)state;
	four_levels(P | U);
	memcpy(fake_ram(0x9100), "0123", 4);
	memcpy(fake_ram(0xb100), "abcd", 4);
	assert_false(peek(0x40005100, &first));
	assert_int_equal(guest_fetch(x, b), INSN_BYTES);
	assert_true(peek(0x40005100, &first));
	assert_memory_equal(&first, "0123", 4);
	*e64(0x4000, 6) = 0xb000 | P; /* another page in its own place */
	x->rip = 0x40006100;
	assert_int_equal(guest_fetch(x, b), INSN_BYTES);
	assert_true(peek(0x40006100, &first));
	assert_memory_equal(&first, "abcd", 4);
	assert_true(peek(0x40005100, &first));
	assert_memory_equal(&first, "0123", 4);
	*e64(0x4000, 6) = 0;
	assert_true(peek(0x40005ffc, &first));
	assert_false(peek(0x40005ffd, &first));
	assert_false(peek(0x40007100, &first));
	x->sregs.cr3 ^= 0x10;
	assert_false(peek(0x40005100, &first));
	x->sregs.cr3 ^= 0x10;
	fake_domain->d.flush_gen += 1ULL << 32; /* another domain's */
	assert_false(peek(0x40005100, &first));
	fake_domain->d.flush_gen -= 1ULL << 32;
	assert_true(peek(0x40005100, &first));
	nested_flush(&fake_domain->d);
	assert_false(peek(0x40005100, &first));
	assert_int_equal(guest_fetch(x, b), INSN_BYTES);
	assert_true(peek(0x40005102, &first));
	*e64(0x4000, 5) = 0xb000 | P;
	assert_int_equal(guest_fetch(x, b), INSN_BYTES); /* by the guest's own tables, as they are now */
	assert_true(peek(0x40005100, &first));
	assert_memory_equal(&first, "abcd", 4);
	assert_int_equal(x->accessing, 0);
}

static void modes(void **state)
{
	(void)state;
	assert_int_equal(guest_mode(x), INSN_64);
	x->sregs.cs.attr = 0xc9b; /* compatibility mode */
	assert_int_equal(guest_mode(x), INSN_32);
	fake_flat(x, INSN_16);
	assert_int_equal(guest_mode(x), INSN_16);
	x->sregs.cs.attr |= SEG_L; /* means nothing outside long mode */
	assert_int_equal(guest_mode(x), INSN_16);
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
	const struct CMUnitTest tests[] = {
		T(long_mode), T(five_levels), T(pae), T(two_levels), T(tables_nowhere), T(one_page), T(fetch), T(stays_in_view), T(modes),
	};

	return fake_run_both(tests);
}
