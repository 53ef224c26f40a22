/* SPDX-License-Identifier: GPL-2.0-only */
/* Every CPUID leaf answers; what it says agrees with itself and with the CPU. */
#include "../rt.h"

#define ECX_VMX (1u << 5)
#define ECX_X2APIC (1u << 21)
#define ECX_DEADLINE (1u << 24)
#define ECX_OSXSAVE (1u << 27)
#define ECX_XSAVE (1u << 26)
#define ECX_HYPERVISOR (1u << 31)
#define ECX8_SVM (1u << 2)
#define CR4_OSXSAVE (1u << 18)
#define ALL_SUBLEAVES 64

const char test_name[] = "cpuid";

static u32 nonzero;

static void all_leaves(u32 base, u32 count)
{
	u32 leaf, sub;

	for (leaf = 0; leaf < count; leaf++)
		for (sub = 0; sub < ALL_SUBLEAVES; sub = sub ? sub * 2 - 1 + (sub == 1) : 1) {
			struct cpuid r = cpuid(base + leaf, sub);

			nonzero += (r.eax | r.ebx | r.ecx | r.edx) != 0;
		}
}

static bool text_is(u32 a, u32 b, u32 c, const char *text)
{
	u32 words[3] = { a, b, c };

	return !memcmp(words, text, 12);
}

static void hypervisor_leaves(void)
{
	struct cpuid r = cpuid(0x40000000, 0);

	EXPECT(text_is(r.ebx, r.ecx, r.edx, "KVMKVMKVM\0\0\0"), "no KVM signature");
	EXPECT(r.eax >= 0x40000001 && r.eax < 0x40000100, "highest KVM leaf %x", r.eax);
	r = cpuid(0x40000001, 0);
	EXPECT(r.eax & 8, "no kvm-clock: features %x", r.eax);
	r = cpuid(0x40000100, 0);
	EXPECT(text_is(r.ebx, r.ecx, r.edx, "DaisDaisDais"), "no Dais signature");
	r = cpuid(0x40000101, 0);
	EXPECT(r.eax == 1 && !(r.ebx & 1), "ABI %u, flags %x: not a guest's", r.eax, r.ebx);
}

static void features(void)
{
	struct cpuid r = cpuid(1, 0);

	EXPECT(r.ecx & ECX_HYPERVISOR, "no hypervisor bit");
	EXPECT(!(r.ecx & ECX_VMX), "VMX shown");
	EXPECT(r.ecx & ECX_X2APIC, "no x2APIC");
	EXPECT(r.ecx & ECX_DEADLINE, "no TSC-deadline timer");
	EXPECT(!(cpuid(0x80000001, 0).ecx & ECX8_SVM), "SVM shown");
	r = cpuid(0x8000000a, 0);
	EXPECT(!(r.eax | r.ebx | r.ecx | r.edx), "SVM's leaf is not empty");
}

static void tracks_cr4(void)
{
	u32 before, after;

	if (!(cpuid(1, 0).ecx & ECX_XSAVE))
		return;
	write_cr4(read_cr4() & ~(u64)CR4_OSXSAVE);
	before = cpuid(1, 0).ecx;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	after = cpuid(1, 0).ecx;
	EXPECT(!(before & ECX_OSXSAVE) && (after & ECX_OSXSAVE), "OSXSAVE does not follow CR4");
	asm volatile("xsetbv" :: "a"(3), "d"(0), "c"(0));
	EXPECT(cpuid(13, 0).ebx >= 576, "XSAVE size %u", cpuid(13, 0).ebx);
	write_cr4(read_cr4() & ~(u64)CR4_OSXSAVE);
}

static void own_id(void *arg)
{
	u32 *ok = arg;
	u32 id = this_cpu()->index;
	bool has_b = cpuid(0, 0).eax >= 11 && cpuid(11, 0).ebx;

	*ok = apic_id() == id && (!has_b || cpuid(11, 0).edx == id);
}

void test(void)
{
	u32 n, i, ok;

	if (test_case("all leaves")) {
		all_leaves(0, 0x100);
		all_leaves(0x40000000, 0x300);
		all_leaves(0x80000000, 0x100);
		all_leaves(0x20000000, 0x20);
		all_leaves(0x80860000, 0x20);
		all_leaves(0xc0000000, 0x20);
		all_leaves(0xffffff00, 0x100);
		print("cpuid: %u leaves hold something\n", nonzero);
	}
	if (!native() && test_case("hypervisor"))
		hypervisor_leaves();
	if (!native() && test_case("features"))
		features();
	if (test_case("OSXSAVE"))
		tracks_cr4();
	if (!test_case("APIC IDs"))
		return;
	n = smp_start();
	for (i = 1; i < n; i++) {
		smp_run(i, own_id, &ok);
		EXPECT(smp_wait(i, 5000) && ok, "CPU %u sees another APIC ID", i);
	}
}
