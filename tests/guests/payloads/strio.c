/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * INS and OUTS: repeated, across page ends, backwards, with faulting buffers,
 * zero counts; on the serial port and on ports that nobody claims.
 */
#include "../rt.h"

#define UART 0x3f8
#define NOBODY 0x5658
#define SCRATCH (UART + 7)

const char test_name[] = "strio";

static u8 *first, *second;

struct string_io { u16 port; u8 *buffer; u64 count; u8 size; bool in, down; u64 left; u8 *end; };

static void do_string_io(void *arg)
{
	volatile struct string_io *s = arg;
	u64 count = s->count;
	u8 *p = s->buffer;

	if (s->down)
		asm volatile("std");
#define REP(code) asm volatile("rep " code : "+D"(p), "+c"(count) : "d"(s->port) : "memory")
#define REPS(code) asm volatile("rep " code : "+S"(p), "+c"(count) : "d"(s->port) : "memory")
	switch (s->size | s->in << 8) {
	case 0x101: REP("insb"); break;
	case 0x102: REP("insw"); break;
	case 0x104: REP("insl"); break;
	case 0x001: REPS("outsb"); break;
	case 0x002: REPS("outsw"); break;
	case 0x004: REPS("outsl"); break;
	}
	asm volatile("cld");
	s->left = count;
	s->end = p;
}

static int string_io(struct string_io *s, struct guard *g)
{
	int vector = guard_call(g, do_string_io, s);

	asm volatile("cld");
	return vector;
}

static void in_all_ones(u8 size, u64 count, u32 offset)
{
	struct string_io s = { .port = NOBODY, .buffer = WINDOW + offset, .count = count, .size = size, .in = true };
	struct guard g;
	u64 i;

	memset(WINDOW, 0x11, 2 * PAGE);
	EXPECT(string_io(&s, &g) == NO_FAULT, "exception %lu", g.vector);
	EXPECT(!s.left && s.end == s.buffer + count * size, "%lu left, end %lx", s.left, (u64)s.end);
	for (i = 0; i < 2 * PAGE; i++) {
		bool inside = i >= offset && i < offset + count * size;

		if (WINDOW[i] != (inside && !native() ? 0xff : inside ? WINDOW[i] : 0x11)) {
			expect_failed("byte %lu of %u x %lu at %u is %x", i, size, count, offset, WINDOW[i]);
			break;
		}
	}
}

static void in_shapes(void)
{
	u8 size;

	for (size = 1; size <= 4; size *= 2) {
		in_all_ones(size, 1, 8);
		in_all_ones(size, 100, 16);
		in_all_ones(size, 0, 16);
		in_all_ones(size, 16, PAGE - 8 * size);	/* over the page's end between elements */
	}
	in_all_ones(2, 4, PAGE - 3);	/* an element over the page's end */
	in_all_ones(4, 4, PAGE - 7);
	in_all_ones(4, 1, PAGE - 1);
	in_all_ones(1, 2 * PAGE, 0);
}

/* Output: the text must show up on the console in order; the runner looks for it. */
static void out_text(u32 offset)
{
	static const char text[] = "\nstrio: this line is one string instruction\n";
	struct string_io s = { .port = UART, .buffer = WINDOW + offset, .count = sizeof(text) - 1, .size = 1 };
	struct guard g;

	memcpy(WINDOW + offset, text, sizeof(text) - 1);
	EXPECT(string_io(&s, &g) == NO_FAULT && !s.left, "exception %lu, %lu left", g.vector, s.left);
}

static void scratch(void)
{
	struct string_io s = { .port = SCRATCH, .buffer = WINDOW + PAGE - 2, .count = 4, .size = 1 };
	struct guard g;

	memcpy(WINDOW + PAGE - 2, "\x12\x34\x56\x78", 4);
	string_io(&s, &g);
	EXPECT(inb(SCRATCH) == 0x78, "scratch register %x", inb(SCRATCH));
	s = (struct string_io){ .port = SCRATCH, .buffer = WINDOW + PAGE - 2, .count = 4, .size = 1, .in = true };
	string_io(&s, &g);
	EXPECT(!memcmp(WINDOW + PAGE - 2, "\x78\x78\x78\x78", 4), "insb of the scratch register");
}

