/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest files: what is read, what is refused and with which line, what is written. */
/* links: mgmt/monitor/config.c mgmt/monitor/config_file.c mgmt/monitor/sched_config.c mgmt/monitor/fault.c mgmt/monitor/pci_sysfs.c */
/* libs: -lconfig */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "mgmt/monitor/config.h"

static char path[] = "/tmp/dais-config-XXXXXX";
static struct guest_config c;
static struct fault err;

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	gconf_init(&c);
	err.text[0] = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gconf_free(&c);
	return unlink(path);
}

static int read_text(const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
	return gconf_read(&c, path, &err);
}

static void assert_refused(const char *text, const char *line, const char *why)
{
	assert_int_equal(read_text(text), -1);
	if (!strstr(err.text, line) || !strstr(err.text, why) || !strstr(err.text, path))
		fail_msg("expected \"%s\" and \"%s\" in \"%s\"", line, why, err.text);
}

static void everything_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("# a guest\n"
				   "name = \"web\"\nkernel = \"/boot/vmlinuz\"; initrd = \"/i\"\n"
				   "cmdline = \"run=\\\"a; b # c\\\" \" \"quiet\"\n"
				   "modules = [ \"/m one two\", \"/n\" ]\nvcpus = 4\nmemory = \"2G\"\n"
				   "weight = 200\nautonomous = true\nreboot = false\n"), 0);
	assert_string_equal(c.name, "web");
	assert_string_equal(c.kernel, "/boot/vmlinuz");
	assert_string_equal(c.initrd, "/i");
	assert_string_equal(c.cmdline, "run=\"a; b # c\" quiet");
	assert_int_equal(c.modules, 2);
	assert_string_equal(c.module[0], "/m one two");
	assert_int_equal(c.vcpus, 4);
	assert_int_equal(c.memory, 2ULL << 30);
	assert_int_equal(c.sched.given, 1 << DAIS_SCHED_WEIGHT);
	assert_int_equal(c.sched.value[DAIS_SCHED_WEIGHT], 200);
	assert_true(c.autonomous);
	assert_true(c.no_reboot);
}

static void memory_may_be_a_number(void **state)
{
	(void)state;
	assert_int_equal(read_text("memory = 512\n"), 0);
	assert_int_equal(c.memory, 512ULL << 20);
}

static void mistakes_name_their_line(void **state)
{
	(void)state;
	assert_refused("kernel = \"/k\"\nvcpu = 2\n", "line 2", "no such setting");
	assert_refused("\n\nkernel = \"/k\n", "line", "syntax error");
	assert_refused("vcpus = \"2\"\n", "line 1", "must be a number");
	assert_refused("vcpus = -2\n", "line 1", "must be a number");
	assert_refused("name = 5\n", "line 1", "must be a string");
	assert_refused("\nmemory = \"2X\"\n", "line 2", "unknown unit");
	assert_refused("memory = true\n", "line 1", "must be a size");
	assert_refused("memory = -1\n", "line 1", "must be a size");
	assert_refused("reboot = 1\n", "line 1", "true or false");
	assert_refused("modules = \"/m\"\n", "line 1", "must be a list");
	assert_refused("modules = [ 1, 2 ]\n", "line 1", "strings");
}

static void assert_text(enum dais_sched_param param, const char *expected)
{
	char text[SCHED_TEXT];

	sched_config_text(&c.sched, param, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void scheduling_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("weight = \"10000\"\ncap = 50\nreserve = \"2ms/10ms\"\nslice = \"500us\"\n"
				   "cpus = \"0,2-3,64-127,511\"\ncore_sched = true\n"), 0);
	assert_int_equal(c.sched.given, ((1 << DAIS_SCHED_PARAMS) - 1) & ~(1 << DAIS_SCHED_CAP)); /* reserve came later */
	assert_int_equal(c.sched.value[DAIS_SCHED_WEIGHT], 10000);
	assert_int_equal(c.sched.value[DAIS_SCHED_RESERVE], 2000ULL << 32 | 10000);
	assert_int_equal(c.sched.value[DAIS_SCHED_SLICE], 500);
	assert_int_equal(c.sched.value[DAIS_SCHED_CORE], 1);
	assert_int_equal(c.sched.cpus[0], 13);
	assert_int_equal(c.sched.cpus[1], ~0ULL);
	assert_int_equal(c.sched.cpus[7], 1ULL << 63);
	assert_int_equal(gconf_write(&c, path, &err), 0);
	gconf_free(&c);
	gconf_init(&c);
	assert_int_equal(gconf_read(&c, path, &err), 0);
	assert_text(DAIS_SCHED_WEIGHT, "10000");
	assert_text(DAIS_SCHED_RESERVE, "2ms/10ms");
	assert_text(DAIS_SCHED_SLICE, "500us");
	assert_text(DAIS_SCHED_CPUS, "0,2-3,64-127,511");
	assert_text(DAIS_SCHED_CORE, "on");
}

