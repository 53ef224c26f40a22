/* SPDX-License-Identifier: GPL-2.0-only */
/* Panic: takes the serial port back, says what happened and where, then stops or reboots as configured. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "kernel/atomic.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "kernel/trace.h"

#define BACKTRACE_DEPTH 24
#define TRACE_EVENTS    8

/* Made by scripts/ksyms from the first link: sorted by address. */
extern const u32 ksyms_count, ksyms_addr[], ksyms_name[];
extern const char ksyms_strings[];
extern char __image_start[], __text_end[];

#define ICR_NMI         0x4400

static u32 panics;
static struct cpu *reporter; /* the first; the others only stop */

void cpu_stop(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void __printf(1, 2) say(const char *fmt, ...)
{
	char line[240];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	serial_write(line, n);
}

static void say_address(u64 a)
{
	u32 i = 0, offset = a - (u64)__image_start;

	while (i + 1 < ksyms_count && ksyms_addr[i + 1] <= offset)
		i++;
	if (a >= (u64)__image_start && a < (u64)__text_end && ksyms_count)
		say("  %016lx %s+0x%x", a, ksyms_strings + ksyms_name[i], offset - ksyms_addr[i]);
	else
		say("  %016lx ?", a);
}

/* Frame pointers, followed upwards inside one CPU's stacks only. */
static void backtrace(const u64 *frame, u64 rip)
{
	u64 area = (u64)frame & ~(STACKS_STRIDE - 1);

	say("backtrace:");
	say_address(rip);
	for (u32 i = 0; i < BACKTRACE_DEPTH && area >= STACKS_BASE && area < CPU_AREA(cpu_count()); i++) {
		const u64 *next = (const u64 *)frame[0];

		if (((u64)frame & 7) || !frame[1])
			return;
		say_address(frame[1]);
		if (next <= frame || ((u64)next & ~(STACKS_STRIDE - 1)) != area)
			return;
		frame = next;
	}
}

static void say_registers(const struct trap_frame *f)
{
	say("rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	say("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", f->rsi, f->rdi, f->rbp, f->rsp);
	say("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", f->r8, f->r9, f->r10, f->r11);
	say("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", f->r12, f->r13, f->r14, f->r15);
	say("rip %016lx rflags %lx cr2 %lx cr3 %lx", f->rip, f->rflags, read_cr2(), read_cr3());
}

static void say_trace(const struct dais_trace_entry *e)
{
	say("  tsc %lu kind %u vcpu %x a %lx b %lx", e->tsc, e->kind, e->vcpu, e->a, e->b);
}

static void stop_others(void)
{
	for (u32 i = 0; i < cpu_count(); i++)
		if (cpu_data(i) != this_cpu() && atomic_load(&cpu_data(i)->online))
			apic_ipi(cpu_data(i)->apic_id, ICR_NMI);
}

/* A panic within a panic stops, too. */
static void __noreturn report(const struct trap_frame *f, const char *fmt, va_list ap)
{
	bool reboot = boot->panic == BOOT_PANIC_REBOOT;
	char what[200];

	__asm__ volatile("cli");
	if (atomic_add(&panics, 1) != 1)
		cpu_stop();
	reporter = this_cpu();
	stop_others();
	serial_init(boot->console_port, boot->console_baud);
	vformat(what, sizeof(what), fmt, ap);
	say("\n*** Dais panic on CPU %u: %s", reporter->id, what);
	if (f)
		say_registers(f);
	backtrace(f ? (u64 *)f->rbp : __builtin_frame_address(0), f ? f->rip : (u64)__builtin_return_address(0));
	say("last trace events:");
	trace_dump(TRACE_EVENTS, say_trace);
	say("%s", reboot ? "Dais reboots the machine." : "Dais has stopped. Reset the machine.");
	if (reboot)
		machine_reset();
	cpu_stop();
}

void panic_at(const struct trap_frame *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(f, fmt, ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(NULL, fmt, ap);
}

void panic_nmi(void)
{
	if (atomic_load(&panics) && reporter != this_cpu())
		cpu_stop();
}
