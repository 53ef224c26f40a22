/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dais-monitor: serves one guest. Started by the `dais` command, which hears on
 * a pipe, line by line: "progress DONE ALL", "ok", "error TEXT", "end DEATH TEXT".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "monitor.h"

static const char usage[] =
"Usage: dais-monitor --config FILE [--status-fd N] [--console-fd N]\n"
"                    [--tied] [--paused] [--adopt]\n"
"Serves one guest of Dais; started by the dais command, not by hand.\n"
"  --config FILE   the guest file\n"
"  --status-fd N   descriptor for reports\n"
"  --console-fd N  socket of the console's first client\n"
"  --tied          end the guest when the reader of the reports goes away\n"
"  --paused        make the guest, don't start it\n"
"  --adopt         go on with a guest whose monitor is gone\n";

void monitor_report(struct monitor *m, const char *format, ...)
{
	va_list args;

	if (m->status_fd < 0)
		return;
	va_start(args, format);
	vdprintf(m->status_fd, format, args);
	va_end(args);
}

static bool report_progress(void *ctx, uint64_t done, uint64_t all)
{
	sigset_t waiting;

	monitor_report(ctx, "progress %llu %llu\n", (unsigned long long)done, (unsigned long long)all);
	return sigpending(&waiting) || !sigismember(&waiting, SIGTERM);
}

static int parse(struct monitor *m, int argc, char **argv, const char **config)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "status-fd", required_argument, NULL, 's' },
		{ "console-fd", required_argument, NULL, 'f' },
		{ "tied", no_argument, NULL, 't' },
		{ "paused", no_argument, NULL, 'p' },
		{ "adopt", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			*config = optarg;
			break;
		case 's':
			m->status_fd = atoi(optarg);
			break;
		case 'f':
			m->console_fd = atoi(optarg);
			break;
		case 't':
			m->tied = true;
			break;
		case 'p':
			m->paused = true;
			break;
		case 'a':
			m->adopt = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return -1;
		}
	}
	return *config && optind == argc ? 0 : -1;
}

/* Block what only the loop may take, before any thread exists. */
static void set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* Held while this process lives: a guest has one monitor. */
static int lock_config(const char *path, struct fault *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fault_set(err, "%s: %s", path, strerror(errno));
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	close(fd);
	return fault_set(err, "%s: the guest has a monitor already", path);
}

static int begin(struct monitor *m, const char *path, struct fault *err)
{
	struct guest *g = &m->guest;
	int ret;

	gconf_init(&g->config);
	if (lock_config(path, err) || gconf_read(&g->config, path, err) ||
	    gconf_check(&g->config, err))
		return -1;
	ret = dais_open(&g->conn);
	if (ret)
		return fault_set(err, "%s: %s", DAIS_DEVICE, dais_strerror(ret));
	if (getrandom(g->uuid, sizeof(g->uuid), 0) != sizeof(g->uuid))
		return fault_set(err, "no random numbers: %s", strerror(errno));
	if (!m->adopt && guest_check(g, err))
		return -1;
	return monitor_start(m, err);
}

int main(int argc, char **argv)
{
	static struct monitor m; /* too large for a stack */
	const char *config = NULL;
	struct fault err;

	m.status_fd = m.console_fd = -1;
	if (parse(&m, argc, argv, &config)) {
		fputs(usage, stderr);
		return 2;
	}
	set_signals();
	pthread_mutex_init(&m.guest.lock, NULL);
	m.guest.progress = report_progress;
	m.guest.progress_ctx = &m;
	if (begin(&m, config, &err)) {
		monitor_report(&m, "error %s\n", err.text);
		fprintf(stderr, "dais-monitor: %s\n", err.text);
		return 1;
	}
	monitor_report(&m, "ok\n");
	monitor_loop(&m);
	server_close(&m.server);
	gconf_free(&m.guest.config);
	dais_close(m.guest.conn);
	return 0;
}
