/* SPDX-License-Identifier: GPL-2.0-only */
/* Circular doubly linked list with a head node. */
#pragma once

#include "kernel/types.h"

struct list { struct list *next, *prev; };

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev; n->next = head;
	head->prev->next = n; head->prev = n;
}

static inline void list_add(struct list *head, struct list *n) { list_add_tail(head->next, n); }

/* Leaves n an empty list of its own, so that removing twice is harmless. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next; n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_for(p, head) for (struct list *p = (head)->next; p != (head); p = p->next)
