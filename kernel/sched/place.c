/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where contexts run: two masks say which CPUs are idle and where fair ones wait. Who goes idle sets its bit, then looks
 * for somebody who waits; who makes somebody wait sets that bit, then looks for an idle CPU: one of both sees the
 * other. Whoever gives an idle CPU something to do takes its bit first, so that nobody else counts on it.
 */
#include "kernel/sched/queue.h"

#define BALANCE (time_hz() / 64) /* ticks between two attempts of a CPU */
#define SOME    8                /* contexts of each side that an attempt looks at */

struct cpu_mask cpus_idle, cpus_waiting;

static void set(struct cpu_mask *m, u32 cpu, bool yes)
{
	u64 *word = &m->word[cpu / 64], bit = 1ULL << cpu % 64;

	if (!yes != !(atomic_load_relaxed(word) & bit))
		(void)(yes ? atomic_or(word, bit) : atomic_and(word, ~bit));
}

void place_idle(u32 cpu, bool yes)
{
	set(&cpus_idle, cpu, yes);
	atomic_fence();
}

void place_waiting(struct run_queue *q)
{
	set(&cpus_waiting, q->cpu, q->fair.root);
}

u64 place_fold(const struct sched_ctx *c)
{
	u64 all = 0;

	for (u32 i = 0; i < ARRAY_SIZE(c->p.cpus.word); i++)
		all |= c->p.cpus.word[i];
	return all;
}

static bool claim(u32 cpu)
{
	u64 *word = &cpus_idle.word[cpu / 64], bit = 1ULL << cpu % 64;

	return (atomic_load_relaxed(word) & bit) && (atomic_and(word, ~bit) & bit);
}

/* An idle CPU of the mask, or (NULL) with number % 64 in fold; one that shares home's cache first, of these one whose
 * core idles wholly, of these home itself; ~0: none */
static u32 claim_of(const struct cpu_mask *m, u64 fold, u32 home)
{
	u32 words = (cpu_count() + 63) / 64;
	u64 any = 0;

	for (u32 i = 0; i < words; i++)
		any |= atomic_load_relaxed(&cpus_idle.word[i]);
	for (u32 i = 0; any && i < 3 * words; i++) {
		u32 w = (home / 64 + i) % words, cpu;
		u64 bits = atomic_load_relaxed(&cpus_idle.word[w]) & (m ? m->word[w] : fold);

		for (bits &= i < 2 * words ? queues[home]->near.word[w] : ~0ULL; bits; bits &= ~(1ULL << cpu % 64)) {
			cpu = w == home / 64 && (bits >> home % 64 & 1) ? home : w * 64 + __builtin_ctzll(bits);
			if ((i >= words || !atomic_load_relaxed(&queues[cpu]->lead->threads.running)) && claim(cpu))
				return cpu;
		}
	}
	return ~0u;
}

u32 place_any(const struct sched_ctx *c)
{
	u32 cpu = c->cpu;

	if (c->p.reserved)
		return c->p.home;
	while (!mask_has(&c->p.cpus, cpu))
		cpu = (cpu + 1) % cpu_count();
	return cpu;
}

u32 place_wake(const struct sched_ctx *c)
{
	u32 home = place_any(c), cpu;

	if ((c->p.reserved || !atomic_load_relaxed(&queues[home]->lead->threads.running)) && claim(home))
		return home; /* the usual way, made short */
	cpu = c->p.reserved ? ~0u : claim_of(&c->p.cpus, 0, home);
	return cpu == ~0u ? home : cpu;
}

void place_offer(const struct run_queue *q)
{
	u32 cpu = q->fair.root ? claim_of(NULL, q->fair.root->any, q->cpu) : ~0u;

	if (cpu != ~0u)
		cpu_request(cpu, CPU_RESCHED);
}

/* --- from queue to queue --- */

static void lock_both(struct run_queue *a, struct run_queue *b)
{
	spin_lock(a->cpu < b->cpu ? &a->lock : &b->lock);
	spin_lock(a->cpu < b->cpu ? &b->lock : &a->lock);
}

static void unlock_both(struct run_queue *a, struct run_queue *b)
{
	spin_unlock(&a->lock);
	spin_unlock(&b->lock);
}

static void move(struct run_queue *from, struct run_queue *to, struct sched_ctx *c, u64 now)
{
	dequeue(from, c, now);
	migrate(from, c, to->cpu);
	enqueue(to, c, now);
	place_waiting(from);
	place_waiting(to);
}

