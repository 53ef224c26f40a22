/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "cpu_state.h"
#include "layout.h"

/* Attributes: descriptor bits 40-47, then 52-55 (AVL, L, D, G) */
#define ATTR_CODE64	0xa9b
#define ATTR_CODE32	0xc9b
#define ATTR_DATA	0xc93
#define ATTR_LDT	0x082
#define ATTR_TSS	0x08b

#define SELECTOR_CODE	0x10	/* those of the GDT that bzimage.c writes */
#define SELECTOR_DATA	0x18
#define SELECTOR_TSS	0x20
#define GDT_LIMIT	47

#define CR0_PE		(1ULL << 0)
#define CR0_ET		(1ULL << 4)
#define CR0_PG		(1ULL << 31)
#define CR4_PAE		(1ULL << 5)
#define EFER_LME	(1ULL << 8)
#define EFER_LMA	(1ULL << 10)
#define RFLAGS_FIXED	2ULL
#define APIC_ENABLED	(1ULL << 11)
#define APIC_BSP	(1ULL << 8)

void cpu_state(const struct boot_cpu *start, struct dais_gprs *gprs, struct dais_sregs *sregs)
{
	const struct dais_seg data = { SELECTOR_DATA, ATTR_DATA, 0xffffffff, 0 };

	memset(gprs, 0, sizeof(*gprs));
	memset(sregs, 0, sizeof(*sregs));
	gprs->rip = start->rip;
	gprs->rax = start->rax;
	gprs->rbx = start->rbx;
	gprs->rsi = start->rsi;
	gprs->rsp = BOOT_STACK_GPA;
	gprs->rflags = RFLAGS_FIXED;

	sregs->es = sregs->ss = sregs->ds = sregs->fs = sregs->gs = data;
	sregs->cs = (struct dais_seg){ SELECTOR_CODE, start->long_mode ? ATTR_CODE64 : ATTR_CODE32,
				       0xffffffff, 0 };
	sregs->ldtr = (struct dais_seg){ 0, ATTR_LDT, 0xffff, 0 };
	sregs->tr = (struct dais_seg){ SELECTOR_TSS, ATTR_TSS, 0x67, 0 };
	sregs->idt_limit = 0xffff;
	sregs->cr0 = CR0_PE | CR0_ET;
	sregs->xcr0 = 1;
	sregs->apic_base = LAPIC_GPA | APIC_ENABLED | APIC_BSP;
	if (!start->long_mode)
		return;
	sregs->gdt_base = GDT_GPA;
	sregs->gdt_limit = GDT_LIMIT;
	sregs->cr0 |= CR0_PG;
	sregs->cr3 = BOOT_TABLES_GPA;
	sregs->cr4 = CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
}
