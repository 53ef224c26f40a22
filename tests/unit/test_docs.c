/* SPDX-License-Identifier: GPL-2.0-only */
/* docs/hypercalls.md is what the list of hypercalls makes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define UPDATE "gcc -Ikernel/abi -o \"$d/gen\" docs/gen-hypercalls.c && \"$d/gen\""

static void test_hypercalls(void **state)
{
	(void)state;
	if (access("docs/gen-hypercalls.c", R_OK))
		fail_msg("run this from the top of the tree");
	if (system("d=$(mktemp -d) && " UPDATE " | cmp - docs/hypercalls.md; s=$?; rm -rf \"$d\"; exit $s"))
		fail_msg("docs/hypercalls.md is not up to date: see docs/gen-hypercalls.c");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hypercalls) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
