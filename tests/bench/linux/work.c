// SPDX-License-Identifier: GPL-2.0-only
/*
 * work: what a Linux guest does, in TSC ticks, a line "LINUX name ticks" each; first of all the ticks since the
 * guest's TSC began. Runs as root in the initrd of tests/bench, where nothing else does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "../mark.h"

#define BUSYBOX		"/bin/busybox"
#define DATA		"/tmp/data"
#define DATA_MIB	64
#define EXECS		500
#define TREE		"/tmp/tree"
#define DIRECTORIES	64
#define FILES		64	/* in each */
#define FINDS		20
#define FAULT_BYTES	(64UL << 20)
#define PINGS		5000
#define PAGE		4096

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void run_busybox(char *const argv[])
{
	pid_t pid = fork();
	int status, null;

	if (!pid) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		execv(BUSYBOX, argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		fail(argv[1]);
}

static void sha256(void)
{
	run_busybox((char *[]){ "busybox", "sha256sum", DATA, NULL });
}

static void fork_exec(void)
{
	for (int i = 0; i < EXECS; i++)
		run_busybox((char *[]){ "busybox", "true", NULL });
}

static void find(void)
{
	for (int i = 0; i < FINDS; i++)
		run_busybox((char *[]){ "busybox", "find", TREE, NULL });
}

/* The same everywhere: below / are /sys and /proc, which tell of the machine. */
static void make_tree(void)
{
	char path[64];
	int fd;

	mkdir(TREE, 0700);
	for (int i = 0; i < DIRECTORIES; i++) {
		snprintf(path, sizeof(path), TREE "/%d", i);
		if (mkdir(path, 0700))
			fail(path);
		for (int j = 0; j < FILES; j++) {
			snprintf(path, sizeof(path), TREE "/%d/%d", i, j);
			fd = open(path, O_CREAT | O_WRONLY, 0600);
			if (fd < 0)
				fail(path);
			close(fd);
		}
	}
}

static void page_faults(void)
{
	char *p = mmap(NULL, FAULT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	madvise(p, FAULT_BYTES, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < FAULT_BYTES; i += PAGE)
		p[i] = 1;
	munmap(p, FAULT_BYTES);
}

static void pipe_ping_pong(void)
{
	int there[2], back[2];
	char byte = 0;
	pid_t pid;

	if (pipe(there) || pipe(back))
		fail("pipe");
	pid = fork();
	if (!pid)
		for (int i = 0; i < PINGS; i++)
			if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
				_exit(1);
	if (!pid)
		_exit(0);
	for (int i = 0; i < PINGS; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			fail("ping-pong");
	waitpid(pid, NULL, 0);
	close(there[0]);
	close(there[1]);
	close(back[0]);
	close(back[1]);
}

static void measure(const char *name, void (*work)(void))
{
	uint64_t start = __rdtsc(), cost;

	MARK(BEGIN);
	work();
	MARK(END);
	cost = __rdtsc() - start;
	printf("LINUX %s %llu\n", name, (unsigned long long)cost);
}

static void make_data(void)
{
	static char mib[1 << 20];
	int fd = open(DATA, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	for (size_t i = 0; i < sizeof(mib); i++)
		mib[i] = i * 7 >> 3;
	for (int i = 0; i < DATA_MIB; i++)
		if (write(fd, mib, sizeof(mib)) != sizeof(mib))
			fail(DATA);
	close(fd);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("LINUX user-space %llu\n", (unsigned long long)__rdtsc());
	if (argc > 1 && !strcmp(argv[1], "boot"))
		return 0;
	make_data();
	measure("sha256", sha256);
	unlink(DATA);
	run_busybox((char *[]){ "busybox", "true", NULL });
	measure("fork-exec", fork_exec);
	make_tree();
	measure("find", find);
	measure("page-fault", page_faults);
	measure("pipe", pipe_ping_pong);
	return 0;
}
