// SPDX-License-Identifier: GPL-2.0-only
/*
 * rogue open|closed vtd|amdvi [REGISTERS]: the control domain's edu device writes to and reads from memory that is not the control
 * domain's. open: nothing protects it, and each attack must succeed, or the test proves nothing; closed: none may.
 * REGISTERS: address of the IOMMU's, which nobody may see.
 * Needs dais.ko with raw_calls=1, and /dev/mem for a look at the targets.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "edu.h"
#include "libdais.h"

#define BYTES       64u
#define TARGET_GPA  0x10000u
#define WINDOW      0xfee00000u    /* where interrupt messages go; APIC ID 0 */
#define VECTORS     48u            /* of the host, from the first for devices on */
#define VECTOR_FIRST 0x30u
#define BEYOND      (1ULL << 38)   /* of any RAM here, within what 3-level tables reach */
#define FAULT_PATIENCE 5000        /* ms */

static struct dais_conn *conn;
static bool open_machine, counts_faults;
static uint32_t fn;
static int failures;

static void verdict(bool good, const char *text)
{
	printf("%s - %s\n", good ? "ok" : "not ok", text);
	fflush(stdout);
	failures += !good;
}

static uint64_t raw(uint64_t nr, const uint64_t args[6], uint64_t *value)
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
#define RAW(name, value, ...) raw(DAIS_NR_##name, (const uint64_t[6]){ __VA_ARGS__ }, value)

static uint64_t faults(void)
{
	uint64_t n;

	if (RAW(stat, &n, 0, (uint64_t)fn << 32 | DAIS_STAT_FN_FAULTS) != DAIS_OK)
		errx(2, "faults of %08x cannot be read", fn);
	return n;
}

/* What the control domain's CPUs see there. */
static uint8_t *view(uint64_t address, bool writable)
{
	int fd = open("/dev/mem", writable ? O_RDWR : O_RDONLY);
	void *p = mmap(NULL, 4096, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)(address & ~0xfffULL));

	if (fd < 0 || p == MAP_FAILED)
		err(2, "/dev/mem at %lx", address);
	close(fd);
	return (uint8_t *)p + (address & 0xfff);
}

static void fill(uint8_t *buffer)
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

static void check_faults(const char *what, uint64_t before)
{
	char text[200];

	if (open_machine)
		return;
	snprintf(text, sizeof(text), "%s: a fault is counted", what);
	if (counts_faults)
		verdict(more_faults(before), text);
	else
		printf("skip - %s: QEMU 7.2's AMD-Vi records none\n", text);
}

/* seen: the same memory as this process sees it, not all zeros, or NULL. */
static void attack(const char *what, uint64_t address, const uint8_t *seen)
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

/* The control domain's own memory is within reach in any case: the attacks do not fail for another reason. */
static void own_memory(void)
{
	static uint8_t pattern[EDU_BUFFER_SIZE], back[EDU_BUFFER_SIZE];
	uint64_t at;
	uint8_t *page = edu_page(&at);

	fill(pattern);
	edu_put(pattern);
	edu_dma(at, EDU_BUFFER_SIZE, true);
	edu_get(back);
	verdict(!memcmp(page, pattern, sizeof(pattern)) && !memcmp(back, pattern, sizeof(pattern)),
		"the control domain's memory: a device reads and writes it");
}

static void guest_memory(void)
{
	uint64_t list_at, *list = edu_page(&list_at), dom, done, s;
	uint8_t *page;

	if (RAW(dom_create, &dom, DAIS_CAP_POOL, 1) != DAIS_OK ||
	    RAW(mem_map, &done, dom, DAIS_MEM_POOL, TARGET_GPA, 1, DAIS_MAP_READ | DAIS_MAP_WRITE | DAIS_MAP_SHARE, list_at) != DAIS_OK)
		errx(2, "no guest");
	page = view(list[0] & ~0xfffULL, true);
	fill(page);
	attack("a guest's memory", list[0] & ~0xfffULL, page);
	munmap(page, 4096);
	if (RAW(mem_unmap, &done, dom, TARGET_GPA, 1) != DAIS_OK)
		errx(2, "the guest's page stays");
	attack("an unowned frame", list[0] & ~0xfffULL, NULL);
	RAW(dom_ctl, NULL, dom, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED);
	do
		s = RAW(mem_reclaim, NULL, dom);
	while (s == DAIS_AGAIN);
}

/* The log: where it is empty, at its end, if the attack will succeed; else the text at its start. */
static void dais_memory(uint64_t log)
{
	uint64_t at = log + (open_machine ? DAIS_LOG_SIZE - BYTES : offsetof(struct dais_log, text));

	attack("Dais's memory", at, view(at, false));
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

static void forged_messages(void)
{
	static uint8_t message[EDU_BUFFER_SIZE];
	unsigned long before = device_interrupts();

	for (uint32_t v = VECTOR_FIRST; v < VECTOR_FIRST + VECTORS; v++) {
		memcpy(message, &v, sizeof(v));
		edu_put(message);
		edu_dma(WINDOW, sizeof(v), true);
	}
	verdict(open_machine ? device_interrupts() > before : device_interrupts() == before,
		open_machine ? "forged interrupts arrive" : "forged interrupts do not arrive");
}

int main(int argc, char **argv)
{
	const struct dais_info *info;
	uint64_t before;
	bool amd;

	if (argc < 3 || dais_open(&conn))
		errx(2, "rogue open|closed vtd|amdvi [REGISTERS]: needs /dev/dais");
	open_machine = !strcmp(argv[1], "open");
	amd = !strcmp(argv[2], "amdvi");
	counts_faults = !amd;
	fn = edu_open();
	info = dais_get_info(conn);
	own_memory();
	dais_memory(info->stat[DAIS_STAT_LOG]);
	guest_memory();
	before = faults();
	edu_dma(BEYOND, BYTES, true);
	check_faults("beyond RAM", before);
	if (amd || open_machine)
		forged_messages();
	else
		puts("skip - forged interrupts: QEMU 7.2's VT-d lets messages in the old format through, whatever is set, and "
		     "does not know who writes to the window (the unit test looks at the registers)");
	if (argc > 3)
		verdict(*(volatile uint32_t *)view(strtoull(argv[3], NULL, 0), false) == UINT32_MAX,
			"the IOMMU's registers: the control domain reads a hole");
	dais_close(conn);
	return failures != 0;
}
