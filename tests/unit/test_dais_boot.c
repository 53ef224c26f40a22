/* SPDX-License-Identifier: GPL-2.0-only */
/* dais-boot in a root of its own: the cases of tests/install/dais_boot.py, and scripts/conf-check.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char work[] = "/tmp/dais-boot-test.XXXXXX";

static void run(void **state)
{
	char command[300];

	snprintf(command, sizeof(command), "CONF_CHECK=%s/conf-check python3 tests/install/dais_boot.py %s", work, (char *)*state);
	if (system(command))
		fail_msg("%s", command);
}

static int build(void **state)
{
	char command[300];

	(void)state;
	if (access("tests/install/dais_boot.py", R_OK))
		return fprintf(stderr, "run this from the top of the tree\n");
	snprintf(command, sizeof(command),
		 "gcc -O1 -fsanitize=address,undefined -I. -Ikernel/abi -o %s/conf-check scripts/conf-check.c boot/config.c boot/text.c",
		 mkdtemp(work));
	return system(command);
}

static int clean(void **state)
{
	char command[60];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", work);
	return system(command);
}

#define CASE(name) { #name, run, NULL, NULL, #name }

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(fresh), CASE(arguments), CASE(upgrade), CASE(killed), CASE(damaged), CASE(flushed), CASE(full),
		CASE(unsuitable), CASE(no_variables), CASE(raid), CASE(secure_boot), CASE(commands), CASE(remove),
	};

	return cmocka_run_group_tests(tests, build, clean);
}
