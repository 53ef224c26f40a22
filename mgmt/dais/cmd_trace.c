/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dais.h"
#include "exit_names.h"
#include "guests.h"
#include "sched_trace.h"

#define ENTRIES (sizeof(((struct dais_trace *)0)->entry) / sizeof(struct dais_trace_entry))

/* What is in the ring, but for what was written or overwritten during the copy. */
static size_t copy(struct dais_trace_entry *to, const struct dais_trace *t)
{
	uint64_t head = __atomic_load_n(&t->head, __ATOMIC_ACQUIRE), late, i;
	uint64_t first = head > ENTRIES ? head - ENTRIES : 0;
	size_t count = 0;

	for (i = first; i < head; i++)
		to[i - first] = t->entry[i % ENTRIES];
	late = __atomic_load_n(&t->head, __ATOMIC_ACQUIRE);
	late = late > ENTRIES ? late - ENTRIES : 0;
	for (i = late > first ? late : first; i < head; i++)
		if (to[i - first].tsc)
			to[count++] = to[i - first];
	return count;
}

static int by_time(const void *a, const void *b)
{
	const struct dais_trace_entry *x = a, *y = b;

	return x->tsc < y->tsc ? -1 : x->tsc > y->tsc;
}

static void print_entry(const struct dais_trace_entry *t, uint64_t base, uint64_t hz)
{
	printf("%14.6f  cpu %-3u ", hz ? (double)(t->tsc - base) / hz : 0.0, t->cpu);
	printf("%5u.%-4u ", t->vcpu >> 16, t->vcpu & 0xffff);
	switch (t->kind) {
	case DAIS_TRACE_EXIT:
		printf("exit    %s, rip %#llx\n",
		       t->a < sizeof(exit_names) / sizeof(exit_names[0]) ? exit_names[t->a] : "?",
		       (unsigned long long)t->b);
		break;
	case DAIS_TRACE_CALL:
		printf("call    %s: %s\n", dais_call_name(t->a),
		       dais_status_name(t->b) ? dais_status_name(t->b) : "?");
		break;
	case DAIS_TRACE_SWITCH:
		puts("switch");
		break;
	case DAIS_TRACE_OFF:
		printf("off     %s%s\n", dais_activity_name(t->a), t->b ? ", lends its time" : "");
		break;
	case DAIS_TRACE_WAKE:
		printf("wake    %#llx\n", (unsigned long long)t->a);
		break;
	case DAIS_TRACE_IRQ:
		printf("irq     vector %llu\n", (unsigned long long)t->a);
		break;
	default:
		printf("kind %u  %#llx %#llx\n", t->kind, (unsigned long long)t->a,
		       (unsigned long long)t->b);
	}
}

static int show(struct dais_conn *conn)
{
	const struct dais_trace *ring = dais_get_trace(conn);
	uint64_t hz = dais_peek_info(conn)->stat[DAIS_STAT_TSC_HZ];
	struct dais_trace_entry *list = malloc(ENTRIES * sizeof(*list));
	size_t i, count;

	if (!ring || !list) {
		free(list);
		return fail("reading the trace: %s", dais_strerror(ring ? -ENOMEM : -errno));
	}
	count = copy(list, ring);
	qsort(list, count, sizeof(*list), by_time);
	if (count)
		printf("%14s  %-7s %5s.%-4s %s\n", "SECONDS", "WHERE", "DOM", "VCPU", "WHAT");
	for (i = 0; i < count; i++)
		print_entry(&list[i], list[0].tsc, hz);
	free(list);
	return EXIT_OK;
}

/* ---- --sched ---- */

#define POLL_US	20000	/* the ring holds some thousand entries */
#define FRESH	64	/* so many may still be being written */
#define TRACE_OFF 0
#define TRACE_SCHED 2

struct recording {
	struct dais_trace_entry *entry;
	size_t count, room;
	uint64_t seen, lost;	/* entries of the ring */
};

/* What is new in the ring, up to `end`. */
static int record_until(struct recording *r, const struct dais_trace *t, uint64_t end)
{
	uint64_t oldest;

	if (end > r->seen && end - r->seen > r->room - r->count) {
		size_t room = 2 * r->room + ENTRIES;
		struct dais_trace_entry *grown = realloc(r->entry, room * sizeof(*grown));

		if (!grown)
			return -1;
		r->entry = grown;
		r->room = room;
	}
	for (; r->seen < end; r->seen++) {
		r->entry[r->count] = t->entry[r->seen % ENTRIES];
		oldest = __atomic_load_n(&t->head, __ATOMIC_ACQUIRE);
		oldest = oldest > ENTRIES ? oldest - ENTRIES : 0;
		if (r->seen < oldest) { /* overwritten before, or while, it was copied */
			r->lost += oldest - r->seen;
			r->seen = oldest - 1;
		} else if (r->entry[r->count].tsc) {
			r->count++;
		}
	}
	return 0;
}

