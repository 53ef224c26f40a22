/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trees by key, balanced by height (AVL): of all that are O(log n) at worst, and not only on average as heaps that
 * merge are, the one with the fewest cases. Each node knows of its subtree what searches need: the least start, and
 * which CPUs somebody in it may run on. At most 1.44 log2 n deep, so recursion is bounded.
 */
#include "kernel/sched/queue.h"

static u32 height(const struct node *n)
{
	return n ? n->height : 0;
}

/* Equal keys by address, so that each node has one place. */
static bool less(const struct node *a, const struct node *b)
{
	return a->key != b->key ? before(a->key, b->key) : (size_t)a < (size_t)b;
}

static void update(struct node *n)
{
	n->height = 1 + MAX(height(n->child[0]), height(n->child[1]));
	n->first = n->start;
	n->any = n->where;
	for (u32 i = 0; i < 2; i++) {
		if (!n->child[i])
			continue;
		n->any |= n->child[i]->any;
		if (before(n->child[i]->first, n->first))
			n->first = n->child[i]->first;
	}
}

/* The child on side d comes up. */
static struct node *rotate(struct node *n, u32 d)
{
	struct node *up = n->child[d];

	n->child[d] = up->child[!d];
	up->child[!d] = n;
	update(n);
	update(up);
	return up;
}

static struct node *balance(struct node *n)
{
	u32 left = height(n->child[0]), right = height(n->child[1]), d = right > left;
	struct node *high = n->child[d];

	update(n);
	if (left <= right + 1 && right <= left + 1)
		return n;
	if (height(high->child[!d]) > height(high->child[d]))
		n->child[d] = rotate(high, !d);
	return rotate(n, d);
}

static struct node *insert(struct node *t, struct node *n)
{
	u32 d;

	if (!t)
		return n;
	d = less(t, n);
	t->child[d] = insert(t->child[d], n);
	return balance(t);
}

static struct node *cut_least(struct node *t, struct node **least)
{
	if (!t->child[0]) {
		*least = t;
		return t->child[1];
	}
	t->child[0] = cut_least(t->child[0], least);
	return balance(t);
}

static struct node *cut(struct node *t, struct node *n)
{
	struct node *next, *right;
	u32 d;

	if (t != n) {
		d = less(t, n);
		t->child[d] = cut(t->child[d], n);
		return balance(t);
	}
	if (!n->child[1])
		return n->child[0];
	right = cut_least(n->child[1], &next);
	next->child[0] = n->child[0];
	next->child[1] = right;
	return balance(next);
}

void tree_insert(struct node **t, struct node *n)
{
	n->child[0] = n->child[1] = NULL;
	update(n);
	*t = insert(*t, n);
}

void tree_remove(struct node **t, struct node *n)
{
	*t = cut(*t, n);
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
