/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSR policy: one table of ranges. What is in no range is #GP. A range passes to
 * the hardware without an exit (the vendor switches it), or has a function, or
 * is a constant that ignores writes: the last only for what Linux touches
 * without being ready for a fault. Frequencies, sleep states, machine checks and
 * counters are Dais's.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"

#define PASS_READ  1u
#define PASS_WRITE 2u
#define PASS       (PASS_READ | PASS_WRITE)

#define EFER_FFXSR        (1ULL << 14)
#define FEATURE_LOCKED    1ULL
#define MTRR_CAP          0x500ULL   /* fixed ranges and WC; no variable ranges */
#define MTRR_DEF_RESET    0x806ULL   /* on, all write-back: the real ones belong to the firmware */
#define MTRR_DEF_MASK     0xcffULL
#define MISC_ENABLE_RESET 0x1801ULL  /* fast strings; no BTS, no PEBS */
#define PAT_RESET         0x0007040600070406ULL
#define HWCR_TSC_P0       (1ULL << 24) /* the TSC counts at P0's frequency: Linux checks it */
#define DE_CFG_LFENCE     2ULL       /* LFENCE serializes: as Dais set it on the host */
#define VM_CR_NO_SVM      0x18ULL    /* SVMDIS, locked */

typedef bool (*msr_fn)(struct xvcpu *x, u32 msr, u64 *v, bool write);

u64 guest_tsc(const struct xvcpu *x)
{
	return time_now() + x->v.dom->tsc_offset + x->tsc_adjust;
}

void msr_reset(struct xvcpu *x)
{
	x->misc_enable = MISC_ENABLE_RESET;
	x->mtrr_def = MTRR_DEF_RESET;
	x->pat = PAT_RESET;
	virt->write_msr(x, MSR_PAT, x->pat);
}

/* A plain variable of the vCPU */
static bool variable(u64 *at, u64 *v, bool write)
{
	if (write)
		*at = *v;
	else
		*v = *at;
	return true;
}

static void set_adjust(struct xvcpu *x, u64 adjust)
{
	u64 deadline = lapic_deadline_read(x);

	x->tsc_adjust = adjust;
	virt->set_tsc_offset(x, x->v.dom->tsc_offset + adjust);
	if (deadline)
		lapic_deadline_write(x, deadline);
	pv_clock_update(x);
}

/* Writing the TSC is the same as adjusting it (SDM vol. 3 §18.17.3). */
static bool msr_tsc(struct xvcpu *x, u32 msr, u64 *v, bool write)
{
	u64 base = msr == MSR_TSC ? guest_tsc(x) - x->tsc_adjust : 0;

	if (write)
		set_adjust(x, *v - base);
	else
		*v = base + x->tsc_adjust;
	return true;
}

static bool msr_apic_base(struct xvcpu *x, u32, u64 *v, bool write)
{
	if (write && !lapic_set_base(x, *v))
		return false;
	*v = x->lapic.base_msr;
	x86_sregs(x)->apic_base = *v;
	return true;
}

static bool msr_x2apic(struct xvcpu *x, u32 msr, u64 *v, bool write)
{
	u32 offset = (msr - MSR_X2APIC) << 4;

	if (!lapic_x2apic(&x->lapic))
		return false;
	return write ? lapic_write(x, offset, *v) : lapic_read(x, offset, v);
}

static bool msr_deadline(struct xvcpu *x, u32, u64 *v, bool write)
{
	if (write)
		lapic_deadline_write(x, *v);
	else
		*v = lapic_deadline_read(x);
	return true;
}

/* APM vol. 2 §3.1.7. LMA follows from LME and paging; LME holds still while paging is on. */
static bool msr_efer(struct xvcpu *x, u32, u64 *v, bool write)
{
	struct dais_sregs *s = x86_sregs(x);
	u64 allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | (host.amd ? EFER_FFXSR : 0);

	if (!write) {
		*v = s->efer;
		return true;
	}
	if ((*v & ~allowed) || ((s->cr0 & CR0_PG) && ((*v ^ s->efer) & EFER_LME)))
		return false;
	s->efer = (*v & ~EFER_LMA) | (s->efer & EFER_LMA);
	x86_sregs_changed(x);
	return true;
}

static bool msr_tsc_aux(struct xvcpu *x, u32, u64 *v, bool write)
{
	if (!host.rdtscp || (write && *v >> 32))
		return false;
	if (write)
		x86_set_tsc_aux(x, *v);
	else
		*v = x->tsc_aux;
	return true;
}

