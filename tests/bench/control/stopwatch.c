// SPDX-License-Identifier: GPL-2.0-only
/*
 * stopwatch TEXT COMMAND…: runs it, with an input that stays open, passes its output on, and says at the first
 * line with TEXT (empty: at its end) "STOPWATCH ticks" since the start. Ends with the command's status.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "../mark.h"

static void say(uint64_t start)
{
	MARK(END);
	printf("STOPWATCH %llu\n", (unsigned long long)(__rdtsc() - start));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t start = __rdtsc();
	int in[2], out[2], status;
	char line[4096];
	int found = 0;
	FILE *lines;
	pid_t pid;

	/* Who outlives the command, a guest's monitor, must not hold them open. */
	if (argc < 3 || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return 2;
	MARK(BEGIN);
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(in[1]);
		close(out[0]);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	close(out[1]);
	lines = fdopen(out[0], "r");
	while (fgets(line, sizeof(line), lines)) {
		if (!found && argv[1][0] && strstr(line, argv[1])) {
			say(start);
			found = 1;
		}
		fputs(line, stdout);
		fflush(stdout);
	}
	if (waitpid(pid, &status, 0) < 0)
		return 2;
	if (!argv[1][0])
		say(start);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
