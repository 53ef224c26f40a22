/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/cpu.c */
/* What a domain leaves in a CPU for the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "arch/x86/cpu.h"

const struct boot_info *boot;
static struct cpu cpu;

void idt_init(void) { }

/* FSTENV in 64-bit mode (SDM vol. 1 figure 8-9): where the last x87 instruction and its operand were */
struct x87 { u32 control, status, tag, ip, opcode, data, data_segment; };

static struct x87 x87(void)
{
	struct x87 e;

	__asm__ volatile("fnstenv %0" : "=m"(e));
	return e;
}

/*
 * XRSTOR does not load these on AMD CPUs without RstrFpErrPtrs (CPUID 8000_0008 EBX[2]) unless an exception is pending
 * (APM vol. 2 §11.4.4.3): the next domain would read the last one's addresses.
 */
static void x87_pointers_end_with_the_domain(void **state)
{
	static const double operand = 1;

	(void)state;
	__asm__ volatile("fninit; fldl %0" : : "m"(operand));
	assert_int_not_equal(x87().ip, 0);
	defences_switch_to(0); /* the same domain: its own */
	assert_int_not_equal(x87().ip, 0);
	defences_switch_to(1);
	assert_int_equal(x87().ip, 0);
	assert_int_equal(x87().data, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(x87_pointers_end_with_the_domain) };

	cpu.self = &cpu;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
