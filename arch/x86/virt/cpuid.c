/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID policy: what a guest sees is the host's value AND keep OR set, then what
 * depends on the vCPU. A leaf that is not in the table is all zero. SDM vol. 2
 * CPUID; APM vol. 3 app. E. Not offered though hosts have it: VMX, SVM, MONITOR,
 * machine checks, performance counters, power management, protection keys, TSX,
 * MPX, CET, SGX, supervisor XSAVE states, and SPEC_CTRL, whose MSR is Dais's.
 */
#include "arch/x86/virt/guest.h"
#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/string.h"

#define BIT(n) (1u << (n))
#define ALL    0xffffffffu

#define AVX512_EBX     0xd0230000u
#define AVX512_ECX     0x00005842u
#define APIC           BIT(9)
/* Without who shares the cache: that is nothing a guest can use. */
#define CACHE_EAX      0x3fffu

#define KVM_LEAF       0x40000000u

#define XCR0_X87    1ULL
#define XCR0_SSE    2ULL
#define XCR0_AVX    4ULL
#define XCR0_AVX512 0xe0ULL
#define XSAVE_LEGACY 576u /* legacy area and header */

/* Bits of APIC ID that the vCPUs of a domain need. */
static u32 id_bits(const struct xvcpu *x)
{
	u32 vcpus = x->v.dom->max_vcpus;

	return vcpus > 1 ? 32 - __builtin_clz(vcpus - 1) : 0;
}

/* --- XSAVE --- */

u64 cpuid_xcr0_allowed(void)
{
	u64 allowed = host.xcr0 & (XCR0_X87 | XCR0_SSE | XCR0_AVX);

	if ((host.xcr0 & XCR0_AVX512) == XCR0_AVX512 && (allowed & XCR0_AVX))
		allowed |= XCR0_AVX512;
	return host.xsave ? allowed : XCR0_X87 | XCR0_SSE;
}

/* SDM vol. 1 §13.3 */
bool xcr0_valid(u64 v)
{
	u64 needs = XCR0_X87 | (v & XCR0_AVX ? XCR0_SSE : 0) | (v & XCR0_AVX512 ? XCR0_AVX512 | XCR0_AVX : 0);

	return !(v & ~cpuid_xcr0_allowed()) && (v & needs) == needs;
}

u32 cpuid_xsave_size(void)
{
	u64 components = cpuid_xcr0_allowed() >> 2;
	u32 size = XSAVE_LEGACY, r[4];

	for (u32 n = 2; components; n++, components >>= 1) {
		host_cpuid(0xd, n, r);
		size = components & 1 ? MAX(size, r[EBX] + r[EAX]) : size;
	}
	return size;
}

/* EBX is for the XCR0 of now, which is the guest's while it is on the CPU. */
static void xsave(u32 sub, u32 out[4])
{
	u64 allowed = cpuid_xcr0_allowed();

	if (!host.xsave || (sub > 1 && (sub > 31 || !(allowed >> sub & 1)))) {
		memset(out, 0, 4 * sizeof(*out));
	} else if (sub == 0) {
		out[EAX] = allowed;
		out[ECX] = cpuid_xsave_size();
	} else if (sub == 1) {
		out[EAX] &= 7; /* XSAVEOPT, XSAVEC, XGETBV with ECX = 1 */
		out[ECX] = 0;
	} else {
		out[ECX] &= 2; /* alignment */
	}
}

/* --- what depends on the vCPU --- */

static void features(struct xvcpu *x, u32 out[4])
{
	out[EBX] = (out[EBX] & 0xffff) | MIN(1u << id_bits(x), 255u) << 16 | x->lapic.id << 24;
	out[EDX] |= id_bits(x) ? BIT(28) : 0; /* HTT */
	if ((out[ECX] & BIT(26)) && (x86_cr4(x) & CR4_OSXSAVE))
		out[ECX] |= BIT(27); /* OSXSAVE, when there is XSAVE */
}

static void features_7(u32 sub, u32 out[4])
{
	bool avx512 = cpuid_xcr0_allowed() & XCR0_AVX512;

	if (sub) {
		memset(out + 1, 0, 3 * sizeof(*out));
		out[EAX] &= sub == 1 ? 0x1c30 : 0; /* AVX_VNNI, AVX512_BF16, FZRM, FSRS, FSRCS */
	} else {
		out[EAX] = MIN(out[EAX], 1u);
		out[EBX] &= avx512 ? ALL : ~AVX512_EBX;
		out[ECX] &= avx512 ? ALL : ~AVX512_ECX;
	}
}

/* One thread per core, one package (SDM vol. 3 §9.9). */
static void topology(struct xvcpu *x, u32 sub, u32 out[4])
{
	out[EAX] = sub == 1 ? id_bits(x) : 0;
	out[EBX] = sub == 1 ? x->v.dom->max_vcpus : !sub;
	out[ECX] = (sub & 0xff) | (sub < 2 ? (sub + 1) << 8 : 0);
	out[EDX] = x->lapic.id;
}

