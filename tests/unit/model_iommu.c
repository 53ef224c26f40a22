/* SPDX-License-Identifier: GPL-2.0-only */
/* VT-d spec. 3.3 §3.4, §5.1, §6.5, §9; AMD 48882 §2.2, §2.4, §2.5. Written from those, not from the driver. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "tests/unit/model_iommu.h"

#define ADDRESS 0x000ffffffffff000ULL
#define CACHED  64

bool model_dead;
u32 model_records;
static const struct boot_iommus *b;
static struct {
	u64 root, queue, table, control, log; /* VT-d's IRTA is table */
	u32 status, tail, head, fectl, pmen, overflow, log_head, log_tail, commands;
	struct { u64 low, high; } record[4];
} r;
static struct { bool used; u32 source; u64 e[4]; } devices[CACHED];
static struct { bool used; u32 id; u64 at, to; bool write; } pages[CACHED];
static struct { bool used; u32 source, index; u64 e[2]; } irqs[CACHED];

void model_reset(const struct boot_iommus *of)
{
	b = of;
	memset(&r, 0, sizeof(r));
	memset(devices, 0, sizeof(devices));
	memset(pages, 0, sizeof(pages));
	memset(irqs, 0, sizeof(irqs));
	model_dead = false;
	model_records = 2;
	r.pmen = 0x80000001;
	r.status = 1u << 26; /* the firmware's queue is on */
}

bool model_on(void) { return b->amd ? r.control & 1 : r.status >> 31; }
u32 model_commands(void) { return r.commands; }

/* --- commands --- */
static void forget_device(u32 source, bool all)
{
	for (u32 i = 0; i < CACHED; i++)
		devices[i].used &= !all && devices[i].source != source;
}

static void forget_pages(u32 id, bool all)
{
	for (u32 i = 0; i < CACHED; i++)
		pages[i].used &= !all && pages[i].id != id;
}

static void forget_irqs(u32 source, bool all)
{
	for (u32 i = 0; i < CACHED; i++)
		irqs[i].used &= !all && irqs[i].source != source;
}

static void do_vtd(u64 low, u64 high)
{
	switch (low & 0xf) {
	case 1:
		assert_true(low >> 4 == 1 || (low >> 4 & 3) == 3);
		assert_false(low >> 48); /* no function mask */
		forget_device(low >> 32 & 0xffff, (low >> 4 & 3) == 1);
		break;
	case 2:
		assert_int_equal(low >> 6 & 3, 3); /* drained */
		assert_in_range(low >> 4 & 3, 1, 2);
		assert_int_equal(low >> 32 | high, 0);
		forget_pages(low >> 16 & 0xffff, (low >> 4 & 3) == 1);
		break;
	case 4:
		assert_int_equal(low, 4);
		forget_irqs(0, true);
		break;
	case 5:
		assert_int_equal(low & 0xffffffff, 0x25);
		*(u32 *)high = low >> 32;
		break;
	default:
		fail_msg("VT-d command %lx", low);
	}
}

static void do_amd(u64 low, u64 high)
{
	switch (low >> 60) {
	case 1:
		assert_int_equal(low & 7, 1);
		*(u64 *)(low & 0x000ffffffffffff8ULL) = high;
		break;
	case 2:
		forget_device(low & 0xffff, false);
		forget_irqs(low & 0xffff, false);
		break;
	case 3:
		assert_int_equal(high, 0x7ffffffffffff003ULL);
		forget_pages(low >> 32 & 0xffff, false);
		break;
	case 5:
		forget_irqs(low & 0xffff, false);
		break;
	default:
		fail_msg("AMD command %lx", low);
	}
}

static void run(u32 tail)
{
	const u64 *q = (const u64 *)(r.queue & ADDRESS);

	for (; !model_dead && r.head != tail; r.head = (r.head + 16) % 4096, r.commands++)
		(b->amd ? do_amd : do_vtd)(q[r.head / 8], q[r.head / 8 + 1]);
	r.tail = tail;
}

/* --- registers --- */
#define FRO 0x220u

static void vtd_gcmd(u32 v)
{
	u32 changed = (v ^ r.status) & 0x96ffffff & ~(1u << 30 | 1u << 24);

	assert_true(!(changed & (changed - 1))); /* one at a time (§11.4.4.1) */
	assert_false(v & 1u << 23);              /* compatibility format stays blocked */
	if (changed == 1u << 26 && v & changed)
		r.head = r.tail = 0;
	if (v & 1u << 31 && !(r.status >> 31))
		assert_true(r.status & 1u << 30 && r.status & 1u << 26);
	r.status = (v & 0x96ffffff) | (r.status & (1u << 30 | 1u << 24)) | (v & (1u << 30 | 1u << 24));
}

