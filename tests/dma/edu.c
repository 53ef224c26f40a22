// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "edu.h"

#define IDS         0x11e81234u
#define BAR_SIZE    0x100000
#define REG_SOURCE  0x80
#define REG_TARGET  0x88
#define REG_COUNT   0x90
#define REG_COMMAND 0x98
#define CMD_START   1u
#define CMD_TO_MEMORY 2u
#define BUFFER      0x40000u
#define COMMAND     4
#define MEMORY      2
#define MASTER      4
#define PATIENCE_S  20

static volatile uint8_t *bar;
static uint8_t *page;
static uint64_t page_at;
static int config;

static int open_file(const char *directory, const char *file, int flags)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, flags);
	if (fd < 0)
		err(2, "%s", path);
	return fd;
}

void edu_master(bool on)
{
	uint16_t command = MEMORY | (on ? MASTER : 0);

	if (pwrite(config, &command, sizeof(command), COMMAND) != sizeof(command))
		err(2, "edu's command register");
}

static void start(const char *directory)
{
	int fd = open_file(directory, "enable", O_WRONLY);

	if (write(fd, "1", 1) != 1)
		err(2, "%s: cannot be enabled", directory);
	close(fd);
	config = open_file(directory, "config", O_RDWR);
	edu_master(true);
	fd = open_file(directory, "resource0", O_RDWR);
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED)
		err(2, "%s: resource0", directory);
	close(fd);
	page = edu_page(&page_at);
}

uint32_t edu_open(void)
{
	unsigned int segment, bus, device, function;
	glob_t found;
	uint32_t ids;

	if (glob("/sys/bus/pci/devices/*", 0, NULL, &found))
		errx(2, "no PCI devices");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open_file(found.gl_pathv[i], "config", O_RDONLY);
		bool there = read(fd, &ids, sizeof(ids)) == sizeof(ids) && ids == IDS;

		close(fd);
		if (!there)
			continue;
		start(found.gl_pathv[i]);
		sscanf(strrchr(found.gl_pathv[i], '/') + 1, "%x:%x:%x.%x", &segment, &bus, &device, &function);
		globfree(&found);
		return segment << 16 | bus << 8 | device << 3 | function;
	}
	errx(2, "there is no edu device");
}

static void reg_write(uint32_t reg, uint64_t value)
{
	*(volatile uint64_t *)(bar + reg) = value;
}

bool edu_dma(uint64_t address, uint32_t bytes, bool to_memory)
{
	const struct timespec moment = { 0, 2000000 };
	time_t end = time(NULL) + PATIENCE_S;

	reg_write(REG_SOURCE, to_memory ? BUFFER : address);
	reg_write(REG_TARGET, to_memory ? address : BUFFER);
	reg_write(REG_COUNT, bytes);
	reg_write(REG_COMMAND, CMD_START | (to_memory ? CMD_TO_MEMORY : 0));
	while (*(volatile uint64_t *)(bar + REG_COMMAND) & CMD_START) {
		if (time(NULL) > end)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

void edu_feed(void *ordinary, uint64_t address)
{
	page = ordinary;
	page_at = address;
}

void edu_put(const void *data)
{
	memcpy(page, data, EDU_BUFFER_SIZE);
	if (!edu_dma(page_at, EDU_BUFFER_SIZE, false))
		errx(2, "edu does not end its DMA");
}

void edu_get(void *data)
{
	if (!edu_dma(page_at, EDU_BUFFER_SIZE, true))
		errx(2, "edu does not end its DMA");
	memcpy(data, page, EDU_BUFFER_SIZE);
}

void *edu_page(uint64_t *physical)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (p == MAP_FAILED || fd < 0 || pread(fd, &entry, 8, (uintptr_t)p / 4096 * 8) != 8 || !(entry >> 63))
		err(2, "no locked page");
	close(fd);
	*physical = (entry & ((1ULL << 55) - 1)) * 4096;
	return p;
}
