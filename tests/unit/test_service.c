/* SPDX-License-Identifier: GPL-2.0-only */
/* mgmt/service/dais-guests: units of systemd from a directory of guest files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char work[] = "/tmp/dais-service.XXXXXX";

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
	char command[1000];
	va_list args;
	int n = snprintf(command, sizeof(command), "w=%s; ", work);

	va_start(args, format);
	vsnprintf(command + n, sizeof(command) - n, format, args);
	va_end(args);
	return system(command);
}

static void generate(void)
{
	assert_int_equal(shell("rm -rf $w/out; mkdir -p $w/out $w/guests.d; "
			       "DAIS_GUESTS=$w/guests.d mgmt/service/dais-guests $w/out $w/out $w/out 2>$w/said"), 0);
}

static void has(const char *file, const char *text)
{
	if (shell("grep -qFx -- '%s' '%s/out/%s'", text, work, file))
		fail_msg("%s has no line '%s'", file, text);
}

static void lacks(const char *file, const char *text)
{
	assert_int_not_equal(shell("grep -q -- '%s' '%s/out/%s'", text, work, file), 0);
}

static void none(void **state)
{
	(void)state;
	generate();
	assert_int_equal(shell("test -z \"$(ls $w/out)\""), 0);
}

static void order_and_restart(void **state)
{
	(void)state;
	assert_int_equal(shell("cd $w/guests.d; echo 'restart = true;' >10-db.conf; echo '# restart = true' >20-web.conf; "
			       "echo 'restart=false' >30.conf; touch 'a b.conf' notes.txt"), 0);
	generate();
	assert_int_equal(shell("cd $w/out/dais-guests.target.wants && test \"$(ls | wc -l)\" = 3 && "
			       "test -L 'dais-guest@10\\x2ddb.service' && test -L dais-guest@30.service"), 0);
	has("dais-guest@10\\x2ddb.service.d/order.conf", "Restart=on-failure");
	lacks("dais-guest@10\\x2ddb.service.d/order.conf", "After");
	has("dais-guest@20\\x2dweb.service.d/order.conf", "After=dais-guest@10\\x2ddb.service");
	lacks("dais-guest@20\\x2dweb.service.d/order.conf", "Restart");
	has("dais-guest@30.service.d/order.conf", "After=dais-guest@20\\x2dweb.service");
	lacks("dais-guest@30.service.d/order.conf", "Restart");
	/* An autonomous guest that lost its monitor runs on, so that its name is taken. */
	lacks("dais-guest@10\\x2ddb.service.d/order.conf", "Prevent");
	assert_int_equal(shell("printf 'restart = true\nautonomous = true\n' >$w/guests.d/30.conf"), 0);
	generate();
	has("dais-guest@30.service.d/order.conf", "RestartPreventExitStatus=5");
	has("dais-guest@30.service.d/order.conf", "Restart=on-failure");
	assert_int_equal(shell("grep -q 'a b.conf.*left out' $w/said"), 0);
}

/* What the exit codes of dais run mean to systemd: mgmt/dais/dais.h. */
static void unit(void **state)
{
	(void)state;
	assert_int_equal(system("grep -qx 'RestartPreventExitStatus=1 2 4' mgmt/service/dais-guest@.service"), 0);
	/* ExecStop runs also when dais run has ended by itself: then there is nothing to stop, and nothing has failed. */
	assert_int_equal(shell("printf '#!/bin/sh\\necho $* >>%%s/stopped; exit 1\\n' $w >$w/dais; chmod 700 $w/dais; "
			       "sed -n 's/^ExecStop=-//p' mgmt/service/dais-guest@.service | "
			       "sed \"s|/usr/bin/dais|$w/dais|; s/\\\\$\\\\$/\\\\$/g; s/%%I/web/\" >$w/stop; grep -q dais $w/stop && "
			       "env -u MAINPID sh $w/stop && test ! -e $w/stopped && ! MAINPID=7 sh $w/stop && "
			       "grep -qx 'stop --timeout 60 --force web' $w/stopped"), 0);
}

static int end(void **state)
{
	(void)state;
	return shell("rm -rf $w");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none), cmocka_unit_test(order_and_restart), cmocka_unit_test(unit),
	};

	if (access("mgmt/service/dais-guests", X_OK) || !mkdtemp(work))
		return fprintf(stderr, "run this from the top of the tree\n");
	return cmocka_run_group_tests(tests, NULL, end);
}
