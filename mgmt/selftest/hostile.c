// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile monitor: a process without rights that holds the descriptors of one domain, and does with them, from
 * several threads at once, what comes to its mind; then it is killed. Nothing of it may stay, and the kernel's log
 * (which the test's script looks at) stays clean.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "selftest.h"

#define THREADS   3
#define NOBODY    65534
#define FDS       32          /* that the descriptors it is given or makes lie in */
#define MAPS      16
#define FIELDS    40          /* of the largest structure, 64 bits each */
#define ROUND_MS  400
#define PATIENCE_MS 30000
#define SHARED    (2UL << 20) /* of the guest's memory, seen by it */

static const unsigned int requests[] = {
	DAIS_IOC_DOM_INFO, DAIS_IOC_DOM_CTL, DAIS_IOC_DOM_DESTROY, DAIS_IOC_DOM_STAT, DAIS_IOC_VCPU_STAT,
	DAIS_IOC_MEM_MAP, DAIS_IOC_MEM_SEAL, DAIS_IOC_MEM_UNMAP, DAIS_IOC_VCPU_CREATE, DAIS_IOC_VCPU_OPEN,
	DAIS_IOC_TRAP_SET, DAIS_IOC_IRQ_SET, DAIS_IOC_EVENT_CREATE, DAIS_IOC_EVENT_BIND, DAIS_IOC_DEV_ASSIGN,
	DAIS_IOC_DEV_RETURN, DAIS_IOC_DEV_RESET, DAIS_IOC_DEV_MAP, DAIS_IOC_DEV_UNMAP, DAIS_IOC_RUN, DAIS_IOC_RESUME,
	DAIS_IOC_KICK, DAIS_IOC_STATE, DAIS_IOC_SCHED, DAIS_IOC_SELF_STAT, DAIS_IOC_RAW, DAIS_IOC_DOM_CREATE,
};
static const uint64_t values[] = {
	0, 0, 1, 2, 3, 7, 8, 63, 64, 4096, 8192, 0x3f8, 0x7fffffff, 0x80000000, 0xffffffff, SHARED, 2 * SHARED,
	1ULL << 32, 1ULL << 52, 1ULL << 63, ~0ULL, ~0ULL << 12, DAIS_MMAP_AREA, DAIS_MMAP_LOG, 0xfee00000,
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *maps[MAPS];  /* SHARED bytes of addresses each */

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t value(uint64_t *seed)
{
	uint64_t r = next(seed);

	return r % 4 ? values[r / 4 % COUNT(values)] : r % 64;
}

/* A pointer of all sorts; good: a buffer. */
static void *pointer(uint64_t *seed, uint64_t *good)
{
	switch (next(seed) % 16) {
	case 0:
		return NULL;
	case 1:
		return (void *)0xffff888000000000ULL;
	case 2:
		return maps[next(seed) % MAPS] + SHARED - 8; /* goes on where nothing may be */
	case 3:
		return maps[next(seed) % MAPS];
	default:
		return good;
	}
}

static void call(uint64_t *seed)
{
	unsigned int request = requests[next(seed) % COUNT(requests)], i;
	uint64_t argument[1024]; /* what STATE may fill, too */

	for (i = 0; i < FIELDS; i++)
		argument[i] = value(seed);
	if (next(seed) % 4 == 0) /* two 32-bit fields are more often sound than one large one */
		for (i = 0; i < FIELDS; i++)
			argument[i] = next(seed) % 4 | (next(seed) % 4) << 32;
	if (next(seed) % 16 == 0)
		request ^= 1U << next(seed) % 32;
	if (request == DAIS_IOC_MEM_MAP && argument[1] > 4 * SHARED)
		argument[1] = 4096 * (next(seed) % 64); /* all of the machine's memory takes too long */
	if (request == DAIS_IOC_STATE)
		argument[2] = (uintptr_t)pointer(seed, argument);
	ioctl(3 + next(seed) % FDS, request, pointer(seed, argument));
}

static void map(uint64_t *seed)
{
	char *at = maps[next(seed) % MAPS];
	size_t size = 4096 * (1 + next(seed) % (SHARED / 4096)), part = 4096 * (next(seed) % 16);

	switch (next(seed) % 8) {
	case 0:
		munmap(at + part, size - part % size);
		break;
	case 1:
		mprotect(at + part, 4096, next(seed) % 8);
		break;
	case 2:
		madvise(at, size, next(seed) % 24);
		break;
	case 3:
		if (mremap(at, 4096, next(seed) % 3 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, maps[next(seed) % MAPS]))
			break;
		break;
	case 4:
		mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	default:
		mmap(at, next(seed) % 2 ? 4096 : size, next(seed) % 4 | PROT_READ,
		     MAP_FIXED | (next(seed) % 8 ? MAP_SHARED : MAP_PRIVATE), 3 + next(seed) % FDS,
		     next(seed) % 2 ? 0 : value(seed) & ~4095ULL);
	}
}

static void use_file(uint64_t *seed)
{
	int fd = 3 + next(seed) % FDS;
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	uint64_t buf[2] = { value(seed), value(seed) };

	switch (next(seed) % 8) {
	case 0:
		close(fd);
		break;
	case 1:
		dup2(fd, 3 + next(seed) % FDS);
		break;
	case 2:
		fcntl(fd, F_SETFL, O_NONBLOCK);
		break;
	case 3:
		if (read(fd, pointer(seed, buf), next(seed) % 17) < 0)
			break;
		break;
	case 4:
		if (write(fd, pointer(seed, buf), next(seed) % 17) < 0)
			break;
		break;
	case 5:
		poll(&p, 1, 1);
		break;
	default:
		if (!fork())
			_exit(0); /* what it maps must not be inherited uncounted */
	}
}

static void *misbehave(void *arg)
{
	uint64_t seed = (uintptr_t)arg;

	for (;;) {
		unsigned int what = next(&seed) % 16;

		if (what == 0)
			use_file(&seed);
		else if (what < 5)
			map(&seed);
		else
			call(&seed);
	}
	return NULL;
}

static void ignore(int number)
{
	(void)number;
}

/* In a process of its own, with `fd` the domain's and nothing else. */
static void hostile(int fd, uint64_t seed)
{
	const struct sigaction wake = { .sa_handler = ignore };
	pthread_t thread;
	sigset_t mask;
	int i;

	dup2(fd, 3);
	close_range(4, ~0U, 0);
	for (i = 0; i < MAPS; i++)
		maps[i] = mmap(NULL, 2 * SHARED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	sigaction(SIGALRM, &wake, NULL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGSEGV, SIG_DFL);
	if (setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, misbehave, (void *)(uintptr_t)(seed * THREADS + i + 1));
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &mask, NULL); /* it is for the others */
	for (;;) { /* out of what waits */
		poll(NULL, 0, 5);
		kill(getpid(), SIGALRM);
	}
}

/* An autonomous one has to be destroyed; one that the hostile monitor destroyed goes when the module's worker comes to it. */
static void end(unsigned int round)
{
	struct dais_dom *dom;
	int ret, tries;

	for (tries = 0; tries < PATIENCE_MS; tries++) {
		ret = dais_dom_open_name(conn, "hostile", &dom);
		if (ret == -ENOENT)
			return;
		if (!ret)
			ret = dais_dom_destroy(dom, PATIENCE_MS);
		poll(NULL, 0, 1);
	}
	check(false, "hostile monitor %u: its domain does not go: %s", round, dais_strerror(ret));
}

static void one(unsigned int round)
{
	struct dais_dom_config config = { .name = "hostile", .max_vcpus = 3, .autonomous = round % 4 == 3 };
	struct dais_dom *dom;
	void *mem;
	int pid, fd, ret = dais_dom_create(conn, &config, &dom);

	if (ret) {
		check(false, "hostile monitor %u: no domain: %s", round, dais_strerror(ret));
		return;
	}
	if (!dais_mem_map(dom, 0, SHARED, DAIS_MAP_RWX, &mem))
		dais_mem_detach(mem, SHARED);
	fd = dup(dais_dom_fd(dom));
	pid = fork();
	if (!pid)
		hostile(fd, 0x9e3779b97f4a7c15ULL * (round + 1));
	close(fd);
	dais_dom_close(dom); /* the hostile one holds the last descriptor of a hosted domain */
	poll(NULL, 0, ROUND_MS);
	kill(pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0) /* and its children, which are ours now */
		;
	end(round);
}

void test_hostile(int rounds)
{
	int i;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (i = 0; i < rounds; i++)
		one(i);
	balanced("hostile monitors");
}
