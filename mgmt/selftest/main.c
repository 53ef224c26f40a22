// SPDX-License-Identifier: GPL-2.0-only
/*
 * dais-selftest [KILLS]: dais.ko and libdais on a running Dais, as root, with
 * no other guest about. Prints one line per check, "ok - …" or "not ok - …".
 * KILLS: how many monitors are killed with SIGKILL, and how many hostile ones there are (default 20).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "selftest.h"

#define KILLS 20

struct dais_conn *conn;
int failed;

static const enum dais_stat counted[] = {
	DAIS_STAT_FRAMES_GUEST, DAIS_STAT_DOMAINS, DAIS_STAT_VCPUS, DAIS_STAT_CAPS,
	DAIS_STAT_EVENTS, DAIS_STAT_CHECK,
};
#define COUNTED (sizeof(counted) / sizeof(counted[0]))

bool check(bool good, const char *format, ...)
{
	va_list ap;

	printf(good ? "ok - " : "not ok - ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	failed += !good;
	return good;
}

bool expect(int ret, int want, const char *what)
{
	if (ret == want)
		return check(true, "%s", what);
	return check(false, "%s: expected %d, got %d (%s)", what, want, ret, dais_strerror(ret));
}

void balanced(const char *after)
{
	static uint64_t first[COUNTED];
	static bool known;
	uint64_t now;

	for (size_t i = 0; i < COUNTED; i++) {
		if (dais_stat(conn, counted[i], &now)) {
			check(false, "counter %d after %s", counted[i], after);
			return;
		}
		if (!known)
			first[i] = now;
		if (now != first[i]) {
			check(false, "counter %d after %s: expected %llu, got %llu", counted[i],
			      after, (unsigned long long)first[i], (unsigned long long)now);
			return;
		}
	}
	known = true;
	check(true, "counters are as before after %s", after);
}

int main(int argc, char **argv)
{
	int ret = dais_open(&conn);

	if (ret) {
		fprintf(stderr, "dais-selftest: %s: %s\n", DAIS_DEVICE, dais_strerror(ret));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	balanced("nothing");
	test_refusals();
	test_memory();
	test_hosted();
	test_autonomous();
	test_ends(argc > 1 ? atoi(argv[1]) : KILLS);
	test_hostile(argc > 1 ? atoi(argv[1]) : KILLS);
	dais_close(conn);
	return failed ? 1 : 0;
}
