/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD-Vi (48882, 3.06): a device table for each segment, whose entries all are valid from the start, reach nothing and
 * make no interrupt; host tables; command buffer; event log; for each function that makes interrupts a
 * table of its own, with entries of 128 bits.
 */
#include "drivers/iommu/internal.h"
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/log.h"

/* Registers (§3.4) */
#define DEVTAB     0x0000u
#define CMD_BASE   0x0008u
#define EVT_BASE   0x0010u
#define CONTROL    0x0018u
#define CMD_HEAD   0x2000u
#define CMD_TAIL   0x2008u
#define EVT_HEAD   0x2010u
#define EVT_TAIL   0x2018u
#define STATUS     0x2020u

#define DEVTAB_PAGES 512u              /* 65536 entries of 32 bytes */
#define LENGTH_256  (8ULL << 56)       /* of both rings */
#define CTL_ENABLE  (1ULL << 0)
#define CTL_EVENTS  (1ULL << 2)
#define CTL_COHERENT (1ULL << 10)
#define CTL_COMMANDS (1ULL << 12)
#define CTL_GA      (1ULL << 17)       /* interrupt entries of 128 bits */
#define CTL_XT      (1ULL << 50)       /* with 32-bit destinations */
#define ST_OVERFLOW 1u

/* Device table entries (§2.2.2.1), by quadword */
#define D0_VALID    3ULL               /* entry and translation */
#define D0_LEVELS(n) ((u64)(n) << 9)
#define D0_RW       (3ULL << 61)
#define D1_QUIET    (1ULL << 34)       /* SA: suppress all page faults' events */
#define D1_SYSMGT(settings) ((u64)((settings) >> 4 & 3) << 40)
#define D2_VALID    1ULL               /* interrupts: aborted */
#define D2_512      (9ULL << 1)
#define D2_REMAP    (2ULL << 60)

/* Commands (§2.4), opcode in the upper bits */
#define CMD_WAIT    (1ULL << 60 | 1)   /* writes a quadword */
#define CMD_DEVICE  (2ULL << 60)
#define CMD_PAGES   (3ULL << 60)
#define CMD_ENTRIES (5ULL << 60)
#define ALL_PAGES   0x7ffffffffffff003ULL /* with page directory entries */

#define ENTRIES     512u
#define INDEX       (ENTRIES - 1)
#define EVENT_SIZE  16u
#define EVENT_TYPE(e) ((e) >> 60)
#define EVENT_WITHOUT_FN ((1u << 5 | 1u << 6 | 1u << 7))

/* The log lies behind the command buffer and its word. */
static u64 *event_log(struct iommu_unit *u) { return u->queue + 2 * PAGE_SIZE / 8; }

static u64 *device(struct iommu_unit *u, u32 source)
{
	return (u64 *)hpa_to_hva(hpa(u->b->table)) + (source & 0xffff) * 4;
}

static void run(struct iommu_unit *u)
{
	iommu_command(u, CMD_WAIT | hva_to_hpa(IOMMU_DONE(u)).v, 1);
	iommu_run(u, CMD_TAIL);
}

static void amdvi_start(struct iommu_unit *u)
{
	u64 control = u->b->control | CTL_ENABLE | CTL_EVENTS | CTL_COHERENT | CTL_COMMANDS;

	for (u32 i = 0; i < 0x10000 && !device(u, i)[0]; i++) {
		device(u, i)[2] = D2_VALID;
		device(u, i)[0] = D0_VALID;
	}
	if (iommus->remap)
		control |= CTL_GA | (iommus->x2apic ? CTL_XT : 0);
	iommu_write(u, CONTROL, 8, 0);
	iommu_write(u, DEVTAB, 8, u->b->table | (DEVTAB_PAGES - 1));
	iommu_write(u, CMD_BASE, 8, hva_to_hpa(u->queue).v | LENGTH_256);
	iommu_write(u, EVT_BASE, 8, hva_to_hpa(event_log(u)).v | LENGTH_256);
	iommu_write(u, CMD_HEAD, 8, 0);
	iommu_write(u, CMD_TAIL, 8, 0);
	iommu_write(u, EVT_HEAD, 8, 0);
	iommu_write(u, EVT_TAIL, 8, 0);
	iommu_write(u, CONTROL, 8, control);
}

