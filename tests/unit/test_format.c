/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/format.c kernel/log.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/arch.h"
#include "kernel/log.h"
#include "kernel/string.h"

u64 time_now(void) { return 12345678901ULL; }
u64 time_hz(void) { return 1000000000ULL; }

#define SAME(want, ...) do { \
	char got_[64]; \
	assert_int_equal(format(got_, sizeof(got_), __VA_ARGS__), strlen(want)); \
	assert_string_equal(got_, want); \
} while (0)

static void test_conversions(void **state)
{
	(void)state;
	SAME("plain 100%", "plain %u%%", 100);
	SAME("7 007|    7", "%u %03u|%5u", 7, 7, 7);
	SAME("ff 00ff 18446744073709551615", "%x %04x %lu", 255, 255, ~0UL);
	SAME("abc   x z", "%s%4s %s", "abc", "x", "z");
	SAME("000000000000beef", "%016lx", 0xbeefUL);
	SAME("8000000000000000", "%llx", 1ULL << 63);
}

static void test_bounds(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(format(buf, sizeof(buf), "%s", "0123456789"), 7);
	assert_string_equal(buf, "0123456");
	assert_int_equal(format(buf, 1, "%u", 5), 0);
	assert_string_equal(buf, "");
	assert_int_equal(format(buf, 0, "%u", 5), 0);
}

static char sunk[512];

static void sink(const char *text, size_t len)
{
	memcpy(sunk, text, len);
	sunk[len] = '\0';
}

static void test_log(void **state)
{
	struct dais_log *ring = calloc(1, sizeof(*ring));
	char longer[400];

	(void)state;
	log_init(ring, LOG_INFO);
	log_set_sink(sink);
	log_debug("not shown");
	assert_int_equal(ring->head, 0);
	log_warn("disk %u", 3);
	assert_string_equal(sunk, "[   12.345678] warning: disk 3\n");
	assert_int_equal(ring->head, strlen(sunk));
	assert_memory_equal(ring->text, sunk, strlen(sunk));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (u32 i = 0; i < 200; i++) {
		log_error("%s", longer);
		assert_int_equal(strlen(sunk), 200);
		assert_int_equal(sunk[199], '\n');
	}
	assert_int_equal(ring->text[(ring->head - 1) % sizeof(ring->text)], '\n');
	log_set_sink(NULL);
	free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
