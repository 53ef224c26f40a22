/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace-event format (JSON): one process with a track for each CPU, which shows who runs there, and one for each
 * domain with a track for each vCPU, which shows when it runs and when it waits for a CPU.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "dais.h"
#include "sched_trace.h"

#define CPUS 4096
#define NAME 128	/* bytes for a domain's and a number */
#define MERGE_NS 2000	/* a vCPU that comes back to its CPU so soon never left it */

struct track {
	uint32_t vcpu;
	bool running;
	uint64_t waits_since;	/* 0: it does not wait */
};

/* Who runs, or has run last, on a CPU. */
struct slice {
	struct track *who;
	bool open;
	uint64_t begin, end;
};

struct writer {
	FILE *to;
	struct track *track;
	size_t tracks;
	struct slice cpu[CPUS];
	uint64_t first, hz;
	trace_name *name;
	void *ctx;
	bool begun;
};

static int by_time(const void *a, const void *b)
{
	const struct dais_trace_entry *x = a, *y = b;

	return x->tsc < y->tsc ? -1 : x->tsc > y->tsc;
}

static int by_vcpu(const void *a, const void *b)
{
	const struct track *x = a, *y = b;

	return x->vcpu < y->vcpu ? -1 : x->vcpu > y->vcpu;
}

static double microseconds(const struct writer *w, uint64_t ticks)
{
	return (double)ticks * 1e6 / w->hz;
}

static const char *name_of(const struct writer *w, uint32_t vcpu)
{
	return w->name(w->ctx, vcpu >> 16);
}

static void separate(struct writer *w)
{
	fputs(w->begun ? ",\n" : "\n", w->to);
	w->begun = true;
}

static void put_span(struct writer *w, const char *colour, unsigned int process, unsigned int thread, uint64_t begin,
		     uint64_t end)
{
	fprintf(w->to, "\"ph\":\"X\",\"cname\":\"%s\",\"pid\":%u,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f", colour, process, thread,
		microseconds(w, begin - w->first), microseconds(w, end - begin));
}

/* Processes: 0 are the CPUs, then the domains. */
static void put_wait(struct writer *w, const struct track *t, uint64_t end)
{
	separate(w);
	fputs("{\"name\":\"waits\",", w->to);
	put_span(w, "thread_state_runnable", 1 + (t->vcpu >> 16), t->vcpu & 0xffff, t->waits_since, end);
	fputc('}', w->to);
}

static void put_slice(struct writer *w, unsigned int cpu)
{
	const struct slice *s = &w->cpu[cpu];
	uint32_t vcpu = s->who->vcpu;
	char text[NAME];

	snprintf(text, sizeof(text), "%s/%u", name_of(w, vcpu), vcpu & 0xffff);
	separate(w);
	fputs("{\"name\":", w->to);
	json_write(w->to, text);
	fputc(',', w->to);
	put_span(w, vcpu >> 16 ? "good" : "grey", 0, cpu, s->begin, s->end);
	fputs("},\n{\"name\":\"runs\",", w->to);
	put_span(w, "thread_state_running", 1 + (vcpu >> 16), vcpu & 0xffff, s->begin, s->end);
	fprintf(w->to, ",\"args\":{\"cpu\":%u}}", cpu);
}

static void comes(struct writer *w, struct track *t, const struct dais_trace_entry *e)
{
	struct slice *s = &w->cpu[e->cpu];
	bool returns = s->who == t && microseconds(w, e->tsc - s->end) * 1000 <= MERGE_NS;

	if (t->waits_since && !returns)
		put_wait(w, t, e->tsc);
	t->waits_since = 0;
	t->running = true;
	if (!returns) {
		if (s->who)
			put_slice(w, e->cpu);
		*s = (struct slice){ .who = t, .begin = e->tsc };
	}
	s->open = true;
}

