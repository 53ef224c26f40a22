/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dais.h"
#include "exit_names.h"

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

int cmd_trace(const struct command *c, int argc, char **argv)
{
	struct simple_options o;
	struct dais_conn *conn;
	int ret, first = parse_simple(c, argc, argv, "", &o);

	if (first < 0)
		return simple_exit(first);
	if (argc > first + 1)
		return fail_usage(c, "unexpected argument \"%s\"", argv[first + 1]);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	ret = act(c, conn, first < argc ? argv[first] : "show");
	dais_close(conn);
	return ret;
}
