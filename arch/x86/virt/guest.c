/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's memory from host mode: RAM through windows, page walks (SDM vol. 3 ch. 4), the bytes of
 * the instruction under way. */
#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"
#include "kernel/string.h"

static bool ram_at(struct xvcpu *x, u64 gpa, u32 right, hpa_t *frame)
{
	u32 order;
	u64 prot = nested_get(x->v.dom, (gpa_t){ gpa & PAGE_MASK }, frame, &order);

	return !(prot & NESTED_UC) && (prot & right);
}

bool guest_ram(struct xvcpu *x, u64 gpa, void *buf, u32 n, bool write)
{
	u32 offset = gpa & ~PAGE_MASK;
	hpa_t frame;
	bool ok;

	if (offset + n > PAGE_SIZE)
		return false;
	guest_access_begin(x);
	ok = ram_at(x, gpa, write ? DAIS_MAP_WRITE : DAIS_MAP_READ, &frame);
	if (ok) {
		u8 *p = (u8 *)window_open(WIN_MEM, frame) + offset;

		memcpy(write ? p : buf, write ? buf : p, n);
		window_close(WIN_MEM);
	}
	guest_access_end(x);
	return ok;
}

/* --- page walk --- */

struct paging { u32 levels, bits /* of index */, size /* of an entry */, top_large; u64 root; };

static struct paging paging_of(const struct dais_sregs *s)
{
	if (!(s->cr0 & CR0_PG))
		return (struct paging){ 0 };
	if (s->efer & EFER_LMA)
		return (struct paging){ s->cr4 & CR4_LA57 ? 5 : 4, 9, 8, 3, PTE_ADDRESS };
	if (s->cr4 & CR4_PAE)
		return (struct paging){ 3, 9, 8, 2, 0xffffffe0 };
	return (struct paging){ 2, 10, 4, s->cr4 & CR4_PSE ? 2 : 1, 0xfffff000 };
}

bool guest_walk(struct xvcpu *x, u64 linear, u64 *gpa)
{
	const struct dais_sregs *s = x86_sregs(x);
	struct paging p = paging_of(s);
	u64 base = s->cr3 & p.root;

	*gpa = linear;
	for (u32 level = p.levels; level; level--) {
		u32 shift = PAGE_SHIFT + p.bits * (level - 1);
		u64 in_page = (1ULL << shift) - 1, entry = 0;
		u64 at = base + (linear >> shift & ((1u << p.bits) - 1)) * p.size;

		if (!guest_ram(x, at, &entry, p.size, false) || !(entry & PTE_P))
			return false;
		base = entry & PTE_ADDRESS;
		if (level > 1 && !((entry & PTE_PS) && level <= p.top_large))
			continue;
		if (level > 1 && p.size == 4) /* PSE-36: bits 13..20 are address bits 32..39 */
			base = (u32)base | (entry >> 13 & 0xff) << 32;
		*gpa = (base & ~in_page) | (linear & in_page);
		break;
	}
	return true;
}

/* --- instruction bytes --- */

enum insn_mode guest_mode(struct xvcpu *x)
{
	const struct dais_sregs *s = x86_sregs(x);

	if ((s->efer & EFER_LMA) && (s->cs.attr & SEG_L))
		return INSN_64;
	return s->cs.attr & SEG_D ? INSN_32 : INSN_16;
}

/* The bytes of the page that the instruction begins on, which stays in view. */
static bool fetch_first(struct xvcpu *x, u64 gpa, u8 *buf, u32 n)
{
	u64 gen, linear = x->rip + x86_sregs(x)->cs.base;
	struct fetch_view *f = guest_fetch_view(linear);
	hpa_t frame;
	bool ok;

	guest_access_begin(x);
	gen = atomic_load(&x->v.dom->flush_gen);
	ok = ram_at(x, gpa, DAIS_MAP_READ, &frame);
	if (ok) {
		*f = (struct fetch_view){ linear | ~PAGE_MASK, x86_sregs(x)->cr3, gen,
					  window_open(WIN_FETCH + (f - this_cpu()->fetch), frame) };
		memcpy(buf, f->bytes + (gpa & ~PAGE_MASK), n);
	}
	guest_access_end(x);
	return ok;
}

/* The processor has fetched them by the same tables. Where they are no longer mapped, there are
 * fewer: the instruction is tried again, and the processor raises the fault. */
u32 guest_fetch(struct xvcpu *x, u8 buf[INSN_BYTES])
{
	u64 linear = x->rip, gpa;
	u32 n = 0, part;

	if (guest_mode(x) != INSN_64)
		linear = (u32)(linear + x86_sregs(x)->cs.base);
	for (; n < INSN_BYTES; n += part) {
		part = MIN(INSN_BYTES - n, PAGE_SIZE - ((linear + n) & ~PAGE_MASK));
		if (!guest_walk(x, linear + n, &gpa) ||
		    !(n ? guest_ram(x, gpa, buf + n, part, false) : fetch_first(x, gpa, buf, part)))
			break;
	}
	return n;
}
