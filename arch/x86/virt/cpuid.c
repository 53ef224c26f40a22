/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID policy: what a guest sees is the host's value AND keep OR set, then what
 * depends on the vCPU. A leaf that is not in the table is all zero. SDM vol. 2
 * CPUID; APM vol. 3 app. E. Not offered though hosts have it: VMX, SVM, MONITOR,
 * machine checks, performance counters, power management, protection keys, TSX,
 * MPX, CET, SGX, supervisor XSAVE states.
 */
#include "arch/x86/virt/guest.h"
#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/string.h"

#define BIT(n) (1u << (n))
#define ALL    0xffffffffu
#define ANY_SUB 0xffffffffu

enum { EAX, EBX, ECX, EDX };

#define FEATURES_1_ECX (BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | BIT(19) | \
			BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
#define FEATURES_1_EDX (0x7fU | BIT(8) | BIT(11) | BIT(13) | BIT(15) | BIT(16) | BIT(17) | \
			BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26) | BIT(27))
#define X2APIC         BIT(21)
#define TSC_DEADLINE   BIT(24)
#define OSXSAVE        BIT(27)
#define XSAVE          BIT(26)
#define HYPERVISOR     BIT(31)
#define APIC           BIT(9)
#define MTRR           BIT(12)
#define HTT            BIT(28)
#define AVX512_EBX     (BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31))
#define AVX512_ECX     (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define FEATURES_7_EBX (BIT(0) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | \
			BIT(13) | BIT(18) | BIT(19) | BIT(20) | BIT(23) | BIT(24) | BIT(29) | AVX512_EBX)
#define TSC_ADJUST     BIT(1)
#define FEATURES_7_ECX (AVX512_ECX | BIT(2) | BIT(8) | BIT(9) | BIT(10) | BIT(16) | BIT(22) | \
			BIT(25) | BIT(27) | BIT(28))
/* MD_CLEAR because VERW is the guest's own. No SPEC_CTRL: its MSR is Dais's. */
#define FEATURES_7_EDX (BIT(4) | BIT(10) | BIT(14))
#define FEATURES_71_EAX (BIT(4) | BIT(5) | BIT(10) | BIT(11) | BIT(12))
#define XSAVE_1_EAX    (BIT(0) | BIT(1) | BIT(2))
#define EXT_1_ECX      (BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
#define EXT_1_EDX      ((FEATURES_1_EDX & 0x3ffff) | BIT(11) | BIT(20) | BIT(22) | BIT(23) | \
			BIT(24) | BIT(25) | BIT(26) | BIT(27) | BIT(29))
#define CMP_LEGACY     BIT(1)
#define TOPOEXT        BIT(22)
#define EXT_8_EBX      (BIT(0) | BIT(2) | BIT(9) | BIT(12)) /* IBPB: its MSR passes */
#define INVARIANT_TSC  BIT(8)
#define ARAT           BIT(2)

#define KVM_LEAF       0x40000000u
/* CLOCKSOURCE 1 and 2, STABLE; NOP_IO_DELAY, STEAL_TIME, PV_UNHALT, SEND_IPI, POLL_CONTROL, MSI_EXT_DEST_ID */
#define KVM_FEATURES   (BIT(0) | BIT(3) | BIT(24) | BIT(1) | BIT(5) | BIT(7) | BIT(11) | BIT(12) | \
			BIT(15))
#define LEAF_MAX_SHOWN 0x1fu
#define LEAF_MIN_SHOWN 0x0du
#define EXT_MAX_SHOWN  0x80000021u

#define XCR0_X87    1ULL
#define XCR0_SSE    2ULL
#define XCR0_AVX    4ULL
#define XCR0_AVX512 0xe0ULL
#define XSAVE_LEGACY 576u /* legacy area and header */

typedef void (*fix_fn)(struct xvcpu *x, u32 sub, u32 out[4]);

static u32 vcpus(const struct xvcpu *x)
{
	return x->v.dom->max_vcpus;
}

/* Bits of APIC ID that the vCPUs of a domain need. */
static u32 id_bits(const struct xvcpu *x)
{
	return vcpus(x) > 1 ? 32 - __builtin_clz(vcpus(x) - 1) : 0;
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
	if (!(v & XCR0_X87) || (v & ~cpuid_xcr0_allowed()))
		return false;
	if ((v & XCR0_AVX) && !(v & XCR0_SSE))
		return false;
	return !(v & XCR0_AVX512) || ((v & XCR0_AVX512) == XCR0_AVX512 && (v & XCR0_AVX));
}

static u32 xsave_size(u64 components, bool compact)
{
	u32 size = XSAVE_LEGACY, r[4];

	for (u32 n = 2; n < 32; n++) {
		if (!(components >> n & 1))
			continue;
		host_cpuid(0xd, n, r);
		if (compact)
			size = (r[ECX] & 2 ? ALIGN_UP(size, 64) : size) + r[EAX];
		else
			size = MAX(size, r[EBX] + r[EAX]);
	}
	return size;
}

