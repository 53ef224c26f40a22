/* SPDX-License-Identifier: GPL-2.0-only */
/* links: boot/sha256.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "boot/sha256.h"

static void hashes(const void *data, size_t size, const char *expected)
{
	char found[SHA256_HEX + 1];

	sha256_hex(data, size, found);
	assert_string_equal(found, expected);
}

/* NIST, CSRC: Examples with Intermediate Values, and the empty message */
static void examples(void **state)
{
	static char million[1000000];

	(void)state;
	hashes("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hashes("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hashes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', sizeof(million));
	hashes(million, sizeof(million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Every length around the two places where the padding turns: against sha256sum(1). */
static void lengths(void **state)
{
	char command[200], expected[SHA256_HEX + 2], data[200];
	FILE *p;

	(void)state;
	memset(data, 'x', sizeof(data));
	for (size_t n = 50; n < 140; n++) {
		snprintf(command, sizeof(command), "printf '%%*s' %zu '' | tr ' ' x | sha256sum", n);
		p = popen(command, "r");
		assert_non_null(p);
		assert_non_null(fgets(expected, SHA256_HEX + 1, p));
		pclose(p);
		hashes(data, n, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(examples), cmocka_unit_test(lengths) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
