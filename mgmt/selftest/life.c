// SPDX-License-Identifier: GPL-2.0-only
/* How guests run, and how they end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "selftest.h"

#define NMI_ADDRESS  0xfee00000 /* to the vCPU with APIC ID 0 */
#define NMI_DATA     0x400
#define WAKES        50
#define PAUSES       20
#define EXITS        200
#define WAIT_MS      5000
#define SHORT_MS     200
#define KILL_WITHIN_US 100000
#define NOBODY       65534

/* Whether vCPU 0 leaves the guest when kicked, and goes on. */
static void kick(struct guest *g, const char *what)
{
	int before = value_of(&g->runner[0].kicks);

	expect(dais_vcpu_kick(g->runner[0].vcpu), 0, what);
	check(changes(&g->runner[0].kicks, before), "%s: DAIS_EXIT_KICK", what);
}

static void pause_and_go_on(struct guest *g, bool exits)
{
	int before, at_rest;

	for (int i = 0; i < PAUSES; i++) {
		if (!dais_dom_pause(g->dom) && !dais_dom_unpause(g->dom))
			continue;
		check(false, "pause and resume %d", i);
		return;
	}
	before = value_of(&g->runner[0].exits);
	check(!exits || changes(&g->runner[0].exits, before), "goes on after %d pauses", PAUSES);
	expect(dais_dom_pause(g->dom), 0, "pause");
	/* An exit may be on its way to the thread, no second one. */
	at_rest = value_of(&g->runner[0].exits);
	usleep(SHORT_MS * 1000);
	check(value_of(&g->runner[0].exits) <= at_rest + 1, "no exits while paused");
	kick(g, "kick while paused");
	expect(dais_dom_unpause(g->dom), 0, "resume");
}

static void die(struct guest *g)
{
	struct dais_ioc_dom_info info;

	expect(dais_dom_kill(g->dom, DAIS_DEATH_POWEROFF), 0, "kill");
	guest_join(g);
	for (int i = 0; i < GUEST_VCPUS; i++)
		check(g->runner[i].last == DAIS_EXIT_DEAD, "thread %d ends with DAIS_EXIT_DEAD", i);
	check(!dais_dom_info(g->dom, &info) && info.state == DAIS_DOM_DEAD &&
	      info.death == DAIS_DEATH_POWEROFF, "its death is known");
	guest_destroy(g);
}

static void test_writes(void)
{
	struct guest g;

	guest_make(&g, "writes", false, WRITES);
	guest_run(&g);
	for (int i = 0; i < GUEST_VCPUS; i++)
		check(changes(&g.runner[i].exits, 0), "vCPU %d exits", i);
	kick(&g, "kick of a writing vCPU");
	pause_and_go_on(&g, true);
	die(&g);
	for (int i = 0; i < GUEST_VCPUS; i++)
		check(!g.runner[i].gaps, "no write of vCPU %d lost in %d", i, g.runner[i].exits);
	balanced("a writing guest");
}

static void test_halts(void)
{
	struct guest g;
	int n, before;

	guest_make(&g, "halts", false, HALTS);
	guest_run(&g);
	kick(&g, "kick of a halted vCPU");
	for (n = 0; n < WAKES; n++) {
		before = value_of(&g.runner[0].exits);
		if (dais_irq_set(g.dom, NMI_ADDRESS, NMI_DATA) ||
		    !changes(&g.runner[0].exits, before))
			break;
	}
	check(n == WAKES, "NMIs wake a halted vCPU: %d of %d", n, WAKES);
	check(!value_of(&g.runner[1].exits), "nothing wakes the other");
	pause_and_go_on(&g, false);
	die(&g);
	balanced("a halting guest");
}

static void test_spins(void)
{
	unsigned char state[sizeof(struct dais_gprs)];
	struct guest g;

	guest_make(&g, "spins", false, SPINS);
	expect(dais_vcpu_run(g.runner[0].vcpu), -EPROTO, "run before activate");
	guest_run(&g);
	kick(&g, "kick of a spinning vCPU");
	usleep(SHORT_MS * 1000);
	expect(dais_vcpu_get(g.runner[0].vcpu, DAIS_STATE_GPRS, state, sizeof(state)), -EBUSY,
	       "registers of a running vCPU");
	pause_and_go_on(&g, false);
	die(&g);
	balanced("a spinning guest");
}

