/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/insn.c arch/x86/virt/emulate.c arch/x86/virt/emulate_insn.c arch/x86/virt/io.c arch/x86/virt/access.c kernel/format.c */
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
#define A 0x20ULL
#define D 0x40ULL
#define PS 0x80ULL
#define NX (1ULL << 63)

/* Tables lie at 0x1000, 0x2000 … */
static u64 *e64(u64 table, u32 n) { return (u64 *)fake_ram(table) + n; }
static u32 *e32(u64 table, u32 n) { return (u32 *)fake_ram(table) + n; }

static u64 walk_ok(u64 linear, u32 access)
{
	u64 gpa = 0;
	u32 error;

	assert_int_equal(guest_walk(x, linear, access, &gpa, &error), WALK_OK);
	return gpa;
}

static u32 walk_fault(u64 linear, u32 access)
{
	u64 gpa;
	u32 error = 0;

	assert_int_equal(guest_walk(x, linear, access, &gpa, &error), WALK_FAULT);
	return error;
}

/* Linear 0x40000000 + … : PML4[0] -> PDPT[1] -> PD[0] -> PT[n] */
static void four_levels(u64 flags)
{
	fake_long_mode(x, 0x1000);
	*e64(0x1000, 0) = 0x2000 | P | W | U;
	*e64(0x2000, 1) = 0x3000 | P | W | U;
	*e64(0x3000, 0) = 0x4000 | P | W | U;
	*e64(0x3000, 1) = 0x200000 | P | W | U | PS;
	*e64(0x2000, 2) = 0x40000000 | P | W | U | PS;
	*e64(0x4000, 5) = 0x9000 | flags;
}

static void long_mode(void **state)
{
	(void)state;
	four_levels(P | W | U);
	assert_int_equal(walk_ok(0x40005123, 0), 0x9123);
	assert_int_equal(*e64(0x4000, 5), 0x9000 | P | W | U | A);
	assert_int_equal(*e64(0x1000, 0), 0x2000 | P | W | U | A);
	assert_int_equal(walk_ok(0x40005123, GA_WRITE | GA_USER), 0x9123);
	assert_int_equal(*e64(0x4000, 5), 0x9000 | P | W | U | A | D);
	assert_int_equal(walk_ok(0x40234567, 0), 0x234567);
	assert_int_equal(walk_ok(0x87654321, 0), 0x47654321);
	assert_int_equal(walk_fault(0x40006000, 0), 0);
	assert_int_equal(walk_fault(0x40006000, GA_WRITE | GA_USER), 6);
	assert_int_equal(walk_fault(0, 0), 0);
}

static void five_levels(void **state)
{
	(void)state;
	four_levels(P);
	x->sregs.cr3 = 0x6000;
	x->sregs.cr4 |= CR4_LA57;
	*e64(0x6000, 3) = 0x1000 | P | W | U;
	assert_int_equal(walk_ok(3ULL << 48 | 0x40005010, 0), 0x9010);
}

static void permissions(void **state)
{
	(void)state;
	four_levels(P);
	assert_int_equal(walk_fault(0x40005000, GA_USER), 5);
	assert_int_equal(walk_ok(0x40005000, GA_WRITE), 0x9000); /* CR0.WP = 0 */
	x->sregs.cr0 |= CR0_WP;
	assert_int_equal(walk_fault(0x40005000, GA_WRITE), 3);
	*e64(0x4000, 5) = 0x9000 | P | W | U;
	*e64(0x3000, 0) = 0x4000 | P | U; /* read-only above */
	assert_int_equal(walk_fault(0x40005000, GA_WRITE | GA_USER), 7);
	assert_int_equal(walk_ok(0x40005000, GA_EXEC), 0x9000);
	x->sregs.cr4 |= CR4_SMEP;
	assert_int_equal(walk_fault(0x40005000, GA_EXEC), 0x11);
	assert_int_equal(walk_ok(0x40005000, GA_EXEC | GA_USER), 0x9000);
	x->sregs.cr4 = CR4_PAE | CR4_SMAP;
	assert_int_equal(walk_fault(0x40005000, 0), 1);
	x->rflags = 1 << 18;
	assert_int_equal(walk_ok(0x40005000, 0), 0x9000);
	x->rflags = 0;
	x->sregs.cr4 = CR4_PAE;
	*e64(0x4000, 5) = 0x9000 | P | NX;
	assert_int_equal(walk_fault(0x40005000, 0), 9); /* reserved without EFER.NXE */
	x->sregs.efer |= EFER_NXE;
	assert_int_equal(walk_ok(0x40005000, 0), 0x9000);
	assert_int_equal(walk_fault(0x40005000, GA_EXEC), 0x11);
	*e64(0x3000, 1) |= 0x2000;
	assert_int_equal(walk_fault(0x40200000, 0), 9);
}

