/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's memory as its instructions see it: page walks (SDM vol. 3 ch. 4), access by windows. */
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/arch.h"
#include "kernel/string.h"

#define PTE_P   1ULL
#define PTE_W   2ULL
#define PTE_U   4ULL
#define PTE_A   0x20ULL
#define PTE_D   0x40ULL
#define PTE_PS  0x80ULL
#define PTE_NX  (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

#define ERR_P   1u
#define ERR_W   2u
#define ERR_U   4u
#define ERR_RSVD 8u
#define ERR_I   16u

#define RFLAGS_AC (1ULL << 18)

/* --- RAM, by guest-physical address --- */

/*
 * No lock: exits come here for every instruction's bytes. While x->accessing is
 * set, nested_flush waits, so that a frame, or a table that the look-up passes,
 * is given to nobody else before we are done with it. Takes no lock inside.
 */
static void access_begin(struct xvcpu *x)
{
	atomic_xchg(&x->accessing, 1); /* before the tables are read */
}

static void access_end(struct xvcpu *x)
{
	atomic_store(&x->accessing, 0);
}

/* The frame of RAM behind gpa, between access_begin and access_end. */
static bool ram_frame(struct domain *d, u64 gpa, bool write, hpa_t *frame)
{
	u32 order;
	u64 prot;

	if (!nested_get(d, (gpa_t){ gpa }, frame, &order, &prot) || (prot & NESTED_UC))
		return false;
	return prot & (write ? DAIS_MAP_WRITE : DAIS_MAP_READ);
}

static bool copy_page(struct xvcpu *x, u64 gpa, void *buf, u32 n, bool write, enum window_slot slot)
{
	hpa_t frame;
	bool ok;

	access_begin(x);
	ok = ram_frame(x->v.dom, gpa & PAGE_MASK, write, &frame);
	if (ok) {
		u8 *p = (u8 *)window_open(slot, frame) + (gpa & ~PAGE_MASK);

		if (write)
			memcpy(p, buf, n);
		else
			memcpy(buf, p, n);
		window_close(slot);
	}
	access_end(x);
	return ok;
}

static bool copy(struct xvcpu *x, u64 gpa, u8 *buf, u32 n, bool write)
{
	while (n) {
		u32 part = MIN(n, PAGE_SIZE - (gpa & ~PAGE_MASK));

		if (!copy_page(x, gpa, buf, part, write, WIN_MEM))
			return false;
		gpa += part;
		buf += part;
		n -= part;
	}
	return true;
}

bool guest_phys_read(struct xvcpu *x, u64 gpa, void *buf, u32 n)
{
	return copy(x, gpa, buf, n, false);
}

bool guest_phys_write(struct xvcpu *x, u64 gpa, const void *buf, u32 n)
{
	return copy(x, gpa, (u8 *)buf, n, true);
}

/* --- page walk --- */

struct walker {
	struct xvcpu *x;
	u64 cr0, cr4, efer;
	u64 linear, entry;
	u32 access, error;
	bool writable, user, no_exec;  /* of all levels so far */
	bool changed;                  /* an entry was not what it had been: walk again */
};

/* Another vCPU of the guest changes the entries meanwhile: how often a walk starts again. */
#define WALK_TRIES 16

static bool entry_read(struct walker *w, u64 gpa, u32 size)
{
	w->entry = 0;
	return copy_page(w->x, gpa, &w->entry, size, false, WIN_WALK);
}

/* Sets A or D as hardware does, if the entry is still as the walk saw it. False: w->changed, or no RAM. */
static bool entry_mark(struct walker *w, u64 gpa, u32 size, u64 bits)
{
	u64 old = w->entry;
	hpa_t frame;
	bool ok;

	if ((old & bits) == bits)
		return true;
	access_begin(w->x);
	ok = ram_frame(w->x->v.dom, gpa & PAGE_MASK, true, &frame);
	if (ok) {
		u8 *p = (u8 *)window_open(WIN_WALK, frame) + (gpa & ~PAGE_MASK);

		ok = size == 8 ? atomic_cas64((u64 *)p, old, old | bits) :
				 atomic_cas32((u32 *)p, old, old | bits);
		w->changed = !ok;
		window_close(WIN_WALK);
	}
	access_end(w->x);
	w->entry |= bits;
	return ok;
}

