/* SPDX-License-Identifier: GPL-2.0-only */
/* What users write about guests: sizes, numbers, names. */
/* links: mgmt/monitor/config.c mgmt/monitor/fault.c mgmt/monitor/pci_sysfs.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mgmt/monitor/config.h"

static struct fault err;

static void sizes(void **state)
{
	static const struct { const char *text; uint64_t bytes; } good[] = {
		{ "256", 256ULL << 20 }, { "256M", 256ULL << 20 }, { "2g", 2ULL << 30 },
		{ "1024K", 1ULL << 20 }, { "1T", 1ULL << 40 }, { "3GiB", 3ULL << 30 }, { "3GB", 3ULL << 30 },
	};
	static const char *const bad[] = {
		"", "M", "-1", "+5", " 5", "5X", "5MM", "5 M", "99999999999999999999", "17592186044416M",
		"16777216T", "0x10",
	};
	uint64_t bytes;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(gconf_parse_size(good[i].text, &bytes, &err), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = 0;
		assert_int_equal(gconf_parse_size(bad[i], &bytes, &err), -1);
		assert_non_null(strstr(err.text, "memory"));
	}
}

static void numbers(void **state)
{
	static const char *const bad[] = { "", "0", "513", "10000", "4294967297", "-1", "2x", " 2", "1e3" };
	unsigned int value, i;

	(void)state;
	assert_int_equal(gconf_parse_number("vcpus", "512", 1, 512, &value, &err), 0);
	assert_int_equal(value, 512);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(gconf_parse_number("vcpus", bad[i], 1, 512, &value, &err), -1);
	assert_string_equal(err.text, "vcpus: \"1e3\" is no number; give one from 1 to 512");
}

static void names(void **state)
{
	char name[CONFIG_NAME_MAX + 2];

	(void)state;
	assert_true(gconf_valid_name("a"));
	assert_true(gconf_valid_name("web-1.example_2"));
	assert_false(gconf_valid_name(""));
	assert_false(gconf_valid_name("../etc"));
	assert_false(gconf_valid_name(".hidden"));
	assert_false(gconf_valid_name("a/b"));
	assert_false(gconf_valid_name("a b"));
	assert_false(gconf_valid_name("a\n"));
	memset(name, 'a', sizeof(name));
	name[CONFIG_NAME_MAX] = 0;
	assert_true(gconf_valid_name(name));
	name[CONFIG_NAME_MAX] = 'a';
	name[CONFIG_NAME_MAX + 1] = 0;
	assert_false(gconf_valid_name(name));
}

static void checks_all_together(void **state)
{
	struct guest_config c;

	(void)state;
	gconf_init(&c);
	assert_int_equal(gconf_check(&c, &err), -1);
	gconf_set_string(&c.name, "web");
	assert_int_equal(gconf_check(&c, &err), -1);
	assert_non_null(strstr(err.text, "kernel"));
	gconf_set_string(&c.kernel, "/boot/vmlinuz");
	assert_int_equal(gconf_check(&c, &err), 0);
	c.vcpus = 0;
	assert_int_equal(gconf_check(&c, &err), -1);
	c.vcpus = 513;
	assert_int_equal(gconf_check(&c, &err), -1);
	c.vcpus = 512;
	c.memory = 1 << 20;
	assert_int_equal(gconf_check(&c, &err), -1);
	c.memory = (64 << 20) + 4096;
	assert_int_equal(gconf_check(&c, &err), -1);
	gconf_free(&c);
}

static void counts_modules(void **state)
{
	struct guest_config c;
	unsigned int i;

	(void)state;
	gconf_init(&c);
	for (i = 0; i < CONFIG_MODULES; i++)
		assert_int_equal(gconf_add_module(&c, "/a b", &err), 0);
	assert_int_equal(gconf_add_module(&c, "/a b", &err), -1);
	gconf_free(&c);
}

static void functions(void **state)
{
	static const char *const bad[] = { "", "nonsense", "00:04", "00:04.0,", "00:04.0;00:05.0", "00:04.0=reset", ",00:04.0",
					   "00:04.0,0000:00:04.0" };
	struct guest_config c;
	unsigned int i;

	(void)state;
	gconf_init(&c);
	assert_int_equal(gconf_add_pci(&c, "none", &err), 0);
	assert_true(c.pci && !c.functions);
	assert_int_equal(gconf_add_pci(&c, "0000:00:04.0=noreset,0001:02:1f.7", &err), 0);
	assert_int_equal(c.functions, 2);
	assert_true(c.no_reset[0] && !c.no_reset[1]);
	assert_int_equal(c.function[1], 0x102ff);
	for (i = 2; i < CONFIG_FUNCTIONS; i++) {
		char text[16];

		snprintf(text, sizeof(text), "03:%02x.0", i);
		assert_int_equal(gconf_add_pci(&c, text, &err), 0);
	}
	assert_int_equal(gconf_add_pci(&c, "04:00.0", &err), -1);
	gconf_free(&c);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		gconf_init(&c);
		assert_int_equal(gconf_add_pci(&c, bad[i], &err), -1);
		assert_int_equal(strncmp(err.text, "pci: ", 5), 0);
		gconf_free(&c);
	}
	/* its BARs are above 256 GiB */
	gconf_init(&c);
	gconf_set_string(&c.name, "a");
	gconf_set_string(&c.kernel, "/k");
	c.memory = 255ULL << 30;
	assert_int_equal(gconf_check(&c, &err), 0);
	c.pci = true;
	assert_int_equal(gconf_check(&c, &err), 0);
	c.memory += 1 << 20;
	assert_int_equal(gconf_check(&c, &err), -1);
	gconf_free(&c);
}

static void makes_paths_absolute(void **state)
{
	struct guest_config c;

	(void)state;
	gconf_init(&c);
	gconf_set_string(&c.kernel, "/usr/../etc/passwd");
	gconf_add_module(&c, "/etc/../etc/passwd with arguments", &err);
	assert_int_equal(gconf_make_absolute(&c, &err), 0);
	assert_string_equal(c.kernel, "/etc/passwd");
	assert_string_equal(c.module[0], "/etc/passwd with arguments");
	gconf_set_string(&c.initrd, "/no/such/file");
	assert_int_equal(gconf_make_absolute(&c, &err), -1);
	assert_non_null(strstr(err.text, "initrd /no/such/file: No such file"));
	gconf_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes), cmocka_unit_test(numbers), cmocka_unit_test(names),
		cmocka_unit_test(checks_all_together), cmocka_unit_test(counts_modules),
		cmocka_unit_test(functions), cmocka_unit_test(makes_paths_absolute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
