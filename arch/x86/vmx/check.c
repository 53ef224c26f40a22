/* SPDX-License-Identifier: GPL-2.0-only */
/* Why an entry was refused: the checks of SDM vol. 3 §27.3.1 that a monitor's values can fail, by field. */

#include "arch/x86/cpu.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

static const char *const rights[] = {
	"ES access rights", "CS access rights", "SS access rights", "DS access rights", "FS access rights", "GS access rights",
	"LDTR access rights", "TR access rights",
};
static const char *const bases[] = { "ES base", "CS base", "SS base", "DS base", "FS base", "GS base", "LDTR base", "TR base" };

static bool canonical(u64 a)
{
	return (u64)((s64)(a << 16) >> 16) == a || (vmread(GUEST_CR4) & CR4_LA57 && (u64)((s64)(a << 7) >> 7) == a);
}

/* Is the type one that segment i may have? */
static bool type_ok(u32 i, u32 type, bool long_mode)
{
	bool real = !(vmread(GUEST_CR0) & CR0_PE);

	switch (i) {
	case CS: return (type & 9) == 9 || (type == 3 && real);
	case SS: return type == 3 || type == 7;
	case LDTR: return type == 2;
	case TR: return type == 11 || (type == 3 && !long_mode);
	default: return (type & 1) && (!(type & 8) || (type & 2));
	}
}

static bool rights_ok(u32 i, bool long_mode)
{
	u32 ar = vmread(segment_field(GUEST_ES_ACCESS_RIGHTS, i)), limit = vmread(segment_field(GUEST_ES_LIMIT, i));

	if (ar & AR_UNUSABLE)
		return i != TR && i != CS;
	if (!(ar & AR_P) || !(ar & AR_S) != (i >= LDTR) || !type_ok(i, ar & 15, long_mode) || (ar & ~0xf0ffu))
		return false;
	if (i == CS && long_mode && (ar & AR_L) && (ar & AR_DB))
		return false;
	return ar & AR_G ? (limit & 0xfff) == 0xfff : !(limit >> 20);
}

static bool base_ok(u32 i)
{
	u64 base = vmread(segment_field(GUEST_ES_BASE, i));
	bool usable = !(vmread(segment_field(GUEST_ES_ACCESS_RIGHTS, i)) & AR_UNUSABLE);

	if (i == CS || ((i == SS || i == DS || i == ES) && usable))
		return !(base >> 32);
	return canonical(base) || (i == LDTR && !usable);
}

static const char *bad_segment(bool long_mode)
{
	for (u32 i = ES; i <= TR; i++) {
		if (!rights_ok(i, long_mode))
			return rights[i];
		if (!base_ok(i))
			return bases[i];
	}
	return NULL;
}

const char *vmx_bad_field(void)
{
	u64 cr0 = vmread(GUEST_CR0), cr4 = vmread(GUEST_CR4), rflags = vmread(GUEST_RFLAGS), rip = vmread(GUEST_RIP);
	bool long_mode = vmread(GUEST_EFER) & EFER_LMA, vm86 = rflags & RFLAGS_VM;
	bool wide = long_mode && (vmread(segment_field(GUEST_ES_ACCESS_RIGHTS, CS)) & AR_L);
	u32 info = vmread(ENTRY_INTERRUPTION_INFO);
	const struct { bool bad; const char *name; } checks[] = {
		{ (cr0 & CR0_PG) && !(cr0 & CR0_PE), "CR0" },
		{ long_mode && (!(cr0 & CR0_PG) || !(cr4 & CR4_PAE)), "CR4 or EFER" },
		{ !long_mode && (cr4 & CR4_PCIDE), "CR4" },
		{ vmread(GUEST_CR3) >> host.phys_bits, "CR3" },
		{ vmread(GUEST_DR7) >> 32, "DR7" },
		{ !(rflags & 2) || (rflags & ~0x3f7fd7ULL) || (vm86 && (long_mode || !(cr0 & CR0_PE))), "RFLAGS" },
		{ (info & INFO_VALID) && INFO_TYPE(info) == INFO_INTR && !(rflags & RFLAGS_IF), "RFLAGS.IF" },
		{ wide ? !canonical(rip) : rip >> 32, "RIP" },
		{ !canonical(vmread(GUEST_GDTR_BASE)) || vmread(GUEST_GDTR_LIMIT) >> 16, "GDTR" },
		{ !canonical(vmread(GUEST_IDTR_BASE)) || vmread(GUEST_IDTR_LIMIT) >> 16, "IDTR" },
	};
	const char *segment = vm86 ? "a segment in virtual-8086 mode" : bad_segment(long_mode);

	for (u32 i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].bad)
			return checks[i].name;
	return segment ? segment : "a field that Dais does not check";
}
