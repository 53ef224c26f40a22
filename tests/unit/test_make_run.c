/* SPDX-License-Identifier: GPL-2.0-only */
/* scripts/run, as `make run EXEC=…` uses it, with a program in QEMU's place that runs the command here: bytes and status
 * come through as they are, and no failure of the machine, or of the script, is taken for the command's. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[] = "/tmp/dais-run-XXXXXX", build[64];
static char out[1 << 16], err[1 << 16];
static size_t out_size;

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static size_t read_file(const char *name, char *to, size_t size)
{
	char path[128];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(to, 1, size - 1, f);
	to[n] = 0;
	fclose(f);
	return n;
}

static int setup(void **state)
{
	(void)state;
	if (access("scripts/run", X_OK))
		return -1; /* run this from the top of the tree */
	if (!mkdtemp(directory))
		return -1;
	snprintf(build, sizeof(build), "%s/build", directory);
	mkdir(build, 0700);
	write_file("build/initrd.img", "");
	unsetenv("EXTRA");
	unsetenv("CONF");
	unsetenv("MAKEFLAGS");
	setenv("BUILD", build, 1);
	setenv("PLATFORM", "native", 1);
	setenv("QEMU", "tests/unit/fake_qemu", 1);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* Status of `make run EXEC=command`, further settings before it as NAME=value. */
static int run(const char *settings, const char *command)
{
	char *line;
	int status;

	setenv("EXEC", command, 1);
	assert_true(asprintf(&line, "%s timeout 60 scripts/run >%s/out 2>%s/err", settings, directory, directory) > 0);
	status = system(line);
	free(line);
	out_size = read_file("out", out, sizeof(out));
	read_file("err", err, sizeof(err));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_run(const char *command, int status, const char *text)
{
	int got = run("", command);

	if (got != status)
		fail_msg("%s: status %d, not %d: %s", command, got, status, err);
	assert_string_equal(out, text);
}

static void assert_failed(const char *settings, const char *command, const char *why)
{
	int got = run(settings, command);

	if (got != 125 || !strstr(err, why) || strstr(err, "Traceback"))
		fail_msg("%s EXEC=%s: status %d, not 125 with \"%s\": %s", settings, command, got, why, err);
}

static void statuses(void **state)
{
	static const int some[] = { 0, 1, 2, 124, 125, 126, 127, 128, 130, 255 };
	char command[32];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		snprintf(command, sizeof(command), "exit %d", some[i]);
		assert_run(command, some[i], "");
	}
}

static void commands_of_any_bytes(void **state)
{
	(void)state;
	assert_run("echo one; echo \"two 'three'\" '\"four\"'", 0, "one\ntwo 'three' \"four\"\n");
	assert_run("printf %s a\nprintf %s b\n", 0, "ab");
	assert_run("x=$((1 + 1)); echo $x `echo y` \\\\ $(echo z)#", 0, "2 y \\ z#\n");
	assert_run(" echo spaces ", 0, "spaces\n");
	assert_run("cat <<X\nDAIS-END of nothing 7\nDAIS-BEGIN\nX", 0, "DAIS-END of nothing 7\nDAIS-BEGIN\n");
	assert_run("printf %s '\303\244'", 0, "\303\244");
	assert_run("printf %s '\377\200'", 0, "\377\200"); /* no UTF-8 */
	assert_int_equal(run("LC_ALL=C LANG=C", "printf %s '\303\244\377'"), 0);
	assert_string_equal(out, "\303\244\377");
}

static void output_of_any_bytes(void **state)
{
	unsigned int i;
	char cut[32];

	(void)state;
	assert_int_equal(run("", "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %o $i)\"; i=$((i + 1)); done"), 0);
	assert_int_equal(out_size, 256);
	for (i = 0; i < 256; i++)
		assert_int_equal((uint8_t)out[i], i);
	for (i = 0; i < 40; i += 13) { /* the end's marker in two pieces */
		snprintf(cut, sizeof(cut), "FAKE_CUT=%u", i);
		assert_int_equal(run(cut, "printf 'DAIS-END'; exit 3"), 3);
		assert_string_equal(out, "DAIS-END");
	}
}

static void the_machine_fails(void **state)
{
	(void)state;
	assert_failed("FAKE=dies", "echo half", "before the command's end");
	assert_string_equal(out, "half\n");
	assert_failed("FAKE=silent TIMEOUT=1", "true", "time-out");
	assert_failed("FAKE=silent FAKE_CONSOLE='dais boot: error: no such luck\n'", "true", "no such luck");
	assert_failed("QEMU=/nowhere/qemu", "true", "/nowhere/qemu");
}

static void wrong_settings(void **state)
{
	(void)state;
	assert_failed("TIMEOUT=0", "true", "TIMEOUT=0");
	assert_failed("TIMEOUT=x", "true", "TIMEOUT=x");
	assert_failed("TIMEOUT=\302\262", "true", "TIMEOUT="); /* a superscript two is a digit, but no number */
	assert_failed("CPUS=-1", "true", "CPUS=-1");
	assert_failed("MEM=1e3", "true", "MEM=1e3");
	assert_failed("PLATFORM=none", "true", "PLATFORM=none");
	assert_failed("EXTRA=/nowhere", "true", "EXTRA=/nowhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses), cmocka_unit_test(commands_of_any_bytes), cmocka_unit_test(output_of_any_bytes),
		cmocka_unit_test(the_machine_fails), cmocka_unit_test(wrong_settings),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
