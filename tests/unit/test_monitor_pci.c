/* SPDX-License-Identifier: GPL-2.0-only */
/* links: mgmt/monitor/pci_bus.c mgmt/monitor/pci_device.c */
/* A guest's view of its functions: sizing and moving BARs, which capabilities it sees, where its messages go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mgmt/monitor/layout.h"
#include "mgmt/monitor/pci_bus.h"

#define FN 0x10320U
#define IDS 0x10d38086U
#define DEVFN 8U	/* where the first slot is on the guest's bus */
#define BAR0_SIZE 0x4000ULL
#define TABLE 0x1000U	/* of MSI-X in BAR 2, size 64 KiB */

static uint8_t hw_config[4096], hw_bar[6][0x10000];
static uint32_t last_reg, last_value, writes, resets, ejected, unmasked;
static struct range { uint64_t gpa, size, offset; unsigned int bar; bool trap; } ranges[32];
static unsigned int count;

static uint32_t config_read(void *ctx, uint32_t fn, unsigned int reg, unsigned int size)
{
	uint32_t v = 0;

	(void)ctx;
	assert_int_equal(fn, FN);
	memcpy(&v, hw_config + reg, size);
	return v;
}

static void config_write(void *ctx, uint32_t fn, unsigned int reg, unsigned int size, uint32_t value)
{
	(void)ctx;
	assert_int_equal(fn, FN);
	last_reg = reg;
	last_value = value;
	writes++;
	memcpy(hw_config + reg, &value, size);
}

static uint64_t bar_read(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, unsigned int size)
{
	uint64_t v = 0;

	(void)ctx;
	(void)fn;
	memcpy(&v, hw_bar[bar] + offset, size);
	return v;
}

static void bar_write(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, unsigned int size, uint64_t value)
{
	(void)ctx;
	(void)fn;
	memcpy(hw_bar[bar] + offset, &value, size);
}

/* False: something is there, as Dais says, too. */
static bool add(struct range r)
{
	assert_true(count < 32);
	for (unsigned int i = 0; i < count; i++)
		if (r.gpa < ranges[i].gpa + ranges[i].size && ranges[i].gpa < r.gpa + r.size)
			return false;
	ranges[count++] = r;
	return true;
}

static void drop(uint64_t gpa, uint64_t size)
{
	for (unsigned int i = 0; i < count; i++)
		if (ranges[i].gpa == gpa && ranges[i].size == size) {
			ranges[i] = ranges[--count];
			return;
		}
	fail_msg("nothing is at %lx", gpa);
}

static bool map(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, uint64_t size, uint64_t gpa)
{
	(void)ctx;
	assert_int_equal(fn, FN);
	assert_int_equal((gpa | size | offset) % 4096, 0);
	return add((struct range){ gpa, size, offset, bar, false });
}

static void unmap(void *ctx, uint32_t fn, uint64_t gpa, uint64_t size)
{
	(void)ctx;
	(void)fn;
	drop(gpa, size);
}

static bool trap(void *ctx, uint64_t gpa, uint64_t size, bool on)
{
	(void)ctx;
	if (on)
		return add((struct range){ gpa, size, 0, 0, true });
	drop(gpa, size);
	return true;
}

static void reset(void *ctx, uint32_t fn)
{
	(void)ctx;
	(void)fn;
	resets++;
}

static void unmask(void *ctx, uint32_t fn)
{
	(void)ctx;
	assert_int_equal(fn, FN);
	unmasked++;
}

static void eject(void *ctx, uint32_t fn)
{
	(void)ctx;
	assert_int_equal(fn, FN);
	assert_int_equal(count, 0); /* nothing of it is in the guest any more */
	ejected++;
}

static const struct pci_hw hw = { config_read, config_write, bar_read, bar_write, map, unmap, trap, reset, unmask,
				  eject, NULL };
static const struct pci_bar bars[PCI_BARS] = {
	{ 0xfe000000, BAR0_SIZE, true, false }, { 0 }, { 0xfe010000, 0x10000, false, false }, { 0xfe020080, 0x80, false, false },
	{ 0xe000000000, 1ULL << 34, true, true },
};
static struct pci_slots slots;
static struct pci_bus bus;