/* Memory types: 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, 7 UC-, the last in PAT only */
static bool types_ok(u64 v, u32 allowed)
{
	for (u32 n = 0; n < 8; n++, v >>= 8)
		if ((v & 0xff) > 7 || !(allowed >> (v & 7) & 1))
			return false;
	return true;
}

#define MTRR_TYPES 0x73u
#define PAT_TYPES  0xf3u

static bool msr_pat(struct xvcpu *x, u32 msr, u64 *v, bool write)
{
	if (write && !types_ok(*v, PAT_TYPES))
		return false;
	variable(&x->pat, v, write);
	if (write)
		virt->write_msr(x, msr, *v);
	return true;
}

static bool msr_mtrr_fixed(struct xvcpu *x, u32 msr, u64 *v, bool write)
{
	u32 n = msr == 0x250 ? 0 : msr < 0x260 ? msr - 0x258 + 1 : msr - 0x268 + 3;

	return (!write || types_ok(*v, MTRR_TYPES)) && variable(&x->mtrr_fixed[n], v, write);
}

static bool msr_mtrr_def(struct xvcpu *x, u32, u64 *v, bool write)
{
	if (write && ((*v & ~MTRR_DEF_MASK) || (*v & 0xff) > 6 || !(MTRR_TYPES >> (*v & 7) & 1)))
		return false;
	return variable(&x->mtrr_def, v, write);
}

static bool msr_misc_enable(struct xvcpu *x, u32, u64 *v, bool write)
{
	return host.intel && variable(&x->misc_enable, v, write);
}

static bool canonical(u64 a)
{
	return (u64)((s64)(a << 16) >> 16) == a || (cpuid_cr4_allowed() & CR4_LA57);
}

/* Passed MSRs, when a monitor reads or writes them, or the back end does not let them pass. */
static bool msr_vendor(struct xvcpu *x, u32 msr, u64 *v, bool write)
{
	bool address = msr != MSR_STAR && msr != MSR_STAR + 3 && msr != 0x174;

	if (write && address && !canonical(*v))
		return false;
	if (write && (msr == MSR_FS_BASE || msr == MSR_GS_BASE)) {
		struct dais_sregs *s = x86_sregs(x); /* or its copy would overwrite it */

		*(msr == MSR_FS_BASE ? &s->fs.base : &s->gs.base) = *v;
		x86_sregs_changed(x);
	}
	if (write)
		virt->write_msr(x, msr, *v);
	else
		*v = virt->read_msr(x, msr);
	return true;
}

static bool msr_pv(struct xvcpu *x, u32 msr, u64 *v, bool write)
{
	return write ? pv_msr_write(x, msr, *v) : pv_msr_read(x, msr, v);
}

/* --- the policy; fn NULL: a constant --- */

struct range { u32 first, last; u8 pass, control_pass; msr_fn fn; u64 value; };

