/* SPDX-License-Identifier: GPL-2.0-only */
/* Panic: takes the serial port back, says what happened and where, then stops or reboots as configured. */

#include "arch/x86/panic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "kernel/atomic.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "kernel/trace.h"

/* Made by scripts/ksyms from the first link: sorted by address. */
extern const u32 ksyms_count;
extern const u32 ksyms_addr[], ksyms_name[];
extern const char ksyms_strings[];
extern char __image_start[], __text_end[];

static u32 panicking; /* CPU + 1 of the first */

const char *symbol_at(u64 address, u64 *offset)
{
	u32 low = 0, high = ksyms_count, rel = address - (u64)__image_start;

	if (address < (u64)__image_start || address >= (u64)__text_end || !ksyms_count)
		return NULL;
	while (high - low > 1) {
		u32 mid = (low + high) / 2;

		if (ksyms_addr[mid] <= rel)
			low = mid;
		else
			high = mid;
	}
	*offset = rel - ksyms_addr[low];
	return ksyms_strings + ksyms_name[low];
}

static void __printf(1, 2) say(const char *fmt, ...)
{
	char line[240];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = vformat(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	serial_write(line, n);
}

static void say_address(u64 a)
{
	u64 offset;
	const char *name = symbol_at(a, &offset);

	say("  %016lx %s+0x%lx", a, name ? name : "?", name ? offset : 0);
}

/* Frame pointers, followed only inside one stack area or the image's boot stack. */
void backtrace(u64 rbp, u64 rip)
{
	say_address(rip);
	for (u32 depth = 0; depth < 24; depth++) {
		u64 *frame = (u64 *)rbp;

		if ((rbp & 7) || rbp < STACKS_BASE || !frame[1])
			return;
		if (rbp >= STACKS_BASE + cpu_count() * STACKS_STRIDE && rbp < IMAGE_BASE)
			return;
		say_address(frame[1]);
		if (frame[0] <= rbp)
			return;
		rbp = frame[0];
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

static void __noreturn finish(void)
{
	say("%s", boot->panic == BOOT_PANIC_REBOOT ? "Dais reboots the machine." : "Dais has stopped. Reset the machine.");
	if (boot->panic == BOOT_PANIC_REBOOT)
		machine_reset();
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* The first CPU reports; the others, and a panic within a panic, only stop. */
static void begin(void)
{
	u32 me = this_cpu() ? this_cpu()->id + 1 : 1;

	__asm__ volatile("cli");
	if (!atomic_cas32(&panicking, 0, me)) {
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	smp_stop_others();
	serial_init(boot->console_port, boot->console_baud);
}

static void __noreturn report(const struct trap_frame *f, const char *what)
{
	begin();
	serial_write("\n", 1);
	say("*** Dais panic on CPU %u: %s", this_cpu() ? this_cpu()->id : 0, what);
	if (f)
		say_registers(f);
	say("backtrace:");
	backtrace(f ? f->rbp : (u64)__builtin_frame_address(0), f ? f->rip : (u64)__builtin_return_address(0));
	say("last trace events:");
	trace_dump(8, say_trace);
	finish();
}

void panic_at(const struct trap_frame *f, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vformat(what, sizeof(what), fmt, ap);
	va_end(ap);
	report(f, what);
}

void panic(const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vformat(what, sizeof(what), fmt, ap);
	va_end(ap);
	report(NULL, what);
}

void panic_nmi(void)
{
	while (atomic_load(&panicking) && panicking != this_cpu()->id + 1)
		__asm__ volatile("cli; hlt");
}
