/* SPDX-License-Identifier: GPL-2.0-only */
/* Truncated initial RAM disks, and files that are none, are seen before a guest is made. */
/* links: mgmt/monitor/initrd.c mgmt/monitor/file.c mgmt/monitor/fault.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "mgmt/monitor/initrd.h"

static uint8_t image[8192];
static size_t used;

static void add_entry(const char *name, const char *contents)
{
	size_t name_size = strlen(name) + 1, size = strlen(contents);

	used += sprintf((char *)image + used, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
			1, 0, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);
	memcpy(image + used, name, name_size);
	used = (used + name_size + 3) & ~(size_t)3;
	memcpy(image + used, contents, size);
	used = (used + size + 3) & ~(size_t)3;
}

static void add_archive(void)
{
	add_entry("init", "#!/bin/sh\n");
	add_entry("etc/motd", "hello");
	add_entry("TRAILER!!!", "");
}

/* Two blocks, one of them run-length, and a checksum. */
static void add_zstd(void)
{
	static const uint8_t frame[] = {
		0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58,
		0x18, 0, 0, 'a', 'b', 'c',
		0x43, 0x01, 0, 'x',
		1, 2, 3, 4,
	};

	memcpy(image + used, frame, sizeof(frame));
	used += sizeof(frame);
}

static int setup(void **state)
{
	(void)state;
	memset(image, 0, sizeof(image));
	used = 0;
	return 0;
}

/* In memory of exactly that size, so that the sanitizer sees every step too far. */
static int check(size_t size)
{
	struct fault err;
	uint8_t *copy = malloc(size + !size);
	struct file f = { "initrd", copy, size };
	int ret;

	memcpy(copy, image, size);
	ret = initrd_check(&f, &err);
	free(copy);
	return ret;
}

static void whole_ones_pass(void **state)
{
	(void)state;
	add_archive();
	assert_int_equal(check(used), 0);
	used += 512;
	assert_int_equal(check(used), 0);
	add_zstd();
	assert_int_equal(check(used), 0);
	used += 3;
	add_archive();
	assert_int_equal(check(used), 0);
}

static void every_truncation_is_seen(void **state)
{
	size_t size;

	(void)state;
	add_archive();
	for (size = 6; size < used - 3; size++)
		assert_int_equal(check(size), -1);
	setup(state);
	add_zstd();
	for (size = 4; size < used; size++)
		assert_int_equal(check(size), -1);
}

static void damage_is_seen(void **state)
{
	(void)state;
	add_archive();
	image[94] = 'z';
	assert_int_equal(check(used), -1);
	image[94] = 'f';
	assert_int_equal(check(used), -1);
}

static void other_formats_are_not_judged(void **state)
{
	(void)state;
	memcpy(image, "\x1f\x8b\x08", 3);
	assert_int_equal(check(100), 0);
	assert_int_equal(check(1), 0);
}

/* One without a writer would be waited for, by a monitor that nobody sees. */
static void a_fifo_is_refused(void **state)
{
	char path[64];
	struct fault err;
	struct file f;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/dais-fifo.%d", getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10);
	assert_int_equal(file_open(&f, "kernel", path, &err), -1);
	alarm(0);
	unlink(path);
	assert_non_null(strstr(err.text, "not a regular file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_ones_pass, setup),
		cmocka_unit_test_setup(every_truncation_is_seen, setup),
		cmocka_unit_test_setup(damage_is_seen, setup),
		cmocka_unit_test_setup(other_formats_are_not_judged, setup),
		cmocka_unit_test(a_fifo_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
