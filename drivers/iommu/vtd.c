/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VT-d (spec. 3.3), in legacy mode: a root table of a page, a context table for each bus that has a function which
 * reaches something, second-level tables; queued invalidation; one table of interrupt entries for all units, each
 * entry valid for one source ID. Messages in compatibility format stay blocked (CFI = 0, §5.1.4).
 */
#include "drivers/iommu/internal.h"
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/log.h"

/* Registers (§11.4) */
#define CAP        0x08u
#define GCMD       0x18u
#define GSTS       0x1cu
#define RTADDR     0x20u
#define FSTS       0x34u
#define FECTL      0x38u
#define PMEN       0x64u
#define IQT        0x88u
#define IQA        0x90u
#define IRTA       0xb8u

#define CAP_PMR    (3u << 5)
#define CAP_FRO(cap) (((cap) >> 24 & 0x3ff) * 16)
#define CAP_NFR(cap) (((cap) >> 40 & 0xff) + 1)
#define GCMD_TE    (1u << 31)
#define GCMD_SRTP  (1u << 30)
#define GCMD_QIE   (1u << 26)
#define GCMD_IRE   (1u << 25)
#define GCMD_SIRTP (1u << 24)
#define GSTS_KEPT  0x96ffffffu       /* what is on; the others are commands done once (§11.4.4.1) */
#define PMEN_PRS   1u
#define FSTS_PFO   1u
#define FECTL_IM   (1u << 31)
#define FRR_F      (1u << 31)        /* in its last dword */
#define IRTA_EIME  (1u << 11)

/* Commands (§6.5.2) */
#define INV_CONTEXT_ALL 0x11u
#define INV_CONTEXT_FN  0x31u
#define INV_IOTLB_ALL   (0x12u | 3u << 6) /* reads and writes are drained */
#define INV_IOTLB_ID    (0x22u | 3u << 6)
#define INV_ENTRIES     0x04u             /* of interrupts, all */
#define INV_WAIT        0x25u             /* writes a word */

/* Context entries (§9.3) */
#define CTX_PRESENT  1u
#define CTX_QUIET    2u
#define CTX_LEVELS(n) ((n) - 2)
#define CTX_ID_SHIFT 8

/* Interrupt entries (§9.10): edge, fixed, physical */
#define ENTRIES      16384u
#define ENTRIES_LOG2 14u
#define ENTRY_VECTOR_SHIFT 16
#define ENTRY_CHECK_SOURCE (1u << 18)
#define MSG_REMAPPED (1u << 4)
#define MSG_INDEX_SHIFT 5
#define MSG_INDEX    0x7fffu

static u64 *entries;

static void command(struct iommu_unit *u, u32 bit, u32 on)
{
	u32 status = iommu_read(u, GSTS, 4) & GSTS_KEPT;

	iommu_write(u, GCMD, 4, on ? status | bit : status & ~bit);
	iommu_wait(u, GSTS, bit, on ? bit : 0);
}

static void run(struct iommu_unit *u)
{
	iommu_command(u, INV_WAIT | 1ULL << 32, hva_to_hpa(IOMMU_DONE(u)).v);
	iommu_run(u, IQT);
}

static void start_queue(struct iommu_unit *u)
{
	if (iommu_read(u, GSTS, 4) & GCMD_QIE) /* the firmware's */
		command(u, GCMD_QIE, 0);
	iommu_write(u, IQT, 8, 0);
	iommu_write(u, IQA, 8, hva_to_hpa(u->queue).v);
	command(u, GCMD_QIE, 1);
}

static void start_remapping(struct iommu_unit *u)
{
	u32 eim = iommus->x2apic ? IRTA_EIME : 0;

	iommu_write(u, IRTA, 8, hva_to_hpa(entries).v | eim | (ENTRIES_LOG2 - 1));
	command(u, GCMD_SIRTP, 1);
	iommu_command(u, INV_ENTRIES, 0);
	run(u);
	command(u, GCMD_IRE, 1);
}

static void vtd_start(struct iommu_unit *u)
{
	if (!entries)
		entries = heap_pages(ENTRIES * 16 / PAGE_SIZE);
	if (!entries)
		panic("no memory for interrupt remapping");
	for (u32 i = 0; iommus->incoherent && i < ENTRIES; i++)
		iommu_put(&entries[2 * i], 0);
	iommu_write(u, FECTL, 4, FECTL_IM); /* faults are looked for */
	start_queue(u);
	iommu_write(u, RTADDR, 8, u->b->table);
	command(u, GCMD_SRTP, 1);
	iommu_command(u, INV_CONTEXT_ALL, 0);
	iommu_command(u, INV_IOTLB_ALL, 0);
	run(u);
	if (iommus->remap)
		start_remapping(u);
	command(u, GCMD_TE, 1);
	if (iommu_read(u, CAP, 8) & CAP_PMR) { /* the firmware's protected memory (§10.4.16) */
		iommu_write(u, PMEN, 4, 0);
		iommu_wait(u, PMEN, PMEN_PRS, 0);
	}
}

