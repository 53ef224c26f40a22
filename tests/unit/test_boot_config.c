/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/config.c boot/text.c boot/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "boot/boot_info.h"
#include "boot/clock.h"
#include "boot/config.h"

static struct config c;
static struct error err;

static bool parse(const char *text)
{
	config_defaults(&c);
	memset(&err, 0, sizeof(err));
	return config_parse(&c, text, strlen(text), &err);
}

static void refused(const char *text, const char *message)
{
	assert_false(parse(text));
	if (!strstr(err.text, message))
		fail_msg("'%s' gave '%s', not '%s'", text, err.text, message);
}

static void test_full(void **state)
{
	(void)state;
	assert_true(parse("# a comment\r\n\r\n"
			  "hypervisor = /EFI/dais/x.elf\r\n"
			  "  kernel=\\vmlinuz  \n"
			  "initrd = \\a , /b/c,\\d\n"
			  "cmdline = console=ttyS0 a=b # kept\n"
			  "control_memory = 768M\ncontrol_vcpus = 2\ncpus = all\n"
			  "log_level = debug\nconsole = com2, 9600\npanic = reboot\n"
			  "mitigations = off\nx2apic = off\napicv = off"));
	assert_string_equal(c.hypervisor, "\\EFI\\dais\\x.elf");
	assert_string_equal(c.kernel, "\\vmlinuz");
	assert_int_equal(c.initrd_count, 3);
	assert_string_equal(c.initrd[1], "\\b\\c");
	assert_string_equal(c.initrd[2], "\\d");
	assert_string_equal(c.cmdline, "console=ttyS0 a=b # kept");
	assert_int_equal(c.control_memory, 768ULL << 20);
	assert_int_equal(c.control_vcpus, 2);
	assert_int_equal(c.cpus, 0);
	assert_int_equal(c.log_level, 3);
	assert_int_equal(c.console, CONSOLE_UART_IO);
	assert_int_equal(c.console_port, 0x2f8);
	assert_int_equal(c.console_baud, 9600);
	assert_int_equal(c.panic, BOOT_PANIC_REBOOT);
	assert_false(c.mitigations);
	assert_false(c.x2apic);
	assert_false(c.apicv);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_true(parse(""));
	assert_string_equal(c.hypervisor, "\\EFI\\dais\\dais.elf");
	assert_int_equal(c.initrd_count, 0);
	assert_int_equal(c.log_level, 2);
	assert_true(c.mitigations);
	assert_true(c.x2apic);
	assert_true(c.apicv);
	assert_int_equal(c.console_baud, 115200);
}

static void test_refused(void **state)
{
	static char longer[5000];

	(void)state;
	refused("kernel = \\k\ncolour = blue\n", "line 2: unknown key 'colour'");
	refused("\n\nkernel\n", "line 3: 'kernel' is not of the form");
	refused("= x\n", "line 1: '");
	refused("kernel = vmlinuz", "from the volume's root");
	refused("kernel =", "missing");
	refused("cpus = 1\ncpus = 2", "line 2: 'cpus' is given twice");
	refused("cpus = 0", "from 1 to");
	refused("cpus = 10000", "from 1 to");
	refused("control_vcpus = 2x", "from 1 to");
	refused("control_memory = 512", "like 768M");
	refused("control_memory = 0M", "like 768M");
	refused("control_memory = 99999999999999999999M", "like 768M");
	refused("control_memory = 18446744073709551615T", "like 768M");
	refused("log_level = loud", "error, warning, info or debug");
	refused("panic = burn", "stop or reboot");
	refused("mitigations = yes", "on or off");
	refused("console = com9", "com1, com2");
	refused("console = com1 9600", "com1, com2");
	refused("console = com1,", "com1, com2");
	refused("console = com1, 1234", "divides");
	refused("console = 0x", "com1, com2");
	refused("initrd = \\a,,\\b", "missing");
	refused("initrd = \\a,\\a,\\a,\\a,\\a,\\a,\\a,\\a,\\a", "more than 8");
	memset(longer, 'x', sizeof(longer) - 1);
	refused(longer, "line 1: longer than");
	longer[300] = '\0';
	memcpy(longer, "kernel = \\", 10);
	refused(longer, "longer than");
}

static void test_console(void **state)
{
	(void)state;
	assert_true(parse("console = none"));
	assert_int_equal(c.console, CONSOLE_NONE);
	assert_true(parse("console = 0x3E8,57600"));
	assert_int_equal(c.console_port, 0x3e8);
	assert_int_equal(c.console_baud, 57600);
}

static void test_nul_bytes(void **state)
{
	(void)state;
	config_defaults(&c);
	assert_false(config_parse(&c, "cpus\0= 1\n", 9, &err));
}

static void test_format(void **state)
{
	char out[32], small[5];

	(void)state;
	text_format(out, sizeof(out), "%s|%c|%u|%x|%llx|%%", "ab", 'c', 42u, 0xbeefu,
		    0x123456789aULL);
	assert_string_equal(out, "ab|c|42|beef|123456789a|%");
	text_format(small, sizeof(small), "%s", "too long");
	assert_string_equal(small, "too ");
}

static void test_epoch(void **state)
{
	(void)state;
	assert_int_equal(clock_epoch(1970, 1, 1, 0, 0, 0), 0);
	assert_int_equal(clock_epoch(2000, 2, 29, 12, 0, 0), 951825600);
	assert_int_equal(clock_epoch(2026, 11, 20, 6, 51, 1), 1795157461);
	assert_int_equal(clock_epoch(2100, 3, 1, 0, 0, 0), 4107542400);
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_hashes(void **state)
{
	(void)state;
	assert_true(parse("hypervisor_sha256 = " HASH "\nkernel_sha256 = " HASH "\ninitrd = \\a, \\b\ninitrd_sha256 = " HASH
			  " ," HASH));
	assert_string_equal(c.hypervisor_sha256, HASH);
	assert_string_equal(c.kernel_sha256, HASH);
	assert_string_equal(c.initrd_sha256[1], HASH);
	assert_string_equal(c.initrd_sha256[2], "");
	assert_true(config_hashes_all(&c, &err));
	c.initrd_count = 3;
	assert_false(config_hashes_all(&c, &err));
	assert_non_null(strstr(err.text, "initrd_sha256"));
	refused("kernel_sha256 = " HASH "0", "64 hexadecimal digits");
	refused("kernel_sha256 = ", "64 hexadecimal digits");
	refused("hypervisor_sha256 = X" HASH "\n", "64 hexadecimal digits");
	refused("initrd_sha256 = " HASH ", 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "'A' is no digit");
	refused("initrd = \\a, \\b\ninitrd_sha256 = " HASH "\n", "1 hashes for 2 files");
	refused("initrd_sha256 = " HASH "\ninitrd = \\a\n initrd_sha256 = " HASH, "given twice");
	refused("initrd_sha256 = " HASH ", " HASH "\ninitrd = \\a", "2 hashes for 1 files");
	assert_true(parse("kernel_sha256 = " HASH));
	assert_false(config_hashes_all(&c, &err));
	assert_non_null(strstr(err.text, "hypervisor_sha256"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_full), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_console),
		cmocka_unit_test(test_nul_bytes), cmocka_unit_test(test_format),
		cmocka_unit_test(test_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