static void amdvi_flush(struct iommu_unit *u, u32 id)
{
	iommu_command(u, CMD_PAGES | (u64)id << 32, ALL_PAGES);
	run(u);
}

static status_t amdvi_set(struct iommu_unit *u, u32 source, const struct iommu_reach *to)
{
	u64 *d = device(u, source), id = d[1] & 0xffff;

	/* First nothing: no mixture of two is ever seen. */
	iommu_put(&d[0], D0_VALID);
	iommu_command(u, CMD_DEVICE | (source & 0xffff), 0);
	amdvi_flush(u, id);
	iommu_put(&d[1], to->id | D1_SYSMGT(to->settings) | (to->quiet ? D1_QUIET : 0));
	if (to->root)
		iommu_put(&d[0], to->root | D0_VALID | D0_LEVELS(iommus->levels) | D0_RW);
	iommu_command(u, CMD_DEVICE | (source & 0xffff), 0);
	run(u);
	return DAIS_OK;
}

/* --- interrupts: §2.2.5 --- */

/* 512 are what messages in fixed mode, and with the mode's lowest bit, can name. */
static u64 *amdvi_entries(struct iommu_unit *u, u32 source, u32 *count)
{
	u64 *d = device(u, source), *table;

	*count = ENTRIES;
	if (d[2] & D2_REMAP)
		return hpa_to_hva(hpa(d[2] & 0x000fffffffffffc0ULL));
	table = heap_pages(ENTRIES * 16 / PAGE_SIZE);
	if (!table)
		return NULL;
	iommu_put(&d[2], hva_to_hpa(table).v | D2_VALID | D2_512 | D2_REMAP);
	iommu_command(u, CMD_DEVICE | (source & 0xffff), 0);
	run(u);
	return table;
}

static void amdvi_entry(u64 e[2], u32 source, u32 apic_id, u32 vector)
{
	(void)source; /* the table is its own */
	iommu_put(&e[1], (u64)(apic_id >> 24) << 56 | vector);
	iommu_put(&e[0], 1 | (u64)(apic_id & 0xffffff) << 8);
}

static u64 amdvi_message(u32 index, u64 host)
{
	return (u32)host | (u64)index << 32;
}

static u32 amdvi_index(u64 message)
{
	return message >> 32 & INDEX;
}

static void amdvi_flush_entries(struct iommu_unit *u, u32 source)
{
	iommu_command(u, CMD_ENTRIES | (source & 0xffff), 0);
	run(u);
}

/* --- events: §2.5 --- */

/* A full log stops, and is started again. */
static void restart_log(struct iommu_unit *u)
{
	u64 control = iommu_read(u, CONTROL, 8);

	iommu_write(u, CONTROL, 8, control & ~CTL_EVENTS);
	iommu_write(u, STATUS, 8, ST_OVERFLOW);
	iommu_write(u, CONTROL, 8, control);
}

static bool amdvi_fault(struct iommu_unit *u, struct iommu_fault *f)
{
	u32 head = iommu_read(u, EVT_HEAD, 4) % PAGE_SIZE, tail = iommu_read(u, EVT_TAIL, 4) % PAGE_SIZE;
	const u64 *e = event_log(u) + head / 8;
	bool lost = iommu_read(u, STATUS, 4) & ST_OVERFLOW;

	if (head == tail)
		return false;
	*f = (struct iommu_fault){ u->b->segment << 16 | (e[0] & 0xffff), e[1], EVENT_TYPE(e[0]), lost };
	if (EVENT_WITHOUT_FN >> f->reason & 1)
		f->fn = BOOT_NO_FN;
	iommu_write(u, EVT_HEAD, 8, (head + EVENT_SIZE) % PAGE_SIZE);
	if (lost)
		restart_log(u);
	return true;
}

const struct iommu_ops amdvi_ops = { amdvi_start, amdvi_set, amdvi_flush, amdvi_entries, amdvi_entry, amdvi_message,
				     amdvi_index, amdvi_flush_entries, amdvi_fault };