static u64 vtd_read(u32 reg, u32 size)
{
	u64 v;

	switch (reg) {
	case 0x08:
		return 3ULL << 9 | 6 | (u64)(FRO / 16) << 24 | 3ULL << 34 | (u64)(model_records - 1) << 40 | 3 << 5;
	case 0x1c: return r.status;
	case 0x34: return (r.overflow ? 1 : 0) | (r.record[0].high >> 63 || r.record[1].high >> 63 ? 2 : 0);
	case 0x64: return r.pmen;
	}
	assert_in_range(reg, FRO, FRO + 16 * model_records - 1);
	v = reg % 16 ? r.record[(reg - FRO) / 16].high : r.record[(reg - FRO) / 16].low;
	return size == 4 ? (u32)v : v;
}

static void vtd_write(u32 reg, u64 v)
{
	switch (reg) {
	case 0x18: vtd_gcmd(v); break;
	case 0x20: r.root = v; break;
	case 0x34: r.overflow &= !(v & 1); break;
	case 0x38: r.fectl = v; break;
	case 0x64: r.pmen = v; break;
	case 0x88: run(v & 0x7fff0); break;
	case 0x90: assert_int_equal(v & 0xfff, 0); assert_false(r.status & 1u << 26); r.queue = v; break;
	case 0xb8: r.table = v; break;
	default:
		assert_in_range(reg, FRO, FRO + 16 * model_records - 1);
		assert_int_equal(reg % 16, 12);
		assert_int_equal(v, 1u << 31);
		r.record[(reg - FRO) / 16].high = 0;
	}
}

static u64 amd_read(u32 reg)
{
	switch (reg) {
	case 0x18: return r.control;
	case 0x2010: return r.log_head;
	case 0x2018: return r.log_tail;
	case 0x2020: return r.overflow;
	}
	fail_msg("AMD register %x read", reg);
	return 0;
}

static void amd_write(u32 reg, u64 v)
{
	switch (reg) {
	case 0x00: assert_int_equal(v & 0xfff, 511); r.root = v & ADDRESS; break;
	case 0x08: assert_int_equal(v >> 56, 8); r.queue = v; break;
	case 0x10: assert_int_equal(v >> 56, 8); r.log = v & ADDRESS; break;
	case 0x18: r.control = v; break;
	case 0x2000: r.head = v; break;
	case 0x2008: r.control & 1 ? run(v) : (void)(r.tail = v); break;
	case 0x2010: r.log_head = v; break;
	case 0x2018: r.log_tail = v; break;
	case 0x2020: r.overflow &= ~v; break;
	default: fail_msg("AMD register %x written", reg);
	}
}

u64 model_read(u32 reg, u32 size) { return b->amd ? amd_read(reg) : vtd_read(reg, size); }
void model_write(u32 reg, u32 size, u64 value) { (void)size; b->amd ? amd_write(reg, value) : vtd_write(reg, value); }

/* --- faults --- */
static void record(u32 source, u64 at, u32 reason)
{
	u32 i = 0;

	if (!b->amd) {
		while (i < model_records && r.record[i].high >> 63)
			i++;
		if (i == model_records) {
			r.overflow = 1;
			return;
		}
		r.record[i].low = at & ~0xfffULL;
		r.record[i].high = 1ULL << 63 | (u64)reason << 32 | (source & 0xffff);
		return;
	}
	if (!(r.control & 4) || r.overflow)
		return;
	if ((r.log_tail + 16) % 4096 == r.log_head) {
		r.overflow = 1;
		return;
	}
	((u64 *)r.log)[r.log_tail / 8] = (u64)reason << 60 | (source & 0xffff);
	((u64 *)r.log)[r.log_tail / 8 + 1] = at;
	r.log_tail = (r.log_tail + 16) % 4096;
}

/* --- DMA --- */
static u64 *device(u32 source, u32 words)
{
	u32 i = 0, empty = CACHED;
	u64 *e;

	for (; i < CACHED && !(devices[i].used && devices[i].source == source); i++)
		empty = devices[i].used ? empty : i;
	if (i < CACHED)
		return devices[i].e;
	if (b->amd) {
		e = (u64 *)r.root + (source & 0xffff) * 4;
	} else {
		u64 root = ((u64 *)r.root)[(source >> 8 & 0xff) * 2];

		if (!(root & 1))
			return NULL;
		assert_false(root & 0xffe);
		e = (u64 *)(root & ADDRESS) + (source & 0xff) * 2;
	}
	if (!(e[0] & 1)) /* what is not there is not remembered, but whether it is recorded is */
		return e;
	empty %= CACHED; /* or one makes room */
	devices[empty].used = true;
	devices[empty].source = source;
	memcpy(devices[empty].e, e, words * 8);
	return devices[empty].e;
}

