/* SPDX-License-Identifier: GPL-2.0-only */
/* What this CPU's VT-x has (SDM vol. 3 appendix A), and which controls Dais sets. */

#include "arch/x86/cpu.h"
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/x86.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"

u32 vmx_control[VMX_WORDS];

/* Of one CPU: bits that may be 1; bits that are to be. */
struct caps { u32 may[VMX_WORDS], set[VMX_WORDS]; };

#define NEED(word, bit, name) { word, bit, name },
static const struct control { u8 word, bit; const char *name; } needed[] = { VMX_NEEDS(NEED) };

/* Set where the CPU has them. */
static const struct control optional[] = {
	{ VMX_PROC2, 3, "RDTSCP" }, { VMX_PROC2, 5, "VPID" }, { VMX_PROC2, 6, "WBINVD exiting" },
	{ VMX_PROC2, 10, "PAUSE-loop exiting" }, { VMX_PROC2, 12, "INVPCID" }, { VMX_EPT, 17, "EPT pages of 1 GiB" },
	{ VMX_PIN, 7, "posted interrupts" }, /* with the virtual APIC alone */
};

static bool has(const struct caps *c, const struct control *wanted)
{
	return c->may[wanted->word] >> wanted->bit & 1;
}

static void read_word(struct caps *c, u32 word, u32 msr)
{
	u64 v = rdmsr(msr);

	c->set[word] = v;            /* they must be 1 */
	c->may[word] = v >> 32;
}

static void read_words(struct caps *c)
{
	u32 first = rdmsr(VMX_MSR_BASIC) >> VMX_BASIC_TRUE & 1 ? VMX_MSR_TRUE : VMX_MSR_CONTROLS;

	for (u32 w = VMX_PIN; w <= VMX_ENTRY; w++)
		read_word(c, w, first + w);
	if (c->may[VMX_PROC] >> 31 & 1)
		read_word(c, VMX_PROC2, VMX_MSR_PROC2);
	if (c->may[VMX_PROC2] >> 1 & 1)
		c->may[VMX_EPT] = rdmsr(VMX_MSR_EPT);
}

static bool choose(struct caps *c)
{
	bool all = true;

	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!has(c, &needed[i]))
			log_error("VT-x without %s, which Dais needs", needed[i].name);
		all &= has(c, &needed[i]);
		c->set[needed[i].word] |= 1u << needed[i].bit;
	}
	for (u32 i = 0; i < ARRAY_SIZE(optional); i++)
		c->set[optional[i].word] |= (u32)has(c, &optional[i]) << optional[i].bit;
	if (!host.apicv || (c->may[VMX_PROC2] & PROC2_APICV) != PROC2_APICV)
		c->set[VMX_PIN] &= ~PIN_POSTED;
	/* these come and go */
	c->set[VMX_PROC] &= ~(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW);
	c->set[VMX_ENTRY] &= ~ENTRY_IA32E;
	return all;
}

bool vmx_probe(u32 cpu)
{
	struct caps c = { 0 };

	read_words(&c);
	if (!choose(&c))
		return false;
	if (cpu) {
		if (memcmp(vmx_control, c.set, sizeof(c.set)))
			log_error("CPU %u: its VT-x is not the same as CPU 0's", cpu);
		return !memcmp(vmx_control, c.set, sizeof(c.set));
	}
	memcpy(vmx_control, c.set, sizeof(c.set));
	host.page1g &= c.set[VMX_EPT] >> 17 & 1;
	vmx_apicv = (c.may[VMX_PROC2] & PROC2_APICV) == PROC2_APICV && host.apicv;
	facts[DAIS_STAT_VIRT] = DAIS_VIRT_VMX;
	facts[DAIS_STAT_ASIDS] = c.set[VMX_PROC2] & PROC2_VPID ? 65536 : 1;
	facts[DAIS_STAT_FEATURES] = c.may[VMX_PROC2] | (u64)c.may[VMX_PIN] << 32;
	facts[DAIS_STAT_FEATURES_USED] = c.set[VMX_PROC2] | (vmx_apicv ? PROC2_APICV : 0) | (u64)c.set[VMX_PIN] << 32;
	return true;
}