/* A bit of CR4 that no processor has, a task register that no guest is without: no processor enters that. */
static void make_unenterable(struct dais_vcpu *vcpu)
{
	struct dais_sregs sregs;
	int ret = dais_vcpu_get(vcpu, DAIS_STATE_SREGS, &sregs, sizeof(sregs));

	if (!ret) {
		sregs.cr4 |= 1U << 31;
		sregs.tr.attr |= DAIS_SEG_UNUSABLE;
		ret = dais_vcpu_set(vcpu, DAIS_STATE_SREGS, &sregs, sizeof(sregs));
	}
	expect(ret, 0, "a state that the CPU will refuse");
}

/* Whether `dais list` tells this of a guest. */
static bool listed(const char *what)
{
	FILE *list = popen("dais list", "r");
	char line[512];
	bool found = false;

	while (list && fgets(line, sizeof(line), list))
		found |= strstr(line, what) != NULL;
	return list && !pclose(list) && found;
}

static void test_refused(void)
{
	const char *field = "state refused at entry";
	struct dais_ioc_dom_info info;
	struct guest g;
	uint64_t virt;

	guest_make(&g, "refused", false, SPINS);
	make_unenterable(g.runner[0].vcpu);
	if (!dais_stat(conn, DAIS_STAT_VIRT, &virt) && virt == DAIS_VIRT_VMX)
		field = "TR access rights"; /* a bit of CR4 that the CPU has not does not reach it */
	guest_run(&g);
	guest_join(&g);
	check(!dais_dom_info(g.dom, &info) && info.death == DAIS_DEATH_BAD_STATE && strstr(info.reason, field),
	      "a refused entry is the guest's death: %s", info.reason);
	check(listed(field), "dais list names what was refused: %s", field);
	guest_destroy(&g);
	balanced("a guest that cannot be entered");
}

void test_hosted(void)
{
	test_writes();
	test_halts();
	test_spins();
	test_refused();
}

/* ---- autonomous ---- */

static int serve(struct guest *g, struct dais_event *event)
{
	struct pollfd p = { .fd = dais_event_fd(event), .events = POLLIN };
	uint64_t bits;
	int exits = 0;

	while (exits < EXITS && poll(&p, 1, WAIT_MS) == 1) {
		if (dais_event_take(event, false, &bits))
			return exits;
		for (int i = 0; i < GUEST_VCPUS; i++) {
			if (!(bits & 1ULL << i))
				continue;
			if (dais_vcpu_page(g->runner[i].vcpu)->reason != DAIS_EXIT_IO ||
			    dais_vcpu_resume(g->runner[i].vcpu))
				return exits;
			exits++;
		}
	}
	return exits;
}

static void test_parks(void)
{
	struct dais_event *exits, *death;
	struct guest g;
	uint64_t bits;
	int n;

	guest_make(&g, "parks", true, WRITES);
	expect(dais_event_create(g.dom, &exits), 0, "event for exits");
	expect(dais_event_create(g.dom, &death), 0, "event for death");
	for (int i = 0; i < GUEST_VCPUS; i++)
		expect(dais_event_from_vcpu(exits, i, 1ULL << i), 0, "bind to a vCPU");
	expect(dais_event_from_death(death, 1), 0, "bind to death");
	expect(dais_vcpu_run(g.runner[0].vcpu), -EPROTO, "run of an autonomous vCPU");
	guest_run(&g);
	n = serve(&g, exits);
	check(n >= EXITS, "served %d of %d exits", n, EXITS);
	expect(dais_dom_kill(g.dom, DAIS_DEATH_REBOOT), 0, "kill");
	check(!dais_event_take(death, true, &bits) && bits == 1, "death raises its event");
	dais_event_close(exits);
	dais_event_close(death);
	guest_destroy(&g);
	balanced("an autonomous guest");
}