static const struct range policy[] = {
	{ MSR_TSC, MSR_TSC, 0, 0, msr_tsc, 0 },
	{ MSR_X2APIC, MSR_X2APIC + 0xff, 0, 0, msr_x2apic, 0 },
	{ MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, 0, 0, msr_deadline, 0 },
	{ 0x11, 0x12, 0, 0, msr_pv, 0 },
	{ 0x4b564d00, 0x4b564dff, 0, 0, msr_pv, 0 },
	{ MSR_APIC_BASE, MSR_APIC_BASE, 0, 0, msr_apic_base, 0 },
	{ 0x3a, 0x3a, 0, 0, NULL, FEATURE_LOCKED },              /* FEATURE_CONTROL: VMX off */
	{ 0x3b, 0x3b, 0, 0, msr_tsc, 0 },                        /* TSC_ADJUST */
	{ 0xfe, 0xfe, 0, 0, NULL, MTRR_CAP },
	{ 0x174, 0x176, PASS, PASS, msr_vendor, 0 },             /* SYSENTER */
	{ 0x1a0, 0x1a0, 0, 0, msr_misc_enable, 0 },
	{ 0x250, 0x250, 0, 0, msr_mtrr_fixed, 0 },
	{ 0x258, 0x259, 0, 0, msr_mtrr_fixed, 0 },
	{ 0x268, 0x26f, 0, 0, msr_mtrr_fixed, 0 },
	{ MSR_PAT, MSR_PAT, 0, 0, msr_pat, 0 },
	{ 0x2ff, 0x2ff, 0, 0, msr_mtrr_def, 0 },
	{ MSR_EFER, MSR_EFER, 0, 0, msr_efer, 0 },
	{ MSR_STAR, MSR_STAR + 3, PASS, PASS, msr_vendor, 0 },
	{ MSR_FS_BASE, MSR_KERNEL_GS_BASE, PASS, PASS, msr_vendor, 0 },
	{ MSR_TSC_AUX, MSR_TSC_AUX, 0, 0, msr_tsc_aux, 0 },
	{ 0xc0010015, 0xc0010015, 0, 0, NULL, HWCR_TSC_P0 },
	{ 0xc0010114, 0xc0010114, 0, 0, NULL, VM_CR_NO_SVM },
	{ 0xc0011029, 0xc0011029, 0, 0, NULL, DE_CFG_LFENCE },
	/* the real ones, for the control domain: platform, microcode revision, temperatures */
	{ 0x17, 0x17, 0, PASS_READ, NULL, 0 }, { 0x8b, 0x8b, 0, PASS_READ, NULL, 0 },
	{ 0x19c, 0x19c, 0, PASS_READ, NULL, 0 }, { 0x1a2, 0x1a2, 0, PASS_READ, NULL, 0 },
	{ 0x1b1, 0x1b1, 0, PASS_READ, NULL, 0 },
	/* zero: EBL_CR_POWERON, BIOS_UPDT_TRIG, PLATFORM_INFO, MISC_FEATURES_ENABLES, machine-check
	 * capabilities and status, DEBUGCTL, variable MTRRs, PERF_CAPABILITIES */
	{ 0x2a, 0x2a, 0, 0, NULL, 0 }, { 0x79, 0x79, 0, 0, NULL, 0 }, { 0xce, 0xce, 0, 0, NULL, 0 },
	{ 0x140, 0x140, 0, 0, NULL, 0 }, { MSR_MCG_CAP, MSR_MCG_STATUS, 0, 0, NULL, 0 },
	{ 0x1d9, 0x1d9, 0, 0, NULL, 0 }, { 0x200, 0x20f, 0, 0, NULL, 0 },
	{ 0x345, 0x345, 0, 0, NULL, 0 },
	/* zero on AMD: SYSCFG, TOP_MEM, TOP_MEM2, NB_CFG, INT_PENDING, MMIO_CFG_BASE, SMM_ADDR and
	 * _MASK, OSVW, DC_CFG, BU_CFG, BU_CFG2 */
	{ 0xc0010010, 0xc0010010, 0, 0, NULL, 0 }, { 0xc001001a, 0xc001001a, 0, 0, NULL, 0 },
	{ 0xc001001d, 0xc001001f, 0, 0, NULL, 0 }, { 0xc0010055, 0xc0010058, 0, 0, NULL, 0 },
	{ 0xc0010112, 0xc0010113, 0, 0, NULL, 0 }, { 0xc0010140, 0xc0010141, 0, 0, NULL, 0 },
	{ 0xc0011022, 0xc0011023, 0, 0, NULL, 0 }, { 0xc001102a, 0xc001102a, 0, 0, NULL, 0 },
};

static const struct range *range_of(u32 msr)
{
	for (u32 n = 0; n < ARRAY_SIZE(policy); n++)
		if (msr >= policy[n].first && msr <= policy[n].last)
			return &policy[n];
	return NULL;
}

bool msr_read(struct xvcpu *x, u32 msr, u64 *value)
{
	const struct range *r = range_of(msr);

	*value = r ? r->value : 0;
	return r && (!r->fn || r->fn(x, msr, value, false));
}

bool msr_write(struct xvcpu *x, u32 msr, u64 value)
{
	const struct range *r = range_of(msr);

	return r && (!r->fn || r->fn(x, msr, &value, true));
}

static bool host_has_ibpb(void)
{
	u32 r[4] = { 0 };

	if (host.amd && host.max_ext_leaf >= 0x80000008)
		host_cpuid(0x80000008, 0, r);
	return r[1] >> 12 & 1;
}

u32 msr_passes(u32 msr, bool control)
{
	const struct range *r = range_of(msr);

	if (msr == MSR_PRED_CMD)
		return host_has_ibpb() ? PASS_WRITE : 0;
	return !r ? 0 : control ? r->control_pass : r->pass;
}
