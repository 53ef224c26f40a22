/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting dais-monitor and hearing from it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dais.h"
#include "guests.h"

#define MONITOR "dais-monitor"

/* The monitor beside this program, where the package puts it, or the one in the search path. */
static void find_monitor(char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = 0;
		slash = strrchr(self, '/');
		*slash = 0;
		if ((size_t)snprintf(path, size, "%s/" MONITOR, self) < size && !access(path, X_OK))
			return;
		if ((size_t)snprintf(path, size, "%s/../libexec/dais/" MONITOR, self) < size && !access(path, X_OK))
			return;
	}
	snprintf(path, size, MONITOR);
}

/* Nothing else of the caller's lives on with the guest: a lock's descriptor, say. */
static void keep_descriptor(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

static void exec_monitor(const char *config, int status, int console, unsigned int flags)
{
	char path[PATH_MAX], status_fd[16], console_fd[16];
	const char *argv[12] = { MONITOR, "--config", config, "--status-fd", status_fd };
	unsigned int n = 5;
	int null = open("/dev/null", O_RDWR);

	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	find_monitor(path, sizeof(path));
	snprintf(status_fd, sizeof(status_fd), "%d", status);
	snprintf(console_fd, sizeof(console_fd), "%d", console);
	if (flags & LAUNCH_TIED) {
		argv[n++] = "--tied";
		argv[n++] = "--console-fd";
		argv[n++] = console_fd;
		keep_descriptor(console);
	}
	if (flags & LAUNCH_PAUSED)
		argv[n++] = "--paused";
	if (flags & LAUNCH_ADOPT)
		argv[n++] = "--adopt";
	/* Its own session and no terminal: it outlives this command. */
	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	close(null);
	keep_descriptor(status);
	execvp(path, (char **)argv);
	dprintf(status, "error " MONITOR ": %s; is it installed beside this command?\n",
		strerror(errno));
	_exit(127);
}

/* ---- signals while a guest is being made: it is taken apart again before this command ends ---- */

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

static void catch_signals(struct sigaction *old)
{
	const struct sigaction action = { .sa_handler = interrupt }; /* read() ends with EINTR */
	unsigned int i;

	for (i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN) /* nohup */
			sigaction(signals[i], &action, NULL);
	}
}

static void release_signals(const struct sigaction *old)
{
	unsigned int i;

	for (i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &old[i], NULL);
}

/* ---- what a monitor reports ---- */

/* One line without its end; false at the end of the stream. */
static bool read_line(struct launch *l, char *line, size_t size)
{
	size_t n = 0;
	char c;

	for (;;) {
		ssize_t got = read(l->status, &c, 1);

		if (got < 0 && errno == EINTR) {
			if (interrupted)
				kill(l->pid, SIGTERM);
			continue;
		}
		if (got <= 0)
			return false;
		if (c == '\n')
			break;
		if (n + 1 < size)
			line[n++] = c;
	}
	line[n] = 0;
	return true;
}

static void show_progress(const char *text)
{
	unsigned long long done, all;

	if (!isatty(2) || sscanf(text, "progress %llu %llu", &done, &all) != 2 || !all)
		return;
	fprintf(stderr, "\rpreparing memory: %3llu %%%s", done * 100 / all,
		done == all ? "\r\033[K" : "");
}

static int describe_end(struct launch *l, struct fault *err)
{
	int status = 0;

	close(l->status);
	l->status = -1;
	while (waitpid(l->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return fault_set(err, "the guest's monitor (process %d) was killed by signal %d (%s)",
				 l->pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	return fault_set(err, "the guest's monitor (process %d) ended unexpectedly with status %d",
			 l->pid, WEXITSTATUS(status));
}

static int wait_ready(struct launch *l, struct fault *err)
{
	char line[600];
	struct fault end;

	while (read_line(l, line, sizeof(line))) {
		if (interrupted)
			kill(l->pid, SIGTERM); /* it came between two reads */
		else if (!strcmp(line, "ok"))
			return 0;
		show_progress(line);
		if (!strncmp(line, "error ", 6)) {
			describe_end(l, &end);
			return fault_set(err, "%s", interrupted ? "interrupted; there is no guest" : line + 6);
		}
	}
	describe_end(l, err);
	return interrupted ? fault_set(err, "interrupted; there is no guest") : -1;
}

static int fork_monitor(struct launch *l, const char *config_path, int status, int console,
			unsigned int flags, struct fault *err)
{
	l->pid = fork();
	if (l->pid < 0)
		return fault_set(err, "fork: %s", strerror(errno));
	if (!l->pid)
		exec_monitor(config_path, status, console, flags);
	return 0;
}

/* The console is there before the guest runs: not a byte of a short-lived one is lost. */
int launch_start(struct launch *l, const char *config_path, unsigned int flags, struct fault *err)
{
	struct sigaction old[SIGNALS];
	int status[2], console[2], ret;

	memset(l, 0, sizeof(*l));
	if (pipe2(status, O_CLOEXEC))
		return fault_set(err, "pipe: %s", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console)) {
		ret = fault_set(err, "socketpair: %s", strerror(errno));
		close(status[0]);
		close(status[1]);
		return ret;
	}
	l->status = status[0];
	l->console = console[0];
	if (!(flags & LAUNCH_ADOPT)) /* a guest that is there stays */
		catch_signals(old);
	ret = fork_monitor(l, config_path, status[1], console[1], flags, err);
	close(status[1]);
	close(console[1]);
	if (!ret)
		ret = wait_ready(l, err);
	else
		close(l->status);
	if (!(flags & LAUNCH_ADOPT))
		release_signals(old);
	if (ret)
		close(l->console);
	return ret;
}

int launch_end(struct launch *l)
{
	char line[600];
	struct fault err;
	int offset = 0;

	l->death = DAIS_DEATH_NONE;
	while (read_line(l, line, sizeof(line)))
		if (sscanf(line, "end %u %n", &l->death, &offset) == 1)
			snprintf(l->reason, sizeof(l->reason), "%s", line + offset);
	describe_end(l, &err);
	if (l->death != DAIS_DEATH_NONE)
		return 0;
	snprintf(l->reason, sizeof(l->reason), "%s", err.text);
	return -1;
}

/* The guest's file gets its name only when the guest exists, so that nothing
 * of another guest with this name is lost. */
int launch_guest(struct launch *l, const struct guest_config *c, unsigned int flags,
		 struct fault *err)
{
	char *path = run_path(c->name, "conf"), *made;
	int ret;

	if (asprintf(&made, "%s.%d", path, getpid()) < 0)
		abort();
	ret = gconf_write(c, made, err);
	if (!ret)
		ret = launch_start(l, made, flags, err);
	if (ret)
		unlink(made);
	else
		rename(made, path);
	free(made);
	free(path);
	return ret;
}
