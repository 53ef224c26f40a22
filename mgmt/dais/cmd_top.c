/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "dais.h"
#include "guests.h"

#define FALLBACK_LINES 24

struct row {
	struct dais_ioc_dom_info d;
	uint64_t guest_tsc, exits, waited, moved, missed;
	double percent, exit_rate, wait, moves;
};

struct sample {
	uint64_t tsc, idle;
	struct row *row;
	unsigned int rows;
};

struct top_options {
	bool batch;
	unsigned int count, seconds;
};

static void add_row(struct dais_conn *conn, struct sample *s, const struct dais_ioc_dom_info *d)
{
	struct row *grown = realloc(s->row, (s->rows + 1) * sizeof(*grown)), *r;
	struct dais_dom *dom;
	unsigned int i;

	if (!grown)
		return;
	s->row = grown;
	r = &s->row[s->rows];
	memset(r, 0, sizeof(*r));
	r->d = *d;
	if (dais_dom_open(conn, d->id, &dom))
		return; /* went away in between */
	for (i = 0; i < d->vcpus; i++) {
		uint64_t value;

		if (!dais_dom_vcpu_stat(dom, i, DAIS_STAT_VCPU_TSC, &value))
			r->guest_tsc += value;
		if (!dais_dom_vcpu_stat(dom, i, DAIS_STAT_VCPU_EXITS, &value))
			r->exits += value;
		if (!dais_dom_vcpu_stat(dom, i, DAIS_STAT_VCPU_WAITED, &value))
			r->waited += value;
		if (!dais_dom_vcpu_stat(dom, i, DAIS_STAT_VCPU_MOVED, &value))
			r->moved += value;
		if (!dais_dom_vcpu_stat(dom, i, DAIS_STAT_VCPU_MISSED, &value))
			r->missed += value;
	}
	dais_dom_close(dom);
	s->rows++;
}

static const struct row *find(const struct sample *s, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < s->rows; i++)
		if (s->row[i].d.id == id)
			return &s->row[i];
	return NULL;
}

/* Busiest first. */
static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->percent != y->percent)
		return x->percent < y->percent ? 1 : -1;
	return x->d.id < y->d.id ? -1 : 1;
}

static int take(struct dais_conn *conn, struct sample *s, const struct sample *before)
{
	const struct dais_info *info = dais_get_info(conn);
	struct dais_ioc_dom_info d = { .id = 0 };
	unsigned int i;
	bool first = true;

	memset(s, 0, sizeof(*s));
	if (!info)
		return -1;
	s->tsc = read_tsc();
	s->idle = info->stat[DAIS_STAT_CPU_IDLE_TSC];
	while (dais_dom_next(conn, first, d.id, &d) > 0) {
		first = false;
		add_row(conn, s, &d);
	}
	for (i = 0; i < s->rows; i++) {
		struct row *r = &s->row[i];
		const struct row *old = find(before, r->d.id);
		/* A guest that is new since the last sample has run since its creation. */
		uint64_t since = old ? before->tsc : r->d.created_tsc;
		double span = s->tsc > since ? s->tsc - since : 1;

		r->percent = 100.0 * (r->guest_tsc - (old ? old->guest_tsc : 0)) / span;
		r->wait = 100.0 * (r->waited - (old ? old->waited : 0)) / span;
		r->moves = (r->moved - (old ? old->moved : 0)) * (double)info->stat[DAIS_STAT_TSC_HZ] / span;
		r->exit_rate = (r->exits - (old ? old->exits : 0)) * (double)info->stat[DAIS_STAT_TSC_HZ] / span;
	}
	if (s->rows)
		qsort(s->row, s->rows, sizeof(*s->row), compare);
	return 0;
}

static double idle_percent(const struct dais_info *info, const struct sample *s,
			   const struct sample *before)
{
	double span = (double)(s->tsc - before->tsc) * info->stat[DAIS_STAT_CPUS];

	return span > 0 ? 100.0 * (s->idle - before->idle) / span : 0; /* the first time: since the start */
}

static unsigned int screen_lines(void)
{
	struct winsize w;

	if (ioctl(1, TIOCGWINSZ, &w) || !w.ws_row)
		return FALLBACK_LINES;
	return w.ws_row;
}

