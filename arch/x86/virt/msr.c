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

#define MISC_ENABLE       0x1801ULL  /* fast strings; no branch trace, no precise events */
#define EFER_FFXSR        (1ULL << 14)
#define FEATURE_LOCKED    1ULL
#define MTRR_CAP          0x400ULL   /* WC; no fixed or variable ranges */
#define MTRR_DEF          0x806ULL   /* on, all write-back: the real ones belong to the firmware */
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
	x->pat = PAT_RESET;
	virt->set_pat(x, x->pat);
}

static void set_adjust(struct xvcpu *x, u64 adjust)
{
	u64 deadline = atomic_load_relaxed(&x->lapic.deadline);

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
		*v = atomic_load_relaxed(&x->lapic.deadline);
	return true;
}

u64 msr_efer_allowed(void)
{
	return EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | (host.amd ? EFER_FFXSR : 0);
}

/* APM vol. 2 §3.1.7. LMA follows from LME and paging; LME holds still while paging is on. */
static bool msr_efer(struct xvcpu *x, u32, u64 *v, bool write)
{
	struct dais_sregs *s = x86_sregs(x);

	if (!write) {
		*v = s->efer;
		return true;
	}
	if ((*v & ~msr_efer_allowed()) || ((s->cr0 & CR0_PG) && ((*v ^ s->efer) & EFER_LME)))
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

/* Memory types: 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, 7 UC- */
static bool msr_pat(struct xvcpu *x, u32, u64 *v, bool write)
{
	if (!write) {
		*v = x->pat;
		return true;
	}
	for (u32 n = 0; n < 64; n += 8)
		if ((*v >> n & 0xff) > 7 || (*v >> n & 0xfe) == 2)
			return false;
	x->pat = *v;
	virt->set_pat(x, *v);
	return true;
}

/* --- the policy; fn NULL: a constant --- */

/* FREE: no exit, the vendor switches it; CONTROL: the control domain reads the real one. */
enum { EXITS, FREE, CONTROL };

static const struct range { u32 first, last; msr_fn fn; u64 value; u8 pass; } policy[] = {
	/* the most frequent first */
	{ MSR_X2APIC, MSR_X2APIC + 0x3f, .fn = msr_x2apic }, { MSR_TSC_DEADLINE, MSR_TSC_DEADLINE, .fn = msr_deadline },
	{ MSR_APIC_BASE, MSR_APIC_BASE, .fn = msr_apic_base }, { MSR_TSC, MSR_TSC, .fn = msr_tsc },
	{ 0x3b, 0x3b, .fn = msr_tsc /* TSC_ADJUST */ }, { 0x11, 0x12, .fn = pv_msr }, { 0x4b564d00, 0x4b564d01, .fn = pv_msr }, { 0x4b564d03, 0x4b564d03, .fn = pv_msr },
	{ MSR_PAT, MSR_PAT, .fn = msr_pat }, { MSR_EFER, MSR_EFER, .fn = msr_efer }, { MSR_TSC_AUX, MSR_TSC_AUX, .fn = msr_tsc_aux },
	{ 0x3a, 0x3a, .value = FEATURE_LOCKED }, /* FEATURE_CONTROL: VMX off */
	{ 0xfe, 0xfe, .value = MTRR_CAP }, { 0x2ff, 0x2ff, .value = MTRR_DEF },
	{ 0xc0010015, 0xc0010015, .value = HWCR_TSC_P0 }, { 0xc0010114, 0xc0010114, .value = VM_CR_NO_SVM },
	{ 0xc0011029, 0xc0011029, .value = DE_CFG_LFENCE },
	{ 0x174, 0x176, .pass = FREE }, /* SYSENTER */
	{ MSR_STAR, MSR_STAR + 3, .pass = FREE }, { MSR_FS_BASE, MSR_KERNEL_GS_BASE, .pass = FREE },
	/* platform, microcode revision, temperatures */
	{ 0x17, 0x17, .pass = CONTROL }, { 0x8b, 0x8b, .pass = CONTROL }, { 0x19c, 0x19c, .pass = CONTROL },
	{ 0x1a2, 0x1a2, .pass = CONTROL }, { 0x1b1, 0x1b1, .pass = CONTROL },
	/* zero: EBL_CR_POWERON, BIOS_UPDT_TRIG, PLATFORM_INFO, MISC_FEATURES_ENABLES, machine-check
	 * capabilities and status, DEBUGCTL, PERF_CAPABILITIES */
	{ 0x2a, 0x2a, .value = 0 }, { 0x79, 0x79, .value = 0 }, { 0xce, 0xce, .value = 0 },
	{ 0x140, 0x140, .value = 0 }, { MSR_MCG_CAP, MSR_MCG_STATUS, .value = 0 }, { 0x1a0, 0x1a0, .value = MISC_ENABLE },
	{ 0x1d9, 0x1d9, .value = 0 }, { 0x345, 0x345, .value = 0 },
	/* zero on AMD: SYSCFG, TOP_MEM, TOP_MEM2, NB_CFG, INT_PENDING, MMIO_CFG_BASE, SMM_ADDR and
	 * _MASK, OSVW, DC_CFG, BU_CFG, BU_CFG2 */
	{ 0xc0010010, 0xc0010010, .value = 0 }, { 0xc001001a, 0xc001001a, .value = 0 },
	{ 0xc001001d, 0xc001001f, .value = 0 }, { 0xc0010055, 0xc0010058, .value = 0 },
	{ 0xc0010112, 0xc0010113, .value = 0 }, { 0xc0010140, 0xc0010141, .value = 0 },
	{ 0xc0011022, 0xc0011023, .value = 0 }, { 0xc001102a, 0xc001102a, .value = 0 },
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

u32 msr_passes(u32 msr, bool control)
{
	const struct range *r = range_of(msr);

	if (msr == MSR_PRED_CMD)
		return host.amd && boot->facts[DAIS_STAT_DEFENCES] >> DAIS_DEFENCE_IBPB & 1 ? PASS_WRITE : 0;
	if (r && r->pass == CONTROL)
		return control ? PASS_READ : 0;
	return r && r->pass == FREE ? PASS_READ | PASS_WRITE : 0;
}