static enum walk fault(struct walker *w, u32 error, u32 *out)
{
	if (w->access & GA_WRITE)
		error |= ERR_W;
	if (w->access & GA_USER)
		error |= ERR_U;
	if ((w->access & GA_EXEC) && ((w->efer & EFER_NXE) || (w->cr4 & CR4_SMEP)))
		error |= ERR_I;
	*out = error;
	return WALK_FAULT;
}

/* SDM vol. 3 §4.6.1 */
static bool allowed(const struct walker *w)
{
	bool user = w->access & GA_USER;

	if (user && !w->user)
		return false;
	if ((w->access & GA_WRITE) && !w->writable && (user || (w->cr0 & CR0_WP)))
		return false;
	if (w->access & GA_EXEC)
		return !w->no_exec && (user || !w->user || !(w->cr4 & CR4_SMEP));
	return user || !w->user || !(w->cr4 & CR4_SMAP) || (w->x->rflags & RFLAGS_AC);
}

/* How the current mode's tables look. */
struct paging { u32 levels, bits /* of index */, size /* of an entry */; };

static struct paging paging_mode(const struct walker *w)
{
	if (w->efer & EFER_LMA)
		return (struct paging){ w->cr4 & CR4_LA57 ? 5 : 4, 9, 8 };
	if (w->cr4 & CR4_PAE)
		return (struct paging){ 3, 9, 8 };
	return (struct paging){ 2, 10, 4 };
}

static bool may_be_large(const struct walker *w, const struct paging *p, u32 level)
{
	if (p->size == 4)
		return level == 2 && (w->cr4 & CR4_PSE);
	return level == 2 || (level == 3 && p->levels > 3);
}

static bool reserved_bits(const struct walker *w, const struct paging *p, u32 level, bool large)
{
	if (p->size == 4)
		return false;
	if (level == 3 && p->levels == 3) /* PDPTE: no R/W, U/S, NX */
		return w->entry & (PTE_NX | 0x1e6);
	if ((w->entry & PTE_NX) && !(w->efer & EFER_NXE))
		return true;
	if (level > 1 && (w->entry & PTE_PS) && !large)
		return true;
	return large && (w->entry & (level == 2 ? 0x1fe000 : 0x3fffe000));
}

static void permissions(struct walker *w, const struct paging *p, u32 level)
{
	if (level == 3 && p->levels == 3)
		return;
	w->writable &= !!(w->entry & PTE_W);
	w->user &= !!(w->entry & PTE_U);
	w->no_exec |= p->size == 8 && (w->entry & PTE_NX);
}

static u64 frame_of(const struct walker *w, const struct paging *p, u32 level)
{
	u64 span = 1ULL << (PAGE_SHIFT + p->bits * (level - 1));
	u64 base = w->entry & PTE_ADDR;

	/* PSE-36: bits 13..20 of a 4 MiB entry are address bits 32..39 */
	if (p->size == 4 && level == 2)
		base = (w->entry & 0xffc00000) | (w->entry >> 13 & 0xff) << 32;
	return (base & ~(span - 1)) | (w->linear & (span - 1));
}

static enum walk walk_tables(struct walker *w, u64 *gpa, u32 *error)
{
	struct paging p = paging_mode(w);
	u64 table = x86_sregs(w->x)->cr3 & (p.levels == 3 ? 0xffffffe0 : PTE_ADDR);