static void put(unsigned int at, unsigned int size, uint32_t value) { memcpy(hw_config + at, &value, size); }

static void cap(unsigned int at, uint8_t id, uint8_t next)
{
	hw_config[at] = id;
	hw_config[at + 1] = next;
}

/* PM, one that nobody knows (0x42), MSI, vendor's, MSI-X, VPD, Express */
static void make_hardware(void)
{
	memset(hw_config, 0x5a, sizeof(hw_config));
	put(4, 4, 0x00100006);
	put(8, 4, 0x02000003);
	hw_config[0x0e] = 0x80;
	put(0x2c, 4, 0x12345678);
	hw_config[0x34] = 0x40;
	cap(0x40, 0x01, 0x48);
	put(0x42, 2, 0xc803);
	cap(0x48, 0x42, 0x50);
	cap(0x50, 0x05, 0x68);
	put(0x52, 2, 0x018a); /* 64-bit, masks, 32 messages */
	cap(0x68, 0x09, 0x70);
	hw_config[0x6a] = 6;
	cap(0x70, 0x11, 0x80);
	put(0x72, 2, 63);
	put(0x74, 4, TABLE | 2);
	put(0x78, 4, 0x3002);
	cap(0x80, 0x03, 0xa0);
	cap(0xa0, 0x10, 0);
	put(0xa2, 2, 0x0002); /* endpoint */
	put(0xa8, 2, 0x2810);
}

static int setup(void **state)
{
	(void)state;
	make_hardware();
	memset(&slots, 0, sizeof(slots));
	memset(hw_bar, 0, sizeof(hw_bar));
	count = writes = resets = ejected = unmasked = 0;
	pci_bus_init(&bus, &slots);
	pci_device_init(&bus.device[0], &slots.slot[0], &hw, FN, IDS, bars);
	assert_true(pci_device_place(&bus.device[0], &bus.low, PCI_LOW_END, &bus.high, PCI_HIGH_END));
	return 0;
}

/* By ECAM and by ports: the same */
static uint32_t rd(unsigned int reg, unsigned int size)
{
	uint64_t v;
	uint32_t p;

	assert_true(pci_bus_memory_read(&bus, ECAM_GPA + (DEVFN << 12) + reg, size, &v));
	if (reg < 256) {
		pci_bus_port_write(&bus, 0xcf8, 4, 0x80000000 | DEVFN << 8 | (reg & 0xfc));
		p = pci_bus_port_read(&bus, 0xcfc + (reg & 3), size);
		assert_int_equal(p, (uint32_t)v);
	}
	return v;
}

static void wr(unsigned int reg, unsigned int size, uint32_t value)
{
	if (value & 1) {
		assert_true(pci_bus_memory_write(&bus, ECAM_GPA + (DEVFN << 12) + reg, size, value));
		return;
	}
	pci_bus_port_write(&bus, 0xcf8, 4, 0x80000000 | DEVFN << 8 | (reg & 0xfc));
	pci_bus_port_write(&bus, 0xcfc + (reg & 3), size, value);
}

