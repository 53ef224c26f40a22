/* SPDX-License-Identifier: GPL-2.0-only */
/* A console between the standard streams and a guest's monitor: neither side may hold up the other, the signals or the
 * escape key, and the terminal is left as it was. */
/* links: mgmt/dais/pump.c */
/* flags: -Imgmt/libdais */
#define _GNU_SOURCE
#include <errno.h>
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
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "mgmt/dais/guests.h"

#define PATIENCE_MS 10000
#define INPUT_SIZE  (1U << 20)	/* more than any socket takes */
#define ESCAPE      "\x1d"

static int guest[2];	/* [0] the command's, [1] the monitor's */
static int output[2];

static int setup(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, guest) || pipe2(output, O_CLOEXEC);
}

static int teardown(void **state)
{
	(void)state;
	close(guest[1]);
	close(output[0]);
	return 0;
}

/* The pump with these standard streams; its exit status is the pump's end, or 100 + errno without output. */
static pid_t start(int in, int out)
{
	pid_t pid = fork();
	enum pump_end end;

	assert_true(pid >= 0);
	if (!pid) {
		dup2(in, 0);
		dup2(out, 1);
		close(in);
		close(out);
		close(guest[1]);
		close(output[0]);
		close(output[1]);
		end = console_pump(guest[0], NULL);
		_exit(end == PUMP_NO_OUTPUT ? 100 + errno : (int)end);
	}
	close(guest[0]);
	close(output[1]);
	return pid;
}

/* The guest reads nothing: the command's end is full. */
static void fill_guest(void)
{
	char zeros[4096] = { 0 };

	while (send(guest[0], zeros, sizeof(zeros), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

static void assert_output(const char *text)
{
	char buf[64];
	struct pollfd p = { .fd = output[0], .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		fail_msg("\"%s\" does not come", text);
	assert_int_equal(read(output[0], buf, sizeof(buf)), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

static void print(const char *text)
{
	assert_int_equal(send(guest[1], text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Its wait status; one that hangs is killed, which fails the test. */
static int end_of(pid_t pid)
{
	int status, tries;

	for (tries = 0; tries < PATIENCE_MS / 10; tries++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		poll(NULL, 0, 10);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fail_msg("the pump hangs");
	return 0;
}

static void assert_end(pid_t pid, int end)
{
	int status = end_of(pid);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), end);
}

/* A terminal; its other end in *keyboard. */
static int open_terminal(int *keyboard)
{
	int tty;

	*keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*keyboard >= 0);
	assert_int_equal(grantpt(*keyboard) | unlockpt(*keyboard), 0);
	tty = open(ptsname(*keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(tty >= 0);
	return tty;
}

static bool is_raw(int tty)
{
	struct termios t;

	assert_int_equal(tcgetattr(tty, &t), 0);
	return !(t.c_lflag & (ICANON | ECHO));
}

static void a_guest_that_reads_nothing(void **state)
{
	int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	(void)state;
	fill_guest();
	pid = start(zeros, output[1]);
	close(zeros);
	print("one");
	assert_output("one");
	print("two");
	assert_output("two");
	kill(pid, SIGTERM);
	assert_end(pid, PUMP_SIGNALLED);
}

static void ended_by_a_signal_while_nobody_reads_the_output(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), flags = fcntl(output[1], F_GETFL);
	char zeros[4096] = { 0 };
	int tries, unread;
	pid_t pid;

	(void)state;
	fcntl(output[1], F_SETFL, flags | O_NONBLOCK);
	while (write(output[1], zeros, sizeof(zeros)) > 0)
		;
	fcntl(output[1], F_SETFL, flags);
	pid = start(null, output[1]);
	close(null);
	print("x");
	for (tries = 0, unread = 1; unread && tries < PATIENCE_MS / 10; tries++) {
		poll(NULL, 0, 10);
		assert_int_equal(ioctl(guest[1], TIOCOUTQ, &unread), 0);
	}
	kill(pid, SIGTERM);
	assert_end(pid, PUMP_SIGNALLED);
}

static uint8_t input_at(unsigned int i)
{
	return i * 2654435761U >> 24;
}

/* A file as standard input, larger than what waits on the way; then its end, and the guest's output still comes. */
static void all_input_arrives(void **state)
{
	FILE *f = tmpfile();
	unsigned int i, at = 0;
	uint8_t buf[1000];
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_non_null(f);
	for (i = 0; i < INPUT_SIZE; i++)
		putc(input_at(i), f);
	rewind(f);
	pid = start(fileno(f), output[1]);
	fclose(f);
	while ((n = recv(guest[1], buf, sizeof(buf), 0)) > 0)
		for (i = 0; i < (unsigned int)n; i++, at++)
			if (buf[i] != input_at(at))
				fail_msg("a wrong byte at %u", at);
	assert_int_equal(at, INPUT_SIZE);
	print("still here");
	assert_output("still here");
	shutdown(guest[1], SHUT_RDWR);
	assert_end(pid, PUMP_GUEST_ENDED);
}

static void the_escape_key_while_the_guest_reads_nothing(void **state)
{
	int keyboard, tty = open_terminal(&keyboard);
	pid_t pid;

	(void)state;
	fill_guest();
	pid = start(tty, output[1]);
	print("raw");
	assert_output("raw");
	assert_true(is_raw(tty));
	assert_int_equal(write(keyboard, "typed", 5), 5);
	assert_int_equal(write(keyboard, ESCAPE, 1), 1);
	assert_end(pid, PUMP_DETACHED);
	assert_false(is_raw(tty));
	close(tty);
	close(keyboard);
}

/* As by `dais console web | head -1` */
static void the_reader_of_the_output_leaves(void **state)
{
	int keyboard, tty = open_terminal(&keyboard), status;
	pid_t pid = start(tty, output[1]);

	(void)state;
	print("one");
	assert_output("one");
	close(output[0]);
	print("two");
	status = end_of(pid);
	output[0] = -1;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
	assert_false(is_raw(tty));
	close(tty);
	close(keyboard);
}

static void the_output_is_full(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	pid_t pid = start(null, full);

	(void)state;
	close(null);
	close(full);
	print("lost");
	assert_end(pid, 100 + ENOSPC);
}

/* Another program of the same terminal may have made it so; the guest is faster than who reads. */
static void an_output_that_does_not_wait(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), waiting, size, tries;
	char text[INPUT_SIZE / 16], buf[4096];
	unsigned int at = 0;
	ssize_t n;
	pid_t pid;

	(void)state;
	fcntl(output[1], F_SETFL, O_NONBLOCK);
	size = fcntl(output[1], F_SETPIPE_SZ, 4096);
	pid = start(null, output[1]);
	close(null);
	memset(text, 'x', sizeof(text));
	assert_int_equal(send(guest[1], text, sizeof(text), MSG_NOSIGNAL), sizeof(text));
	shutdown(guest[1], SHUT_RDWR);
	for (tries = waiting = 0; waiting < size && tries < PATIENCE_MS / 10; tries++) {
		poll(NULL, 0, 10);
		assert_int_equal(ioctl(output[0], FIONREAD, &waiting), 0);
	}
	while ((n = read(output[0], buf, sizeof(buf))) > 0)
		at += n;
	assert_int_equal(at, sizeof(text));
	assert_end(pid, PUMP_GUEST_ENDED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_that_reads_nothing), TEST(ended_by_a_signal_while_nobody_reads_the_output),
		TEST(all_input_arrives), TEST(the_escape_key_while_the_guest_reads_nothing),
		TEST(the_reader_of_the_output_leaves), TEST(the_output_is_full), TEST(an_output_that_does_not_wait),
	};

	signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