/* Until the time is over, or a signal says that it is enough: what has been recorded is then written. */
static int record(struct recording *r, const struct dais_trace *t, unsigned int seconds, uint64_t hz)
{
	const struct timespec step = { .tv_nsec = POLL_US * 1000 };
	uint64_t begin = read_tsc(), head;
	sigset_t enough;
	int ret = 0;

	sigemptyset(&enough);
	sigaddset(&enough, SIGINT);
	sigaddset(&enough, SIGTERM);
	sigaddset(&enough, SIGHUP);
	sigprocmask(SIG_BLOCK, &enough, NULL);
	r->seen = __atomic_load_n(&t->head, __ATOMIC_ACQUIRE);
	while (!ret && read_tsc() - begin < seconds * hz && sigtimedwait(&enough, NULL, &step) < 0) {
		head = __atomic_load_n(&t->head, __ATOMIC_ACQUIRE);
		ret = record_until(r, t, head > FRESH ? head - FRESH : 0);
	}
	return ret;
}

static const char *domain_name(void *ctx, uint32_t id)
{
	static struct dais_ioc_dom_info d; /* entries of one domain come in a row */
	static char unknown[32];

	if (!id)
		return "control";
	if (d.id == id || dais_dom_next(ctx, false, id - 1, &d) > 0)
		if (d.id == id)
			return d.name;
	snprintf(unknown, sizeof(unknown), "domain-%u", id);
	return unknown;
}

static int write_recording(struct dais_conn *conn, struct recording *r, FILE *to, const char *path, uint64_t hz)
{
	int ret = sched_trace_write(to, r->entry, r->count, hz, r->lost, domain_name, conn);

	if (ret)
		ret = fail("out of memory in the control domain");
	if (fflush(to))
		ret = fail("%s: %s", path, strerror(errno));
	if (!ret && r->lost)
		fprintf(stderr, "dais: %llu entries were overwritten before they were read; record while less happens, or for a shorter time\n",
			(unsigned long long)r->lost);
	return ret;
}

static int record_to(struct dais_conn *conn, FILE *to, const char *path, unsigned int seconds)
{
	const struct dais_trace *ring = dais_get_trace(conn);
	uint64_t hz = dais_peek_info(conn)->stat[DAIS_STAT_TSC_HZ];
	struct recording r = { .room = 0 };
	int ret = ring ? dais_set_trace(conn, TRACE_SCHED) : -errno;

	if (ret)
		return fail("switching the trace: %s", dais_strerror(ret));
	ret = record(&r, ring, seconds, hz);
	dais_set_trace(conn, TRACE_OFF);
	usleep(POLL_US); /* for entries begun before */
	if (ret || record_until(&r, ring, __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE)))
		ret = fail("out of memory in the control domain");
	else
		ret = write_recording(conn, &r, to, path, hz);
	free(r.entry);
	return ret;
}

/* A file that cannot be written is known before an hour is recorded. */
static int trace_sched(struct dais_conn *conn, const char *path, unsigned int seconds)
{
	FILE *to = strcmp(path, "-") ? fopen(path, "we") : stdout;
	int ret;

	if (!to)
		return fail("%s: %s", path, strerror(errno));
	ret = record_to(conn, to, path, seconds);
	if (to != stdout && fclose(to) && !ret)
		ret = fail("%s: %s", path, strerror(errno));
	return ret;
}

static int act(const struct command *c, struct dais_conn *conn, const char *what)
{
	bool on = !strcmp(what, "on");
	int ret;

	if (!strcmp(what, "show"))
		return show(conn);
	if (!on && strcmp(what, "off"))
		return fail_usage(c, "\"%s\" is none of on, off, show", what);
	ret = dais_set_trace(conn, on);
	return ret ? fail("switching the trace: %s", dais_strerror(ret)) : EXIT_OK;
}

struct trace_options {
	const char *path;	/* of --sched */
	unsigned int seconds;
};

static int parse(const struct command *c, int argc, char **argv, struct trace_options *o)
{
	static const struct option options[] = {
		{ "sched", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct fault err;
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			o->path = optarg;
			break;
		case 'n':
			if (gconf_parse_number("seconds", optarg, 1, 3600, &o->seconds, &err)) {
				fail_usage(c, "%s", err.text);
				return -1;
			}
			break;
		case 'h':
			fputs(c->help, stdout);
			return -2;
		default:
			fail_usage(c, "unknown option or missing value: \"%s\"", bad_option(opt, argv));
			return -1;
		}
	}
	return optind;
}

int cmd_trace(const struct command *c, int argc, char **argv)
{
	struct trace_options o = { .seconds = 2 };
	struct dais_conn *conn;
	int ret, first = parse(c, argc, argv, &o);

	if (first < 0)
		return simple_exit(first);
	if (argc > first + !o.path)
		return fail_usage(c, "unexpected argument \"%s\"", argv[first + !o.path]);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	ret = o.path ? trace_sched(conn, o.path, o.seconds) : act(c, conn, first < argc ? argv[first] : "show");
	dais_close(conn);
	return ret;
}