static void goes(struct writer *w, struct track *t, const struct dais_trace_entry *e)
{
	struct slice *s = &w->cpu[e->cpu];

	t->running = false;
	t->waits_since = e->a == DAIS_ACT_RUNNABLE && !e->b ? e->tsc : 0;
	if (s->who != t || !s->open) { /* it came before the first entry */
		if (s->who)
			put_slice(w, e->cpu);
		*s = (struct slice){ .who = t, .begin = w->first };
	}
	s->end = e->tsc;
	s->open = false;
}

static void take(struct writer *w, const struct dais_trace_entry *e)
{
	struct track key = { .vcpu = e->vcpu }, *t = bsearch(&key, w->track, w->tracks, sizeof(key), by_vcpu);

	if (!t || e->cpu >= CPUS)
		return;
	switch (e->kind) {
	case DAIS_TRACE_SWITCH:
		comes(w, t, e);
		break;
	case DAIS_TRACE_OFF:
		goes(w, t, e);
		break;
	case DAIS_TRACE_WAKE:
		if (!t->running && !t->waits_since)
			t->waits_since = e->tsc;
		break;
	}
}

static int make_tracks(struct writer *w, const struct dais_trace_entry *entry, size_t count)
{
	size_t i, n = 0;

	w->track = calloc(count + 1, sizeof(*w->track));
	if (!w->track)
		return -1;
	for (i = 0; i < count; i++)
		if (entry[i].kind == DAIS_TRACE_SWITCH || entry[i].kind == DAIS_TRACE_OFF)
			w->track[n++].vcpu = entry[i].vcpu;
	qsort(w->track, n, sizeof(*w->track), by_vcpu);
	for (i = 0; i < n; i++)
		if (!i || w->track[i].vcpu != w->track[w->tracks - 1].vcpu)
			w->track[w->tracks++] = w->track[i];
	return 0;
}

static void put_name(struct writer *w, const char *what, unsigned int process, unsigned int thread, const char *format,
		     const char *name, unsigned int number)
{
	char text[NAME];

	snprintf(text, sizeof(text), format, name, number);
	separate(w);
	fprintf(w->to, "{\"name\":\"%s\",\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"args\":{\"name\":", what, process, thread);
	json_write(w->to, text);
	fputs("}}", w->to);
}

static void put_names(struct writer *w)
{
	unsigned int cpu;
	size_t i;

	put_name(w, "process_name", 0, 0, "%s", "CPUs", 0);
	for (cpu = 0; cpu < CPUS; cpu++)
		if (w->cpu[cpu].who)
			put_name(w, "thread_name", 0, cpu, "%s%u", "CPU ", cpu);
	for (i = 0; i < w->tracks; i++) {
		uint32_t vcpu = w->track[i].vcpu;

		put_name(w, "process_name", 1 + (vcpu >> 16), 0, "%s (%u)", name_of(w, vcpu), vcpu >> 16);
		put_name(w, "thread_name", 1 + (vcpu >> 16), vcpu & 0xffff, "%s%u", "vCPU ", vcpu & 0xffff);
	}
}

int sched_trace_write(FILE *to, struct dais_trace_entry *entry, size_t count, uint64_t hz, uint64_t lost,
		      trace_name *name, void *ctx)
{
	struct writer *w = calloc(1, sizeof(*w));
	unsigned int cpu;
	size_t i;

	if (!w || make_tracks(w, entry, count)) {
		free(w);
		return -1;
	}
	if (count)
		qsort(entry, count, sizeof(*entry), by_time);
	w->to = to;
	w->hz = hz ? hz : 1;
	w->name = name;
	w->ctx = ctx;
	w->first = count ? entry[0].tsc : 0;
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", to);
	for (i = 0; i < count; i++)
		take(w, &entry[i]);
	for (cpu = 0; cpu < CPUS; cpu++) {
		struct slice *s = &w->cpu[cpu];

		if (s->open)
			s->end = entry[count - 1].tsc;
		if (s->who)
			put_slice(w, cpu);
	}
	put_names(w);
	fprintf(to, "\n],\"otherData\":{\"entries\":%zu,\"lost\":%llu}}\n", count, (unsigned long long)lost);
	free(w->track);
	free(w);
	return 0;
}
