// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: frames of Dais's pool at guest-physical addresses. For what is
 * shared with the control domain Dais names the extents, which are kept for
 * mmap. All callers are within domain_enter.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "dais.h"

#define LIST_ENTRIES    (DAIS_PAGE_SIZE / sizeof(u64))
#define GPA_END         (1ULL << 52) /* the architecture's limit of physical addresses */

static bool range_ok(const struct dais_ioc_mem *arg, u64 flags)
{
	return arg->size && !((arg->gpa | arg->size) % DAIS_PAGE_SIZE) &&
	       arg->gpa < GPA_END && arg->size <= GPA_END - arg->gpa && !(arg->flags & ~flags);
}

static void region_free(struct region *region)
{
	struct chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &region->chunks, node)
		kvfree(chunk);
	kfree(region);
}

void memory_free(struct domain *dom)
{
	struct region *region, *next;

	list_for_each_entry_safe(region, next, &dom->regions, node)
		region_free(region);
}

/* The region that holds [gpa, gpa + size), dom->lock held; NULL: none does. */
struct region *memory_region(struct domain *dom, u64 gpa, u64 size)
{
	struct region *region;

	list_for_each_entry(region, &dom->regions, node) {
		if (gpa >= region->gpa && gpa - region->gpa < region->size &&
		    size <= region->size - (gpa - region->gpa))
			return region;
	}
	return NULL;
}

bool memory_overlaps(struct domain *dom, u64 gpa, u64 size)
{
	struct region *region;

	list_for_each_entry(region, &dom->regions, node) {
		if (gpa < region->gpa + region->size && region->gpa < gpa + size)
			return true;
	}
	return false;
}

/* Keeps the extents of one call, which must add up to the frames it did. */
static int region_add(struct region *region, const u64 *list, u64 frames)
{
	struct chunk *chunk;
	u64 sum = 0;
	u32 n;

	for (n = 0; n < LIST_ENTRIES && sum < frames; n++)
		sum += 1ULL << EXTENT_ORDER(list[n]);
	if (sum != frames)
		return -EIO;
	chunk = kvmalloc(struct_size(chunk, extent, n), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return -ENOMEM;
	chunk->count = n;
	memcpy(chunk->extent, list, n * sizeof(u64));
	list_add_tail(&chunk->node, &region->chunks);
	return 0;
}

/* One mem_map call for what is left of the region. */
static int map_step(struct domain *dom, struct region *region, u64 flags, u64 *list, u64 *done)
{
	u64 left = (region->size - *done) / DAIS_PAGE_SIZE;
	struct hc_ret r = { 0 };
	int status = hc(mem_map, &r, .dom = dom->cap, .source = DAIS_MEM_POOL,
			.gpa = region->gpa + *done, .frames = left, .flags = flags,
			.list = flags & DAIS_MAP_SHARE ? virt_to_phys(list) : 0);

	if (r.value > left)
		return -EIO;
	*done += r.value * DAIS_PAGE_SIZE; /* of a failed call too: to be unmapped */
	if (status && status != DAIS_AGAIN)
		return status;
	if (!r.value)
		return status ? 0 : -EIO;
	return flags & DAIS_MAP_SHARE ? region_add(region, list, r.value) : 0;
}

int memory_unmap_range(struct domain *dom, u64 gpa, u64 size)
{
	struct hc_ret r;
	int status;

	while (size) {
		r.value = 0;
		status = hc(mem_unmap, &r, .dom = dom->cap, .gpa = gpa,
			    .frames = size / DAIS_PAGE_SIZE);
		if (status && status != DAIS_AGAIN)
			return status;
		if (r.value > size / DAIS_PAGE_SIZE || (!status && !r.value))
			return -EIO;
		gpa += r.value * DAIS_PAGE_SIZE;
		size -= r.value * DAIS_PAGE_SIZE;
		cond_resched();
	}
	return 0;
}

static int map_all(struct domain *dom, struct region *region, u64 flags)
{
	u64 *list = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	u64 done = 0;
	int ret = 0;

	if (!list)
		return -ENOMEM;
	while (!ret && done < region->size) {
		ret = map_step(dom, region, flags, list, &done);
		cond_resched();
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
	}
	free_page((unsigned long)list);
	if (ret)
		memory_unmap_range(dom, region->gpa, done);
	return ret;
}

static void account(struct domain *dom, s64 bytes)
{
	dom->memory += bytes;
	WRITE_ONCE(dom->page->memory, dom->memory);
}

int memory_map(struct domain *dom, const struct dais_ioc_mem *arg)
{
	struct region *region;
	int ret;

	if (!range_ok(arg, DAIS_MAP_RWX | DAIS_MAP_SHARE))
		return DAIS_BAD_ARG;
	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	region->dom = dom;
	region->gpa = arg->gpa;
	region->size = arg->size;
	region->shared = arg->flags & DAIS_MAP_SHARE;
	INIT_LIST_HEAD(&region->chunks);

	mutex_lock(&dom->lock);
	ret = map_all(dom, region, arg->flags);
	if (!ret) {
		list_add_tail(&region->node, &dom->regions);
		account(dom, region->size);
	}
	mutex_unlock(&dom->lock);
	if (ret)
		region_free(region);
	return ret;
}

int memory_unmap(struct domain *dom, const struct dais_ioc_mem *arg)
{
	struct region *region;
	int ret = -ENOENT;

	if (!range_ok(arg, 0))
		return DAIS_BAD_ARG;
	mutex_lock(&dom->lock);
	region = memory_region(dom, arg->gpa, arg->size);
	if (!region || region->size != arg->size)
		goto out;
	ret = -EBUSY;
	if (atomic_read(&region->maps))
		goto out;
	region->shared = false; /* also when Dais stops half-way: never mmapped again */
	ret = memory_unmap_range(dom, arg->gpa, arg->size);
	if (ret)
		goto out;
	list_del(&region->node);
	account(dom, -(s64)region->size);
	region_free(region);
out:
	mutex_unlock(&dom->lock);
	return ret;
}

static int protect_range(struct domain *dom, const struct dais_ioc_mem *arg)
{
	u64 gpa = arg->gpa, frames = arg->size / DAIS_PAGE_SIZE;
	struct hc_ret r;
	int status;

	while (frames) {
		r.value = 0;
		status = hc(mem_protect, &r, .dom = dom->cap, .gpa = gpa, .frames = frames,
			    .flags = arg->flags);
		if (status && status != DAIS_AGAIN)
			return status;
		if (r.value > frames || (!status && !r.value))
			return -EIO;
		gpa += r.value * DAIS_PAGE_SIZE;
		frames -= r.value;
		cond_resched();
	}
	return 0;
}

int memory_seal(struct domain *dom, const struct dais_ioc_mem *arg)
{
	struct region *region;
	int ret = -ENOENT;

	if (!range_ok(arg, DAIS_MAP_RWX))
		return DAIS_BAD_ARG;
	mutex_lock(&dom->lock);
	region = memory_region(dom, arg->gpa, arg->size);
	if (!region)
		goto out;
	ret = -EBUSY;
	if (atomic_read(&region->maps))
		goto out;
	region->shared = false;
	ret = protect_range(dom, arg);
out:
	mutex_unlock(&dom->lock);
	return ret;
}
