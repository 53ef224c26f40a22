// SPDX-License-Identifier: GPL-2.0-only
/*
 * owned open|unflushed|closed vtd|amdvi ROUNDS: edu is given to a guest, which has memory but no CPU: this process tells the device what
 * to do. It must reach that guest's memory, and only that, at every moment: when memory leaves the guest and goes to another
 * one at once (ROUNDS times, the translation just used), when rights to it are narrowed, between two owners, and
 * when the guest has died. open: of a test build of Dais nothing keeps the device from all other memory
 * (tests/faults/unconfined.c), and each attack must succeed; unflushed: of one whose IOMMU is not told of what leaves a
 * guest, which must be hit.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "attack.h"

#define OWN_GPA     0x10000u       /* what the device is fed from */
#define AFTER       2560u          /* behind what feeds it, in the same page */
#define MOVING_GPA  0x20000u
#define RW          (DAIS_MAP_READ | DAIS_MAP_WRITE)

struct page { uint64_t hpa; uint8_t *seen; };

static uint64_t list_at, *list;

static uint64_t new_domain(void)
{
	uint64_t dom;

	if (RAW(dom_create, &dom, DAIS_CAP_POOL, 1) != DAIS_OK)
		errx(2, "no guest");
	return dom;
}

/* A new page of dom at gpa, filled. */
static struct page give(uint64_t dom, uint64_t gpa)
{
	uint64_t done;
	struct page p;

	if (RAW(mem_map, &done, dom, DAIS_MEM_POOL, gpa, 1, RW | DAIS_MAP_SHARE, list_at) != DAIS_OK)
		errx(2, "no memory for a guest");
	p.hpa = list[0] & ~0xfffULL;
	p.seen = view(p.hpa, true);
	fill(p.seen);
	return p;
}

static void take(uint64_t dom, uint64_t gpa, struct page p)
{
	uint64_t done;

	munmap(p.seen, 4096);
	if (RAW(mem_unmap, &done, dom, gpa, 1) != DAIS_OK)
		errx(2, "a guest's page stays");
}

static void destroy(uint64_t dom)
{
	uint64_t s;

	RAW(dom_ctl, NULL, dom, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED);
	do
		s = RAW(mem_reclaim, NULL, dom);
	while (s == DAIS_AGAIN);
	if (s != DAIS_OK)
		errx(2, "a guest cannot be reclaimed: %lu", s);
}

/* Does the device reach gpa, where the owner has p? Then the IOMMU has its translation, too. */
static bool reaches(uint64_t gpa, struct page p)
{
	static uint8_t pattern[EDU_BUFFER_SIZE];

	fill(pattern);
	edu_put(pattern);
	edu_dma(gpa, BYTES, true);
	return !memcmp(p.seen, pattern, BYTES);
}

/* Does it change what p holds? The device's buffer may have come from there: that is made different before. */
static bool writes(uint64_t gpa, struct page p)
{
	uint8_t was[BYTES];

	for (uint32_t i = 0; i < BYTES; i++)
		was[i] = p.seen[i] ^= 0xff;
	edu_dma(gpa, BYTES, true);
	return memcmp(p.seen, was, BYTES);
}

static void assign(uint64_t dom)
{
	uint64_t s;

	edu_master(false);
	s = RAW(dev_assign, NULL, dom, fn, 0);
	if (s != DAIS_OK)
		errx(2, "edu cannot be assigned: %lu", s);
	edu_master(true);
}

static void give_back(uint64_t dom)
{
	if (RAW(dev_return, NULL, dom, fn) != DAIS_OK)
		errx(2, "edu cannot be returned");
	edu_master(true);
}

/* --- */

static void attacks(struct page victim, uint64_t free_hpa)
{
	const struct dais_info *info = dais_get_info(conn);
	/* as rogue: where it is empty, if the attack will succeed */
	uint64_t log = info->stat[DAIS_STAT_LOG] + (open_machine ? DAIS_LOG_SIZE - BYTES : offsetof(struct dais_log, text)), at;
	uint8_t *control = edu_page(&at);
	uint64_t before;

	fill(control);
	attack("owned by a guest: Dais's memory", log, view(log, false));
	attack("owned by a guest: another guest's memory", victim.hpa, victim.seen);
	attack("owned by a guest: the control domain's memory", at, control);
	attack("owned by a guest: an unowned frame", free_hpa, NULL);
	before = faults();
	edu_dma(BEYOND, BYTES, true);
	check_faults("owned by a guest: beyond RAM", before);
}