static u64 walk(u64 table, u32 levels, u64 at, bool write)
{
	for (u32 l = levels; ; l--) {
		u64 e = ((u64 *)table)[at >> (3 + 9 * l) & 511];
		bool leaf = l == 1 || (b->amd ? !(e >> 9 & 7) : e >> 7 & 1);

		if (b->amd ? !(e & 1) || !(e >> (write ? 62 : 61) & 1) : !(e >> write & 1))
			return MODEL_REFUSED;
		assert_false(!b->amd && e >> 62 & 1); /* reserved (§9.8) */
		if (b->amd && !leaf)
			assert_int_equal(e >> 9 & 7, l - 1);
		if (leaf)
			return (e & ADDRESS) | (at & ((1ULL << (3 + 9 * l)) - 1));
		table = e & ADDRESS;
	}
}

u64 model_dma(u32 source, u64 at, bool write)
{
	u64 *d = device(source, b->amd ? 4 : 2), to;
	u32 id, levels, i = 0, empty = CACHED;

	assert_true(model_on());
	if (b->amd) {
		assert_true((d[0] & 3) == 3); /* else all is let through */
		levels = d[0] >> 9 & 7;
		id = d[1] & 0xffff;
		if (!levels)
			assert_false(d[0] >> 61); /* else all is let through */
	} else {
		levels = d && d[0] & 1 ? (d[1] & 7) + 2 : 0;
		id = d ? d[1] >> 8 & 0xffff : 0;
		if (levels)
			assert_int_equal(d[0] >> 2 & 3, 0); /* translated */
	}
	if (!levels || at >> (12 + 9 * levels)) {
		if (!d || !(b->amd ? d[1] >> 34 & 1 : d[0] & 2))
			record(source, at, b->amd ? 2 : 2);
		return MODEL_REFUSED;
	}
	for (; i < CACHED && !(pages[i].used && pages[i].id == id && pages[i].at == at && pages[i].write == write); i++)
		empty = pages[i].used ? empty : i;
	if (i < CACHED)
		return pages[i].to;
	to = walk(d[0] & ADDRESS, levels, at, write);
	if (to == MODEL_REFUSED) {
		record(source, at, b->amd ? 2 : 5);
		return to;
	}
	empty %= CACHED;
	pages[empty].used = true;
	pages[empty].id = id;
	pages[empty].at = at;
	pages[empty].write = write;
	pages[empty].to = to;
	return to;
}

/* --- interrupts --- */
static u64 *irq(u32 source, u32 index, u64 table)
{
	u32 i = 0, empty = CACHED;

	for (; i < CACHED && !(irqs[i].used && irqs[i].source == source && irqs[i].index == index); i++)
		empty = irqs[i].used ? empty : i;
	if (i == CACHED) {
		u64 *e = (u64 *)table + 2 * index;

		if (!(e[0] & 1))
			return e;
		i = empty % CACHED;
		irqs[i].used = true;
		irqs[i].source = source;
		irqs[i].index = index;
		memcpy(irqs[i].e, e, 16);
	}
	return irqs[i].e;
}

static u64 vtd_msi(u32 source, u64 message)
{
	u32 index = (message >> 5 & 0x7fff) | (message >> 2 & 1) << 15;
	u64 *e;

	assert_true(r.status & 1u << 25);
	if (!(message & 1 << 4)) /* the old format */
		return MODEL_REFUSED;
	if (index >= 2u << (r.table & 0xf))
		return MODEL_REFUSED;
	e = irq(0, index, r.table & ADDRESS);
	if (!(e[0] & 1) || ((e[1] >> 18 & 3) == 1 && (e[1] & 0xffff) != (source & 0xffff)))
		return MODEL_REFUSED;
	assert_int_equal(e[1] >> 18, 1); /* the source is always checked, wholly */
	assert_int_equal(e[0] & 0xfe, 0); /* fixed, physical, edge */
	return (r.table & 1 << 11 ? e[0] >> 32 : e[0] >> 40 & 0xff) << 32 | (e[0] >> 16 & 0xff);
}

static u64 amd_msi(u32 source, u64 message)
{
	u64 *d = device(source, 4), *e;
	u32 index = message >> 32 & 0x7ff;

	assert_true(d[2] & 1); /* else let through */
	if (d[2] >> 60 != 2) {
		assert_int_equal(d[2] >> 60 & 3, 0); /* aborted */
		return MODEL_REFUSED;
	}
	assert_true(r.control >> 17 & 1);
	if (index >= 1u << (d[2] >> 1 & 0xf))
		return MODEL_REFUSED;
	e = irq(source, index, d[2] & 0x000fffffffffffc0ULL);
	if (!(e[0] & 1))
		return MODEL_REFUSED;
	assert_int_equal(e[0] & 0xfe, 0);
	return ((e[0] >> 8 & 0xffffff) | (e[1] >> 56) << 24) << 32 | (e[1] & 0xff);
}

u64 model_msi(u32 source, u64 message) { return b->amd ? amd_msi(source, message) : vtd_msi(source, message); }
