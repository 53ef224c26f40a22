// SPDX-License-Identifier: GPL-2.0-only
/*
 * event GUEST COUNT: from the control domain to a guest that runs the payload with echo=1, and back: a message-
 * signalled interrupt there, an event trap back. "BENCH event minimum median samples" in TSC ticks.
 */
#include <libdais.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define ECHO_PORT	0x5000
#define ECHO_VECTOR	0xe4
#define MSI_ADDRESS	0xfee00000
#define WARM_UP		16

static struct dais_dom *dom;
static struct dais_event *event;

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int there_and_back(uint64_t *cost)
{
	uint64_t start = __rdtsc(), bits;
	int ret = dais_irq_set(dom, MSI_ADDRESS, ECHO_VECTOR);

	if (!ret)
		ret = dais_event_take(event, true, &bits);
	*cost = __rdtsc() - start;
	return ret;
}

static int prepare(const char *name)
{
	struct dais_conn *conn;
	int ret = dais_open(&conn);

	if (!ret)
		ret = dais_dom_open_name(conn, name, &dom);
	if (!ret)
		ret = dais_event_create(dom, &event);
	if (!ret)
		ret = dais_event_from_traps(event);
	if (!ret)
		ret = dais_trap_set(dom, DAIS_TRAP_PORT, ECHO_PORT, 1, DAIS_TRAP_EVENT, 1);
	return ret;
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[2]) : 0, ret;
	uint64_t *cost = calloc(n + 1, sizeof(*cost)), warm;

	if (n < 1 || !cost) {
		fprintf(stderr, "usage: event GUEST COUNT\n");
		return 2;
	}
	ret = prepare(argv[1]);
	for (int i = 0; !ret && i < WARM_UP; i++)
		ret = there_and_back(&warm);
	for (int i = 0; !ret && i < n; i++)
		ret = there_and_back(&cost[i]);
	if (ret) {
		fprintf(stderr, "event: %s\n", dais_strerror(ret));
		return 1;
	}
	qsort(cost, n, sizeof(*cost), compare);
	printf("BENCH event %llu %llu %d\n", (unsigned long long)cost[0], (unsigned long long)cost[n / 2], n);
	return 0;
}
