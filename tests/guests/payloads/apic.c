/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC's registers in both modes (APM vol. 2 §16; Intel SDM vol. 3 §11.12 for x2APIC). */
#include "../rt.h"

#define MSR_APIC_BASE 0x1b
#define MSR_X2 0x800
#define ENABLE 0x800UL
#define X2 0x400UL
#define BSP 0x100UL
#define VECTOR 0x71
#define LEVEL 0x73
#define IOAPIC 0xfec00000UL
#define ENTRIES 0x10
#define TRIGGER_LEVEL 0x8000u
#define MASKED 0x10000u
#define UART 0x3f8
#define UART_PIN 4
#define SENT_INTERRUPT 2 /* IER: when nothing is left to be sent */
#define OUT2 8           /* MCR: lets the UART's line out */
#define TIMES 20

const char test_name[] = "apic";

static void registers(void)
{
	u32 version = apic_read(APIC_VERSION), i;

	EXPECT((version & 0xff) >= 0x10 && (version & 0xff) <= 0x15, "version %x", version);
	EXPECT((version >> 16 & 0xff) >= 4, "%u LVT entries", (version >> 16 & 0xff) + 1);
	for (i = 0; i < 8; i++)
		EXPECT(apic_read(APIC_ISR + i) == 0, "ISR%u = %x", i, apic_read(APIC_ISR + i));
	apic_write(APIC_TPR, 0x35);
	EXPECT(apic_read(APIC_TPR) == 0x35, "TPR %x", apic_read(APIC_TPR));
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_LINT0, APIC_MASKED | 0x700);
	EXPECT((apic_read(APIC_LVT_LINT0) & 0x10700) == 0x10700, "LINT0 %x", apic_read(APIC_LVT_LINT0));
}

static void tpr_is_cr8(void)
{
	u64 v;

	apic_write(APIC_TPR, 0x70);
	asm volatile("mov %%cr8, %0" : "=r"(v));
	EXPECT(v == 7, "CR8 = %lx", v);
	asm volatile("mov %0, %%cr8" :: "r"(3UL));
	EXPECT((apic_read(APIC_TPR) & 0xf0) == 0x30, "TPR %x", apic_read(APIC_TPR));
	asm volatile("mov %0, %%cr8" :: "r"(0UL));
}

/* Software disable sets every LVT's mask (APM vol. 2 §16.4.7). */
static void software_disable(void)
{
	apic_write(APIC_LVT_TIMER, VECTOR);
	apic_write(APIC_SVR, V_SPURIOUS);
	EXPECT(apic_read(APIC_LVT_TIMER) & APIC_MASKED || native(), "timer not masked");
	apic_write(APIC_LVT_TIMER, VECTOR);
	EXPECT(apic_read(APIC_LVT_TIMER) & APIC_MASKED || native(), "mask could be cleared");
	apic_enable();
}

static void illegal_vector(void)
{
	u32 esr;

	apic_write(APIC_ESR, 0);
	apic_icr(0, ICR_SELF | ICR_ASSERT | 5);
	apic_write(APIC_ESR, 0);
	esr = apic_read(APIC_ESR);
	EXPECT(esr & 0x60, "ESR %x after a send of vector 5", esr);
}

static void in_service(void)
{
	u64 before = this_cpu()->interrupts[VECTOR];

	apic_icr(0, ICR_SELF | ICR_ASSERT | VECTOR);
	apic_icr(0, ICR_SELF | ICR_ASSERT | VECTOR);
	sti();
	wait_for(&this_cpu()->interrupts[VECTOR], before + 1, 5000);
	delay_us(1000);
	cli();
	EXPECT(this_cpu()->interrupts[VECTOR] == before + 1, "two sends while pending gave %lu",
	       this_cpu()->interrupts[VECTOR] - before);
}

static void ioapic(u32 reg, u32 value)
{
	*(volatile u32 *)IOAPIC = reg;
	*(volatile u32 *)(IOAPIC + 0x10) = value;
}

static void let_down(struct regs *r)
{
	(void)r;
	if (this_cpu()->interrupts[LEVEL] % TIMES == 0)
		outb(UART + 1, 0);
}

