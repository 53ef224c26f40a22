/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trees by key, balanced by height (AVL): of all that are O(log n) at worst, and not only on average as heaps that
 * merge are, the one with the fewest cases. Each node knows of its subtree what searches need: the least start, and
 * which CPUs somebody in it may run on. At most 1.44 log2 n deep, so the recursion of a search is bounded.
 *
 * A switch mostly takes the least out and puts the greatest in. A tree knows both ends, and of what is on the edge, the
 * way from the root to the least, nobody reads `first`, so it is not kept there: then neither is a way through the tree.
 */
#include "kernel/sched/queue.h"

/* What n knows of its subtree, from its children. True: it did not. */
static inline bool update(struct node *n, bool edge)
{
	u64 first = n->start, any = n->where;
	bool changed;

	for (u32 d = 0; d < 2; d++)
		if (n->child[d]) {
			any |= n->child[d]->any;
			first = before(n->child[d]->first, first) ? n->child[d]->first : first;
		}
	changed = any != n->any || (first != n->first && !edge);
	n->first = first;
	n->any = any;
	return changed;
}

static void update_up(struct node *n, bool edge)
{
	while (n && update(n, edge))
		n = n->up;
}

/* What n's parent has there instead of n: `by`, or nothing */
static void replace(struct tree *t, struct node *n, struct node *by)
{
	*(n->up ? &n->up->child[n->up->child[1] == n] : &t->root) = by;
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
static struct node *rotate(struct tree *t, struct node *n, u32 d)
{
	struct node *up = n->child[d];

	replace(t, n, up);
	hang(n, d, up->child[!d]);
	hang(up, !d, n);
	up->first = n->first;
	up->any = n->any;
	update(n, false);
	return up;
}

/* n's side d is too high by one: what is there now. */
static struct node *level(struct tree *t, struct node *n, u32 d)
{
	struct node *high = n->child[d], *mid = high->child[!d];
	int s = d ? 1 : -1;

	if (high->tilt != -s) {
		n->tilt = s - high->tilt;
		high->tilt -= s;
		return rotate(t, n, d);
	}
	n->tilt = mid->tilt == s ? -s : 0;
	high->tilt = mid->tilt == -s ? s : 0;
	mid->tilt = 0;
	rotate(t, high, !d);
	return rotate(t, n, d);
}

/* The subtree on n's side d is one higher now, or one lower: upwards, as far as that makes a difference. */
static void balance(struct tree *t, struct node *n, u32 d, bool higher)
{
	while (n) {
		int s = d == higher ? 1 : -1;

		if (n->tilt == s)
			n = level(t, n, s > 0);
		else
			n->tilt += s;
		if ((n->tilt != 0) != higher)
			break;
		d = n->up && n->up->child[1] == n;
		n = n->up;
	}
}

void tree_insert(struct tree *t, struct node *n)
{
	struct node **at = t->root && before(t->end[1]->key, n->key) ? &t->end[1] : &t->root;

	n->child[0] = n->child[1] = n->up = NULL;
	n->tilt = 0;
	n->first = n->start;
	n->any = n->where;
	while (*at) {
		n->up = *at;
		/* equals by address, so that each has one place */
		at = &n->up->child[n->up->key != n->key ? before(n->up->key, n->key) : (size_t)n->up < (size_t)n];
	}
	*at = n;
	for (u32 d = 0; d < 2; d++)
		if (!n->up || at == &t->end[d]->child[d])
			t->end[d] = n;
	update_up(n->up, false);
	balance(t, n->up, n->up && n->up->child[1] == n, true);
}

void tree_remove(struct tree *t, struct node *n)
{
	struct node *next = n->child[1];
	bool edge = n == t->end[0];
	u32 d = n->up && n->up->child[1] == n;

	for (u32 i = 0; i < 2; i++)
		if (t->end[i] == n)
			t->end[i] = n->child[!i] ? n->child[!i] : n->up; /* a child there has no children */
	if (!n->child[0] || !next) {
		replace(t, n, next ? next : n->child[0]);
		update_up(n->up, edge);
		balance(t, n->up, d, false);
		return;
	}
	while (next->child[0])
		next = next->child[0];
	tree_remove(t, next); /* has one child at most */
	if (t->end[1] == n)
		t->end[1] = next; /* as it was */
	replace(t, n, next);
	hang(next, 0, n->child[0]);
	hang(next, 1, n->child[1]);
	next->tilt = n->tilt;
	next->first = n->first;
	next->any = n->any;
	update_up(next, false);
}

/* From the least upwards: mostly it is that itself, and what is not on the edge hangs to the right of it. */
struct node *tree_first(const struct tree *t, u64 now)
{
	struct node *n = t->end[0], *right;

	while (n && before(now, n->start)) {
		right = n->child[1];
		if (right && !before(now, right->first))
			for (n = right; n->child[0] && !before(now, n->child[0]->first); )
				n = n->child[0];
		else
			n = n->up;
	}
	return n;
}

struct node *tree_for(struct node *t, u32 cpu, bool (*may)(const struct node *n, u32 cpu))
{
	struct node *n;

	if (!t || !(t->any >> cpu % 64 & 1))
		return NULL;
	n = tree_for(t->child[0], cpu, may);
	return n ? n : may(t, cpu) ? t : tree_for(t->child[1], cpu, may);
}
