/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every MSR of the permission map's ranges and some beyond: read, written with
 * what was read, with zero and with all ones. Each gives a value or #GP; those
 * that matter are restored at once, and the guest goes on.
 */
#include "../rt.h"

#define MSR_TSC		0x10
#define MSR_APIC_BASE	0x1b
#define MSR_PAT		0x277
#define MSR_X2APIC	0x800
#define MSR_EFER	0xc0000080
#define MSR_GS_BASE	0xc0000101
#define MSR_VM_CR	0xc0010114
#define MSR_HSAVE_PA	0xc0010117
#define MSR_KVM		0x4b564d00
#define EFER_SVME	0x1000

const char test_name[] = "msrs";

static const struct range { u32 first, count; } ranges[] = {
	{ 0, 0x2000 }, { 0xc0000000, 0x2000 }, { 0xc0010000, 0x2000 },
	{ 0x40000000, 0x200 }, { MSR_KVM, 16 }, { 0x11, 2 },
	{ 0x2000, 8 }, { 0xbffffff8, 8 }, { 0xc0002000, 8 }, { 0xc0012000, 8 }, { 0xfffffff8, 8 },
};

static u32 reads, read_faults, writes, write_faults;

/* Sends interrupts: the IPI payloads' business. */
static bool has_effects(u32 msr)
{
	return msr == MSR_X2APIC + APIC_ICR || msr == MSR_X2APIC + 0x3f || (native() && msr == 0xc0010015);
}

static void try_write(u32 msr, u64 value, u64 old)
{
	u64 gs = rdmsr(MSR_GS_BASE);
	int vector = wrmsr_safe(msr, value);

	if (msr == MSR_GS_BASE)
		wrmsr(MSR_GS_BASE, gs);
	writes++;
	write_faults += vector == V_GP;
	EXPECT(vector == V_GP || vector == NO_FAULT, "wrmsr(%x, %lx): exception %d", msr, value, vector);
	if (vector == NO_FAULT && msr != MSR_TSC)
		wrmsr_safe(msr, old);
}

static void try_msr(u32 msr)
{
	u64 old;
	int vector = rdmsr_safe(msr, &old);

	reads++;
	read_faults += vector == V_GP;
	EXPECT(vector == V_GP || vector == NO_FAULT, "rdmsr(%x): exception %d", msr, vector);
	if (has_effects(msr))
		return;
	if (vector != NO_FAULT)
		old = 0;
	try_write(msr, old, old);
	if (msr == MSR_GS_BASE || (native() && (msr == MSR_EFER || msr == MSR_APIC_BASE)))
		return;	/* a change of the base: this runtime stands on it */
	try_write(msr, 0, old);
	try_write(msr, ~0UL, old);
	try_write(msr, 0x8000000000000001, old);
}

static void try_range(u32 first, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		try_msr(first + i);
}

static void refused(u32 msr, u64 value, const char *what)
{
	EXPECT(wrmsr_safe(msr, value) == V_GP || native(), "%s: no #GP", what);
}

static void architecture(void)
{
	u64 v, efer = rdmsr(MSR_EFER);

	refused(MSR_EFER, efer & ~0x100UL, "EFER.LME cleared under paging");
	refused(MSR_EFER, efer | 1UL << 63, "EFER's reserved bit");
	wrmsr_safe(MSR_EFER, efer | EFER_SVME);
	EXPECT(!(rdmsr(MSR_EFER) & EFER_SVME) || native(), "EFER.SVME could be set");
	EXPECT(native() || rdmsr_safe(0x2000, &v) == V_GP, "an unknown MSR could be read");
	EXPECT(native() || wrmsr_safe(0xbfffffff, 0) == V_GP, "an unknown MSR could be written");
	refused(MSR_PAT, 0x0202020202020202, "PAT with a reserved type");
	refused(MSR_APIC_BASE, 0xfee00000UL | 0x400 | 0x100, "x2APIC without enable");
	EXPECT(wrmsr_safe(MSR_EFER, efer) == NO_FAULT, "EFER as it was");
}

/* KVM's clock at bad addresses: the guest may lose its clock, nobody else anything. */
static void clock_addresses(void)
{
	static const u64 bad[] = { 1, 0x1001, ~0UL, 0x7ffffffffffff001, 0xfee00001, 0xfec00001, 0xd0000001,
				   0xffc1, 0xfff1, 0x3fffffffff001, 0x200000001 };
	u32 i, msr;

	for (msr = 0; msr < 8; msr++)
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			wrmsr_safe(MSR_KVM + msr, bad[i]);
			wrmsr_safe(MSR_KVM + msr, 0);
		}
	wrmsr_safe(0x11, bad[2]);
	wrmsr_safe(0x12, bad[2]);
	wrmsr_safe(0x11, 0);
	wrmsr_safe(0x12, 0);
}

void test(void)
{
	u32 i;

	cli();
	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		if (test_case("range"))
			try_range(ranges[i].first, ranges[i].count);
	if (test_case("architecture"))
		architecture();
	if (!native() && test_case("kvm-clock at bad addresses"))
		clock_addresses();
	if (test_case("x2APIC mode")) {
		if (cpuid(1, 0).ecx & 1 << 21) {
			apic_to_x2();
			try_range(MSR_X2APIC, 0x100);
		}
	}
	print("msrs: %u reads (%u #GP), %u writes (%u #GP)\n", reads, read_faults, writes, write_faults);
	EXPECT(native() || (read_faults > 20000 && write_faults > 60000), "too few were refused");
}