static void adjust(struct xvcpu *x, u32 leaf, u32 sub, u32 out[4])
{
	switch (leaf) {
	case 0: out[EAX] = MAX(MIN(out[EAX], 0x1fu), 0xdu); break;
	case 1: features(x, out); break;
	case 7: features_7(sub, out); break;
	case 0xb: case 0x1f: topology(x, sub, out); break;
	case 0xd: xsave(sub, out); break;
	case KVM_LEAF + 1: out[EAX] |= pv_has_steal(x) ? BIT(5) : 0; break; /* STEAL_TIME */
	case DAIS_CPUID_LEAF: memcpy(&out[EBX], DAIS_CPUID_SIGNATURE, 12); break;
	case DAIS_CPUID_LEAF + 1: out[EBX] = is_control(x) ? DAIS_CPUID_CONTROL : 0; break;
	case 0x80000000: out[EAX] = MIN(out[EAX], 0x80000021); break;
	case 0x80000001: out[ECX] |= host.amd && id_bits(x) ? BIT(1) : 0; break; /* CMP_LEGACY */
	case 0x80000008: out[ECX] = host.amd ? MIN(x->v.dom->max_vcpus - 1, 255u) | id_bits(x) << 12 : 0; break;
	case 0x8000001e: out[EAX] = x->lapic.id; out[EBX] = x->lapic.id & 0xff; break;
	}
	if ((leaf == 1 || (leaf == 0x80000001 && host.amd)) && !lapic_enabled(&x->lapic))
		out[EDX] &= ~APIC;
}

/* --- the policy: by leaf, in four ranges; what is not named is zero --- */

struct rule { u32 keep[4], set[4]; };

static const struct rule basic[] = {
	[0] = { { ALL, ALL, ALL, ALL }, { 0 } },
	/* SSE3, PCLMULQDQ, SSSE3, FMA, CX16, PCID, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE, AVX, F16C, RDRAND;
	 * FPU to MCE, CX8, SEP, PGE, CMOV, PAT, PSE36, CLFSH, MMX, FXSR, SSE, SSE2, SS, without MCE;
	 * always x2APIC, TSC-deadline, hypervisor, MTRR */
	[1] = { { ALL, 0xff00, 0x76da3203, 0x0f8ba97f }, { 0, 0, BIT(21) | BIT(24) | BIT(31), APIC | BIT(12) } },
	[2] = { { ALL, ALL, ALL, ALL }, { 0 } },
	[4] = { { CACHE_EAX, ALL, ALL, 7 }, { 0 } },
	[6] = { { 0 }, { BIT(2) } }, /* ARAT */
	/* FSGSBASE, BMI1, AVX2, FDP, SMEP, BMI2, ERMS, INVPCID, FPCSDS, RDSEED, ADX, SMAP, CLFLUSHOPT, CLWB, SHA;
	 * UMIP, GFNI, VAES, VPCLMULQDQ, LA57, RDPID, CLDEMOTE, MOVDIRI, MOVDIR64B; FSRM, MD_CLEAR because VERW
	 * is the guest's own, SERIALIZE; always TSC_ADJUST */
	[7] = { { ALL, 0x219c27e9 | AVX512_EBX, 0x1a410704 | AVX512_ECX, 0x4410 }, { 0, BIT(1) } },
	[0xd] = { { ALL, ALL, ALL, 0 }, { 0 } }, [0x1f] = { { 0 }, { 0 } },
};
static const struct rule kvm[] = {
	{ { 0 }, { KVM_LEAF + 1, 0x4b4d564b, 0x564b4d56, 0x4d } }, /* "KVMKVMKVM" */
	/* CLOCKSOURCE 1 and 2, STABLE, NOP_IO_DELAY, PV_UNHALT, SEND_IPI, SCHED_YIELD, MSI_EXT_DEST_ID */
	{ { 0 }, { 0x0100a88b } },
};
static const struct rule dais[] = { { { 0 }, { DAIS_CPUID_LEAF + 1 } }, { { 0 }, { DAIS_ABI_VERSION } } };
static const struct rule extended[] = {
	[0] = { { ALL, ALL, ALL, ALL }, { 0 } },
	/* LAHF64, CR8, ABM, SSE4A, misaligned SSE, prefetch, TOPOEXT; leaf 1's, SYSCALL, NX, extended MMX, 1 GiB
	 * pages, RDTSCP, LM */
	[1] = { { ALL, ALL, 0x004001f1, 0x2fd3a97f }, { 0 } },
	[2 ... 6] = { { ALL, ALL, ALL, ALL }, { 0 } },
	[7] = { { 0, 0, 0, BIT(8) }, { 0 } }, /* invariant TSC */
	[8] = { { 0xffff, 0x1205, 0, 0 }, { 0 } }, /* CLZERO, RSTRERRP, WBNOINVD, IBPB */
	[0x19 ... 0x1a] = { { ALL, ALL, 0, 0 }, { 0 } },
	[0x1d] = { { CACHE_EAX, ALL, ALL, 3 }, { 0 } },
	[0x21] = { { BIT(2) | BIT(6), 0, 0, 0 }, { 0 } },
};

static const struct { const struct rule *rule; u32 count, first; } ranges[] = {
	{ basic, ARRAY_SIZE(basic), 0 }, { kvm, ARRAY_SIZE(kvm), KVM_LEAF }, { dais, ARRAY_SIZE(dais), DAIS_CPUID_LEAF },
	{ extended, ARRAY_SIZE(extended), 0x80000000 },
};

void cpuid_emulate(struct xvcpu *x, u32 leaf, u32 sub, u32 out[4])
{
	static const struct rule none;
	u32 n = leaf >> 31 ? 3 : leaf >= DAIS_CPUID_LEAF ? 2 : leaf >> 30;
	u32 i = leaf - ranges[n].first, max = n == 3 ? host.max_ext_leaf : host.max_leaf;
	const struct rule *p = i < ranges[n].count ? &ranges[n].rule[i] : &none;
	u32 r[4] = { 0 };

	if (leaf <= max)
		host_cpuid(leaf, sub, r);
	out[EAX] = (r[EAX] & p->keep[EAX]) | p->set[EAX];
	out[EBX] = (r[EBX] & p->keep[EBX]) | p->set[EBX];
	out[ECX] = (r[ECX] & p->keep[ECX]) | p->set[ECX];
	out[EDX] = (r[EDX] & p->keep[EDX]) | p->set[EDX];
	if (p != &none)
		adjust(x, leaf, sub, out);
}
