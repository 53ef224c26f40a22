// SPDX-License-Identifier: GPL-2.0-only
/*
 * locks: eight threads that need the kernel's locks all the time, whatever number of CPUs there is. For each kind of work,
 * and for all, "LOCKS name ticks" of the TSC. What a thread that holds a lock loses when its CPU is taken away, all lose.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define THREADS 8
#define PAGE    4096

static pthread_barrier_t start, end;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t counter;
static int pipes[THREADS][2], shared;

static void fail(const char *what)
{
	fprintf(stderr, "locks: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* One directory's lock, and the dentries' and inodes' spinlocks */
static void files(unsigned int me)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/tmp/f%u", me);
	fd = open(name, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || close(fd) || unlink(name))
		fail(name);
}

/* One file's lock, by which writers take turns, and the spinlock of the table of open files */
static void append(unsigned int me)
{
	char block[512] = { (char)me };
	int fd = dup(shared);

	if (fd < 0 || pwrite(fd, block, sizeof(block), 0) != sizeof(block) || close(fd))
		fail("/tmp/shared");
}

/* The address space's lock; each unmapping interrupts the CPUs of all others and waits for them */
static void map(unsigned int me)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	p[0] = p[PAGE] = (char)me;
	if (munmap(p, 4 * PAGE))
		fail("munmap");
}

/* A futex that all want */
static void futex(unsigned int me)
{
	(void)me;
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 20; i++)
		counter++;
	pthread_mutex_unlock(&mutex);
}

/* A token goes round: each wakes the next, and sleeps */
static void token(unsigned int me)
{
	char c;

	if (me == 0 && write(pipes[1][1], "t", 1) != 1)
		fail("pipe");
	if (read(pipes[me][0], &c, 1) != 1)
		fail("pipe");
	if (me != 0 && write(pipes[(me + 1) % THREADS][1], "t", 1) != 1)
		fail("pipe");
}

static const struct { const char *name; void (*work)(unsigned int me); unsigned int times; } kind[] = {
	{ "files", files, 1500 }, { "append", append, 5000 }, { "map", map, 1500 }, { "futex", futex, 20000 },
	{ "token", token, 1000 },
};
#define KINDS (sizeof(kind) / sizeof(kind[0]))

static void *thread(void *arg)
{
	for (unsigned int k = 0; k < KINDS; k++) {
		pthread_barrier_wait(&start);
		for (unsigned int i = 0; i < kind[k].times; i++)
			kind[k].work((unsigned int)(uintptr_t)arg);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

/* Beside "all", for it hardly needs a lock: each child starts on another CPU and wakes its parent at its end. */
static void forks(void)
{
	for (int i = 0; i < THREADS; i++)
		if (!fork()) {
			for (int n = 0; n < 40; n++)
				if (!fork())
					_exit(0);
				else if (wait(NULL) < 0)
					fail("wait");
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

int main(void)
{
	uint64_t began, before;
	pthread_t t[THREADS];

	shared = open("/tmp/shared", O_CREAT | O_WRONLY, 0600);
	if (shared < 0)
		fail("/tmp/shared");
	pthread_barrier_init(&start, NULL, THREADS + 1);
	pthread_barrier_init(&end, NULL, THREADS + 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pipe(pipes[i]) || pthread_create(&t[i], NULL, thread, (void *)i))
			fail("starting threads");
	began = __rdtsc();
	for (unsigned int k = 0; k < KINDS; k++) {
		pthread_barrier_wait(&start);
		before = __rdtsc();
		pthread_barrier_wait(&end);
		printf("LOCKS %s %llu\n", kind[k].name, (unsigned long long)(__rdtsc() - before));
	}
	printf("LOCKS all %llu\n", (unsigned long long)(__rdtsc() - began));
	before = __rdtsc();
	forks();
	printf("LOCKS forks %llu\n", (unsigned long long)(__rdtsc() - before));
	return 0;
}
