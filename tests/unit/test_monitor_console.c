/* SPDX-License-Identifier: GPL-2.0-only */
/* The console's way from the guest to its client, its file, and back. */
/* links: mgmt/monitor/console.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_reaches_client_and_file), TEST(output_waits_for_a_client),
		TEST(the_oldest_goes_when_nobody_reads), TEST(a_slow_client_holds_nothing_up),
		TEST(the_file_stays_small), TEST(a_client_that_left_is_dropped),
		TEST(input_waits_for_the_guest), TEST(the_end_of_input_is_not_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
