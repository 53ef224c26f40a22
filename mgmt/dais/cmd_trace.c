/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dais.h"

/* Dais's neutral exit reasons, as arch/x86/virt numbers them. */
static const char *const exits[] = {
	"unknown", "interrupt", "NMI", "machine check", "INIT", "HLT", "PAUSE", "CPUID", "hypercall", "RDMSR",
	"WRMSR", "I/O", "nested fault", "CR8 write", "XSETBV", "WBINVD", "RDPMC", "RDTSC", "refused",
	"exception", "IRET", "interrupt window", "shutdown", "invalid state",
};

struct entries {
	struct dais_trace_entry *list;
	size_t count;
};

/* The writers go on meanwhile: what was overwritten during the copy is left out. */
static int add_cpu(struct entries *e, const struct dais_trace *t)
{
	uint64_t head = __atomic_load_n(&t->head, __ATOMIC_ACQUIRE), i, oldest;
	uint64_t first = head > t->count ? head - t->count : 0;
	struct dais_trace_entry *grown;
	size_t start = e->count;

	grown = realloc(e->list, (e->count + (head - first)) * sizeof(*grown) + 1);
	if (!grown)
		return -1;
	e->list = grown;
	for (i = first; i < head; i++)
		e->list[e->count++] = t->entry[i % t->count];
	head = __atomic_load_n(&t->head, __ATOMIC_ACQUIRE);
	oldest = head > t->count ? head - t->count : 0;
	if (oldest > first) {
		uint64_t lost = oldest - first, had = e->count - start;

		if (lost > had)
			lost = had;
		memmove(e->list + start, e->list + start + lost, (had - lost) * sizeof(*grown));
		e->count -= lost;
	}
	return 0;
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
		       t->a < sizeof(exits) / sizeof(exits[0]) ? exits[t->a] : "?",
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
	const struct dais_info *info = dais_peek_info(conn);
	struct entries e = { NULL, 0 };
	unsigned int cpu;
	size_t i;

	for (cpu = 0; cpu < info->cpus; cpu++) {
		const struct dais_trace *t = dais_get_trace(conn, cpu);

		if (!t || add_cpu(&e, t)) {
			free(e.list);
			return fail("reading the trace of CPU %u: %s", cpu, dais_strerror(-errno));
		}
	}
	qsort(e.list, e.count, sizeof(*e.list), by_time);
	if (e.count)
		printf("%14s  %-7s %5s.%-4s %s\n", "SECONDS", "WHERE", "DOM", "VCPU", "WHAT");
	for (i = 0; i < e.count; i++)
		print_entry(&e.list[i], e.list[0].tsc, info->tsc_hz);
	free(e.list);
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