/* What leaves the guest goes to the other one at once: had the IOMMU still the translation, that would show it. */
static void frames_change_hands(uint64_t from, uint64_t to, uint32_t rounds, uint32_t hits)
{
	uint32_t reused = 0, reached = 0, hit = 0;
	char text[200];

	for (uint32_t i = 0; i < rounds; i++) {
		struct page p = give(from, MOVING_GPA), q;

		reached += reaches(MOVING_GPA, p);
		take(from, MOVING_GPA, p);
		q = give(to, MOVING_GPA);
		reused += q.hpa == p.hpa;
		hit += writes(MOVING_GPA, q);
		take(to, MOVING_GPA, q);
	}
	snprintf(text, sizeof(text), "%u pages, of %u, were within reach; %u went to another guest at once; %u were hit there",
		 reached, rounds, reused, hit);
	verdict(reached == rounds && reused == rounds && hit == hits, text);
}

static void rights_narrow(uint64_t dom)
{
	struct page p = give(dom, MOVING_GPA);
	uint64_t done, before = faults();

	verdict(reaches(MOVING_GPA, p), "a page of the guest's is within reach");
	if (RAW(mem_protect, &done, dom, MOVING_GPA, 1, DAIS_MAP_READ | DAIS_MAP_SHARE) != DAIS_OK)
		errx(2, "a page cannot be made read-only");
	verdict(!writes(MOVING_GPA, p), "once it is read-only, the device does not write to it");
	check_faults("a read-only page", before);
	take(dom, MOVING_GPA, p);
}

static void dies(struct page victim)
{
	uint64_t dom = new_domain(), heir = new_domain();
	struct page own = give(dom, OWN_GPA), p = give(dom, MOVING_GPA), q;

	assign(dom);
	edu_feed(own.seen, OWN_GPA);
	verdict(reaches(MOVING_GPA, p), "another guest's device reaches its memory");
	munmap(p.seen, 4096);
	munmap(own.seen, 4096);
	destroy(dom);
	edu_master(true);
	/* as often as the dead one had pages */
	p = give(heir, MOVING_GPA);
	q = give(heir, OWN_GPA);
	verdict(!writes(MOVING_GPA, p) && !writes(OWN_GPA, q) && !writes(victim.hpa, victim),
		"after its death the device reaches nothing, neither where its memory went nor anything else");
	edu_master(false);
	give_back(0);
	destroy(heir);
}

int main(int argc, char **argv)
{
	uint64_t dom, other, free_hpa, page_at;
	struct page own, victim, gone;
	uint32_t rounds;
	uint8_t *page;

	if (argc != 4 || dais_open(&conn))
		errx(2, "owned open|unflushed|closed vtd|amdvi ROUNDS: needs /dev/dais");
	open_machine = !strcmp(argv[1], "open");
	counts_faults = strcmp(argv[2], "amdvi");
	rounds = strtoul(argv[3], NULL, 10);
	list = edu_page(&list_at);
	page = edu_page(&page_at);
	fn = edu_open();
	dom = new_domain();
	other = new_domain();
	own = give(dom, OWN_GPA);
	victim = give(other, OWN_GPA);
	gone = give(other, MOVING_GPA);
	free_hpa = gone.hpa;
	take(other, MOVING_GPA, gone);

	assign(dom);
	edu_feed(own.seen, open_machine ? own.hpa : OWN_GPA);
	if (strcmp(argv[1], "closed")) {
		if (open_machine)
			attacks(victim, free_hpa);
		else
			frames_change_hands(dom, other, rounds, rounds);
		give_back(dom);
		give_back(0);
		return failures != 0;
	}
	verdict(reaches(OWN_GPA + AFTER, (struct page){ own.hpa + AFTER, own.seen + AFTER }),
		"owned by a guest, it reaches that one's memory");
	attacks(victim, free_hpa);
	frames_change_hands(dom, other, rounds, 0);
	rights_narrow(dom);
	forged_messages(!counts_faults);

	give_back(dom);
	memset(page, 0x5a, BYTES);
	verdict(!writes(OWN_GPA, own) && !writes(page_at, (struct page){ page_at, page }),
		"between two owners it reaches neither's memory");
	give_back(0);
	edu_feed(page, page_at);
	attack("the control domain's again: the old guest's memory", own.hpa, own.seen);
	verdict(reaches(list_at, (struct page){ list_at, (uint8_t *)list }), "and it serves the control domain");
	dies(victim);
	munmap(own.seen, 4096);
	munmap(victim.seen, 4096);
	destroy(dom);
	destroy(other);
	edu_feed(page, page_at);
	verdict(reaches(list_at, (struct page){ list_at, (uint8_t *)list }), "after all that it serves the control domain");
	dais_close(conn);
	return failures != 0;
}
