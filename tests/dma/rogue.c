// SPDX-License-Identifier: GPL-2.0-only
/*
 * rogue open|closed vtd|amdvi [REGISTERS]: the control domain's edu device writes to and reads from memory that is not the control
 * domain's. open: nothing protects it, and each attack must succeed, or the test proves nothing; closed: none may.
 * REGISTERS: address of the IOMMU's, which nobody may see.
 * Needs dais.ko with raw_calls=1, and /dev/mem for a look at the targets.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "attack.h"

#define TARGET_GPA  0x10000u

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
	forged_messages(amd);
	if (argc > 3)
		verdict(*(volatile uint32_t *)view(strtoull(argv[3], NULL, 0), false) == UINT32_MAX,
			"the IOMMU's registers: the control domain reads a hole");
	dais_close(conn);
	return failures != 0;
}
