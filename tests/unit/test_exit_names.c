/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/string.c */
/* `dais trace` has a name for every kind of exit, in the order of enum exit_kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "arch/x86/virt/vcpu_x86.h"
#include "mgmt/dais/exit_names.h"

static void every_kind_has_its_name(void **state)
{
	static const struct { u32 kind; const char *name; } some[] = {
		{ EXIT_INTR, "interrupt" }, { EXIT_HLT, "HLT" }, { EXIT_HYPERCALL, "hypercall" }, { EXIT_MSR_WRITE, "WRMSR" },
		{ EXIT_IO, "I/O" }, { EXIT_VIRTUAL_EOI, "virtual EOI" }, { EXIT_XSETBV, "XSETBV" }, { EXIT_GP, "RDPMC" },
		{ EXIT_SHUTDOWN, "shutdown" }, { EXIT_INVALID, "invalid state" },
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(exit_names), EXIT_KINDS);
	for (u32 i = 0; i < ARRAY_SIZE(some); i++)
		assert_string_equal(exit_names[some[i].kind], some[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_kind_has_its_name) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
