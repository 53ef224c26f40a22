/* SPDX-License-Identifier: GPL-2.0-only */
/* The console's way from the guest to its client, its file, and back. */
/* links: mgmt/monitor/console.c */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "mgmt/monitor/console.h"

static struct console c;
static char directory[] = "/tmp/dais-console-XXXXXX";
static char path[64], old[64];
static int client;

static int setup(void **state)
{
	int pair[2];

	(void)state;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (!mkdtemp(directory) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	snprintf(path, sizeof(path), "%s/log", directory);
	snprintf(old, sizeof(old), "%s/log.old", directory);
	console_init(&c);
	console_open_log(&c, strdup(path), false);
	console_attach(&c, pair[0], 1);
	client = pair[1];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	console_forget(&c);
	console_free(&c);
	close(client);
	return rmdir(directory);
}

static void print(const char *text)
{
	while (*text)
		console_print(&c, *text++);
}

static void assert_received(const char *text)
{
	char buf[256];
	ssize_t n = recv(client, buf, sizeof(buf), MSG_DONTWAIT);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, n);
}

static long size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : (long)st.st_size;
}

static void output_reaches_client_and_file(void **state)
{
	(void)state;
	print("hello\n");
	assert_true(console_has_output(&c));
	console_flush(&c);
	assert_false(console_has_output(&c));
	assert_received("hello\n");
	assert_int_equal(size_of(path), 6);
}

static void output_waits_for_a_client(void **state)
{
	int pair[2];

	(void)state;
	console_detach(&c);
	print("early ");
	console_flush(&c);
	assert_false(console_has_output(&c));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(client);
	client = pair[1];
	console_attach(&c, pair[0], 1);
	print("late");
	console_flush(&c);
	assert_received("early late");
}

static void the_oldest_goes_when_nobody_reads(void **state)
{
	unsigned int i;

	(void)state;
	console_detach(&c);
	for (i = 0; i < CONSOLE_BACKLOG + 10; i++)
		console_print(&c, i < 10 ? 'x' : 'y');
	assert_int_equal(c.head - c.sent, CONSOLE_BACKLOG);
	assert_int_equal(c.out[c.sent % CONSOLE_BACKLOG], 'y');
}

static void a_slow_client_holds_nothing_up(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < CONSOLE_BACKLOG; i++)
		console_print(&c, 'z');
	console_flush(&c);
	assert_true(console_has_output(&c)); /* the socket is full, the client still there */
	assert_true(c.client >= 0);
}

static void the_file_stays_small(void **state)
{
	unsigned int i, round;

	(void)state;
	console_detach(&c);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 50000; i++)
			console_print(&c, 'z');
		console_flush(&c);
		assert_true(size_of(path) < 2 * CONSOLE_LOG_MAX);
	}
	assert_true(size_of(old) >= CONSOLE_LOG_MAX);
	assert_true(size_of(old) < 2 * CONSOLE_LOG_MAX);
}

static void a_client_that_left_is_dropped(void **state)
{
	(void)state;
	shutdown(client, SHUT_RDWR);
	print("x");
	console_flush(&c);
	assert_int_equal(c.client, -1);
	console_flush(&c);
}

static void input_waits_for_the_guest(void **state)
{
	char text[CONSOLE_INPUT];
	unsigned int i;

	(void)state;
	assert_int_equal(console_next_input(&c), -1);
	memset(text, 'q', sizeof(text));
	text[0] = 'a';
	assert_int_equal(send(client, text, sizeof(text), 0), sizeof(text));
	while (console_wants_input(&c))
		assert_true(console_fill(&c));
	assert_int_equal(console_next_input(&c), 'a');
	assert_true(console_wants_input(&c));
	for (i = 1; i < CONSOLE_INPUT; i++)
		assert_int_equal(console_next_input(&c), 'q');
	assert_int_equal(console_next_input(&c), -1);
}

/* A paste, then Ctrl-]: the monitor hears of both at once, and reads before it lets go. */
static void what_a_client_sent_before_it_left_is_read(void **state)
{
	char text[1000];
	unsigned int i;

	(void)state;
	memset(text, 'p', sizeof(text));
	assert_int_equal(send(client, text, sizeof(text), 0), sizeof(text));
	shutdown(client, SHUT_RDWR);
	assert_true(console_fill(&c));
	for (i = 0; i < sizeof(text); i++)
		assert_int_equal(console_next_input(&c), 'p');
	assert_int_equal(console_next_input(&c), -1);
	assert_false(console_wants_input(&c));
}

static void the_end_of_input_is_not_the_end(void **state)
{
	(void)state;
	shutdown(client, SHUT_WR);
	assert_true(console_fill(&c));
	assert_false(console_wants_input(&c));
	print("still here");
	console_flush(&c);
	assert_received("still here");
}

/* As /run full: the client still gets each byte, and nothing is left that the monitor would wait to write. */
static void without_a_file_the_client_goes_on(void **state)
{
	(void)state;
	close(c.log);
	c.log = open("/dev/full", O_WRONLY | O_CLOEXEC);
	print("one");
	console_flush(&c);
	assert_received("one");
	assert_int_equal(c.log, -1);
	assert_int_equal(c.logged, c.head);
	print("two");
	console_flush(&c);
	assert_received("two");
	assert_int_equal(c.logged, c.head);
}

