/* SPDX-License-Identifier: GPL-2.0-only */
/* The window: 512 pages at WINDOW that a test maps to what it likes. */
#include "rt.h"

extern u64 window_pt[];
extern char guest_end[];
static u64 next_page;

void window_map(u32 page, u64 physical, u64 flags)
{
	window_pt[page] = physical | flags;
	invlpg(WINDOW + page * PAGE);
}

void *page_alloc(void)
{
	void *page;

	if (!next_page)
		next_page = (u64)guest_end;
	page = (void *)next_page;
	next_page += PAGE;
	return memset(page, 0, PAGE);
}
