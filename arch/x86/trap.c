/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host mode's exceptions and interrupts. Interrupts come only through
 * irq_window and idle_wait, so their handlers race with nothing on this CPU;
 * NMI and machine check come anywhere and touch no lock.
 */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "kernel/atomic.h"
#include "kernel/log.h"
#include "kernel/trace.h"

extern char trap_stubs[];

static struct { u64 lo, hi; } idt[256] __aligned(16);

static void idt_gate(u32 vector, u32 ist)
{
	u64 a = (u64)trap_stubs + 16 * vector;

	idt[vector].lo = (a & 0xffff) | 8ULL << 16 | (u64)ist << 32 | 0x8eULL << 40 | (a >> 16 & 0xffff) << 48;
	idt[vector].hi = a >> 32;
}

void idt_init(void)
{
	struct { u16 limit; u64 base; } __packed ptr = { sizeof(idt) - 1, (u64)idt };

	for (u32 v = 0; v < 256; v++)
		idt_gate(v, v == VEC_DF || v == VEC_PF ? 1 : v == VEC_NMI ? 2 : v == VEC_MC ? 3 : 0);
	__asm__ volatile("lidt %0" : : "m"(ptr));
}

/* SDM vol. 3 §15.3.2: a bank's STATUS is valid when bit 63 is set. */
static void machine_check(struct trap_frame *f)
{
	u32 banks = MIN(rdmsr(MSR_MCG_CAP) & 0xff, MC_BANKS), bank = 0;

	while (bank < banks && !(rdmsr(MSR_MC0_STATUS + 4 * bank) >> 63))
		bank++;
	panic_at(f, "machine check: bank %u status %lx, MCG_STATUS %lx: a hardware fault", bank,
		 bank < banks ? rdmsr(MSR_MC0_STATUS + 4 * bank) : 0, rdmsr(MSR_MCG_STATUS));
}

/* What a page fault's address and error code say about Dais's own bug. */
static const char *fault_kind(u64 address, u64 error)
{
	if (address >= STACKS_BASE && address < WINDOW_BASE)
		return "stack overrun: guard page";
	if (error & 16)
		return error & 1 ? "execution of data" : "execution of nothing";
	if (error & 1)
		return error & 2 ? "write to read-only memory" : "protected memory";
	return "memory that is not mapped (no guest memory is)";
}

static void exception(struct trap_frame *f)
{
	if (f->vector == VEC_PF)
		panic_at(f, "page fault at %lx (%s %lx): %s", f->rip, f->error & 16 ? "fetch" : f->error & 2 ? "write" : "read",
			 read_cr2(), fault_kind(read_cr2(), f->error));
	panic_at(f, "exception %lu%s, error code %lx, at %lx", f->vector, f->vector == VEC_DF ? " (double fault)" : "",
		 f->error, f->rip);
}

static void interrupt(struct cpu *c, u32 vector)
{
	if (vector == VEC_SPURIOUS)
		return;
	trace(DAIS_TRACE_IRQ, NULL, vector, 0);
	if (vector == VEC_TIMER)
		atomic_or(&c->pending, CPU_TIMER);
	else if (vector != VEC_POKE && vector != VEC_POSTED && !irq_handle(c->id, vector))
		log_debug("CPU %u: spurious interrupt, vector %u", c->id, vector);
	apic_eoi();
}

void trap_entry(struct trap_frame *f)
{
	if (f->vector == VEC_NMI)
		panic_nmi();
	else if (f->vector == VEC_MC)
		machine_check(f);
	else if (f->vector >= 32)
		interrupt(this_cpu(), f->vector);
	else
		exception(f);
}