static void print(struct dais_conn *conn, const struct sample *s, const struct sample *before,
		  const struct top_options *o)
{
	const char *end = o->batch ? "\n" : "\033[K\n";
	unsigned int lines = o->batch ? ~0U : screen_lines();
	const struct dais_info *info = dais_peek_info(conn);
	char a[32], b[32];
	unsigned int i;

	printf("Dais %s: %u guests, %llu CPUs %.1f %% idle, memory %s free of %s for guests%s",
	       info->version, s->rows, (unsigned long long)info->stat[DAIS_STAT_CPUS], idle_percent(info, s, before),
	       format_size(info->mem_free, a), format_size(info->mem_pool, b),
	       end);
	printf("%s%4s  %-20s %-8s %5s %9s %7s %7s %7s %6s %10s  %s%s", end, "ID", "NAME", "STATE", "VCPUS",
	       "MEMORY", "%CPU", "%WAIT", "MOVES/S", "MISSED", "EXITS/S", "KIND", end);
	for (i = 0; i < s->rows && i + 3 < lines; i++) {
		const struct row *r = &s->row[i];

		printf("%4u  %-20s %-8s %5u %9s %7.1f %7.1f %7.1f %6llu %10.0f  %s%s", r->d.id, r->d.name,
		       dais_state_name(r->d.state), r->d.vcpus, format_size(r->d.memory, a), r->percent, r->wait,
		       r->moves, (unsigned long long)r->missed, r->exit_rate,
		       r->d.flags & DAIS_DOM_AUTONOMOUS ? "autonomous" : "hosted", end);
	}
	fflush(stdout);
}

/* Waits for the next sample; true: the user wants to leave. */
static bool wait_next(const struct top_options *o, int signals)
{
	struct pollfd p[2] = {
		{ .fd = o->batch ? -1 : 0, .events = POLLIN }, { .fd = signals, .events = POLLIN },
	};
	char c;

	if (poll(p, 2, o->seconds * 1000) <= 0)
		return false;
	if (p[1].revents)
		return true;
	return read(0, &c, 1) <= 0 || c == 'q' || c == 3;
}

static int loop(struct dais_conn *conn, const struct top_options *o, int signals)
{
	struct sample s, before = { .tsc = 0 };
	unsigned int i;
	int ret = EXIT_OK;

	for (i = 0; (!o->count || i < o->count) && !ferror(stdout); i++) {
		if (i && wait_next(o, signals))
			break;
		if (take(conn, &s, &before)) {
			ret = fail("asking Dais: %s", dais_strerror(-errno));
			break;
		}
		fputs(o->batch ? i ? "\n" : "" : "\033[H", stdout);
		print(conn, &s, &before, o);
		if (!o->batch)
			fputs("\033[J", stdout);
		fflush(stdout);
		free(before.row);
		before = s;
	}
	free(before.row);
	return ret;
}

static int parse(const struct command *c, int argc, char **argv, struct top_options *o)
{
	struct fault err;
	int opt, ret = 0;
	static const struct option options[] = {
		{ "batch", no_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	opterr = 0;
	while (!ret && (opt = getopt_long(argc, argv, ":bn:d:h", options, NULL)) != -1) {
		switch (opt) {
		case 'b':
			o->batch = true;
			break;
		case 'n':
			ret = gconf_parse_number("count", optarg, 1, 1000000, &o->count, &err);
			break;
		case 'd':
			ret = gconf_parse_number("delay", optarg, 1, 3600, &o->seconds, &err);
			break;
		case 'h':
			fputs(c->help, stdout);
			return -2;
		default:
			ret = fault_set(&err, "unknown option or missing value: \"%s\"", bad_option(opt, argv));
		}
	}
	if (!ret && optind < argc)
		ret = fault_set(&err, "unexpected argument \"%s\"", argv[optind]);
	if (ret)
		fail_usage(c, "%s", err.text);
	return ret;
}

static bool enter_screen(struct termios *saved)
{
	struct termios raw;

	if (tcgetattr(0, saved))
		return false;
	raw = *saved;
	raw.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(0, TCSADRAIN, &raw);
	fputs("\033[?1049h\033[?25l", stdout);
	return true;
}

int cmd_top(const struct command *c, int argc, char **argv)
{
	struct top_options o = { .seconds = 2 };
	struct termios saved;
	struct dais_conn *conn;
	sigset_t set;
	bool screen;
	int ret = parse(c, argc, argv, &o);

	if (ret)
		return simple_exit(ret);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	o.batch |= !isatty(0) || !isatty(1);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	screen = !o.batch && enter_screen(&saved);
	ret = loop(conn, &o, signalfd(-1, &set, SFD_CLOEXEC));
	if (screen) {
		fputs("\033[?25h\033[?1049l", stdout);
		fflush(stdout);
		tcsetattr(0, TCSADRAIN, &saved);
	}
	dais_close(conn);
	return ret;
}
