// SPDX-License-Identifier: GPL-2.0-only
/* A guest with few rights: an event, a small pool, another domain and its vCPU, not all rights to any. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define POOL_FRAMES 512
#define WATCH_US 200000
#define PATIENCE 300 /* times WATCH_US */
#define RIGHTS_EVENT (DAIS_R_SEND | DAIS_R_TAKE | DAIS_R_COPY)
#define RIGHTS_POOL DAIS_R_USE
#define RIGHTS_DOMAIN (DAIS_R_MEMORY | DAIS_R_IRQ | DAIS_R_BIND)
#define RIGHTS_VCPU (DAIS_R_STATE | DAIS_R_COPY)

static uint64_t want(const char *what, uint64_t status)
{
	if (status != DAIS_OK)
		printf("fuzz: %s: %s\n", what, status < DAIS_STATUS_COUNT ? fuzz_status_names[status] : "?");
	return status;
}

static int give(uint64_t dom, uint64_t *made)
{
	uint64_t pool, victim, vcpu, event, s;

	s = want("mem_split", raw(DAIS_NR_mem_split, DAIS_CAP_POOL, POOL_FRAMES, 0, 0, &pool)) ||
	    want("dom_create", raw(DAIS_NR_dom_create, pool, 2, 0, 0, &victim)) ||
	    want("vcpu_create", raw(DAIS_NR_vcpu_create, victim, 0, DAIS_VCPU_AUTONOMOUS, 0, &vcpu)) ||
	    want("ev_create", raw(DAIS_NR_ev_create, 0, 0, 0, 0, &event)) ||
	    want("cap_copy", raw(DAIS_NR_cap_copy, event, dom, RIGHTS_EVENT, 0xffff, NULL)) ||
	    want("cap_copy", raw(DAIS_NR_cap_copy, pool, dom, RIGHTS_POOL, 0, NULL)) ||
	    want("cap_copy", raw(DAIS_NR_cap_copy, victim, dom, RIGHTS_DOMAIN, 0, NULL)) ||
	    want("cap_copy", raw(DAIS_NR_cap_copy, vcpu, dom, RIGHTS_VCPU, 0, NULL));
	made[0] = victim;
	made[1] = event;
	made[2] = pool;
	return s ? 1 : 0;
}

static uint64_t end_domain(uint64_t dom)
{
	uint64_t s;

	raw(DAIS_NR_dom_ctl, dom, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED, 0, NULL);
	do
		s = raw(DAIS_NR_mem_reclaim, dom, 0, 0, 0, NULL);
	while (s == DAIS_AGAIN);
	return s;
}

/* Domains that the guest created fall to the control domain when their owner is gone, in any slot. */
static void end_orphans(void)
{
	for (uint64_t i = DAIS_CAP_POOL + 1; i <= DAIS_MAX_CAPS; i++)
		if (raw(DAIS_NR_stat, i, DAIS_STAT_DOM_STATE, 0, 0, NULL) == DAIS_OK)
			end_domain(i);
}

/* What the guest owned falls to the control domain when its reclaim ends, which `dais run` does: until then BUSY. */
static uint64_t drop(uint64_t cap)
{
	uint64_t s;

	for (int i = 0; i < PATIENCE; i++) {
		end_orphans();
		s = raw(DAIS_NR_cap_drop, cap, 0, 0, 0, NULL);
		if (s != DAIS_BUSY)
			break;
		usleep(WATCH_US);
	}
	return s;
}

static int take_back(const uint64_t *made)
{
	return want("mem_reclaim", end_domain(made[0])) || want("cap_drop", drop(made[1])) || want("cap_drop", drop(made[2]));
}

int grant(struct dais_conn *conn, const char *guest)
{
	struct dais_ioc_dom_info info;
	uint64_t made[3], broken = 0, checks = 0;
	struct dais_dom *dom;
	int bad;

	if (dais_dom_open_name(conn, guest, &dom) || dais_dom_info(dom, &info)) {
		printf("fuzz: no guest '%s'\n", guest);
		return 2;
	}
	bad = give(info.cap, made);
	while (!bad && !broken && info.state != DAIS_DOM_DEAD) {
		usleep(WATCH_US);
		raw(DAIS_NR_stat, 0, DAIS_STAT_CHECK, 0, 0, &broken);
		checks++;
		if (dais_dom_info(dom, &info))
			break;
	}
	printf("fuzz: %lu checks while '%s' ran, invariant %lu\n", checks, guest, broken);
	dais_dom_close(dom);
	while (!dais_dom_open_name(conn, guest, &dom)) { /* `dais run` takes it apart */
		dais_dom_close(dom);
		usleep(WATCH_US);
	}
	return take_back(made) || bad || broken;
}