static void wrong_scheduling_names_the_range(void **state)
{
	(void)state;
	assert_refused("weight = 0\n", "line 1", "from 1 to 10000");
	assert_refused("weight = 10001\n", "line 1", "from 1 to 10000");
	assert_refused("weight = [ 1 ]\n", "line 1", "must be a number");
	assert_refused("\ncap = 100\n", "line 2", "from 0 to 99");
	assert_refused("cap = -1\n", "line 1", "from 0 to 99");
	assert_refused("slice = \"99us\"\n", "line 1", "from 100us to 100ms");
	assert_refused("slice = \"101ms\"\n", "line 1", "from 100us to 100ms");
	assert_refused("slice = \"5\"\n", "line 1", "from 100us to 100ms");
	assert_refused("reserve = \"2ms\"\n", "line 1", "BUDGET/PERIOD");
	assert_refused("reserve = \"2ms/10ms \"\n", "line 1", "BUDGET/PERIOD");
	assert_refused("reserve = \"100us/499us\"\n", "line 1", "from 500 us to 1000 ms");
	assert_refused("reserve = \"1ms/1001ms\"\n", "line 1", "from 500 us to 1000 ms");
	assert_refused("reserve = \"99us/10ms\"\n", "line 1", "from 100 us to the period");
	assert_refused("reserve = \"11ms/10ms\"\n", "line 1", "from 100 us to the period");
	assert_refused("reserve = \"99999999999999999999s/10ms\"\n", "line 1", "from 100 us to the period");
	assert_refused("cpus = \"\"\n", "line 1", "no list of CPUs");
	assert_refused("cpus = \"3-1\"\n", "line 1", "no list of CPUs");
	assert_refused("cpus = \"1,\"\n", "line 1", "no list of CPUs");
	assert_refused("cpus = \"512\"\n", "line 1", "up to 511");
	assert_refused("core_sched = \"yes\"\n", "line 1", "neither on nor off");
}

static void a_missing_file_is_named(void **state)
{
	(void)state;
	assert_int_equal(gconf_read(&c, "/no/such/file", &err), -1);
	assert_non_null(strstr(err.text, "/no/such/file: No such file"));
}

static void what_is_written_reads_the_same(void **state)
{
	struct guest_config copy;

	(void)state;
	gconf_set_string(&c.name, "web");
	gconf_set_string(&c.kernel, "/boot/a \"b\" \\ c");
	gconf_set_string(&c.cmdline, "run=\"x; y\"\ttab \xc3\xa4 # no comment");
	gconf_add_module(&c, "/m with arguments", &err);
	c.vcpus = 512;
	c.memory = 3ULL << 40;
	c.no_reboot = true;
	assert_int_equal(gconf_add_pci(&c, "00:04.0=noreset,0001:00:05.1", &err), 0);
	assert_int_equal(gconf_write(&c, path, &err), 0);
	gconf_init(&copy);
	assert_int_equal(gconf_read(&copy, path, &err), 0);
	assert_string_equal(copy.kernel, c.kernel);
	assert_string_equal(copy.cmdline, c.cmdline);
	assert_null(copy.initrd);
	assert_int_equal(copy.modules, 1);
	assert_string_equal(copy.module[0], c.module[0]);
	assert_int_equal(copy.vcpus, 512);
	assert_int_equal(copy.memory, c.memory);
	assert_int_equal(copy.sched.given, 0);
	assert_true(copy.no_reboot);
	assert_false(copy.autonomous);
	assert_true(copy.pci && copy.functions == 2 && copy.no_reset[0] && !copy.no_reset[1]);
	assert_int_equal(copy.function[1], 0x10029);
	gconf_free(&copy);
}

/* What of cap (1) and reserve (2) is left of a file's and an option's */
static unsigned int left_of(const char *file, enum dais_sched_param param, const char *option)
{
	gconf_free(&c);
	gconf_init(&c);
	assert_int_equal(read_text(file), 0);
	assert_int_equal(sched_config_parse(&c.sched, param, option, &err), 0);
	return (c.sched.given >> DAIS_SCHED_CAP & 1) | (c.sched.given >> DAIS_SCHED_RESERVE & 1) << 1;
}

static void of_cap_and_reserve_the_later_holds(void **state)
{
	(void)state;
	assert_int_equal(left_of("reserve = \"2ms/10ms\"\n", DAIS_SCHED_CAP, "50"), 1);
	assert_int_equal(left_of("cap = 50\n", DAIS_SCHED_RESERVE, "2ms/10ms"), 2);
	assert_int_equal(left_of("cap = 50\n", DAIS_SCHED_RESERVE, "none"), 1); /* and so the cap */
	assert_int_equal(left_of("reserve = \"2ms/10ms\"\n", DAIS_SCHED_CAP, "0"), 2);
	assert_int_equal(left_of("reserve = \"2ms/10ms\"\n", DAIS_SCHED_RESERVE, "none"), 2);
	assert_int_equal(c.sched.value[DAIS_SCHED_RESERVE], 0);
	assert_int_equal(left_of("", DAIS_SCHED_CAP, "0"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_is_read), TEST(memory_may_be_a_number),
		TEST(mistakes_name_their_line), TEST(scheduling_is_read), TEST(of_cap_and_reserve_the_later_holds),
		TEST(wrong_scheduling_names_the_range), TEST(a_missing_file_is_named), TEST(what_is_written_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
