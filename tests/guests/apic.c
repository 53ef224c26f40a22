/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC in either mode. */
#include "rt.h"

#define MSR_APIC_BASE	0x1b
#define BASE_ENABLE	0x800UL
#define BASE_X2		0x400UL
#define MSR_X2APIC	0x800
#define APIC_MMIO	0xfee00000UL
#define ICR_BUSY	0x1000u

bool apic_x2(void)
{
	return rdmsr(MSR_APIC_BASE) & BASE_X2;
}

static bool any_x2; /* some CPU changed its mode: ask each time */

void apic_to_x2(void)
{
	any_x2 = true;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_ENABLE | BASE_X2);
}

static bool use_x2(void)
{
	return any_x2 && apic_x2();
}

u32 apic_read(u32 reg)
{
	if (use_x2())
		return rdmsr(MSR_X2APIC + reg);
	return *(volatile u32 *)(APIC_MMIO + reg * 16);
}

void apic_write(u32 reg, u32 value)
{
	if (use_x2())
		wrmsr(MSR_X2APIC + reg, value);
	else
		*(volatile u32 *)(APIC_MMIO + reg * 16) = value;
}

void apic_icr(u32 dest, u32 low)
{
	if (use_x2()) {
		wrmsr(MSR_X2APIC + APIC_ICR, (u64)dest << 32 | low);
		return;
	}
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, low);
	while (apic_read(APIC_ICR) & ICR_BUSY)
		pause();
}

void apic_enable(void)
{
	apic_write(APIC_SVR, 0x100 | V_SPURIOUS);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_TIMER, APIC_MASKED);
}

/* From CPUID: right in both modes and before any set-up. */
u32 apic_id(void)
{
	return cpuid(1, 0).ebx >> 24;
}
