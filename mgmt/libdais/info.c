// SPDX-License-Identifier: MIT
/* What Dais tells of the machine in numbers, with their names. */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include "internal.h"

static const char *const defences[DAIS_DEFENCES] = {
	[DAIS_DEFENCE_IBPB] = "IBPB", [DAIS_DEFENCE_RSB] = "RSB filling",
	[DAIS_DEFENCE_VERW] = "VERW buffer clear", [DAIS_DEFENCE_L1D] = "L1D flush",
	[DAIS_DEFENCE_AUTO_IBRS] = "automatic IBRS", [DAIS_DEFENCE_IBRS] = "enhanced IBRS",
	[DAIS_DEFENCE_SMALL_CODE] = "code in small pages", [DAIS_DEFENCE_RETPOLINES] = "retpolines",
};

/* EDX of CPUID 8000000Ah, APM vol. 3 appendix E.4.9 */
static const char *const svm_features[] = {
	[0] = "nested paging", [1] = "LBR virtualization", [3] = "next RIP", [4] = "TSC scaling",
	[5] = "clean bits", [6] = "flush by ASID", [7] = "decode assists", [10] = "pause filter",
	[12] = "pause threshold", [13] = "AVIC", [15] = "virtual VMLOAD", [16] = "virtual GIF",
};

/* Secondary processor-based controls, SDM vol. 3 table 25-7; behind them pin-based ones, table 25-5 */
static const char *const vmx_features[] = {
	[0] = "APIC accesses", [1] = "EPT", [2] = "descriptor exits", [3] = "RDTSCP", [4] = "x2APIC mode", [5] = "VPID",
	[7] = "unrestricted guest", [8] = "APIC registers", [9] = "virtual interrupts",
	[10] = "PAUSE loop exits", [12] = "INVPCID", [14] = "VMCS shadowing", [20] = "XSAVES",
	[25] = "TSC scaling", [39] = "posted interrupts",
};

/* Bits that have a name here: those that the CPU has, or all. */
static void name_bits(struct dais_named *to, const char *const *names, unsigned int count,
		      uint64_t present, uint64_t used, bool all)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (names[i] && (all || present >> i & 1))
			*to++ = (struct dais_named){ names[i], present >> i & 1, used >> i & 1 };
	to->name = NULL;
}

static void name_cpu(struct dais_info *info)
{
	unsigned int r[4] = { 0 }, i;

	__get_cpuid(0, &r[0], &r[1], &r[2], &r[3]);
	memcpy(info->cpu_vendor, &r[1], 4);
	memcpy(info->cpu_vendor + 4, &r[3], 4);
	memcpy(info->cpu_vendor + 8, &r[2], 4);
	for (i = 0; i < 3; i++)
		if (__get_cpuid(0x80000002 + i, &r[0], &r[1], &r[2], &r[3]))
			memcpy(info->cpu_name + 16 * i, r, 16);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int dais_info_read(struct dais_conn *conn, struct dais_info *info)
{
	const uint64_t *s = info->stat;
	unsigned int i;
	int ret;

	for (i = 0; i < DAIS_STAT_MACHINE_COUNT; i++) {
		ret = i == DAIS_STAT_CHECK ? 0 : dais_stat(conn, i, &info->stat[i]);
		if (ret)
			return ret;
	}
	snprintf(info->version, sizeof(info->version), "%u.%u.%u",
		 (unsigned int)(s[DAIS_STAT_VERSION] >> 16 & 0xff),
		 (unsigned int)(s[DAIS_STAT_VERSION] >> 8 & 0xff),
		 (unsigned int)(s[DAIS_STAT_VERSION] & 0xff));
	info->mem_guests = s[DAIS_STAT_FRAMES_GUEST] * DAIS_PAGE_SIZE;
	info->mem_pool = s[DAIS_STAT_FRAMES_TOTAL] * DAIS_PAGE_SIZE;
	info->mem_free = s[DAIS_STAT_FRAMES_FREE] * DAIS_PAGE_SIZE;
	info->mem_dais = s[DAIS_STAT_FRAMES_DAIS] * DAIS_PAGE_SIZE + s[DAIS_STAT_MEM_IMAGE];
	info->virt = s[DAIS_STAT_VIRT] == DAIS_VIRT_VMX ? "VT-x" : "AMD-V";
	name_cpu(info);
	name_bits(info->defences, defences, DAIS_DEFENCES, s[DAIS_STAT_DEFENCES],
		  s[DAIS_STAT_DEFENCES_USED], true);
	if (s[DAIS_STAT_VIRT] == DAIS_VIRT_VMX)
		name_bits(info->features, vmx_features, COUNT(vmx_features),
			  s[DAIS_STAT_FEATURES], s[DAIS_STAT_FEATURES_USED], false);
	else
		name_bits(info->features, svm_features, COUNT(svm_features),
			  s[DAIS_STAT_FEATURES], s[DAIS_STAT_FEATURES_USED], false);
	return 0;
}