static void vtd_flush(struct iommu_unit *u, u32 id)
{
	iommu_command(u, INV_IOTLB_ID | id << 16, 0);
	run(u);
}

/* The context entry of a function; NULL: there is no table for its bus, and, if `make`, no memory for one. */
static u64 *context(struct iommu_unit *u, u32 source, bool make)
{
	u64 *root = (u64 *)hpa_to_hva(hpa(u->b->table)) + (source >> 8 & 0xff) * 2, *table;

	if (!*root && make) {
		table = heap_pages(1);
		if (!table)
			return NULL;
		for (u32 i = 0; i < PAGE_SIZE / 8; i++)
			iommu_put(&table[i], 0);
		iommu_put(root, hva_to_hpa(table).v | CTX_PRESENT);
	}
	return *root ? (u64 *)hpa_to_hva(hpa(*root & PAGE_MASK)) + (source & 0xff) * 2 : NULL;
}

static status_t vtd_set(struct iommu_unit *u, u32 source, const struct iommu_reach *to)
{
	u64 *c = context(u, source, to->root || to->quiet);
	u64 id = c ? c[1] >> CTX_ID_SHIFT : 0;

	if (!c)
		return to->root || to->quiet ? DAIS_NO_MEMORY : DAIS_OK;
	/* First nothing: no mixture of two is ever seen. */
	iommu_put(&c[0], to->quiet ? CTX_QUIET : 0);
	iommu_command(u, INV_CONTEXT_FN | id << 16 | (u64)(source & 0xffff) << 32, 0);
	iommu_command(u, INV_IOTLB_ID | id << 16, 0);
	run(u);
	if (!to->root)
		return DAIS_OK;
	iommu_put(&c[1], (u64)to->id << CTX_ID_SHIFT | CTX_LEVELS(iommus->levels));
	iommu_put(&c[0], to->root | CTX_PRESENT);
	/* units that remember what was not present, too (caching mode, §6.1) */
	iommu_command(u, INV_CONTEXT_FN | (u64)to->id << 16 | (u64)(source & 0xffff) << 32, 0);
	vtd_flush(u, to->id);
	return DAIS_OK;
}

/* --- interrupts --- */

static u64 *vtd_entries(struct iommu_unit *u, u32 source, u32 *count)
{
	(void)u;
	(void)source;
	*count = ENTRIES;
	return entries;
}

static void vtd_entry(u64 e[2], u32 source, u32 apic_id, u32 vector)
{
	iommu_put(&e[1], (source & 0xffff) | ENTRY_CHECK_SOURCE);
	iommu_put(&e[0], 1 | vector << ENTRY_VECTOR_SHIFT | (u64)apic_id << (iommus->x2apic ? 32 : 40));
}

/* The vector, too: an IO-APIC's entry needs it for its EOI, and in a message it is ignored (§5.1.2.2). */
static u64 vtd_message(u32 index, u64 host)
{
	return MSI_ADDRESS | MSG_REMAPPED | index << MSG_INDEX_SHIFT | host >> 32 << 32;
}

static u32 vtd_index(u64 message)
{
	return message >> MSG_INDEX_SHIFT & MSG_INDEX;
}

static void vtd_flush_entries(struct iommu_unit *u, u32 source)
{
	(void)source;
	iommu_command(u, INV_ENTRIES, 0);
	run(u);
}

/* --- faults: §7.3 --- */

static bool vtd_fault(struct iommu_unit *u, struct iommu_fault *f)
{
	u64 cap = iommu_read(u, CAP, 8), low, high;
	u32 reg = CAP_FRO(cap), status = iommu_read(u, FSTS, 4);

	for (u32 i = 0; i < CAP_NFR(cap); i++, reg += 16) {
		high = iommu_read(u, reg + 8, 8);
		if (!(high >> 63))
			continue;
		low = iommu_read(u, reg, 8);
		*f = (struct iommu_fault){ u->b->segment << 16 | (u32)(high & 0xffff), low & PAGE_MASK, high >> 32 & 0xff,
					   status & FSTS_PFO };
		iommu_write(u, reg + 12, 4, FRR_F);
		iommu_write(u, FSTS, 4, status & FSTS_PFO);
		return true;
	}
	return false;
}

const struct iommu_ops vtd_ops = { vtd_start, vtd_set, vtd_flush, vtd_entries, vtd_entry, vtd_message, vtd_index,
				   vtd_flush_entries, vtd_fault };
