/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trees by key, balanced by height (AVL): of all that are O(log n) at worst, and not only on average as heaps that
 * merge are, the one with the fewest cases. Each node knows of its subtree what searches need: the least start, and
 * which CPUs somebody in it may run on. At most 1.44 log2 n deep, so the recursion of a search is bounded. What ran goes
 * far to the right, where an insertion changes little above it, and ends at once.
 */
#include "kernel/sched/queue.h"

/* What n knows of its subtree, from its children. Returns by how much the right one is higher, *changed: for what is above. */
static inline int update(struct node *n, bool *changed)
{
	u64 first = n->start, any = n->where;
	u32 high[2] = { 0 }, most;

	for (u32 i = 0; i < 2; i++) {
		const struct node *c = n->child[i];

		if (!c)
			continue;
		high[i] = c->height;
		any |= c->any;
		first = before(c->first, first) ? c->first : first;
	}
	most = 1 + MAX(high[0], high[1]);
	*changed = first != n->first || most != n->height || any != n->any;
	n->height = most;
	n->first = first;
	n->any = any;
	return high[1] - high[0];
}

/* What n's parent has there instead of n: `by`, or nothing */
static void replace(struct node **t, struct node *n, struct node *by)
{
	*(n->up ? &n->up->child[n->up->child[1] == n] : t) = by;
	if (by)
		by->up = n->up;
}

static void hang(struct node *n, u32 d, struct node *child)
{
	n->child[d] = child;
	if (child)
		child->up = n;
}

/* The child on side d comes up. */
static struct node *rotate(struct node **t, struct node *n, u32 d)
{
	struct node *up = n->child[d];
	bool changed;

	replace(t, n, up);
	hang(n, d, up->child[!d]);
	hang(up, !d, n);
	update(n, &changed);
	update(up, &changed);
	return up;
}

/* From n upwards, as far as something changes */
static void mend(struct node **t, struct node *n)
{
	for (bool changed = true; n && changed; n = n->up) {
		int tilt = update(n, &changed);
		u32 d = tilt > 0;
		struct node *high = n->child[d];

		if (tilt >= -1 && tilt <= 1)
			continue;
		if (high->child[!d] && (!high->child[d] || high->child[!d]->height > high->child[d]->height))
			rotate(t, high, !d);
		n = rotate(t, n, d);
		changed = true;
	}
}

void tree_insert(struct node **t, struct node *n)
{
	struct node **at = t;

	n->child[0] = n->child[1] = n->up = NULL;
	while (*at) {
		n->up = *at;
		/* equals by address, so that each has one place */
		at = &n->up->child[n->up->key != n->key ? before(n->up->key, n->key) : (size_t)n->up < (size_t)n];
	}
	*at = n;
	n->height = 0; /* whatever it was */
	mend(t, n);
}

void tree_remove(struct node **t, struct node *n)
{
	struct node *next = n->child[1];

	if (!n->child[0] || !next) {
		replace(t, n, next ? next : n->child[0]);
		mend(t, n->up);
		return;
	}
	while (next->child[0])
		next = next->child[0];
	tree_remove(t, next); /* has one child at most */
	replace(t, n, next);
	hang(next, 0, n->child[0]);
	hang(next, 1, n->child[1]);
	next->height = n->height;
	next->first = n->first;
	next->any = n->any;
	mend(t, next);
}

struct node *tree_least(struct node *t)
{
	while (t && t->child[0])
		t = t->child[0];
	return t;
}

struct node *tree_first(struct node *t, u64 now)
{
	while (t) {
		if (t->child[0] && !before(now, t->child[0]->first))
			t = t->child[0];
		else if (!before(now, t->start))
			return t;
		else
			t = t->child[1];
	}
	return NULL;
}

struct node *tree_for(struct node *t, u32 cpu, bool (*may)(const struct node *n, u32 cpu))
{
	struct node *n;

	if (!t || !(t->any >> cpu % 64 & 1))
		return NULL;
	n = tree_for(t->child[0], cpu, may);
	return n ? n : may(t, cpu) ? t : tree_for(t->child[1], cpu, may);
}
