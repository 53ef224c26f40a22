/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to a guest's monitor, which may be killed at any moment. */
/* links: mgmt/dais/monitor_client.c mgmt/monitor/fault.c */
/* flags: -Imgmt/libdais */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "mgmt/dais/guests.h"

char *run_path(const char *name, const char *suffix)
{
	(void)name;
	return strdup(suffix);
}

int launch_start(struct launch *l, const char *config_path, unsigned int flags, struct fault *err)
{
	(void)l;
	(void)flags;
	return fault_set(err, "%s", config_path);
}

/* What is asked, with the answer waiting already; NULL: the monitor is gone. */
static int asked(const char *answer, struct fault *err, uint64_t *position)
{
	int pair[2], ret;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	if (answer)
		assert_int_equal(write(pair[1], answer, strlen(answer)), strlen(answer));
	if (!answer || !strchr(answer, '\n'))
		close(pair[1]);
	ret = position ? monitor_ask_console(pair[0], position, err) : monitor_ask(pair[0], "ping", err);
	close(pair[0]);
	if (answer && strchr(answer, '\n'))
		close(pair[1]);
	return ret;
}

/* The client goes on with another monitor: neither a signal nor a refusal ends it. */
static void test_gone_before_the_request(void **state)
{
	uint64_t position = 77;
	struct fault err;

	(void)state;
	assert_int_equal(asked(NULL, &err, NULL), MONITOR_GONE);
	assert_int_equal(asked(NULL, &err, &position), MONITOR_GONE);
	assert_int_equal(position, 77);
}

static void test_gone_within_the_answer(void **state)
{
	struct fault err;

	(void)state;
	assert_int_equal(asked("o", &err, NULL), MONITOR_GONE);
}

/* One that is stopped: neither gone, so that the client would ask again and again, nor waited for without end. */
static void test_no_answer(void **state)
{
	const struct timeval soon = { .tv_usec = 1000 };
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "sock" };
	int pair[2], listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	char directory[] = "/tmp/dais-client-XXXXXX", *here = getcwd(NULL, 0);
	struct timeval limit = { 0 };
	socklen_t size = sizeof(limit);
	struct fault err;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
	alarm(10);
	assert_int_equal(monitor_ask(pair[0], "ping", &err), -1);
	alarm(0);
	assert_non_null(strstr(err.text, "does not answer"));
	close(pair[0]);
	close(pair[1]);

	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0); /* run_path() above gives a relative one */
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)) | listen(listener, 1), 0);
	fd = monitor_connect("web");
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &size), 0);
	assert_true(limit.tv_sec > 0);
	close(fd);
	close(listener);
	unlink("sock");
	assert_int_equal(chdir(here) | rmdir(directory), 0);
	free(here);
}

static void test_refused(void **state)
{
	struct fault err;

	(void)state;
	assert_int_equal(asked("error no\n", &err, NULL), -1);
	assert_string_equal(err.text, "no");
}

static void test_console_position(void **state)
{
	uint64_t position = UINT64_MAX;
	struct fault err;

	(void)state;
	assert_int_equal(asked("ok 12345\n", &err, &position), 0);
	assert_int_equal(position, 12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone_before_the_request), cmocka_unit_test(test_gone_within_the_answer),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_no_answer), cmocka_unit_test(test_console_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