u32 cpuid_xsave_size(void)
{
	return xsave_size(cpuid_xcr0_allowed(), false);
}

static void fix_xsave(struct xvcpu *x, u32 sub, u32 out[4])
{
	u64 allowed = cpuid_xcr0_allowed();

	if (!host.xsave || (sub > 1 && (sub > 31 || !(allowed >> sub & 1)))) {
		memset(out, 0, 4 * sizeof(*out));
	} else if (sub == 0) {
		out[EAX] = allowed;
		out[EBX] = xsave_size(x86_xcr0(x), false);
		out[ECX] = xsave_size(allowed, false);
		out[EDX] = allowed >> 32;
	} else if (sub == 1) {
		out[EBX] = out[EAX] & BIT(1) ? xsave_size(x86_xcr0(x), true) : 0;
		out[ECX] = out[EDX] = 0;
	} else {
		out[ECX] &= BIT(1);
		out[EDX] = 0;
	}
}

/* --- what depends on the vCPU --- */

static void fix_max(struct xvcpu *, u32, u32 out[4])
{
	out[EAX] = MAX(MIN(out[EAX], LEAF_MAX_SHOWN), LEAF_MIN_SHOWN);
}

static void fix_ext_max(struct xvcpu *, u32, u32 out[4])
{
	out[EAX] = MIN(out[EAX], EXT_MAX_SHOWN);
}

static void fix_features(struct xvcpu *x, u32, u32 out[4])
{
	u32 logical = 1u << id_bits(x);

	out[EBX] = (out[EBX] & 0xffff) | MIN(logical, 255u) << 16 | x->lapic.id << 24;
	if (vcpus(x) > 1)
		out[EDX] |= HTT;
	if (!lapic_enabled(&x->lapic))
		out[EDX] &= ~APIC;
	if ((out[ECX] & XSAVE) && (x86_sregs(x)->cr4 & CR4_OSXSAVE))
		out[ECX] |= OSXSAVE;
}

static void fix_ext_features(struct xvcpu *x, u32, u32 out[4])
{
	if (!host.amd) {
		out[EDX] &= ~(FEATURES_1_EDX & 0x3ffff & ~BIT(11)); /* AMD copies leaf 1 */
		return;
	}
	if (vcpus(x) > 1)
		out[ECX] |= CMP_LEGACY;
	if (!lapic_enabled(&x->lapic))
		out[EDX] &= ~APIC;
}

/* Leaf 7's AVX-512 only with its XCR0 bits */
static void fix_7(struct xvcpu *, u32, u32 out[4])
{
	out[EAX] = MIN(out[EAX], 1u);
	if (cpuid_xcr0_allowed() & XCR0_AVX512)
		return;
	out[EBX] &= ~AVX512_EBX;
	out[ECX] &= ~AVX512_ECX;
}

/* Every cache belongs to one vCPU: what is shared on the host is nothing a guest can use. */
static void fix_cache(struct xvcpu *x, u32, u32 out[4])
{
	if (!(out[EAX] & 31))
		return;
	out[EAX] &= 0x3fff;
	if (host.intel)
		out[EAX] |= MIN((1u << id_bits(x)) - 1, 63u) << 26;
}

/* One thread per core, one package (SDM vol. 3 §9.9). */
static void fix_topology(struct xvcpu *x, u32 sub, u32 out[4])
{
	out[EAX] = out[EBX] = 0;
	out[ECX] = sub & 0xff;
	out[EDX] = x->lapic.id;
	if (sub > 1)
		return;
	out[EAX] = sub ? id_bits(x) : 0;
	out[EBX] = sub ? vcpus(x) : 1;
	out[ECX] |= (sub + 1) << 8;
}

static void fix_ext_8(struct xvcpu *x, u32, u32 out[4])
{
	if (host.amd)
		out[ECX] = MIN(vcpus(x) - 1, 255u) | id_bits(x) << 12;
}

static void fix_ext_topology(struct xvcpu *x, u32, u32 out[4])
{
	if (!host.amd)
		return;
	out[EAX] = x->lapic.id;
	out[EBX] = x->lapic.id & 0xff;
}

static void fix_amd_cache(struct xvcpu *x, u32 sub, u32 out[4])
{
	if (host.amd)
		fix_cache(x, sub, out);
	else
		memset(out, 0, 4 * sizeof(*out));
}

static void signature(u32 out[4], u32 max, const char *text)
{
	out[EAX] = max;
	memcpy(&out[EBX], text, 12);
}

static void fix_kvm(struct xvcpu *, u32, u32 out[4])
{
	signature(out, KVM_LEAF + 1, "KVMKVMKVM\0\0\0");
}

static void fix_dais(struct xvcpu *, u32, u32 out[4])
{
	signature(out, DAIS_CPUID_LEAF + 1, DAIS_CPUID_SIGNATURE);
}

static void fix_dais_1(struct xvcpu *x, u32, u32 out[4])
{
	out[EBX] = is_control(x) ? DAIS_CPUID_CONTROL : 0;
}

/* --- the policy --- */