	for (u32 level = p.levels; ; level--) {
		u32 shift = PAGE_SHIFT + p.bits * (level - 1);
		u64 at = table + (w->linear >> shift & ((1u << p.bits) - 1)) * p.size;
		u64 mark = w->access & GA_WRITE ? PTE_A | PTE_D : PTE_A;
		bool large, last, pdpte = level == 3 && p.levels == 3;

		if (!entry_read(w, at, p.size))
			return WALK_DIED;
		if (!(w->entry & PTE_P))
			return fault(w, 0, error);
		large = (w->entry & PTE_PS) && may_be_large(w, &p, level);
		if (reserved_bits(w, &p, level, large))
			return fault(w, ERR_P | ERR_RSVD, error);
		permissions(w, &p, level);
		last = level == 1 || large;
		if (last && !allowed(w))
			return fault(w, ERR_P, error);
		if (!pdpte && !entry_mark(w, at, p.size, last ? mark : PTE_A))
			return WALK_DIED;
		if (last) {
			*gpa = frame_of(w, &p, level);
			return WALK_OK;
		}
		table = w->entry & PTE_ADDR;
	}
}

enum walk guest_walk(struct xvcpu *x, u64 linear, u32 access, u64 *gpa, u32 *error)
{
	struct dais_sregs *s = x86_sregs(x);
	enum walk r = WALK_DIED;

	if (!(s->efer & EFER_LMA))
		linear = (u32)linear;
	if (!(s->cr0 & CR0_PG)) {
		*gpa = linear;
		return WALK_OK;
	}
	for (u32 n = 0; n < WALK_TRIES; n++) {
		struct walker w = { .x = x, .cr0 = s->cr0, .cr4 = s->cr4, .efer = s->efer,
				    .linear = linear, .access = access,
				    .writable = true, .user = true };

		r = walk_tables(&w, gpa, error);
		if (!w.changed)
			break;
	}
	return r;
}

/* --- instruction bytes --- */

enum insn_mode guest_mode(struct xvcpu *x)
{
	struct dais_sregs *s = x86_sregs(x);

	if ((s->efer & EFER_LMA) && (s->cs.attr & SEG_L))
		return INSN_64;
	return s->cs.attr & SEG_D ? INSN_32 : INSN_16;
}

/* Bytes from RIP to the end of CS, at most `n`. */
static u32 within_cs(struct xvcpu *x, u32 n)
{
	u64 limit = x86_sregs(x)->cs.limit;

	if (guest_mode(x) == INSN_64)
		return n;
	return x->rip > limit ? 0 : MIN(n, limit - x->rip + 1);
}

u32 guest_fetch(struct xvcpu *x, u8 *buf, u32 have)
{
	u64 linear = x->rip + have, gpa = 0;
	u32 want = within_cs(x, INSN_BYTES), error, n;

	if (guest_mode(x) != INSN_64)
		linear = (u32)(linear + x86_sregs(x)->cs.base);
	if (want <= have) {
		x86_exception_error(x, VEC_GP, 0);
		return 0;
	}
	n = MIN(want - have, PAGE_SIZE - (linear & ~PAGE_MASK));
	switch (guest_walk(x, linear, GA_EXEC | (x86_cpl(x) == 3 ? GA_USER : 0), &gpa, &error)) {
	case WALK_OK:
		if (copy_page(x, gpa, buf + have, n, false, WIN_INSN))
			return have + n;
		emulation_failed(x, "executes device memory at 0x%lx", gpa);
		break;
	case WALK_FAULT:
		x86_page_fault(x, linear, error);
		break;
	case WALK_DIED:
		emulation_failed(x, "has page tables outside its memory (code at 0x%lx)", linear);
		break;
	}
	return 0;
}

bool guest_decode(struct xvcpu *x, u8 *buf, u32 *n, struct insn *i)
{
	enum insn_result r;

	*n = 0;
	do {
		*n = guest_fetch(x, buf, *n);
		if (!*n)
			return false;
		r = insn_decode(buf, *n, guest_mode(x), i);
	} while (r == INSN_SHORT);
	if (r == INSN_BAD)
		x86_exception(x, VEC_UD);
	return r == INSN_OK;
}

u32 guest_insn_length(struct xvcpu *x)
{
	u8 buf[INSN_BYTES];
	struct insn i;
	u32 n;

	return guest_decode(x, buf, &n, &i) ? i.length : 0;
}
