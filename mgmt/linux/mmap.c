// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of Dais's and guests' frames into processes. The control domain sees
 * them at GPA = HPA, but Linux has no struct page for them and would take
 * memory that no e820 entry calls RAM for a device's: remap_pfn_range picks an
 * uncached type for it. So the entries are written here, write-back, for
 * Dais maps the frames write-back itself and says so in the nested table.
 */
#include <linux/mm.h>
#include "dais.h"

struct frames {
	struct mm_struct *mm;
	u64 pfn;
	pgprot_t prot;
};

static int set_frame(pte_t *pte, unsigned long addr, void *data)
{
	struct frames *frames = data;

	set_pte_at(frames->mm, addr, pte, pte_mkspecial(pfn_pte(frames->pfn++, frames->prot)));
	return 0;
}

static int map_frames(struct vm_area_struct *vma, unsigned long addr, u64 hpa, u64 size)
{
	struct frames frames = { vma->vm_mm, hpa >> PAGE_SHIFT, vma->vm_page_prot };

	return apply_to_page_range(vma->vm_mm, addr, size, set_frame, &frames);
}

static int prepare(struct vm_area_struct *vma, bool writable)
{
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	if (!writable && vma->vm_flags & VM_WRITE)
		return -EACCES;
	vma->vm_flags &= ~(VM_MAYEXEC | (writable ? 0 : VM_MAYWRITE));
	/* A child would inherit it unseen by our counts. */
	vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY;
	return 0;
}

static u64 vma_size(const struct vm_area_struct *vma)
{
	return vma->vm_end - vma->vm_start;
}

static u64 vma_offset(const struct vm_area_struct *vma)
{
	return (u64)vma->vm_pgoff << PAGE_SHIFT;
}

/* ---- /dev/dais: pages that live as long as Dais ---- */

int mmap_machine(struct file *file, struct vm_area_struct *vma)
{
	u64 hpa, limit;
	int ret;

	switch (vma_offset(vma)) {
	case DAIS_MMAP_LOG:
		hpa = dais_number(DAIS_STAT_LOG);
		limit = DAIS_LOG_SIZE;
		break;
	case DAIS_MMAP_TRACE:
		hpa = dais_number(DAIS_STAT_TRACE);
		limit = DAIS_TRACE_SIZE;
		break;
	default:
		return -EINVAL;
	}
	if (!hpa || hpa % PAGE_SIZE)
		return -EIO;
	if (vma_size(vma) > PAGE_ALIGN(limit))
		return -EINVAL;
	ret = prepare(vma, false);
	return ret ? ret : map_frames(vma, vma->vm_start, hpa, vma_size(vma));
}

/* ---- a domain's: counted, so that no frame is given back while mapped ---- */

static void counted_open(struct vm_area_struct *vma)
{
	struct region *region = vma->vm_private_data;

	atomic_inc(&region->maps);
	atomic_inc(&region->dom->maps);
}

/* The page table entries are gone and flushed by now; the vma still holds its file. */
static void counted_close(struct vm_area_struct *vma)
{
	struct region *region = vma->vm_private_data;
	struct domain *dom = region->dom;

	atomic_dec(&region->maps);
	domain_unmapped(dom);
}

static const struct vm_operations_struct counted_ops = {
	.open = counted_open,
	.close = counted_close,
};

/* The parts of a region's extents that the vma asks for. */
static int map_extents(struct vm_area_struct *vma, const struct region *region)
{
	u64 gpa = region->gpa, from = vma_offset(vma), end = from + vma_size(vma);
	const struct chunk *chunk;
	int ret = 0;
	u32 i;

	list_for_each_entry(chunk, &region->chunks, node) {
		for (i = 0; i < chunk->count && gpa < end && !ret; i++) {
			u64 size = (u64)PAGE_SIZE << EXTENT_ORDER(chunk->extent[i]);
			u64 first = max(gpa, from), last = min(gpa + size, end);

			if (first < last)
				ret = map_frames(vma, vma->vm_start + (first - from),
						 EXTENT_HPA(chunk->extent[i]) + (first - gpa),
						 last - first);
			gpa += size;
		}
	}
	return ret;
}

/* Counts the mapping before the first entry is there. hpa: of a page of Dais's, or 0: the
 * region's own extents. */
static int map_counted(struct vm_area_struct *vma, struct region *region, u64 hpa)
{
	int ret = prepare(vma, true);

	if (ret)
		return ret;
	vma->vm_private_data = region;
	counted_open(vma);
	ret = hpa ? map_frames(vma, vma->vm_start, hpa, vma_size(vma)) : map_extents(vma, region);
	if (ret) {
		zap_vma_ptes(vma, vma->vm_start, vma_size(vma));
		counted_close(vma);
		return ret;
	}
	vma->vm_ops = &counted_ops;
	return 0;
}

static int map_guest(struct domain *dom, struct vm_area_struct *vma)
{
	struct region *region = memory_region(dom, vma_offset(vma), vma_size(vma));

	if (!region || !region->shared)
		return -ENXIO;
	return map_counted(vma, region, 0);
}

static int map_area(struct domain *dom, struct vm_area_struct *vma)
{
	if (vma_size(vma) > DAIS_DOM_AREA_PAGES * DAIS_PAGE_SIZE)
		return -EINVAL;
	return map_counted(vma, &dom->pages, dom->area_hpa);
}

/* Not once it is doomed: its frames must become free some time. */
static int enter_to_map(struct domain *dom)
{
	int ret = domain_enter(dom);

	if (ret)
		return ret;
	if (dom->doomed) {
		domain_leave(dom);
		return -ESTALE;
	}
	mutex_lock(&dom->lock);
	return 0;
}

static void leave_mapped(struct domain *dom)
{
	mutex_unlock(&dom->lock);
	domain_leave(dom);
}

int mmap_domain(struct domain *dom, struct vm_area_struct *vma)
{
	int ret = enter_to_map(dom);

	if (ret)
		return ret;
	ret = vma_offset(vma) == DAIS_MMAP_AREA ? map_area(dom, vma) : map_guest(dom, vma);
	leave_mapped(dom);
	return ret;
}

int mmap_vcpu(struct vcpu *vcpu, struct vm_area_struct *vma)
{
	int ret;

	if (vma_offset(vma) || vma_size(vma) > DAIS_PAGE_SIZE)
		return -EINVAL;
	ret = enter_to_map(vcpu->dom);
	if (ret)
		return ret;
	ret = map_counted(vma, &vcpu->dom->pages, vcpu->page_hpa);
	leave_mapped(vcpu->dom);
	return ret;
}