/* The guest's endless output. */
static uint8_t output_at(uint64_t position)
{
	return (uint8_t)(position * 0x9e3779b97f4a7c15ULL >> 56);
}

/* A monitor that is killed somewhere. */
static pid_t start_monitor(struct console_mark *mark, uint64_t had, int fd)
{
	pid_t pid = fork();
	unsigned int i, n = 1;

	if (pid)
		return pid;
	console_init(&c);
	console_set_mark(&c, mark, true);
	console_open_log(&c, strdup(path), true);
	console_attach(&c, fd, 1);
	console_seek(&c, had);
	for (;; n = n * 7 % 10007)
		for (i = 0, console_flush(&c); i < n && c.head - c.sent < 100000; i++)
			console_print(&c, output_at(c.head));
}

static void assert_file(const char *name, uint64_t at)
{
	FILE *f = fopen(name, "r");
	int byte;

	assert_non_null(f);
	while ((byte = getc(f)) != EOF)
		if (byte != output_at(at++))
			fail_msg("%s: a wrong byte at %llu", name, (unsigned long long)at - 1);
	fclose(f);
}

static void killed_monitors_lose_and_double_nothing(void **state)
{
	struct console_mark *mark = mmap(NULL, sizeof(*mark), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t had = 0, behind = 0, i;
	uint8_t buf[65536];
	unsigned int kills, quota;
	int pair[2];
	ssize_t n;

	(void)state;
	assert_ptr_not_equal(mark, MAP_FAILED);
	for (kills = 0; kills < 60; kills++) {
		pid_t pid;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		pid = start_monitor(mark, had, pair[0]);
		close(pair[0]);
		quota = 1 + kills * 7919 % 90000; /* bytes until it is killed */
		while ((n = recv(pair[1], buf, sizeof(buf), 0)) > 0) {
			for (i = 0; i < (uint64_t)n; i++)
				if (buf[i] != output_at(had++))
					fail_msg("a wrong byte at %llu", (unsigned long long)had - 1);
			if (quota && (quota -= (uint64_t)n < quota ? n : quota) == 0)
				kill(pid, SIGKILL);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(pair[1]);
		assert_true(had > behind); /* each got on */
		behind = had;
	}
	assert_true(had > 3 * CONSOLE_LOG_MAX); /* so the file was replaced meanwhile */
	console_free(&c);
	console_init(&c);
	console_set_mark(&c, mark, true);
	console_open_log(&c, strdup(path), true);
	assert_file(path, mark->start);
	assert_file(old, mark->start - size_of(old));
	assert_int_equal(c.head, mark->start + size_of(path));
	assert_int_equal(c.mark->next, 0);
	munmap(mark, sizeof(*mark));
	c.mark = &c.own;
}

/* Killed while it replaced the file: before, and after it. */
static void a_file_half_replaced(void **state)
{
	struct console_mark mark = { .start = 1000, .next = 1000 + CONSOLE_LOG_MAX, .sent = 1000 };

	(void)state;
	console_free(&c);
	assert_int_equal(truncate(path, CONSOLE_LOG_MAX), 0);
	console_init(&c);
	console_set_mark(&c, &mark, true);
	console_open_log(&c, strdup(path), true);
	assert_int_equal(c.head, 1000 + CONSOLE_LOG_MAX);
	assert_int_equal(mark.start, 1000);
	console_free(&c);
	mark.next = 1000 + CONSOLE_LOG_MAX;
	assert_int_equal(rename(path, old), 0);
	console_open_log(&c, strdup(path), true);
	assert_int_equal(c.head, 1000 + CONSOLE_LOG_MAX);
	assert_int_equal(mark.start, 1000 + CONSOLE_LOG_MAX);
	assert_int_equal(mark.next, 0);
	assert_int_equal(c.sent, 1000); /* the old file is in the backlog */
	c.mark = &c.own;
}

static void a_new_domain_goes_on(void **state)
{
	struct console_mark first = { 0 }, second = { 0 };

	(void)state;
	console_set_mark(&c, &first, false);
	print("one");
	console_flush(&c);
	assert_int_equal(first.sent, 3);
	assert_int_equal(first.base, 0);
	console_set_mark(&c, NULL, false); /* the domain goes */
	memset(&first, 0xff, sizeof(first));
	console_set_mark(&c, &second, false);
	assert_int_equal(second.base, 3);
	assert_int_equal(second.sent, 3);
	print("two");
	console_flush(&c);
	assert_received("onetwo");
	console_seek(&c, 4);
	console_flush(&c);
	assert_received("wo");
	console_seek(&c, 99); /* a client of another guest of this name */
	assert_int_equal(c.sent, 6);
	console_set_mark(&c, NULL, false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_reaches_client_and_file), TEST(output_waits_for_a_client),
		TEST(the_oldest_goes_when_nobody_reads), TEST(a_slow_client_holds_nothing_up),
		TEST(the_file_stays_small), TEST(a_client_that_left_is_dropped),
		TEST(input_waits_for_the_guest), TEST(the_end_of_input_is_not_the_end),
		TEST(what_a_client_sent_before_it_left_is_read),
		TEST(killed_monitors_lose_and_double_nothing), TEST(a_file_half_replaced), TEST(a_new_domain_goes_on),
		TEST(without_a_file_the_client_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
