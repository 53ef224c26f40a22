/* SPDX-License-Identifier: GPL-2.0-only */
/* The dais command as a program: arguments, exit codes and standard streams, where there is no Dais. */
/* links: mgmt/dais/[!m]*.c mgmt/dais/monitor_client.c mgmt/libdais/[a-z]*.c mgmt/monitor/config.c mgmt/monitor/config_file.c mgmt/monitor/fault.c mgmt/monitor/pci_sysfs.c mgmt/monitor/pci_claim.c mgmt/monitor/sched_config.c mgmt/monitor/sched_apply.c */
/* flags: -Imgmt/libdais -O0 */
/* libs: -lconfig -ljson-c */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#define main dais_main
#include "mgmt/dais/main.c"
#undef main

#include <cmocka.h> /* it has a fail() of its own */

/* A command that ends leaves the rest to exit. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static char said[4096]; /* on both streams, by the last one */

/* Exit code of `dais ARGUMENTS`, split at blanks; out: its standard output, -1: as the error output */
static int dais_to(int out, const char *arguments)
{
	char *argv[16] = { "dais" }, *copy = strdup(arguments), *rest = NULL, *word;
	int pipes[2], argc = 1, status;
	ssize_t n, at = 0;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	for (word = strtok_r(copy, " ", &rest); word && argc < 15; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	pid = fork();
	if (!pid) {
		dup2(pipes[1], 2);
		dup2(out < 0 ? pipes[1] : out, 1);
		close(pipes[0]);
		close(pipes[1]);
		exit(dais_main(argc, argv));
	}
	close(pipes[1]);
	while ((n = read(pipes[0], said + at, sizeof(said) - 1 - at)) > 0)
		at += n;
	said[at] = 0;
	close(pipes[0]);
	free(copy);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_says(const char *text)
{
	if (!strstr(said, text))
		fail_msg("\"%s\" is not in: %s", text, said);
}

static void assert_dais(const char *arguments, int code, const char *text)
{
	int got = dais_to(-1, arguments);

	if (got != code)
		fail_msg("dais %s: status %d instead of %d: %s", arguments, got, code, said);
	assert_says(text);
}

static void wrong_usage(void **state)
{
	(void)state;
	assert_dais("", 2, "Usage: dais COMMAND");
	assert_dais("nonsense", 2, "\"nonsense\" is no command");
	assert_dais("help nonsense", 2, "\"nonsense\" is no command");
	assert_dais("help list", 0, "Usage: dais list");
	assert_dais("version more", 2, "unexpected argument \"more\"");
	assert_dais("version --json more", 2, "unexpected argument \"more\"");
	assert_dais("pci assign", 2, "give a function");
	assert_dais("pci assign none", 2, "\"none\" is no function");
	assert_dais("log 3 4", 2, "unexpected argument \"4\"");
	assert_dais("trace on off", 2, "unexpected argument \"off\"");
	assert_dais("check more", 2, "unexpected argument \"more\"");
}

/* The message names the option that is wrong, not its neighbour. */
static void wrong_options(void **state)
{
	static const char *const commands[] = { "list", "console", "stop", "sched", "top", "trace", "run", "create" };
	char line[64];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(line, sizeof(line), "%s -xz", commands[i]);
		assert_dais(line, 2, "\"-x\"");
		snprintf(line, sizeof(line), "%s --nonsense", commands[i]);
		assert_dais(line, 2, "\"--nonsense\"");
		snprintf(line, sizeof(line), "%s --help=no", commands[i]);
		assert_dais(line, 2, "\"--help=no\"");
	}
	assert_dais("stop --timeout", 2, "\"--timeout\"");
	assert_dais("top -n", 2, "\"-n\"");
	assert_dais("run --kernel", 2, "--kernel needs a value");
	assert_dais("info -f", 2, "\"-f\"");
}

static void values(void **state)
{
	(void)state;
	assert_dais("run --kernel /dev/null --memory 1100000G", 2, "more than any machine has");
	assert_dais("run --kernel /dev/null --memory 3000T", 2, "more than any machine has");
	assert_dais("run --kernel /dev/null --memory 99999999999999999999", 2, "memory: ");
	assert_dais("run --kernel /dev/null --memory -1", 2, "memory: ");
	assert_dais("run --kernel /dev/null --vcpus 4294967297", 2, "out of range");
	assert_dais("run --kernel /dev/null --cpus 0-99999999999999999999", 2, "cpus: ");
	assert_dais("run --kernel /dev/null --reserve 2ms/18446744073709551616s", 2, "reserve: ");
	assert_dais("stop --timeout 99999999999 x", 2, "timeout: ");
	assert_dais("top -d 0", 2, "delay: ");
}

/* What a flag says goes before what the file says; where there is no Dais, all is well up to the device. */
static void flags_before_the_file(void **state)
{
	char path[] = "/tmp/dais-command-XXXXXX", line[128];
	FILE *f = fdopen(mkstemp(path), "w");

	(void)state;
	assert_non_null(f);
	fputs("name = \"x\"\nkernel = \"/dev/null\"\nvcpus = 600\npci = \"0000:00:04.0=noreset\"\n", f);
	fclose(f);
	snprintf(line, sizeof(line), "run --config %s", path);
	assert_dais(line, 2, "vcpus: 600");
	snprintf(line, sizeof(line), "run --vcpus 2 --pci 0000:00:04.0,0000:00:05.0 --config %s", path);
	assert_dais(line, 1, "/dev/dais");
	snprintf(line, sizeof(line), "run --vcpus 2 --pci 0000:00:04.0 --pci 0000:00:04.0 --config %s", path);
	assert_dais(line, 2, "named twice");
	unlink(path);
}

static void help_of_each_command(void **state)
{
	const struct command *c;
	char line[64], usage[64];

	(void)state;
	for (c = commands; c->name; c++) {
		snprintf(usage, sizeof(usage), "Usage: dais %s", c->name);
		snprintf(line, sizeof(line), "%s --help", c->name);
		assert_dais(line, 0, usage);
		snprintf(line, sizeof(line), "help %s", c->name);
		assert_dais(line, 0, usage);
	}
}

static void an_output_that_is_full(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(dais_to(full, "help"), 1);
	assert_says("No space left");
	assert_int_equal(dais_to(full, "version --json"), 1);
	assert_says("No space left");
	assert_int_equal(dais_to(full, "nonsense"), 2);
	close(full);
}

static void assert_json(const char *value, const char *expected)
{
	struct json_object *o = json_object_new_object(), *back;

	json_add(o, "name", value);
	back = json_tokener_parse(json_object_to_json_string(o));
	assert_non_null(back);
	assert_string_equal(json_object_get_string(json_object_object_get(back, "name")), expected);
	json_object_put(back);
	json_object_put(o);
}

static void json_of_any_bytes(void **state)
{
	(void)state;
	assert_json("plain", "plain");
	assert_json("\"quotes\", \\ and\ttabs\n\x01", "\"quotes\", \\ and\ttabs\n\x01");
	assert_json("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7");
	assert_json("x\xffy\x80", "x?y?");
	assert_json("\xc3", "?");
	assert_json("\xe2\x82", "??");
	assert_json("\xc0\xaf\xe0\x80\xaf", "?????"); /* overlong */
	assert_json("\xed\xa0\x80\xf4\x90\x80\x80", "???????"); /* a surrogate; beyond the last character */
}

/* What a daemon without standard streams gets: nothing of the command's own becomes one. */
static void closed_standard_streams(void **state)
{
	int status, fd;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		for (fd = 0; fd <= 2; fd++)
			close(fd);
		fill_standard_streams();
		for (fd = 0; fd <= 2; fd++)
			if (fcntl(fd, F_GETFD) < 0)
				_exit(1);
		_exit(open("/dev/null", O_RDONLY) <= 2 || write(1, "x", 1) == 1 || read(0, said, 1) >= 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_usage), cmocka_unit_test(wrong_options), cmocka_unit_test(values), cmocka_unit_test(flags_before_the_file),
		cmocka_unit_test(help_of_each_command), cmocka_unit_test(an_output_that_is_full),
		cmocka_unit_test(closed_standard_streams), cmocka_unit_test(json_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
