/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/tpm_log.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "boot/tpm_log.h"

static uint8_t log[4096];

static uint32_t put(uint32_t at, uint32_t value, uint32_t bytes)
{
	memcpy(log + at, &value, bytes);
	return at + bytes;
}

/* An event with these digests (algorithm, size, ..., 0) and so much text: where the next one begins. */
static uint32_t event(uint32_t at, const uint16_t *digests, uint32_t text)
{
	uint32_t count = 0, start = at;

	at = put(at, 9, 4);
	at = put(at, 0xd, 4);
	at = put(at, 0, 4);
	for (; digests[2 * count]; count++)
		at = put(at, digests[2 * count], 2) + digests[2 * count + 1];
	put(start + 8, count, 4);
	return put(at, text, 4) + text;
}

static const uint16_t none[] = { 0 }, one[] = { 0x0b, 32, 0 }, all[] = { 4, 20, 0x0b, 32, 0x0c, 48, 0x0d, 64, 0x12, 32, 0 },
		      unknown[] = { 4, 20, 0x99, 32, 0 };

static void sizes(void **state)
{
	uint32_t end;

	(void)state;
	memset(log, 0xa5, sizeof(log));
	assert_int_equal(event(0, none, 0), 16);
	assert_int_equal(tpm_event_size(log), 16);
	end = event(0, one, 17);
	assert_int_equal(end, 16 + 34 + 17);
	assert_int_equal(tpm_event_size(log), end);
	end = event(0, all, 200);
	assert_int_equal(tpm_event_size(log), end);
	event(0, unknown, 3);
	assert_int_equal(tpm_event_size(log), 0);
	put(8, 17, 4);
	assert_int_equal(tpm_event_size(log), 0);
}

static void several(void **state)
{
	uint32_t second, third, end;

	(void)state;
	memset(log, 0xa5, sizeof(log));
	second = event(0, one, 5);
	third = event(second, all, 1);
	end = event(third, none, 33);
	assert_int_equal(tpm_events_size(log, 0), 0);
	assert_int_equal(tpm_events_size(log, 1), second);
	assert_int_equal(tpm_events_size(log, 3), end);
	event(second, unknown, 1);
	assert_int_equal(tpm_events_size(log, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(several) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