static void test_header(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(rd(0, 4), IDS);
	assert_int_equal(rd(2, 2), IDS >> 16);
	assert_int_equal(rd(4, 4), 0x00100000);
	assert_int_equal(rd(8, 4), 0x02000003);
	assert_int_equal(rd(0x0e, 1), 0); /* a single function, whatever its neighbours were */
	assert_int_equal(rd(0x2c, 4), 0x12345678);
	assert_int_equal(rd(0x30, 4), 0); /* no ROM */
	assert_int_equal(rd(0x3c, 4), 0); /* no pin */
	assert_int_equal(rd(0x100, 4), 0); /* no extended capability */
	wr(0, 4, 0x11111111);
	assert_int_equal(rd(0, 4), IDS);
	/* the host bridge; nothing elsewhere, nor in other functions, nor on other buses */
	assert_true(pci_bus_memory_read(&bus, ECAM_GPA + 8, 4, &v));
	assert_int_equal(v, 0x06000000);
	assert_true(pci_bus_memory_read(&bus, ECAM_GPA + (16 << 12), 4, &v));
	assert_int_equal(v, 0xffffffff);
	assert_true(pci_bus_memory_read(&bus, ECAM_GPA + (9 << 12), 2, &v));
	assert_int_equal(v, 0xffff);
	assert_false(pci_bus_memory_read(&bus, ECAM_GPA + ECAM_SIZE, 4, &v));
	pci_bus_port_write(&bus, 0xcf8, 4, 0x80010000 | DEVFN << 8);
	assert_int_equal(pci_bus_port_read(&bus, 0xcfc, 4), 0xffffffff);
	assert_int_equal(pci_bus_port_read(&bus, 0xcf8, 4), 0x80010000 | DEVFN << 8);
	assert_int_equal(writes, 0);
}

static void test_capabilities(void **state)
{
	static const uint8_t want[] = { 0x40, 0x50, 0x68, 0x70, 0xa0 };
	unsigned int at = rd(0x34, 1), i;

	(void)state;
	for (i = 0; i < sizeof(want); i++, at = rd(at + 1, 1))
		assert_int_equal(at, want[i]);
	assert_int_equal(at, 0);
	assert_int_equal(rd(0x48, 4), 0);            /* what is not in the list reads 0 */
	assert_int_equal(rd(0x80, 4), 0);
	assert_int_equal(rd(0x42, 2), 0x0003);       /* no wake-up events */
	assert_int_equal(rd(0x52, 2), 0x0180);       /* one message */
	assert_int_equal(rd(0x6c, 2), 0x5a5a);       /* the vendor's can be read */
	wr(0x6c, 2, 0);
	assert_int_equal(rd(0x6c, 2), 0x5a5a);
	assert_int_equal(rd(0xa2, 1) & 0xf0, 0x90);  /* on the root bus there is no link */
	assert_int_equal(rd(0xac, 4), 0);
	/* a power state stays with us */
	wr(0x44, 2, 3);
	assert_int_equal(rd(0x44, 2) & 3, 3);
	assert_int_equal(writes, 0);
}

/* A list that loops, points out of the space, or overlaps itself ends. */
static void test_broken_lists(void **state)
{
	(void)state;
	cap(0x50, 0x05, 0x50);
	pci_device_init(&bus.device[0], &slots.slot[0], &hw, FN, IDS, bars);
	assert_int_equal(rd(0x51, 1), 0);
	make_hardware();
	cap(0x50, 0x05, 0xf8);
	cap(0xf8, 0x10, 0xfc); /* no room for it there */
	cap(0xfc, 0x09, 0);
	hw_config[0xfe] = 0xff;
	pci_device_init(&bus.device[0], &slots.slot[0], &hw, FN, IDS, bars);
	assert_int_equal(rd(0x51, 1), 0xfc);
	assert_int_equal(rd(0xfd, 1), 0);
	make_hardware();
	put(0x74, 4, TABLE | 6); /* MSI-X's table in a BAR that does not exist */
	pci_device_init(&bus.device[0], &slots.slot[0], &hw, FN, IDS, bars);
	assert_int_equal(rd(0x69, 1), 0xa0);
	wr(0xa8, 2, 0xa810); /* a reset, which masks the table's entries */
	make_hardware();
	cap(0x50, 0x05, 0x54); /* in the middle of MSI */
	cap(0x54, 0x11, 0);
	pci_device_init(&bus.device[0], &slots.slot[0], &hw, FN, IDS, bars);
	assert_int_equal(rd(0x51, 1), 0);
	srand(3);
	for (unsigned int i = 0; i < 20000; i++) {
		for (unsigned int k = 0; k < 256; k++)
			hw_config[k] = rand();
		pci_device_init(&bus.device[0], &slots.slot[0], &hw, FN, IDS, bars);
		for (unsigned int k = 0; k < 64; k++)
			rd(4 * (rand() % 64), 4);
	}
}