static bool may(const struct node *n, u32 cpu)
{
	return may_run(container_of(n, struct sched_ctx, node), cpu);
}

/* c, if it waits there; NULL: the first that may come */
static bool pull(struct run_queue *q, struct run_queue *from, struct sched_ctx *c)
{
	lock_both(q, from);
	if (!c || c->cpu != from->cpu || c->tree != &from->fair || !may_run(c, q->cpu))
		c = c ? NULL : ctx_of(tree_for(from->fair.root, q->cpu, may));
	if (c) {
		move(from, q, c, time_now());
		place_offer(from); /* there may be more */
	}
	unlock_both(q, from);
	return c;
}

bool place_fetch(struct run_queue *q, struct sched_ctx *c)
{
	struct run_queue *from = queues[atomic_load_relaxed(&c->cpu)];

	return from == q || (may_run(c, q->cpu) && pull(q, from, c));
}

static bool pull_of(struct run_queue *q, const struct cpu_mask *m)
{
	u32 words = (cpu_count() + 63) / 64;

	for (u32 i = 0; i < words; i++) {
		u32 w = (q->cpu / 64 + i) % words;
		u64 bits = atomic_load(&cpus_waiting.word[w]) & (m ? m->word[w] : ~0ULL);

		for (; bits; bits &= bits - 1) {
			u32 cpu = w * 64 + __builtin_ctzll(bits);

			if (cpu != q->cpu && pull(q, queues[cpu], NULL))
				return true;
		}
	}
	return false;
}

bool place_steal(struct run_queue *q)
{
	place_idle(q->cpu, true);
	return pull_of(q, &q->near) || pull_of(q, NULL);
}

/* --- balance between CPUs that are all busy --- */

struct parcel { struct sched_ctx *c; struct run_queue *from, *to; };
struct share { struct parcel p[2 * SOME]; u32 n, steps; s64 load[2]; };

/* The next few that may run on the other one, the heaviest first. */
static void gather(struct share *s, struct node *t, struct run_queue *from, u32 other, u32 end)
{
	struct sched_ctx *c = ctx_of(t);
	u32 i;

	if (!t || !(t->any >> other % 64 & 1) || s->n == end || !s->steps)
		return;
	s->steps--;
	gather(s, t->child[0], from, other, end);
	if (s->n < end && may_run(c, other)) {
		for (i = s->n++; i && s->p[i - 1].c->p.weight < c->p.weight; i--)
			s->p[i] = s->p[i - 1];
		s->p[i] = (struct parcel){ c, from, from };
	}
	gather(s, t->child[1], from, other, end);
}

/* The heaviest first, each to where there is less. A tie goes either way: so three on two CPUs take turns. */
static bool share_out(struct run_queue *a, struct run_queue *b, u64 now)
{
	struct share s = { .steps = 4 * SOME, .load = { a->load, b->load } };
	struct run_queue *side[2] = { a, b };

	gather(&s, a->fair.root, a, b->cpu, SOME);
	s.steps = 4 * SOME;
	gather(&s, b->fair.root, b, a->cpu, s.n + SOME);
	for (u32 i = 0; i < s.n; i++)
		s.load[s.p[i].from == b] -= s.p[i].c->p.weight;
	for (u32 i = 0; i < s.n; i++) {
		u32 to = s.load[0] == s.load[1] ? a->random >> (40 + i) & 1 : s.load[1] < s.load[0];

		s.p[i].to = side[to];
		s.load[to] += s.p[i].c->p.weight;
	}
	if (MAX(s.load[0], s.load[1]) - MIN(s.load[0], s.load[1]) > MAX(a->load, b->load) - MIN(a->load, b->load) || a->load == b->load)
		return false;
	for (u32 i = 0; i < s.n; i++)
		if (s.p[i].from != s.p[i].to)
			move(s.p[i].from, s.p[i].to, s.p[i].c, now);
	return true;
}

void place_balance(struct run_queue *q, u64 now)
{
	struct run_queue *other;

	if (!q->fair.root /* unlocked: a guess */ || now - q->balanced < BALANCE || cpu_count() == 1)
		return;
	q->balanced = now;
	q->random = q->random * 6364136223846793005ULL + 1442695040888963407ULL;
	other = queues[(q->cpu + 1 + (q->random >> 33) % (cpu_count() - 1)) % cpu_count()];
	lock_both(q, other);
	if (share_out(q, other, now)) {
		cpu_request(q->cpu, CPU_RESCHED);
		cpu_request(other->cpu, CPU_RESCHED);
	}
	unlock_both(q, other);
}
