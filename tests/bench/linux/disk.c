// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk DEVICE COUNT: so many random reads of 4 KiB past the page cache, one at a time and then DEPTH at a time, each
 * lot between two marks for tests/bench/plugin; a line "DISK name reads" each.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../mark.h"

#define BLOCK	4096
#define DEPTH	32
#define WARM_UP	64

static int fd;
static uint64_t blocks, state = 1;
static char *buffers;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t somewhere(void)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % blocks * BLOCK;
}

static void one_at_a_time(int n)
{
	while (n--)
		if (pread(fd, buffers, BLOCK, somewhere()) != BLOCK)
			fail("read");
}

static void many_at_a_time(int n)
{
	struct iocb control[DEPTH], *list[DEPTH];
	struct io_event done[DEPTH];
	aio_context_t context = 0;
	int ready = DEPTH, left = n;

	if (syscall(SYS_io_setup, DEPTH, &context))
		fail("io_setup");
	for (int i = 0; i < DEPTH; i++)
		list[i] = &control[i];
	while (left) {
		int more = ready < n ? ready : n;

		for (int i = 0; i < more; i++)
			*list[i] = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_nbytes = BLOCK,
				.aio_buf = (uintptr_t)(buffers + (list[i] - control) * BLOCK), .aio_offset = somewhere() };
		if (more && syscall(SYS_io_submit, context, more, list) != more)
			fail("io_submit");
		n -= more;
		ready = syscall(SYS_io_getevents, context, 1, DEPTH, done, NULL);
		if (ready < 1)
			fail("io_getevents");
		left -= ready;
		for (int i = 0; i < ready; i++) {
			if (done[i].res != BLOCK)
				fail("asynchronous read");
			list[i] = (struct iocb *)(uintptr_t)done[i].obj;
		}
	}
	syscall(SYS_io_destroy, context);
}

static void measure(const char *name, void (*reads)(int), int n)
{
	reads(WARM_UP);
	MARK(BEGIN);
	reads(n);
	MARK(END);
	printf("DISK %s %d\n", name, n);
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[2]) : 0;
	uint64_t bytes;

	if (n < 1) {
		fprintf(stderr, "usage: disk DEVICE COUNT\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) || bytes < BLOCK)
		fail(argv[1]);
	blocks = bytes / BLOCK;
	buffers = aligned_alloc(BLOCK, DEPTH * BLOCK);
	if (!buffers)
		fail("memory");
	measure("read-qd1", one_at_a_time, n);
	measure("read-qd32", many_at_a_time, n);
	return 0;
}
