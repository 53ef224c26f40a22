/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A GNU make extension: $(exec-into PROGRAM,NAMES) replaces make by PROGRAM,
 * with the make variables NAMES, unexpanded, in its environment. So `make run`
 * ends with the status of the command it ran, where a recipe's is lost.
 */
#include <gnumake.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int plugin_is_GPL_compatible;

static void export_variable(const char *name)
{
	char text[256];
	char *value;

	snprintf(text, sizeof(text), "$(value %s)", name);
	value = gmk_expand(text);
	if (value[0] != '\0')
		setenv(name, value, 1);
	gmk_free(value);
}

static char *exec_into(const char *func, unsigned int argc, char **argv)
{
	sigset_t none;
	char *name, *rest = NULL;

	(void)func;
	for (name = strtok_r(argv[1], " \t\n", &rest); name; name = strtok_r(NULL, " \t\n", &rest))
		export_variable(name);
	if (argc > 2 && strchr(argv[2], '='))
		putenv(strdup(argv[2] + strspn(argv[2], " \t\n")));
	unsetenv("MAKEFLAGS");
	unsetenv("MFLAGS");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl(argv[0], argv[0], (char *)NULL);
	perror(argv[0]);
	exit(125);
}

int makexec_gmk_setup(const gmk_floc *where)
{
	(void)where;
	gmk_add_function("exec-into", exec_into, 2, 3, GMK_FUNC_DEFAULT);
	return 1;
}
