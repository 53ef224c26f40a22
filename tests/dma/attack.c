// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"

#define FAULT_PATIENCE 5000        /* ms */
#define WINDOW      0xfee00000u    /* where interrupt messages go; APIC ID 0 */
#define VECTOR_FIRST 0x30u         /* of the host, for devices */
#define FORGED      48u
#define REMAPPED    0x10u          /* VT-d: the rest of the address is an entry's number */
#define ENTRY_STEP  0x20u
#define FREE_ENTRY  0x400u         /* far above those in use, which are counted from 0 */

struct dais_conn *conn;
bool open_machine, counts_faults;
uint32_t fn;
int failures;

void verdict(bool good, const char *text)
{
	printf("%s - %s\n", good ? "ok" : "not ok", text);
	fflush(stdout);
	failures += !good;
}

uint64_t raw(uint64_t nr, const uint64_t args[6], uint64_t *value)
{
	struct dais_ioc_raw r = { .nr = nr };
	int ret;

	memcpy(r.args, args, sizeof(r.args));
	ret = dais_raw(conn, &r);
	if (ret)
		errx(2, "raw call: %s", dais_strerror(ret));
	if (value)
		*value = r.value;
	return r.status;
}

uint64_t faults(void)
{
	uint64_t n;

	if (RAW(stat, &n, 0, (uint64_t)fn << 32 | DAIS_STAT_FN_FAULTS) != DAIS_OK)
		errx(2, "faults of %08x cannot be read", fn);
	return n;
}

uint8_t *view(uint64_t address, bool writable)
{
	int fd = open("/dev/mem", writable ? O_RDWR : O_RDONLY);
	void *p = mmap(NULL, 4096, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)(address & ~0xfffULL));

	if (fd < 0 || p == MAP_FAILED)
		err(2, "/dev/mem at %lx", address);
	close(fd);
	return (uint8_t *)p + (address & 0xfff);
}

void fill(uint8_t *buffer)
{
	for (uint32_t i = 0; i < EDU_BUFFER_SIZE; i++)
		buffer[i] = (uint8_t)rand();
}

static bool more_faults(uint64_t than)
{
	const struct timespec moment = { 0, 10000000 };

	for (int ms = 0; ms < FAULT_PATIENCE; ms += 10) {
		if (faults() > than)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

void check_faults(const char *what, uint64_t before)
{
	static bool told;
	char text[200];

	snprintf(text, sizeof(text), "%s: a fault is counted", what);
	if (counts_faults && !open_machine)
		verdict(more_faults(before), text);
	else if (!open_machine && !told)
		puts("skip - faults are counted: QEMU 7.2's AMD-Vi records none");
	told = true;
}

void attack(const char *what, uint64_t address, const uint8_t *seen)
{
	static uint8_t pattern[EDU_BUFFER_SIZE], other[EDU_BUFFER_SIZE], back[EDU_BUFFER_SIZE], was[BYTES];
	uint64_t before = faults();
	char text[200];
	bool wrote, got;

	fill(pattern);
	fill(other);
	if (seen)
		memcpy(was, seen, BYTES);
	edu_put(pattern);
	edu_dma(address, BYTES, true);
	if (seen) {
		snprintf(text, sizeof(text), "%s: written by a device: %s", what, open_machine ? "changed" : "every byte unchanged");
		verdict(!memcmp(seen, open_machine ? pattern : was, BYTES), text);
	}
	edu_put(other);
	edu_dma(address, BYTES, false);
	edu_get(back);
	got = seen ? !memcmp(back, seen, BYTES) : !memcmp(back, pattern, BYTES);
	wrote = !memcmp(back, pattern, BYTES);
	snprintf(text, sizeof(text), "%s: read by a device: %s", what, open_machine ? "its content" : "nothing of it");
	verdict(open_machine ? got && wrote : !got && !wrote, text);
	check_faults(what, before);
}

/* Interrupts of the control domain's devices, as Linux counts them. */
static unsigned long device_interrupts(void)
{
	unsigned long sum = 0, n;
	char line[1024];
	FILE *f = fopen("/proc/interrupts", "r");

	while (f && fgets(line, sizeof(line), f)) {
		char *p = strchr(line, ':'), *end;

		/* what is quiet unless somebody forges it */
		if (!p || !(strstr(line, "-config") || strstr(line, "dais") || strstr(line, "nvme") || strstr(line, "i8042")))
			continue;
		for (p++; n = strtoul(p, &end, 10), end != p; p = end)
			sum += n;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Vectors from the first on, or, as VT-d takes them (spec. 3.3 §5.1.2.2), the numbers of interrupt entries. */
static void forge(uint64_t window, uint32_t step, uint32_t first)
{
	static uint8_t message[EDU_BUFFER_SIZE];

	for (uint32_t n = first; n < first + FORGED; n++) {
		memcpy(message, &n, sizeof(n));
		edu_put(message);
		edu_dma(window + step * n, sizeof(n), true);
	}
}

void forged_messages(bool amd)
{
	unsigned long before = device_interrupts();

	if (amd || open_machine) {
		forge(WINDOW, 0, VECTOR_FIRST);
	} else {
		puts("skip - forged interrupts in the old format, or by entries of others: QEMU 7.2's VT-d lets the former through, "
		     "whatever is set, and does not know who writes to the window (the unit test looks at the registers)");
		forge(WINDOW | REMAPPED, ENTRY_STEP, FREE_ENTRY);
	}
	verdict(open_machine ? device_interrupts() > before : device_interrupts() == before,
		open_machine ? "forged interrupts arrive" : "forged interrupts do not arrive");
}