static void backwards(void)
{
	struct string_io s = { .port = NOBODY, .buffer = WINDOW + PAGE + 4, .count = 4, .size = 4, .in = true, .down = true };
	struct guard g;

	memset(WINDOW, 0x11, 2 * PAGE);
	EXPECT(string_io(&s, &g) == NO_FAULT && s.end == WINDOW + PAGE - 12, "end %lx", (u64)s.end);
	EXPECT(native() || (WINDOW[PAGE - 8] == 0xff && WINDOW[PAGE + 7] == 0xff), "not written downwards");
	EXPECT(WINDOW[PAGE - 9] == 0x11 && WINDOW[PAGE + 8] == 0x11, "written too far");
}

/* Half of it done, then #PF at the missing page: count and pointer say how far it came. */
static void faulting(bool in, u64 flags)
{
	struct string_io s = { .port = NOBODY, .buffer = WINDOW + PAGE - 16, .count = 8, .size = 4, .in = in };
	struct guard g;
	int vector;

	window_map(1, (u64)second, flags);
	vector = string_io(&s, &g);
	EXPECT(vector == V_PF && g.cr2 == (u64)WINDOW + PAGE, "exception %d, cr2 %lx", vector, g.cr2);
	EXPECT((g.error & 2) == (in ? 2 : 0), "error code %lx", g.error);
	window_map(1, (u64)second, PTE_RWU);
}

static void short_address(void)
{
	u64 edi = (u64)first | 0xabcd00000000, count = 4 | 0x1234500000000;

	memset(first, 0, 64);
	asm volatile("addr32 rep insb" : "+D"(edi), "+c"(count) : "d"(NOBODY) : "memory");
	EXPECT((edi & 0xffffffff) == ((u64)first & 0xffffffff) + 4 && (u32)count == 0, "edi %lx count %lx", edi, count);
	EXPECT(native() || *(u32 *)first == ~0u, "bytes %x", *(u32 *)first);
}

static void overridden_segment(void)
{
	u64 gs = rdmsr(0xc0000101), p = 8;
	u8 value = 0x5e;

	asm volatile("gs outsb" : "+S"(p) : "d"(SCRATCH) : "memory");	/* GS:8 is the guard pointer's low byte */
	value = inb(SCRATCH);
	EXPECT(value == *(u8 *)(gs + 8), "GS override was not used: %x", value);
}

static void into_a_hole(bool in)
{
	struct string_io s = { .port = NOBODY, .buffer = WINDOW + PAGE - 8, .count = 8, .size = 4, .in = in };
	struct guard g;

	window_map(1, 0xd0000000, PTE_RWU);
	string_io(&s, &g);
	window_map(1, (u64)second, PTE_RWU);
}

static void huge_count(void *arg)
{
	u64 p = (u64)arg, count = ~0UL;

	asm volatile("rep outsb" : "+S"(p), "+c"(count) : "d"(NOBODY) : "memory");
}

void test(void)
{
	struct guard g;
	int vector;

	first = page_alloc();
	page_alloc();
	second = page_alloc();
	window_map(0, (u64)first, PTE_RWU);
	window_map(1, (u64)second, PTE_RWU);
	if (test_case("in, all shapes"))
		in_shapes();
	if (test_case("out of one page"))
		out_text(100);
	if (test_case("out across pages"))
		out_text(PAGE - 20);
	if (test_case("scratch register"))
		scratch();
	if (test_case("backwards"))
		backwards();
	if (test_case("in, second page missing"))
		faulting(true, 0);
	if (test_case("out, second page missing"))
		faulting(false, 0);
	if (test_case("in, second page read-only"))
		faulting(true, PTE_P | PTE_U);
	if (test_case("32-bit address size"))
		short_address();
	if (test_case("segment override"))
		overridden_segment();
	if (test_case("in to unowned memory"))
		into_a_hole(true);
	if (test_case("out of unowned memory"))
		into_a_hole(false);
	if (test_case("count of 2^64 - 1")) {
		vector = guard_call(&g, huge_count, (void *)(WINDOW_PAGES * PAGE + (u64)WINDOW - 4096));
		EXPECT(vector == V_PF, "exception %d", vector);
	}
}