static void test_alone(void)
{
	uint64_t before = 0, after = 0;
	struct dais_dom *dom;
	struct guest g;

	guest_make(&g, "alone", true, SPINS);
	guest_run(&g);
	guest_close(&g);
	dais_dom_close(g.dom);
	expect(dais_dom_open_name(conn, "alone", &dom), 0, "found by name without its maker");
	dais_dom_vcpu_stat(dom, 0, DAIS_STAT_VCPU_TSC, &before);
	usleep(SHORT_MS * 1000);
	dais_dom_vcpu_stat(dom, 0, DAIS_STAT_VCPU_TSC, &after);
	check(after > before, "runs with no descriptor open");
	expect(dais_dom_pause(dom), 0, "pause of a spinning autonomous guest");
	expect(dais_dom_unpause(dom), 0, "resume");
	expect(dais_dom_destroy(dom, -1), 0, "destroy");
	balanced("a guest left alone");
}

void test_autonomous(void)
{
	test_parks();
	test_alone();
}

/* ---- ends ---- */

static void monitor(enum program program, int ready)
{
	struct guest g;

	if (dais_open(&conn))
		_exit(1);
	guest_make(&g, "victim", false, program);
	guest_run(&g);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* A process with a running guest; with `wait` it is known to run. */
static pid_t start_monitor(enum program program, bool wait)
{
	int pipes[2];
	char byte;
	pid_t pid;

	if (pipe(pipes))
		return -1;
	pid = fork();
	if (!pid)
		monitor(program, pipes[1]);
	close(pipes[1]);
	if (wait && read(pipes[0], &byte, 1) != 1)
		check(false, "a monitor process starts");
	close(pipes[0]);
	return pid;
}

static void end_monitor(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_kills(int kills)
{
	struct dais_ioc_dom_info info;
	int before = failed;
	pid_t pid;

	for (int i = 0; i < kills && failed == before; i++) {
		pid = start_monitor(i % PROGRAMS, i % 2);
		usleep(rand() % KILL_WITHIN_US);
		end_monitor(pid);
		if (dais_dom_next(conn, true, 0, &info))
			check(false, "kill %d: domain %s is still there", i, info.name);
	}
	check(failed == before, "%d monitors killed at random moments leave nothing", kills);
	balanced("kills");
}

static void test_destroy_by_another(void)
{
	pid_t pid = start_monitor(WRITES, true);
	struct dais_dom *dom;
	struct dais_ioc_dom_info info;

	expect(dais_dom_open_name(conn, "victim", &dom), 0, "open another's guest");
	expect(dais_dom_destroy(dom, SHORT_MS), -ETIMEDOUT, "destroy waits for who maps it");
	expect(dais_dom_open_name(conn, "victim", &dom), -ESTALE, "no new use of a doomed domain");
	end_monitor(pid);
	while (dais_dom_next(conn, true, 0, &info) == 1)
		usleep(1000); /* the last unmapping queued its end */
	balanced("a destroyed guest");
}

/* In a process of its own, as it gives its rights up. */
static void unprivileged(void)
{
	struct dais_conn *other;
	struct guest g;
	void *mem;
	bool good;

	guest_make(&g, "handed", false, WRITES);
	guest_run(&g);
	if (setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
	good = changes(&g.runner[0].exits, value_of(&g.runner[0].exits));
	check(good, "a monitor without rights runs its guest");
	expect(dais_mem_attach(g.dom, 0, DAIS_PAGE_SIZE, &mem), 0, "and maps its memory");
	expect(dais_open(&other), -EACCES, "but cannot open the device");
	_exit(failed);
}

static void test_unprivileged(void)
{
	int status = 1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		unprivileged();
	waitpid(pid, &status, 0);
	failed += status != 0;
	balanced("a monitor without rights");
}

void test_ends(int kills)
{
	test_kills(kills);
	test_destroy_by_another();
	test_unprivileged();
}