static void pae(void **state)
{
	(void)state;
	four_levels(P | W);
	x->sregs.efer = 0;
	x->sregs.cr3 = 0x2020; /* 32-byte aligned is enough */
	*e64(0x2020, 1) = 0x3000 | P;
	assert_int_equal(walk_ok(0x40005123, GA_WRITE), 0x9123);
	assert_int_equal(*e64(0x2020, 1), 0x3000 | P); /* a PDPTE has no A */
	assert_int_equal(walk_ok(0x40234567, 0), 0x234567);
	*e64(0x2020, 1) = 0x3000 | P | W;
	assert_int_equal(walk_fault(0x40005123, 0), 9);
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
	assert_int_equal(walk_ok(0x7ff345, GA_USER), 0x7345);
	assert_int_equal(*e32(0x2000, 1023), 0x7000 | P | U | A);
	assert_int_equal(walk_ok(0x7ff345, GA_WRITE), 0x7345); /* WP = 0: D is set */
	assert_int_equal(*e32(0x2000, 1023), 0x7000 | P | U | A | D);
	assert_int_equal(*e32(0x2000, 1022), 0);
	x->sregs.cr4 = CR4_PSE;
	assert_int_equal(walk_ok(0x812345, 0), 0x500c12345);
	assert_int_equal(walk_fault(0xc00000, 0), 0);
}

static void tables_nowhere(void **state)
{
	u64 gpa;
	u32 error;

	(void)state;
	four_levels(P | W);
	*e64(0x3000, 0) = FAKE_MMIO | P | W | U;
	assert_int_equal(guest_walk(x, 0x40005000, 0, &gpa, &error), WALK_DIED);
	x->sregs.cr3 = FAKE_RAM + 0x1000;
	assert_int_equal(guest_walk(x, 0x40005000, 0, &gpa, &error), WALK_DIED);
}

static void crossing_pages(void **state)
{
	u8 in[5000], out[5000];

	(void)state;
	for (u32 n = 0; n < sizeof(in); n++)
		in[n] = rand();
	assert_true(guest_phys_write(x, 0x10ffe, in, sizeof(in)));
	assert_true(guest_phys_read(x, 0x10ffe, out, sizeof(out)));
	assert_memory_equal(in, out, sizeof(in));
	fake_unmap(0x11000);
	assert_false(guest_phys_read(x, 0x10ffe, out, 4));
	assert_true(guest_phys_read(x, 0x10ffe, out, 2));
	assert_false(guest_phys_read(x, FAKE_RAM - 1, out, 2));
	assert_int_equal(fake_domain->d.mem_lock.locked, 0);
}

static void fetch(void **state)
{
	u8 b[INSN_BYTES];

	(void)state;
	four_levels(P | U);
	memcpy(fake_ram(0x9ffa), "\x81\x05\x01\x02\x03\x04", 6);
	x->rip = 0x40005ffa;
	assert_int_equal(guest_fetch(x, b, 0), 6); /* to the end of the page */
	assert_int_equal(guest_insn_length(x), 0);
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.cr2, 0x40006000);
	*e64(0x4000, 6) = 0xb000 | P;
	assert_int_equal(guest_insn_length(x), 10);
	*e64(0x4000, 6) = FAKE_MMIO | P;
	assert_int_equal(guest_insn_length(x), 0);
	assert_string_equal(fake.reason, "vCPU 0 executes device memory at 0x10000000, RIP 0x40005ffa");
	fake.raised = false;
	memcpy(fake_ram(0x9ff0), "\x0f\xff\x00\x06", 4);
	x->rip = 0x40005ff3; /* 06: none in 64-bit mode */
	assert_int_equal(guest_insn_length(x), 0);
	assert_int_equal(fake.vector, VEC_UD);
}

static void cs_limit(void **state)
{
	(void)state;
	fake_flat(x, INSN_16);
	x->sregs.cs.base = 0x1000;
	x->sregs.cs.limit = 0x101;
	memcpy(fake_ram(0x1100), "\xb8\x34\x12", 3);
	x->rip = 0x100;
	assert_int_equal(guest_insn_length(x), 0);
	assert_int_equal(fake.vector, VEC_GP);
	x->sregs.cs.limit = 0x102;
	assert_int_equal(guest_insn_length(x), 3);
	fake.raised = false;
	x->rip = 0x103;
	assert_int_equal(guest_insn_length(x), 0);
	assert_true(fake.raised);
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
	const struct CMUnitTest tests[] = { T(long_mode), T(five_levels), T(permissions), T(pae), T(two_levels), T(tables_nowhere), T(crossing_pages), T(fetch), T(cs_limit) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
