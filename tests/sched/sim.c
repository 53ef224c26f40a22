/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/heap.h"
#include "kernel/timer.h"
#include "tests/sched/sim.h"

#define MAX_TASKS 16384
#define GUARD 10000 /* ns before the end of its slice that a cheat sleeps, and how long */

struct event { u64 at, number; u32 kind, index; };
enum { EV_CPU, EV_TASK };

static struct sim_config config;
static struct sim_cpu { bool asked, busy; u64 timer, event, event_at, idle_since, clock; } cpus[MAX_CPUS];
static struct sim_task *tasks[MAX_TASKS];
static struct event *heap;
static u32 count, events, room, this;
static u64 numbers, state, idle_timers;
static u32 log_word;

u64 sim_now, sim_events, sim_switches, sim_steals, sim_lag_worst, sim_mixed;

u64 sim_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

u64 sim_idle_timers(void) { return idle_timers; }

/* --- events: a heap by time; of equal ones the older first --- */

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void swap(u32 a, u32 b)
{
	struct event e = heap[a];

	heap[a] = heap[b];
	heap[b] = e;
}

static u64 schedule(u64 at, u32 kind, u32 index)
{
	u32 i = events++;

	if (events > room) {
		room = room ? 2 * room : 1024;
		heap = realloc(heap, room * sizeof(*heap));
	}
	heap[i] = (struct event){ at, ++numbers, kind, index };
	for (; i && earlier(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
	return numbers;
}

static struct event next_event(void)
{
	struct event e = heap[0];
	u32 i = 0, least;

	heap[0] = heap[--events];
	for (;;) {
		least = i;
		for (u32 k = 2 * i + 1; k <= 2 * i + 2 && k < events; k++)
			if (earlier(&heap[k], &heap[least]))
				least = k;
		if (least == i)
			return e;
		swap(i, least);
		i = least;
	}
}

/* --- what the scheduler sees --- */

u32 cpu_id(void) { return this; }
u32 cpu_count(void) { return config.cpus; }
u64 time_now(void) { return sim_now; }
u64 time_hz(void) { return 1000000000; }

void *heap_alloc(size_t size)
{
	void *p = aligned_alloc(64, ALIGN_UP(size, 64));

	return p ? memset(p, 0, size) : NULL;
}

static void look(u32 cpu, u64 at)
{
	struct sim_cpu *c = &cpus[cpu];

	if (c->event && c->event_at <= at)
		return;
	c->event_at = at;
	c->event = schedule(at, EV_CPU, cpu);
}

void cpu_request(u32 cpu, u32 bits)
{
	(void)bits;
	cpus[cpu].asked = true;
	look(cpu, sim_now + (cpu == this ? 0 : 1 + sim_random() % config.latency));
}

void timer_look_at(u64 at)
{
	struct sim_cpu *c = &cpus[this];

	if (at >= c->timer)
		return;
	c->timer = at;
	look(this, at);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "seed %lu, %lu ns, event %lu: ", config.seed, sim_now, sim_events);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	abort();
}

#define MUST(x) do { if (!(x)) panic("line %u: not so: %s", __LINE__, #x); } while (0)

/* --- invariants --- */

struct walk { struct run_queue *q; struct tree *tree; const struct node *last; s64 load, sum; u32 nodes; };

static void check_lag(const struct run_queue *q, const struct sched_ctx *c)
{
	s64 lag = (s64)(c->vtime - q->base) * c->p.weight / (s64)UNIT;

	sim_lag_worst = MAX(sim_lag_worst, (u64)(lag < 0 ? -lag : lag));
}

/* Its height. edge: on the way from the root to the least, where `first` is not kept */
static int check_node(struct walk *w, struct node *n, bool edge)
{
	struct sched_ctx *c = ctx_of(n);
	const struct sim_task *t = container_of(c, struct sim_task, c);
	u64 first = n->start, any = n->where;
	int high[2] = { 0 };

	for (u32 i = 0; i < 2; i++) {
		if (i) {
			MUST(!w->last || !before(n->key, w->last->key));
			w->last = n;
		}
		if (!n->child[i])
			continue;
		MUST(n->child[i]->up == n);
		high[i] = check_node(w, n->child[i], edge && !i);
		first = before(n->child[i]->first, first) ? n->child[i]->first : first;
		any |= n->child[i]->any;
	}
	MUST((edge || n->first == first) && n->any == any && n->tilt == high[1] - high[0] && n->tilt >= -1 && n->tilt <= 1);
	MUST(c->state == SCHED_QUEUED && c->cpu == w->q->cpu && c->tree == w->tree && t->wants && !t->on && !t->frozen);
	MUST(may_run(c, c->cpu));
	MUST(c->counted == (w->tree == &w->q->fair));
	MUST((w->tree == &w->q->later) == (c->p.budget && c->left <= 0));
	MUST((w->tree == &w->q->reserved) == (c->p.reserved && c->left > 0));
	if (c->counted) {
		w->load += c->p.weight;
		w->sum += c->p.weight * (s64)(c->vtime - w->q->base);
		check_lag(w->q, c);
	}
	w->nodes++;
	return 1 + MAX(high[0], high[1]);
}

/* Its threads run one domain, if one of them asks for it and no change is on its way. */
static void check_core(const struct run_queue *q)
{
	u32 running = 0;

	for (u32 i = 0; i < config.cpus; i++) {
		const struct sched_ctx *a = q->current, *b = queues[i]->current;

		if (queues[i]->lead != q->lead)
			continue;
		running += queues[i]->in_core;
		MUST(queues[i]->in_core == (b && q->smt));
		if (!a || !b || a->group == b->group)
			continue;
		sim_mixed++;
		MUST((!a->p.set[DAIS_SCHED_CORE] && !b->p.set[DAIS_SCHED_CORE]) || cpus[q->cpu].asked || cpus[i].asked);
	}
	MUST(q->lead->threads.running == running && !q->lead->threads.lock.locked);
}

static const struct node *end_of(const struct node *n, u32 d)
{
	while (n && n->child[d])
		n = n->child[d];
	return n;
}

static u32 check_queue(struct run_queue *q)
{
	struct walk w = { .q = q };
	struct sched_ctx *c = q->current;
	struct tree *trees[] = { &q->fair, &q->reserved, &q->later };

	MUST(!q->lock.locked);
	for (u32 i = 0; i < ARRAY_SIZE(trees); i++) {
		w.tree = trees[i];
		w.last = NULL;
		if (w.tree->root)
			check_node(&w, w.tree->root, true);
		for (u32 d = 0; d < 2; d++)
			MUST(w.tree->end[d] == end_of(w.tree->root, d));
	}
	if (c) {
		MUST(c->state == SCHED_RUNNING && c->cpu == q->cpu && !c->tree);
		MUST(container_of(c, struct sim_task, c)->on == q->cpu + 1);
		w.nodes++;
		if (c->counted) {
			w.load += c->p.weight;
			w.sum += c->p.weight * (s64)(c->vtime - q->base);
		}
	}
	MUST(q->load == w.load && q->sum == w.sum);
	MUST(!q->held || (!c && (q->fair.root || q->reserved.root)) || cpus[q->cpu].asked || !q->fair.root);
	if (config.per_core > 1 && config.cpus <= 96)
		check_core(q);
	return w.nodes;
}

/* CPUs that have been idle for longer than the ways of two wake-ups */
static bool idle_long(struct cpu_mask *m)
{
	bool any = false;

	memset(m, 0, sizeof(*m));
	for (u32 i = 0; i < config.cpus; i++) {
		if (cpus[i].busy || queues[i]->held || sim_now - cpus[i].idle_since <= 2 * config.latency)
			continue;
		m->word[i / 64] |= 1ULL << i % 64;
		any = true;
	}
	return any;
}

static void check_waiting(struct node *n, const struct cpu_mask *m)
{
	if (!n)
		return;
	for (u32 w = 0; w < ARRAY_SIZE(m->word); w++)
		MUST(sim_now - ctx_of(n)->since <= 2 * config.latency || !(m->word[w] & ctx_of(n)->p.cpus.word[w]));
	check_waiting(n->child[0], m);
	check_waiting(n->child[1], m);
}

/* No CPU idles for longer than the way of a wake-up, or of two in turn, while a fair context waits as long that it may run. */
static void check_work(void)
{
	struct cpu_mask m;
	bool any = idle_long(&m);

	for (u32 i = 0; i < config.cpus; i++) {
		MUST((cpus_waiting.word[i / 64] >> i % 64 & 1) == !!queues[i]->fair.root);
		if (any)
			check_waiting(queues[i]->fair.root, &m);
	}
}

static void check_all(void)
{
	u32 nodes = 0, want = 0;

	for (u32 i = 0; i < config.cpus; i++)
		nodes += check_queue(queues[i]);
	for (u32 i = 0; i < count; i++) {
		const struct sim_task *t = tasks[i];

		want += t->wants && !t->frozen;
		if (!t->wants && !t->frozen)
			MUST(t->c.state == SCHED_BLOCKED && !t->on);
	}
	MUST(nodes == want); /* with what check_node says: each is there once */
	check_work();
}

/* The budget is all that it gets in ten periods; one more, as they may begin within one. */
static void check_budget(struct sim_task *t)
{
	const struct sched_params *p = &t->c.p;

	if (!p->budget || sim_now - t->window < 10 * p->period)
		return;
	MUST(t->ran - t->window_ran <= (sim_now - t->window) / p->period * p->budget + 2 * p->budget);
	t->window = sim_now;
	t->window_ran = t->ran;
}

/* --- what contexts do --- */

static u64 about(u64 ns)
{
	return ns / 2 + sim_random() % (ns + 1);
}

static void want(struct sim_task *t)
{
	t->wants = true;
	t->woke = sim_now;
	t->need = t->kind == SIM_HOG ? ~0ULL >> 1 : t->kind == SIM_BURST ? about(t->run) : t->run;
	if (t->kind == SIM_CHEAT)
		t->need = t->c.p.slice - GUARD;
}

static void wake(struct sim_task *t)
{
	this = sim_random() % config.cpus;
	if (!t->wants)
		want(t);
	sched_wake(&t->c);
}

static void off(struct sim_task *t)
{
	u64 ns = sim_now - t->began;

	t->ran += ns;
	t->need -= MIN(ns, t->need);
	t->on = 0;
	check_budget(t);
}

static void on(struct sim_task *t, u32 cpu, u32 index)
{
	MUST(t->wants && !t->frozen && !t->on);
	t->on = cpu + 1;
	t->began = sim_now;
	if (t->woke) {
		u64 waited = sim_now - t->woke;

		t->latency_worst = MAX(t->latency_worst, waited);
		t->latency_sum += waited;
		t->wakes++;
		t->woke = 0;
	}
	if (t->kind != SIM_HOG)
		t->event = schedule(sim_now + t->need, EV_TASK, index);
}

static u32 index_of(const struct sim_task *t) { return t->index; }

static void sleep_now(struct sim_task *t)
{
	u64 ns = t->kind == SIM_BURST ? about(t->sleep) : t->kind == SIM_CHEAT ? GUARD : 0;

	t->wants = false;
	if (t->kind == SIM_PERIODIC)
		ns = t->sleep - (sim_now % t->sleep);
	t->event = schedule(sim_now + ns, EV_TASK, index_of(t));
}

/* --- the driver --- */

/* What it saw when it looked, before it had the locks; never less than before. */
static u64 clock_of(u32 cpu)
{
	u64 at = sim_now - (config.skew ? sim_random() % config.skew : 0);

	cpus[cpu].clock = MAX(cpus[cpu].clock, at);
	return cpus[cpu].clock;
}

static void pick(u32 cpu)
{
	struct run_queue *q = queues[cpu];
	struct sim_task *was = q->current ? container_of(q->current, struct sim_task, c) : NULL, *t;
	struct sched_ctx *c;

	this = cpu;
	if (was)
		off(was);
	cpus[cpu].asked = false;
	c = sched_pick(clock_of(cpu));
	t = c ? container_of(c, struct sim_task, c) : NULL;
	if (!t && cpus[cpu].busy)
		cpus[cpu].idle_since = sim_now;
	cpus[cpu].busy = t;
	if (!t)
		return;
	if (t != was)
		sim_switches++;
	on(t, cpu, index_of(t));
}

static void cpu_event(u32 cpu, u64 number)
{
	struct sim_cpu *c = &cpus[cpu];

	if (c->event != number)
		return;
	c->event = 0;
	if (c->timer > sim_now && !c->asked) { /* it was answered by the way */
		look(cpu, c->timer);
		return;
	}
	if (c->timer <= sim_now) {
		c->clock = MAX(c->clock, c->timer);
		c->timer = ~0ULL;
	}
	if (!c->asked && !queues[cpu]->fair.root && !queues[cpu]->reserved.root && !queues[cpu]->later.root &&
	    (!queues[cpu]->current || !queues[cpu]->current->p.budget))
		idle_timers++;
	pick(cpu);
	if (c->timer != ~0ULL)
		look(cpu, c->timer);
	check_queue(queues[cpu]);
}

static void task_event(u32 index, u64 number)
{
	struct sim_task *t = tasks[index];
	u32 cpu = t->on - 1;

	if (t->event != number)
		return;
	t->event = 0;
	if (!t->wants) {
		wake(t);
	} else if (t->on) {
		this = cpu;
		off(t);
		MUST(sched_block(&t->c, &log_word, 1));
		sleep_now(t);
		pick(cpu);
		check_queue(queues[cpu]);
	}
	check_queue(queues[t->c.cpu]);
}

void sim_run(u64 ns)
{
	u64 end = sim_now + ns;

	while (events && heap[0].at <= end) {
		struct event e = next_event();

		sim_now = e.at;
		sim_events++;
		if (e.kind == EV_CPU)
			cpu_event(e.index, e.number);
		else
			task_event(e.index, e.number);
		if (sim_events % config.check_all == 0)
			check_all();
	}
	sim_now = end;
}

void sim_start(const struct sim_config *c)
{
	config = *c;
	if (!config.per_cache)
		config.per_cache = config.cpus;
	if (!config.per_core)
		config.per_core = 1;
	if (!config.group)
		config.group = 1;
	if (!config.check_all)
		config.check_all = 1;
	if (!config.latency)
		config.latency = 1000;
	state = config.seed * 0x9e3779b97f4a7c15ULL | 1;
	sim_now = 1000000;
	sim_events = sim_switches = sim_steals = sim_lag_worst = sim_mixed = numbers = idle_timers = 0;
	count = events = 0;
	for (u32 i = 0; i < config.cpus; i++)
		cpus[i] = (struct sim_cpu){ .timer = ~0ULL, .idle_since = sim_now };
	for (this = 0; this < config.cpus; this++)
		sched_init_cpu(this, this / config.per_core, this / config.per_cache);
	for (u32 i = 0; i < config.cpus; i++)
		cpu_request(i, CPU_RESCHED);
}

struct sim_task *sim_add(enum sim_kind kind, u64 run, u64 sleep)
{
	struct sim_task *t = calloc(1, sizeof(*t));

	MUST(t && count < MAX_TASKS);
	t->kind = kind;
	t->run = run;
	t->sleep = sleep;
	t->index = count;
	sched_attach(&t->c, count / config.group, false);
	tasks[count++] = t;
	sched_thaw(&t->c);
	t->frozen = false;
	wake(t);
	return t;
}

bool sim_try(struct sim_task *t, u64 param, u64 value)
{
	u64 left;

	this = sim_random() % config.cpus;
	t->window = sim_now;
	t->window_ran = t->ran + (t->on ? sim_now - t->began : 0);
	return sched_set(&t->c, param, value, NULL, &left) == DAIS_OK;
}

void sim_set(struct sim_task *t, u64 param, u64 value)
{
	MUST(sim_try(t, param, value));
}

void sim_bind(struct sim_task *t, u32 first, u32 last)
{
	struct cpu_mask m = { { 0 } };
	u64 left;

	for (u32 i = first; i <= last; i++)
		m.word[i / 64] |= 1ULL << i % 64;
	MUST(sched_set(&t->c, DAIS_SCHED_CPUS, 0, &m, &left) == DAIS_OK);
}

/* As pausing does it: what runs is asked to stop, and stops itself. */
void sim_freeze(struct sim_task *t)
{
	u32 cpu = t->on - 1;

	if (t->on) {
		this = cpu;
		off(t);
		MUST(sched_block(&t->c, &log_word, 1));
	}
	t->frozen = true;
	MUST(sched_freeze(&t->c));
	t->event = 0;
	if (cpu != ~0u)
		pick(cpu);
}

void sim_thaw(struct sim_task *t)
{
	t->frozen = false;
	sched_thaw(&t->c);
	t->wants = false;
	wake(t);
}

void sim_end(void)
{
	check_all();
	for (u32 i = 0; i < count; i++) {
		if (tasks[i]->on)
			tasks[i]->c.state = SCHED_BLOCKED; /* with its CPU */
		else
			sched_freeze(&tasks[i]->c);
		free(tasks[i]);
	}
	for (u32 i = 0; i < config.cpus; i++) {
		free(queues[i]);
		queues[i] = NULL;
	}
	free(heap);
	heap = NULL;
	room = 0;
	memset(&cpus_idle, 0, sizeof(cpus_idle));
	memset(&cpus_waiting, 0, sizeof(cpus_waiting));
}