static void test_bars(void **state)
{
	(void)state;
	assert_int_equal(rd(0x10, 4), PCI_LOW_START | 4);
	assert_int_equal(rd(0x18, 4) & 0xf, 0);
	assert_int_equal(rd(0x20, 4) & 0xf, 0xc);
	assert_int_equal(rd(0x24, 4), PCI_HIGH_START >> 32);
	/* sizing (§6.2.5.1) */
	wr(0x10, 4, ~0U);
	wr(0x14, 4, ~0U);
	assert_int_equal(rd(0x10, 4), (uint32_t)(~(BAR0_SIZE - 1) | 4));
	assert_int_equal(rd(0x14, 4), 0xffffffff);
	wr(0x20, 4, ~0U);
	wr(0x24, 4, ~0U);
	assert_int_equal(rd(0x20, 4), 0xc);
	assert_int_equal(rd(0x24, 4), 0xfffffffc);
	wr(0x1c, 4, ~0U);
	assert_int_equal(rd(0x1c, 4), 0xffffff80);
	assert_int_equal(count, 0); /* it decodes nothing yet */
	wr(0x10, 4, 0xc0100000);
	wr(0x14, 4, 0);
	wr(0x18, 4, 0xc0200000);
	wr(0x1c, 4, 0xc0300000);
	wr(0x20, 4, 0);
	wr(0x24, 4, 0x60);
	wr(4, 2, 2);
	/* BAR 0; BAR 2 before, at and behind its table; the small one; the large one */
	assert_int_equal(count, 6);
	for (unsigned int i = 0; i < count; i++) {
		const struct range *r = &ranges[i];

		if (r->gpa >= 0xc0200000 && r->gpa < 0xc0210000)
			assert_int_equal(r->trap, r->gpa == 0xc0200000 + TABLE);
		else
			assert_int_equal(r->trap, r->gpa == 0xc0300000);
		if (!r->trap)
			assert_int_equal(r->offset, r->gpa & 0xffff);
	}
	/* it moves, and goes */
	wr(0x10, 4, 0xc0400000);
	assert_int_equal(count, 6);
	wr(4, 2, 0);
	assert_int_equal(count, 0);
	assert_int_equal(last_reg, 4);
	assert_int_equal(last_value, 0x402); /* the hardware goes on decoding, and makes no INTx */
	wr(4, 2, 6);
	assert_int_equal(last_value, 0x406);
	pci_device_hide(&bus.device[0]);
	assert_int_equal(count, 0);
}

/* Where another BAR is, one is not shown: no part of it, and what was there stays, whole. */
static void test_refused_bars(void **state)
{
	struct pci_device next;

	(void)state;
	wr(0x10, 4, 0xc0104000);
	wr(0x18, 4, 0xc0200000);
	wr(0x1c, 4, 0xc0300000);
	wr(4, 2, 2);
	assert_int_equal(count, 6);
	wr(0x18, 4, 0xc0100000); /* its last part lies on BAR 0 */
	assert_int_equal(count, 3);
	wr(0x1c, 4, 0xc0105000); /* traps in the middle of BAR 0 */
	assert_int_equal(count, 2);
	pci_device_adopt(&next, &slots.slot[0], &hw, bars);
	pci_device_write(&next, 4, 2, 0); /* takes away what is there, and nothing else (drop) */
	assert_int_equal(count, 0);
	pci_device_write(&next, 4, 2, 2);
	assert_int_equal(count, 2);
	bus.device[0] = next;
	/* BAR 0 makes room, by any write to come they are there */
	wr(0x10, 4, 0xc0400000);
	assert_int_equal(count, 6 - 1); /* now BAR 3 lies on BAR 2 */
	wr(0x1c, 4, 0xc0300000);
	assert_int_equal(count, 6);
	wr(4, 2, 0);
	assert_int_equal(count, 0);
}

