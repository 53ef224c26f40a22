/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads and writes outside the guest's memory: reads give all ones, writes are
 * dropped, the guest's own RAM stays as it was.
 */
#include "../rt.h"

#define MIB (1UL << 20)
#define GIB (1UL << 30)
#define PATTERN_FROM (24 * MIB)

const char test_name[] = "memory";

static const u64 holes[] = {
	3 * GIB, 0xd0000000, 0xe0000000, 0xf0000000, 0xfea00000, 0xfec01000, 0xfed00000, 0xfed40000,
	0xfef00000, 0xfffff000, 64 * GIB, 512 * GIB - PAGE, 512 * GIB,
};

struct access { void *at; u32 size; bool write; u64 value; };

static void do_access(void *arg)
{
	struct access *a = arg;

	switch (a->size | a->write << 8) {
	case 0x001: a->value = *(volatile u8 *)a->at; break;
	case 0x002: a->value = *(volatile u16 *)a->at; break;
	case 0x004: a->value = *(volatile u32 *)a->at; break;
	case 0x008: a->value = *(volatile u64 *)a->at; break;
	case 0x101: *(volatile u8 *)a->at = a->value; break;
	case 0x102: *(volatile u16 *)a->at = a->value; break;
	case 0x104: *(volatile u32 *)a->at = a->value; break;
	case 0x108: *(volatile u64 *)a->at = a->value; break;
	}
}

static int touch(void *at, u32 size, bool write, u64 *value)
{
	struct access a = { at, size, write, *value };
	struct guard g;
	int vector = guard_call(&g, do_access, &a);

	*value = a.value;
	return vector;
}

static u64 ones(u32 size)
{
	return size == 8 ? ~0UL : (1UL << size * 8) - 1;
}

static void try_hole(u64 physical)
{
	u32 size, offset;
	u64 v;

	window_map(0, physical, PTE_RWU);
	for (size = 1; size <= 8; size *= 2)
		for (offset = 0; offset < 4096; offset += 4096 - size) {
			v = 0x5555555555555555;
			EXPECT(touch(WINDOW + offset, size, true, &v) == NO_FAULT,
			       "write of %u at %lx faulted", size, physical + offset);
			v = 0;
			EXPECT(touch(WINDOW + offset, size, false, &v) == NO_FAULT && (native() || v == ones(size)),
			       "read of %u at %lx gave %lx", size, physical + offset, v);
		}
}

static void fill_ram(void)
{
	u64 p;

	for (p = PATTERN_FROM; p + PAGE <= ram_top(); p += PAGE)
		*(volatile u64 *)(p + (p >> 12) % 512 * 8) = p ^ 0xda15da15da15da15;
}

static void check_ram(void)
{
	u64 p;

	for (p = PATTERN_FROM; p + PAGE <= ram_top(); p += PAGE)
		EXPECT(*(volatile u64 *)(p + (p >> 12) % 512 * 8) == (p ^ 0xda15da15da15da15),
		       "RAM at %lx changed", p);
}

static u64 physical_limit(void)
{
	return 1UL << (cpuid(0x80000008, 0).eax & 0xff);
}

/* The hole above RAM, coarsely all of it and finely its first pages. */
static void sweep(void)
{
	u64 p, v;

	for (p = ram_top(); p < ram_top() + 4 * MIB; p += PAGE)
		try_hole(p);
	for (p = (ram_top() + 8 * MIB) & ~(2 * MIB - 1); p < 3 * GIB; p += 32 * MIB) {
		window_map(0, p, PTE_RWU);
		v = 0;
		EXPECT(touch(WINDOW + 8, 8, false, &v) == NO_FAULT && v == ~0UL, "read at %lx gave %lx", p, v);
	}
}

static void crossing(bool write)
{
	u64 last = (ram_top() & ~(PAGE - 1)) - PAGE, v = 0x1122334455667788, got = v;

	window_map(0, last, PTE_RWU);
	window_map(1, last + PAGE, PTE_RWU);
	*(volatile u32 *)(WINDOW + 4092) = 0xcafe;
	EXPECT(touch(WINDOW + 4092, 8, write, &got) == NO_FAULT, "faulted");
	if (write)
		EXPECT(*(volatile u32 *)(WINDOW + 4092) == 0x55667788, "RAM half not written");
	else
		EXPECT(got == 0xffffffff0000cafe || native(), "read %lx", got);
}

static void reserved_bits(void)
{
	struct access a = { WINDOW, 8, false, 0 };
	struct guard g;

	if (physical_limit() == 1UL << 52)
		return;
	window_map(0, physical_limit(), PTE_RWU);
	EXPECT(guard_call(&g, do_access, &a) == V_PF && g.error & 8, "no #PF for reserved bits: error %lx", g.error);
}

static void sse_read(void *arg)
{
	u64 *out = arg;

	asm volatile("movdqu (%1), %%xmm0; movdqu %%xmm0, (%0)" :: "r"(out), "r"(WINDOW) : "memory");
}

static void page_table_in_hole(void)
{
	struct access a = { WINDOW, 8, false, 0 };
	struct guard g;
	extern u64 window_pd[];
	u64 old = window_pd[0];
	int vector;

	window_pd[0] = 0xd0000000 | PTE_RWU;	/* an entry of all ones: reserved bits or no-execute */
	write_cr3(read_cr3());
	vector = guard_call(&g, do_access, &a);
	window_pd[0] = old;
	write_cr3(read_cr3());
	EXPECT(vector == V_PF || native(), "vector %d, value %lx", vector, a.value);
}

void test(void)
{
	u64 out[2] = { 0, 0 };
	struct guard g;
	u32 i;

	fill_ram();
	for (i = 0; i < ARRAY_SIZE(holes); i++)
		if (test_case("hole") && holes[i] < physical_limit())
			try_hole(holes[i]);
	if (test_case("highest address"))
		try_hole(physical_limit() - PAGE);
	if (test_case("reserved address bits"))
		reserved_bits();
	if (!native() && test_case("sweep above RAM"))
		sweep();
	if (test_case("read across the end of RAM"))
		crossing(false);
	if (test_case("write across the end of RAM"))
		crossing(true);
	if (test_case("16 bytes")) {
		window_map(0, 0xd0000000, PTE_RWU);
		guard_call(&g, sse_read, out);
		EXPECT((out[0] & out[1]) == ~0UL || native(), "read %lx %lx", out[0], out[1]);
	}
	if (test_case("page table in a hole"))
		page_table_in_hole();
	check_ram();
}