struct rule { u32 leaf, sub; u32 keep[4], set[4]; fix_fn fix; };

static const struct rule policy[] = {
	{ 0x0, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, fix_max },
	{ 0x1, ANY_SUB, { ALL, 0xff00, FEATURES_1_ECX, FEATURES_1_EDX },
	  { 0, 0, X2APIC | TSC_DEADLINE | HYPERVISOR, APIC | MTRR }, fix_features },
	{ 0x2, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, NULL },
	{ 0x4, ANY_SUB, { ALL, ALL, ALL, 7 }, { 0 }, fix_cache },
	{ 0x6, ANY_SUB, { 0 }, { ARAT }, NULL },
	{ 0x7, 0, { ALL, FEATURES_7_EBX, FEATURES_7_ECX, FEATURES_7_EDX },
	  { 0, TSC_ADJUST }, fix_7 },
	{ 0x7, 1, { FEATURES_71_EAX }, { 0 }, NULL },
	{ 0xb, ANY_SUB, { 0 }, { 0 }, fix_topology },
	{ 0xd, 1, { XSAVE_1_EAX }, { 0 }, fix_xsave },
	{ 0xd, ANY_SUB, { ALL, ALL, ALL, 0 }, { 0 }, fix_xsave },
	{ 0x1f, ANY_SUB, { 0 }, { 0 }, fix_topology },
	{ KVM_LEAF, ANY_SUB, { 0 }, { 0 }, fix_kvm },
	{ KVM_LEAF + 1, ANY_SUB, { 0 }, { KVM_FEATURES }, NULL },
	{ DAIS_CPUID_LEAF, ANY_SUB, { 0 }, { 0 }, fix_dais },
	{ DAIS_CPUID_LEAF + 1, ANY_SUB, { 0 }, { DAIS_ABI_VERSION }, fix_dais_1 },
	{ 0x80000000, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, fix_ext_max },
	{ 0x80000001, ANY_SUB, { ALL, ALL, EXT_1_ECX | TOPOEXT, EXT_1_EDX },
	  { 0 }, fix_ext_features },
	{ 0x80000002, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, NULL },
	{ 0x80000003, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, NULL },
	{ 0x80000004, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, NULL },
	{ 0x80000005, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, NULL },
	{ 0x80000006, ANY_SUB, { ALL, ALL, ALL, ALL }, { 0 }, NULL },
	{ 0x80000007, ANY_SUB, { 0, 0, 0, INVARIANT_TSC }, { 0 }, NULL },
	{ 0x80000008, ANY_SUB, { 0xffff, EXT_8_EBX, 0, 0 }, { 0 }, fix_ext_8 },
	{ 0x80000019, ANY_SUB, { ALL, ALL, 0, 0 }, { 0 }, NULL },
	{ 0x8000001a, ANY_SUB, { 7, 0, 0, 0 }, { 0 }, NULL },
	{ 0x8000001d, ANY_SUB, { ALL, ALL, ALL, 3 }, { 0 }, fix_amd_cache },
	{ 0x8000001e, ANY_SUB, { 0 }, { 0 }, fix_ext_topology },
	{ 0x80000021, ANY_SUB, { BIT(2) | BIT(6), 0, 0, 0 }, { 0 }, NULL },
};

static bool host_has(u32 leaf)
{
	if (leaf >> 30 == 2)
		return leaf <= host.max_ext_leaf;
	return leaf >> 30 == 0 && leaf <= host.max_leaf;
}

void cpuid_emulate(struct xvcpu *x, u32 leaf, u32 sub, u32 out[4])
{
	u32 r[4] = { 0 };

	memset(out, 0, 4 * sizeof(*out));
	if (host_has(leaf))
		host_cpuid(leaf, sub, r);
	for (u32 n = 0; n < ARRAY_SIZE(policy); n++) {
		const struct rule *p = &policy[n];

		if (p->leaf != leaf || (p->sub != ANY_SUB && p->sub != sub))
			continue;
		for (u32 k = 0; k < 4; k++)
			out[k] = (r[k] & p->keep[k]) | p->set[k];
		if (p->fix)
			p->fix(x, sub, out);
		return;
	}
}

/* --- CR4 --- */

#define CR4_ALWAYS 0x7ffULL /* VME … OSXMMEXCPT: every 64-bit processor has them */

u64 cpuid_cr4_allowed(void)
{
	u64 allowed = CR4_ALWAYS;
	u32 r[4] = { 0 };

	if (host.max_leaf >= 7)
		host_cpuid(7, 0, r);
	allowed |= host.umip ? CR4_UMIP : 0;
	allowed |= r[ECX] & BIT(16) ? CR4_LA57 : 0;
	allowed |= host.fsgsbase ? CR4_FSGSBASE : 0;
	allowed |= host.pcid ? CR4_PCIDE : 0;
	allowed |= host.xsave ? CR4_OSXSAVE : 0;
	allowed |= host.smep ? CR4_SMEP : 0;
	allowed |= host.smap ? CR4_SMAP : 0;
	return allowed;
}
