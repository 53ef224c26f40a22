/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting a monitor: what it inherits, and what is left when the command is interrupted meanwhile. */
/* links: mgmt/dais/launch.c mgmt/monitor/fault.c */
/* flags: -Imgmt/libdais */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
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

#include "mgmt/dais/guests.h"

#define PATIENCE_MS 10000

static char directory[] = "/tmp/dais-launch-XXXXXX";
static char began[64], config[64], lock[64];

char *run_path(const char *name, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/%s.%s", directory, name, suffix) < 0 ? NULL : path;
}

int gconf_write(const struct guest_config *c, const char *path, struct fault *err)
{
	(void)c;
	(void)err;
	return close(open(path, O_WRONLY | O_CREAT, 0600));
}

/* The monitor: notes its descriptors in the file `began`; then $STORY, with the reports' descriptor in $s. */
static const char monitor[] =
"#!/bin/sh\n"
"while [ $# -gt 0 ]; do [ $1 != --status-fd ] || s=$2; shift; done\n"
"trap 'eval \"$AT_TERM\"; exit 0' TERM\n"
"ls -l /proc/$$/fd >$BEGAN.new\n"
"mv $BEGAN.new $BEGAN\n"
"eval \"$STORY\"\n";

static void remove_all(void)
{
	char *command;

	assert_true(asprintf(&command, "rm -rf %s", directory) > 0);
	assert_int_equal(system(command), 0);
	free(command);
}

static int setup(void **state)
{
	char path[64];
	FILE *f;

	(void)state;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(began, sizeof(began), "%s/began", directory);
	snprintf(config, sizeof(config), "%s/web.conf", directory);
	snprintf(lock, sizeof(lock), "%s/lock", directory);
	snprintf(path, sizeof(path), "%s/dais-monitor", directory);
	f = fopen(path, "w");
	if (!f)
		return -1;
	fputs(monitor, f);
	fclose(f);
	chmod(path, 0700);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", directory);
	setenv("PATH", path, 1);
	setenv("BEGAN", began, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remove_all();
	return 0;
}

static void wait_for_file(const char *path)
{
	int tries;

	for (tries = 0; access(path, F_OK) && tries < PATIENCE_MS / 10; tries++)
		poll(NULL, 0, 10);
	assert_int_equal(access(path, F_OK), 0);
}

/* `dais create`, as a process; its status is 0 when the guest was made, 1 with `text` in the message, else 2. */
static pid_t create(const char *story, const char *at_term, const char *text)
{
	struct guest_config c = { .name = "web" };
	pid_t pid = fork();
	struct launch l;
	struct fault err;

	if (pid)
		return pid;
	setenv("STORY", story, 1);
	setenv("AT_TERM", at_term, 1);
	if (!launch_guest(&l, &c, 0, &err))
		_exit(launch_end(&l) ? 2 : 0);
	fprintf(stderr, "%s\n", err.text);
	_exit(strstr(err.text, text) ? 1 : 2);
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* As by flock(1): the lock would be held until the guest's end. */
static void the_callers_descriptors_stay_with_the_caller(void **state)
{
	int fd = open(lock, O_WRONLY | O_CREAT, 0600);
	char line[256];
	FILE *f;

	(void)state;
	assert_int_equal(status_of(create("echo ok >&$s; echo end 1 >&$s", "", "")), 0);
	close(fd);
	f = fopen(began, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, lock))
			fail_msg("inherited: %s", line);
	fclose(f);
	assert_int_equal(access(config, F_OK), 0);
}

static void an_error_is_passed_on(void **state)
{
	(void)state;
	assert_int_equal(status_of(create("echo error no such luck >&$s", "", "no such luck")), 1);
	assert_int_equal(access(config, F_OK), -1);
}

static void interrupted(int signal, const char *at_term)
{
	pid_t pid = create("while :; do sleep 0.02; done", at_term, "interrupted");
	char name[32];
	int i;

	wait_for_file(began);
	kill(pid, signal);
	assert_int_equal(status_of(pid), 1);
	for (i = 0; i < 2; i++) { /* neither the guest's file nor that of the attempt */
		snprintf(name, sizeof(name), i ? ".%d" : "", pid);
		strcat(strcpy(lock, config), name);
		assert_int_equal(access(lock, F_OK), -1);
	}
}

/* Before there is a domain; and when it came too late to keep the guest from being made. */
static void an_interrupted_command_leaves_nothing(void **state)
{
	(void)state;
	interrupted(SIGINT, "echo error interrupted >&$s");
	assert_int_equal(unlink(began), 0);
	interrupted(SIGTERM, "echo ok >&$s; echo end 3 >&$s");
	assert_int_equal(unlink(began), 0);
	interrupted(SIGHUP, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_callers_descriptors_stay_with_the_caller), TEST(an_error_is_passed_on),
		TEST(an_interrupted_command_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