/* Two that change places while they decode */
static void test_moves_to_where_another_was(void **state)
{
	(void)state;
	wr(0x10, 4, 0xc0200000);
	wr(0x18, 4, 0xc0200000);
	wr(0x1c, 4, 0xc0300000);
	wr(4, 2, 2);
	assert_int_equal(count, 3); /* BAR 2 is refused */
	wr(0x10, 4, 0xc0300000);
	assert_int_equal(count, 5); /* BAR 3 was there; BAR 2 comes */
	wr(0x1c, 4, 0xc0500000);
	assert_int_equal(count, 6);
}

/* What traps is done on the hardware's registers. */
static void test_trapped_registers(void **state)
{
	uint64_t v;

	(void)state;
	wr(0x18, 4, 0xc0200000);
	wr(0x1c, 4, 0xc0300000);
	wr(4, 2, 2);
	assert_true(pci_bus_memory_write(&bus, 0xc0200000 + TABLE + 8, 4, 0x4041));
	assert_int_equal(hw_bar[2][TABLE + 8], 0x41);
	assert_true(pci_bus_memory_read(&bus, 0xc0200000 + TABLE + 8, 4, &v));
	assert_int_equal(v, 0x4041);
	assert_true(pci_bus_memory_write(&bus, 0xc030007c, 4, 7));
	assert_int_equal(hw_bar[3][0x7c], 7);
	assert_false(pci_bus_memory_read(&bus, 0xc0300080, 4, &v));
	assert_true(pci_bus_memory_write(&bus, 0xc030007e, 4, 9)); /* misaligned: nothing */
	assert_int_equal(hw_bar[3][0x7e], 0);
}

static void test_messages(void **state)
{
	(void)state;
	wr(0x54, 4, 0xfee01000);
	wr(0x58, 4, 0);
	wr(0x5c, 2, 0x4051);
	wr(0x52, 2, 0x71); /* eight messages wanted: there is one */
	assert_int_equal(rd(0x52, 2), 0x0181);
	assert_int_equal(last_reg, 0x50);
	assert_int_equal(last_value >> 16 & 0x7f, 1);
	assert_int_equal(config_read(NULL, FN, 0x54, 4), 0xfee01000);
	assert_int_equal(config_read(NULL, FN, 0x5c, 2), 0x4051);
	wr(0x72, 2, 0xc03f);
	assert_int_equal(rd(0x72, 2), 0xc03f);
	assert_int_equal(last_reg, 0x70);
	assert_int_equal(last_value >> 16, 0xc03f);
	wr(0x74, 4, 0); /* the table stays where it is */
	assert_int_equal(rd(0x74, 4), TABLE | 2);
}

static void test_reset(void **state)
{
	(void)state;
	wr(4, 2, 6);
	wr(0x72, 2, 0x8000);
	wr(0xa8, 2, 0x2810);
	assert_int_equal(resets, 0);
	wr(0xa8, 2, 0xa810);
	assert_int_equal(resets, 1);
	assert_int_equal(rd(0xa8, 2), 0x2810);
	assert_int_equal(rd(4, 2), 0);
	assert_int_equal(rd(0x72, 2), 63);
	assert_int_equal(count, 0);
	/* the hardware's registers that Dais keeps are as after a reset, too */
	assert_int_equal(config_read(NULL, FN, 4, 2), 0x402);
	assert_int_equal(config_read(NULL, FN, 0x72, 2) & 0xc000, 0);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(hw_bar[2][TABLE + 16 * i + 12], 1);
	wr(0xa9, 1, 0x80);
	assert_int_equal(resets, 2);
}

/* Another monitor goes on where this one ended. */
static void test_adopt(void **state)
{
	struct pci_device next;
	uint32_t before;

	(void)state;
	wr(0x10, 4, 0xc0100000);
	wr(4, 2, 6);
	before = count;
	pci_device_adopt(&next, &slots.slot[0], &hw, bars);
	assert_int_equal(count, before);
	assert_int_equal(pci_device_read(&next, 4, 2), 6);
	assert_int_equal(pci_device_read(&next, 0x10, 4), 0xc0100004);
	pci_device_write(&next, 4, 2, 0);
	assert_int_equal(count, 0);
}

