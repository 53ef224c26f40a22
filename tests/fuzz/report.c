// SPDX-License-Identifier: GPL-2.0-only
/* The table of calls by status. */
#include <stdio.h>

#include "host.h"

static uint64_t status_sum(const struct fuzz *f, uint32_t status)
{
	uint64_t sum = 0;

	for (uint32_t nr = 0; nr <= DAIS_CALL_COUNT; nr++)
		sum += f->count[nr][status];
	return sum;
}

static void print_table(const struct fuzz *f)
{
	printf("%-12s", "");
	for (uint32_t s = 0; s < DAIS_STATUS_COUNT; s++)
		printf(" %9s", fuzz_status_names[s]);
	printf("\n");
	for (uint32_t nr = 0; nr <= DAIS_CALL_COUNT; nr++) {
		printf("%-12s", nr < DAIS_CALL_COUNT ? fuzz_call_names[nr] : "(no such)");
		for (uint32_t s = 0; s < DAIS_STATUS_COUNT; s++)
			printf(" %9lu", f->count[nr][s]);
		printf("\n");
	}
}

#define NEEDS_DEVICE DAIS_NR_dev_assign /* calls from here on need an IOMMU and a function that nobody uses */

int report(const struct fuzz *f, uint64_t least, uint32_t least_percent)
{
	uint64_t all = 0, good = status_sum(f, DAIS_OK);
	int bad = 0;

	print_table(f);
	for (uint32_t s = 0; s <= DAIS_STATUS_COUNT; s++) {
		uint64_t n = status_sum(f, s);

		all += n;
		if (s < DAIS_STATUS_COUNT && !n) { /* a short run may miss the rarest; statuses.c shows each */
			printf("fuzz: status %s was never seen\n", fuzz_status_names[s]);
			bad |= least >= LEAST_PER_MILLION;
		}
	}
	if (status_sum(f, DAIS_STATUS_COUNT)) {
		printf("fuzz: %lu answers with no documented status\n", status_sum(f, DAIS_STATUS_COUNT));
		bad = 1;
	}
	for (uint32_t nr = 0; nr < NEEDS_DEVICE; nr++)
		if (f->count[nr][DAIS_OK] < (least ? least : 1)) {
			printf("fuzz: %s succeeded %lu times, %lu are wanted\n", fuzz_call_names[nr],
			       f->count[nr][DAIS_OK], least);
			bad = 1;
		}
	printf("fuzz: %lu of %lu calls succeeded (%lu %%), seed %lu\n", good, all, all ? good * 100 / all : 0,
	       f->seed);
	return bad || good * 100 < all * least_percent;
}
