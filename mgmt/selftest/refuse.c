// SPDX-License-Identifier: GPL-2.0-only
/* What must be refused, and guest memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "selftest.h"

#define MIB (1UL << 20)

static int create(const char *name, unsigned int vcpus)
{
	struct dais_dom_config config = { .name = name, .max_vcpus = vcpus };
	struct dais_dom *dom;
	int ret = dais_dom_create(conn, &config, &dom);

	if (!ret)
		dais_dom_close(dom);
	return ret;
}

static void test_names(void)
{
	char name[DAIS_NAME_MAX + 1] = "";
	struct dais_dom *dom;

	expect(create("", 1), -EINVAL, "empty name");
	memset(name, 'x', DAIS_NAME_MAX);
	expect(create(name, 1), -EINVAL, "name too long");
	expect(create("twin", 1), -EEXIST, "name in use");
	expect(create("other", 0), -EINVAL, "no vCPUs");
	expect(create("other", DAIS_MAX_VCPUS + 1), -EINVAL, "too many vCPUs");
	expect(dais_dom_open_name(conn, "nobody", &dom), -ENOENT, "unknown name");
	expect(dais_dom_open(conn, ~0u, &dom), -ENOENT, "unknown id");
}

void test_refusals(void)
{
	struct dais_vcpu *vcpu;
	struct guest g;

	guest_make(&g, "twin", false, WRITES);
	test_names();
	expect(dais_vcpu_create(g.dom, 0, 0, &vcpu), -EEXIST, "vCPU made twice");
	expect(dais_vcpu_create(g.dom, GUEST_VCPUS, 0, &vcpu), -EINVAL, "vCPU beyond the limit");
	expect(dais_vcpu_create(g.dom, 1, DAIS_VCPU_AUTONOMOUS, &vcpu), -EINVAL,
	       "autonomous vCPU in a hosted domain");
	expect(dais_vcpu_open(g.dom, GUEST_VCPUS, &vcpu), -ENOENT, "unknown vCPU");
	expect(dais_dom_unpause(g.dom), -EPROTO, "resume before activate");
	expect(dais_dom_activate(g.dom), 0, "activate");
	expect(dais_dom_activate(g.dom), -EPROTO, "activate twice");
	expect(dais_vcpu_resume(g.runner[0].vcpu), -EPROTO, "resume of a hosted vCPU");
	guest_destroy(&g);
	balanced("refusals");
}

static void test_ranges(struct guest *g)
{
	void *mem;

	expect(dais_mem_map(g->dom, GUEST_MEMORY, 1, DAIS_MAP_RWX, NULL), -EINVAL, "odd size");
	expect(dais_mem_map(g->dom, GUEST_MEMORY, 0, DAIS_MAP_RWX, NULL), -EINVAL, "no size");
	expect(dais_mem_map(g->dom, ~0ULL << 12, 2 * DAIS_PAGE_SIZE, DAIS_MAP_RWX, NULL), -EINVAL,
	       "range that wraps");
	expect(dais_mem_map(g->dom, 0, GUEST_MEMORY, DAIS_MAP_RWX, &mem), -EEXIST, "range in use");
	expect(dais_mem_unmap(g->dom, 0, GUEST_MEMORY), -EBUSY, "unmap while a process maps it");
	expect(dais_mem_unmap(g->dom, 0, GUEST_MEMORY / 2), -ENOENT, "unmap of half");
	expect(dais_mem_attach(g->dom, GUEST_MEMORY, DAIS_PAGE_SIZE, &mem), -ENXIO,
	       "attach where nothing is");
}

static void test_seal(struct guest *g)
{
	uint64_t gpa = 1ULL << 32;
	void *mem, *again;

	if (!expect(dais_mem_map(g->dom, gpa, 2 * MIB, DAIS_MAP_RWX, &mem), 0, "more memory"))
		return;
	expect(dais_mem_seal(g->dom, gpa, 2 * MIB, DAIS_MAP_RWX), -EBUSY, "seal while mapped");
	dais_mem_detach(mem, 2 * MIB);
	expect(dais_mem_attach(g->dom, gpa + MIB, MIB, &again), 0, "attach a part");
	dais_mem_detach(again, MIB);
	expect(dais_mem_seal(g->dom, gpa, 2 * MIB, DAIS_MAP_RWX), 0, "seal");
	expect(dais_mem_attach(g->dom, gpa, DAIS_PAGE_SIZE, &again), -ENXIO, "attach sealed memory");
	expect(dais_mem_unmap(g->dom, gpa, 2 * MIB), 0, "unmap sealed memory");
}

/* More than there is fails whole, and nothing stays. */
static void test_exhaustion(struct guest *g)
{
	uint64_t before, after, free_frames;
	void *mem;

	dais_stat(conn, DAIS_STAT_FRAMES_FREE, &free_frames);
	dais_stat(conn, DAIS_STAT_FRAMES_GUEST, &before);
	expect(dais_mem_map(g->dom, 1ULL << 32, (free_frames + 1) * DAIS_PAGE_SIZE, DAIS_MAP_RWX,
			    &mem), -ENOMEM, "more memory than is free");
	dais_stat(conn, DAIS_STAT_FRAMES_GUEST, &after);
	check(before == after, "a failed mapping leaves nothing");
}

void test_memory(void)
{
	static const char zeros[DAIS_PAGE_SIZE];
	struct guest g;
	size_t at;

	guest_make(&g, "memory", false, WRITES);
	memset(g.mem, 0xa5, GUEST_MEMORY);
	guest_destroy(&g);
	guest_make(&g, "memory", false, WRITES);
	for (at = 0x10000; at < GUEST_MEMORY; at += DAIS_PAGE_SIZE) {
		if (memcmp(g.mem + at, zeros, DAIS_PAGE_SIZE))
			break;
	}
	check(at == GUEST_MEMORY, "memory comes cleared");
	test_ranges(&g);
	test_seal(&g);
	test_exhaustion(&g);
	guest_destroy(&g);
	balanced("memory");
}