/* A line interrupt is the guest's only if it is shown a pin and has not switched it off. */
static void test_line(void **state)
{
	(void)state;
	wr(4, 2, 2);
	pci_bus_line_ended(&bus, 0);
	assert_int_equal(rd(0x3d, 1), 0);
	assert_int_equal(unmasked, 0);
	pci_device_set_line(&bus.device[0]);
	assert_int_equal(rd(0x3d, 1), 1);
	assert_int_equal(unmasked, 1);
	wr(0x3d, 1, 2);
	assert_int_equal(rd(0x3d, 1), 1);
	pci_bus_line_ended(&bus, 0);
	assert_int_equal(unmasked, 2);
	wr(4, 2, 0x402);
	assert_int_equal(last_value, 0x402);
	pci_bus_line_ended(&bus, 0);
	pci_bus_line_ended(&bus, 5);
	assert_int_equal(unmasked, 2);
	wr(4, 2, 6);
	assert_int_equal(unmasked, 3);
	assert_int_equal(last_value, 0x406); /* masked in the hardware, until unmasked by dais.ko */
}

/* A function comes and goes while the guest runs. */
static void test_hot_plug(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(pci_bus_free_slot(&bus), 1);
	pci_device_init(&bus.device[1], &slots.slot[1], &hw, FN, IDS, bars);
	pci_bus_tell(&bus, 1, PCI_ADDED);
	assert_int_equal(pci_bus_news(&bus, PCI_WANTED), 0);
	assert_int_equal(pci_bus_news(&bus, PCI_ADDED), 2);
	assert_int_equal(pci_bus_news(&bus, PCI_ADDED), 0); /* once */
	/* the guest gives it addresses itself */
	assert_true(pci_bus_memory_read(&bus, ECAM_GPA + (16 << 12) + 0x18, 4, &v));
	assert_int_equal(v, 0);
	wr(4, 2, 2);
	count = 0;
	assert_true(pci_bus_memory_write(&bus, ECAM_GPA + (16 << 12) + 0x10, 4, 0xd0000000));
	assert_true(pci_bus_memory_write(&bus, ECAM_GPA + (16 << 12) + 4, 2, 6));
	assert_int_equal(count, 1);
	pci_bus_tell(&bus, 1, PCI_WANTED);
	pci_bus_eject(&bus, 1);
	assert_int_equal(ejected, 1);
	assert_int_equal(pci_bus_news(&bus, PCI_WANTED), 0); /* it is gone: no need to ask */
	assert_true(pci_bus_memory_read(&bus, ECAM_GPA + (16 << 12), 4, &v));
	assert_int_equal(v, 0xffffffff);
	assert_false(pci_bus_memory_read(&bus, 0xd0000000, 4, &v));
	pci_bus_eject(&bus, 1);                            /* a guest may say so of anything */
	pci_bus_eject(&bus, 7);
	assert_int_equal(ejected, 1);
	assert_int_equal(pci_bus_free_slot(&bus), 1);
	pci_bus_init(&bus, NULL);                          /* a guest without such a bus */
	pci_bus_eject(&bus, 0);
	assert_int_equal(pci_bus_news(&bus, PCI_ADDED), 0);
}

static void test_no_room(void **state)
{
	uint64_t low = PCI_LOW_END - 0x1000, high = PCI_HIGH_START;

	(void)state;
	assert_false(pci_device_place(&bus.device[0], &low, PCI_LOW_END, &high, PCI_HIGH_END));
	low = PCI_LOW_START;
	high = PCI_HIGH_END - 0x1000;
	assert_false(pci_device_place(&bus.device[0], &low, PCI_LOW_END, &high, PCI_HIGH_END));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_header), T(test_capabilities), T(test_broken_lists), T(test_bars), T(test_refused_bars),
		T(test_moves_to_where_another_was), T(test_trapped_registers),
		T(test_messages), T(test_reset), T(test_adopt), T(test_line), T(test_hot_plug), T(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