/* The serial port's line stays up, so that each EOI brings the next, until it is let down. */
static void level_triggered(void)
{
	u64 before = this_cpu()->interrupts[LEVEL];
	u8 mcr = inb(UART + 4);

	on_interrupt(LEVEL, let_down);
	ioapic(ENTRIES + 2 * UART_PIN + 1, 0);
	ioapic(ENTRIES + 2 * UART_PIN, TRIGGER_LEVEL | LEVEL);
	outb(UART + 4, mcr | OUT2);
	outb(UART + 1, SENT_INTERRUPT);
	sti();
	wait_for(&this_cpu()->interrupts[LEVEL], before + TIMES, 5000);
	delay_us(1000);
	cli();
	EXPECT(this_cpu()->interrupts[LEVEL] == before + TIMES, "%lu of %u", this_cpu()->interrupts[LEVEL] - before, TIMES);
	outb(UART + 1, 0);
	outb(UART + 4, mcr);
	ioapic(ENTRIES + 2 * UART_PIN, MASKED);
	on_interrupt(LEVEL, NULL);
}

static void modes(void)
{
	u64 base = rdmsr(MSR_APIC_BASE), v;

	EXPECT(base & ENABLE && base & BSP && (base & ~0xfffUL) == 0xfee00000, "base %lx", base);
	EXPECT(rdmsr_safe(MSR_X2 + APIC_VERSION, &v) == V_GP || native(), "x2APIC MSR in xAPIC mode");
	EXPECT(wrmsr_safe(MSR_APIC_BASE, (base & ~ENABLE) | X2) == V_GP, "x2 without enable");
	apic_to_x2();
	EXPECT(rdmsr_safe(MSR_X2 + APIC_VERSION, &v) == NO_FAULT, "version by MSR");
	EXPECT(rdmsr(MSR_X2 + APIC_ID) == 0, "x2APIC ID %lx", rdmsr(MSR_X2 + APIC_ID));
	EXPECT(rdmsr(MSR_X2 + APIC_LDR) == 1, "LDR %lx", rdmsr(MSR_X2 + APIC_LDR));
	EXPECT(wrmsr_safe(MSR_X2 + APIC_ID, 1) == V_GP, "ID could be written");
	EXPECT(wrmsr_safe(MSR_X2 + APIC_LDR, 1) == V_GP, "LDR could be written");
	EXPECT(wrmsr_safe(MSR_X2 + APIC_EOI, 1) == V_GP, "EOI of 1");
	EXPECT(wrmsr_safe(MSR_X2 + APIC_TPR, 0x100) == V_GP, "TPR of 100");
	EXPECT(wrmsr_safe(MSR_X2 + APIC_TPR, 1UL << 32) == V_GP, "TPR's upper half");
	EXPECT(rdmsr_safe(MSR_X2 + APIC_ICR_HIGH, &v) == V_GP, "MSR 831");
	EXPECT(rdmsr_safe(MSR_X2 + 0x0e, &v) == V_GP, "DFR");
	EXPECT(wrmsr_safe(MSR_APIC_BASE, base) == V_GP, "straight back to xAPIC");
	EXPECT(wrmsr_safe(MSR_X2 + 0x3f, VECTOR) == NO_FAULT, "self IPI");
	EXPECT(rdmsr_safe(MSR_X2 + 0x3f, &v) == V_GP, "self IPI read");
}

static void self_ipi(void)
{
	u64 before = this_cpu()->interrupts[VECTOR];

	wrmsr(MSR_X2 + 0x3f, VECTOR);
	sti();
	EXPECT(wait_for(&this_cpu()->interrupts[VECTOR], before + 1, 5000), "did not come");
	cli();
}

static void off_and_on(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	EXPECT(wrmsr_safe(MSR_APIC_BASE, base & ~(ENABLE | X2)) == NO_FAULT, "off");
	EXPECT(!(cpuid(1, 0).edx & 1 << 9) || native(), "CPUID still shows an APIC");
	EXPECT(wrmsr_safe(MSR_APIC_BASE, (base & ~X2) | ENABLE) == NO_FAULT, "on");
	EXPECT(cpuid(1, 0).edx & 1 << 9, "CPUID shows no APIC");
	apic_enable();
	registers();
	in_service();
}

static void both_modes(void)
{
	if (test_case("registers"))
		registers();
	if (test_case("TPR is CR8"))
		tpr_is_cr8();
	if (test_case("software disable"))
		software_disable();
	if (!native() && test_case("illegal vector"))
		illegal_vector();
	if (test_case("in service"))
		in_service();
	if (test_case("level-triggered"))
		level_triggered();
}

void test(void)
{
	both_modes();
	if (!(cpuid(1, 0).ecx & 1 << 21))
		return;
	if (test_case("modes"))
		modes();
	apic_to_x2();
	both_modes();
	if (test_case("self IPI"))
		self_ipi();
	if (test_case("off and on"))
		off_and_on();
}
