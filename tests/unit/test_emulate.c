/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/insn.c arch/x86/virt/emulate.c arch/x86/virt/emulate_insn.c arch/x86/virt/io.c arch/x86/virt/access.c kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"
#include <sys/mman.h>

static struct xvcpu *x;
static u8 memory[2 * PAGE_SIZE];

#define CODE 0x8000ULL

static void code(const void *bytes, u32 n)
{
	memcpy(fake_ram(CODE), bytes, n);
	x->rip = CODE;
	fake.raised = false;
	fake.exit = 0;
	fake.ios = 0;
}

#define RUN(text) do { code(text, sizeof(text) - 1); emulate_memory(x); } while (0)

/* --- the same instruction on this processor --- */

struct native { u64 gpr[16], flags; };

/* Loads all but RSP, RBP and R15 and the flags, calls the instruction, stores them. */
void native_run(struct native *r, const void *insn);
__asm__(".text\nnative_run:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rdi, %r15; mov %rsi, %rbp\n"
	"push 128(%r15); popf\n"
	"mov 0(%r15), %rax; mov 8(%r15), %rcx; mov 16(%r15), %rdx; mov 24(%r15), %rbx\n"
	"mov 48(%r15), %rsi; mov 56(%r15), %rdi; mov 64(%r15), %r8; mov 72(%r15), %r9\n"
	"mov 80(%r15), %r10; mov 88(%r15), %r11; mov 96(%r15), %r12; mov 104(%r15), %r13; mov 112(%r15), %r14\n"
	"call *%rbp\n"
	"mov %rax, 0(%r15); mov %rcx, 8(%r15); mov %rdx, 16(%r15); mov %rbx, 24(%r15)\n"
	"mov %rsi, 48(%r15); mov %rdi, 56(%r15); mov %r8, 64(%r15); mov %r9, 72(%r15)\n"
	"mov %r10, 80(%r15); mov %r11, 88(%r15); mov %r12, 96(%r15); mov %r13, 104(%r15); mov %r14, 112(%r15)\n"
	"pushf; pop 128(%r15); cld\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");

/* op: how the opcode is made; the operand is (%rbx) with disp8, the register any of the loaded ones */
struct form { const char *opcode; u8 n, reg /* 0xff any */; u8 imm /* 0, 1, 4: z */, flags_undefined; bool bits; };

static const struct form forms[] = {
	{ "\x00", 1, 0xff, 0, 0, 0 }, { "\x01", 1, 0xff, 0, 0, 0 }, { "\x02", 1, 0xff, 0, 0, 0 }, { "\x03", 1, 0xff, 0, 0, 0 },
	{ "\x08", 1, 0xff, 0, 1, 0 }, { "\x0b", 1, 0xff, 0, 1, 0 }, { "\x10", 1, 0xff, 0, 0, 0 }, { "\x11", 1, 0xff, 0, 0, 0 },
	{ "\x13", 1, 0xff, 0, 0, 0 }, { "\x18", 1, 0xff, 0, 0, 0 }, { "\x19", 1, 0xff, 0, 0, 0 }, { "\x1b", 1, 0xff, 0, 0, 0 },
	{ "\x21", 1, 0xff, 0, 1, 0 }, { "\x22", 1, 0xff, 0, 1, 0 }, { "\x28", 1, 0xff, 0, 0, 0 }, { "\x29", 1, 0xff, 0, 0, 0 },
	{ "\x2a", 1, 0xff, 0, 0, 0 }, { "\x2b", 1, 0xff, 0, 0, 0 }, { "\x31", 1, 0xff, 0, 1, 0 }, { "\x33", 1, 0xff, 0, 1, 0 },
	{ "\x38", 1, 0xff, 0, 0, 0 }, { "\x39", 1, 0xff, 0, 0, 0 }, { "\x3a", 1, 0xff, 0, 0, 0 }, { "\x3b", 1, 0xff, 0, 0, 0 },
	{ "\x80", 1, 0xfe, 1, 1, 0 }, { "\x81", 1, 0xfe, 4, 1, 0 }, { "\x83", 1, 0xfe, 1, 1, 0 },
	{ "\x84", 1, 0xff, 0, 1, 0 }, { "\x85", 1, 0xff, 0, 1, 0 }, { "\x86", 1, 0xff, 0, 0, 0 }, { "\x87", 1, 0xff, 0, 0, 0 },
	{ "\x88", 1, 0xff, 0, 0, 0 }, { "\x89", 1, 0xff, 0, 0, 0 }, { "\x8a", 1, 0xff, 0, 0, 0 }, { "\x8b", 1, 0xff, 0, 0, 0 },
	{ "\x63", 1, 0xff, 0, 0, 0 }, { "\xc6", 1, 0, 1, 0, 0 }, { "\xc7", 1, 0, 4, 0, 0 },
	{ "\xf6", 1, 0, 1, 1, 0 }, { "\xf7", 1, 0, 4, 1, 0 }, { "\xf6", 1, 2, 0, 0, 0 }, { "\xf7", 1, 2, 0, 0, 0 },
	{ "\xf6", 1, 3, 0, 0, 0 }, { "\xf7", 1, 3, 0, 0, 0 }, { "\xfe", 1, 0, 0, 0, 0 }, { "\xff", 1, 0, 0, 0, 0 },
	{ "\xfe", 1, 1, 0, 0, 0 }, { "\xff", 1, 1, 0, 0, 0 },
	{ "\x0f\xa3", 2, 0xff, 0, 2, 1 }, { "\x0f\xab", 2, 0xff, 0, 2, 1 }, { "\x0f\xb3", 2, 0xff, 0, 2, 1 }, { "\x0f\xbb", 2, 0xff, 0, 2, 1 },
	{ "\x0f\xba", 2, 4, 1, 2, 0 }, { "\x0f\xba", 2, 5, 1, 2, 0 }, { "\x0f\xba", 2, 6, 1, 2, 0 }, { "\x0f\xba", 2, 7, 1, 2, 0 },
	{ "\x0f\xb0", 2, 0xff, 0, 0, 0 }, { "\x0f\xb1", 2, 0xff, 0, 0, 0 }, { "\x0f\xb6", 2, 0xff, 0, 0, 0 }, { "\x0f\xb7", 2, 0xff, 0, 0, 0 },
	{ "\x0f\xbe", 2, 0xff, 0, 0, 0 }, { "\x0f\xbf", 2, 0xff, 0, 0, 0 }, { "\x0f\xc0", 2, 0xff, 0, 0, 0 }, { "\x0f\xc1", 2, 0xff, 0, 0, 0 },
};

static u8 any_reg(bool rex)
{
	static const u8 loaded[] = { RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14 };

	return loaded[rand() % (rex ? 12 : 3)]; /* without REX: no RSI, RDI as bytes (they are DH, BH) */
}

static u32 build(const struct form *f, u8 *b)
{
	bool rex = rand() % 2;
	u8 reg = f->reg == 0xff ? any_reg(rex) : f->reg == 0xfe ? rand() % 8 : f->reg;
	bool half = rand() % 4 == 0, high = !rex && f->reg == 0xff && rand() % 4 == 0;
	u32 n = 0, z;
	bool wide = rex && rand() % 2;

	if (half)
		b[n++] = 0x66;
	if (rex)
		b[n++] = 0x40 | (wide ? 8 : 0) | (reg >= 8 ? 4 : 0);
	memcpy(b + n, f->opcode, f->n);
	n += f->n;
	if (high && (f->opcode[f->n - 1] & 1) == 0 && f->n == 1)
		reg = RSP + reg % 3; /* AH, CH, DH */
	b[n++] = 0x40 | (reg & 7) << 3 | RBX;
	b[n++] = rand() % 64;
	z = f->imm == 4 && (half && !wide) ? 2 : f->imm;
	if (f->imm == 4 && (f->opcode[0] == '\xf6'))
		z = 1;
	for (u32 k = 0; k < z; k++)
		b[n++] = rand();
	return n;
}

static void emulate_all(void)
{
	u64 rip = x->rip;

	for (u32 n = 0; x->rip == rip && n < 40; n++) {
		emulate_memory(x);
		assert_false(fake.raised);
		assert_int_equal(fake.kills, 0);
		if (fake.exit)
			fake_serve(x);
	}
}

static void compare(u8 *exec, const u8 *b, u32 n, const struct form *f)
{
	static u8 mine[2 * PAGE_SIZE];
	struct native r;
	u64 flags = rand() & FLAGS_ALL, mask = FLAGS_ALL;

	for (u32 k = 0; k < 16; k++)
		x->gpr[k] = r.gpr[k] = (u64)rand() << 33 ^ (u64)rand() << 11 ^ rand();
	for (u32 k = 0; k < sizeof(memory); k++)
		memory[k] = mine[k] = rand();
	if (f->bits)
		for (u32 k = 0; k < 16; k++)
			x->gpr[k] = r.gpr[k] = (s64)(rand() % 16384) - 8192;
	if (rand() % 4 == 0)
		memcpy(mine + PAGE_SIZE, &r.gpr[RAX], 8), memcpy(memory + PAGE_SIZE, &r.gpr[RAX], 8);
	r.gpr[RBX] = (u64)mine + PAGE_SIZE;
	x->gpr[RBX] = FAKE_MMIO + PAGE_SIZE;
	r.flags = flags | 2;
	x->rflags = flags | 2;
	memcpy(exec, b, n);
	exec[n] = 0xc3;
	native_run(&r, exec);
	code(b, n);
	emulate_all();
	assert_int_equal(x->rip, CODE + n);
	r.gpr[RBX] = x->gpr[RBX] = 0;
	if (f->flags_undefined == 1)
		mask &= ~FLAG_AF; /* undefined after logic */
	if (f->flags_undefined == 2)
		mask = FLAG_CF;
	for (u32 k = 0; k < 15; k++)
		if (k != RSP && k != RBP)
			assert_int_equal(x->gpr[k], r.gpr[k]);
	assert_int_equal(x->rflags & mask, r.flags & mask);
	assert_memory_equal(memory, mine, sizeof(memory));
}

static void like_this_processor(void **state)
{
	u8 *exec = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(exec, MAP_FAILED);
	fake.memory = memory;
	srand(5);
	for (u32 k = 0; k < 100 * ARRAY_SIZE(forms); k++) {
		const struct form *f = &forms[k % ARRAY_SIZE(forms)];
		u8 b[16];
		u32 n = build(f, b);

		fake.monitor = rand() % 2;
		compare(exec, b, n, f);
	}
	munmap(exec, PAGE_SIZE);
}

/* --- strings --- */

static void movs_from_device(void **state)
{
	(void)state;
	fake.memory = memory;
	for (u32 n = 0; n < sizeof(memory); n++)
		memory[n] = n * 7;
	x->gpr[RSI] = FAKE_MMIO + 16;
	x->gpr[RDI] = 0x20000;
	x->gpr[RCX] = 3;
	code("\xf3\xa5", 2); /* rep movsl */
	emulate_memory(x);
	assert_int_equal(x->rip, CODE); /* one iteration */
	assert_int_equal(x->gpr[RCX], 2);
	emulate_memory(x);
	emulate_memory(x);
	assert_int_equal(x->rip, CODE + 2);
	assert_int_equal(x->gpr[RCX], 0);
	assert_int_equal(x->gpr[RSI], FAKE_MMIO + 28);
	assert_memory_equal(fake_ram(0x20000), memory + 16, 12);
	RUN("\xf3\xa5"); /* nothing left */
	assert_int_equal(x->rip, CODE + 2);
	assert_int_equal(fake.ios, 0);
	x->rflags |= RFLAGS_DF;
	x->gpr[RSI] = 0x20000;
	x->gpr[RDI] = FAKE_MMIO;
	RUN("\x48\xa5");
	assert_int_equal(x->gpr[RDI], FAKE_MMIO - 8);
	assert_int_equal(x->gpr[RSI], 0x20000 - 8);
	assert_memory_equal(fake_ram(0x20000), memory, 8);
	/* read-only destination: the fault comes before the device is read */
	fake.monitor = true;
	x->gpr[RSI] = FAKE_MMIO;
	x->gpr[RDI] = 0x8000000000000000;
	RUN("\xa4");
	assert_int_equal(fake.vector, VEC_GP);
	assert_int_equal(fake.exit, 0);
}

static void scas_and_cmps(void **state)
{
	(void)state;
	fake.memory = memory;
	memset(memory, 5, sizeof(memory));
	memory[2] = 6;
	x->gpr[RDI] = FAKE_MMIO;
	x->gpr[RCX] = 100;
	x->gpr[RAX] = 5;
	code("\xf3\xae", 2); /* repe scasb */
	emulate_memory(x);
	emulate_memory(x);
	assert_int_equal(x->rip, CODE);
	emulate_memory(x);
	assert_int_equal(x->rip, CODE + 2);
	assert_int_equal(x->gpr[RCX], 97);
	assert_int_equal(x->rflags & FLAGS_ALL, FLAG_CF | FLAG_SF | FLAG_AF | FLAG_PF);
	x->gpr[RSI] = 0x20000;
	*fake_ram(0x20000) = 5;
	x->gpr[RDI] = FAKE_MMIO;
	RUN("\xf2\xa6"); /* repne cmpsb ends at once */
	assert_int_equal(x->rip, CODE + 2);
	assert_int_equal(x->rflags & FLAG_ZF, FLAG_ZF);
	RUN("\xac"); /* lodsb of RAM */
	x->gpr[RDI] = FAKE_MMIO + 7;
	x->gpr[RAX] = 0x1122334455667788;
	RUN("\x66\xab");
	assert_int_equal(memory[7], 0x88);
	assert_int_equal(memory[8], 0x77);
}

/* --- operands over two pages --- */

static void two_pages(void **state)
{
	u64 v = 0x1122334455667788;

	(void)state;
	fake.memory = memory;
	x->gpr[RBX] = FAKE_MMIO + PAGE_SIZE - 3;
	x->gpr[RAX] = v;
	RUN("\x48\x89\x03");
	assert_memory_equal(memory + PAGE_SIZE - 3, &v, 8);
	assert_true(fake.ios > 2);
	x->gpr[RCX] = 0;
	RUN("\x48\x8b\x0b");
	assert_int_equal(x->gpr[RCX], v);
	/* RAM and a hole */
	fake.memory = NULL;
	fake.device = 0xa5;
	x->gpr[RBX] = FAKE_RAM - 2;
	memcpy(fake_ram(FAKE_RAM - 2), "\x11\x22", 2);
	RUN("\x8b\x0b");
	assert_int_equal(x->gpr[RCX] & 0xffff, 0x2211);
	assert_int_equal(x->gpr[RCX] >> 16, (FAKE_RAM + 0xa5) & 0xffff);
	RUN("\xc7\x03\xef\xbe\xad\xde");
	assert_memory_equal(fake_ram(FAKE_RAM - 2), "\xef\xbe", 2);
	assert_int_equal(fake.io[0].value, 0xdead);
	/* too many for a monitor: that guest ends */
	fake.monitor = true;
	x->gpr[RBX] = FAKE_MMIO + PAGE_SIZE - 3;
	code("\x48\x01\x03", 3);
	for (u32 n = 0; n < 10 && !fake.kills; n++) {
		emulate_memory(x);
		if (fake.exit)
			fake_serve(x);
	}
	assert_int_equal(fake.kills, 1);
}

/* --- faults --- */

static void faults(void **state)
{
	(void)state;
	x->gpr[RBX] = 0x7fffffffffff;
	RUN("\x66\x8b\x03"); /* half of it not canonical */
	assert_int_equal(fake.vector, VEC_GP);
	x->gpr[RBP] = 0x800000000000;
	RUN("\x8b\x45\x00");
	assert_int_equal(fake.vector, VEC_SS);
	assert_int_equal(x->rip, CODE);
	fake_flat(x, INSN_32);
	x->sregs.ds.limit = 0x1003;
	x->gpr[RBX] = 0x1001;
	RUN("\x8b\x03");
	assert_int_equal(fake.vector, VEC_GP);
	x->sregs.ds.limit = 0x1004;
	RUN("\x8b\x03");
	assert_false(fake.raised);
	x->sregs.ds.attr = 0xc91; /* read-only */
	RUN("\x89\x03");
	assert_true(fake.raised);
	x->sregs.ds.attr = 0xc97; /* expand-down: only above the limit */
	RUN("\x89\x03");
	assert_true(fake.raised);
	x->gpr[RBX] = 0x1005;
	RUN("\x89\x03");
	assert_false(fake.raised);
	x->sregs.ds.attr = DAIS_SEG_UNUSABLE;
	RUN("\x8b\x03");
	assert_true(fake.raised);
	fake_flat(x, INSN_16);
	x->sregs.fs.base = 0x100000;
	x->gpr[RBX] = 0xfff0;
	x->gpr[RSI] = 0x20; /* wraps within 64 KiB */
	memcpy(fake_ram(0x100010), "\x34\x12", 2);
	RUN("\x64\x8b\x00");
	assert_int_equal(x->gpr[RAX], 0x1234);
}

static void paging_faults(void **state)
{
	(void)state;
	fake_long_mode(x, 0x1000);
	x->sregs.cr0 |= CR0_WP;
	*(u64 *)fake_ram(0x1000) = 0x2003;
	*(u64 *)fake_ram(0x2000) = 0x3003;
	*(u64 *)fake_ram(0x3000) = 0x4003;
	*(u64 *)fake_ram(0x4000 + 8 * 8) = CODE | 3;
	*(u64 *)fake_ram(0x4000 + 16 * 8) = FAKE_MMIO | 1;
	*(u64 *)fake_ram(0x4000 + 17 * 8) = (FAKE_MMIO + PAGE_SIZE) | 3;
	fake.memory = memory;
	fake.monitor = true;
	x->gpr[RBX] = 0x10000;
	RUN("\x01\x03"); /* read-modify-write of a read-only page: no read first */
	assert_int_equal(fake.vector, VEC_PF);
	assert_int_equal(fake.error, 3);
	assert_int_equal(fake.exit, 0);
	x->gpr[RBX] = 0x11ffe;
	RUN("\x89\x03"); /* the second page is not there: nothing is written to the first */
	assert_int_equal(fake.cr2, 0x12000);
	assert_int_equal(fake.error, 2);
	assert_int_equal(fake.exit, 0);
}

static void refused(void **state)
{
	(void)state;
	x->exit.fault.gpa = FAKE_MMIO;
	x->gpr[RBX] = FAKE_MMIO;
	RUN("\xd9\x03"); /* fld */
	assert_int_equal(fake.kills, 1);
	assert_string_equal(fake.reason, "vCPU 0 has device memory 0x10000000 in an instruction that is not emulated: d903, RIP 0x8000");
	x->rip = FAKE_MMIO;
	emulate_memory(x);
	assert_int_equal(fake.kills, 2);
	x->exit.fault.table_walk = true;
	emulate_memory(x);
	assert_int_equal(fake.kills, 3);
	fake_domain->d.slot = 0; /* the control domain does not die of it */
	emulate_memory(x);
	assert_int_equal(fake.kills, 3);
	assert_int_equal(fake.vector, VEC_GP);
}

static void local_apic_page(void **state)
{
	(void)state;
	x->gpr[RBX] = LAPIC_BASE_DEFAULT;
	RUN("\xc7\x83\xf0\x00\x00\x00\xff\x01\x00\x00");
	RUN("\x8b\x83\xf0\x00\x00\x00");
	assert_int_equal(x->gpr[RAX], 0x1ff);
	RUN("\x8b\x43\x30");
	assert_int_equal(x->gpr[RAX], 0x50014);
}

/* --- ports, CR8, XCR0 --- */

static void io(const char *bytes, u32 n, bool in, bool string, u32 size)
{
	code(bytes, n);
	x->exit.io = (typeof(x->exit.io)){ .port = 0x3f8, .size = size, .in = in, .string = string, .seg = 0xff };
	x->exit.next_rip = string ? 0 : x->rip + n;
	emulate_io(x);
}

static void ports(void **state)
{
	(void)state;
	x->gpr[RAX] = 0x1122334455667788;
	fake.device = 0x9900;
	io("\xec", 1, true, false, 1);
	assert_int_equal(x->gpr[RAX], 0x11223344556677f8);
	io("\x66\xed", 2, true, false, 2);
	assert_int_equal(x->gpr[RAX], 0x1122334455669cf8);
	io("\xed", 1, true, false, 4);
	assert_int_equal(x->gpr[RAX], 0x9cf8);
	assert_int_equal(x->rip, CODE + 1);
	fake.monitor = true;
	io("\xee", 1, false, false, 1);
	assert_int_equal(x->rip, CODE);
	assert_int_equal(fake.exit, DAIS_EXIT_IO);
	assert_int_equal(x->v.page->io.data, 0xf8);
	fake_serve(x);
	emulate_io(x);
	assert_int_equal(x->rip, CODE + 1);
}

static void string_ports(void **state)
{
	(void)state;
	memcpy(fake_ram(0x20000), "hello", 5);
	x->gpr[RSI] = 0x20000;
	x->gpr[RCX] = 5;
	io("\xf3\x6e", 2, false, true, 1);
	for (u32 n = 0; n < 4; n++)
		emulate_io(x);
	assert_int_equal(x->rip, CODE + 2);
	for (u32 n = 0; n < 5; n++)
		assert_int_equal(fake.io[n].value, "hello"[n]);
	x->gpr[RDI] = 0x21000 - 2; /* over two pages */
	x->gpr[RCX] = 1;
	fake.device = 0xaabb0000;
	io("\xf3\x6d", 2, true, true, 4);
	assert_int_equal(x->rip, CODE + 2);
	assert_memory_equal(fake_ram(0x21000 - 2), "\xf8\x03\xbb\xaa", 4);
	x->gpr[RDI] = 1ULL << 63;
	x->gpr[RCX] = 1;
	io("\xf3\x6d", 2, true, true, 4);
	assert_int_equal(fake.ios, 0); /* the port is not read for nothing */
	assert_int_equal(fake.vector, VEC_GP);
}

static void control_registers(void **state)
{
	(void)state;
	code("\x44\x0f\x22\xc1", 4); /* mov %rcx,%cr8 */
	x->exit.cr8.reg = 0xff;
	x->gpr[RCX] = 9;
	emulate_cr8_write(x);
	assert_int_equal(x->lapic.tpr, 0x90);
	assert_int_equal(x->rip, CODE + 4);
	x->gpr[RCX] = 16;
	x->rip = CODE;
	emulate_cr8_write(x);
	assert_int_equal(fake.vector, VEC_GP);
	x->gpr[RCX] = 0;
	x->gpr[RDX] = 0;
	static const struct { u32 v; bool ok; } xcr0[] = { { 0, 0 }, { 1, 1 }, { 3, 1 }, { 7, 1 }, { 5, 0 }, { 0xe7, 1 }, { 0x67, 0 }, { 0xe3, 0 }, { 0x207, 0 } };

	for (u32 n = 0; n < ARRAY_SIZE(xcr0); n++) {
		x->gpr[RAX] = xcr0[n].v;
		assert_int_equal(emulate_xsetbv(x), xcr0[n].ok);
		if (xcr0[n].ok)
			assert_int_equal(x->xcr0, xcr0[n].v);
	}
	x->sregs.ss.attr |= 3 << 5;
	x->gpr[RAX] = 1;
	assert_false(emulate_xsetbv(x));
}

/* Whatever the bytes: never a crash, and something always happens. */
static void random_bytes(void **state)
{
	static const enum insn_mode modes[] = { INSN_16, INSN_32, INSN_64 };

	(void)state;
	srand(11);
	for (u32 n = 0; n < 100000; n++) {
		u8 b[INSN_BYTES];

		fake_flat(x, modes[rand() % 3]);
		for (u32 k = 0; k < sizeof(b); k++)
			b[k] = rand();
		for (u32 k = 0; k < 16; k++)
			x->gpr[k] = rand() % 2 ? FAKE_MMIO : (u64)rand();
		fake.kills = 0;
		code(b, sizeof(b));
		emulate_memory(x);
	}
}

static int start(void **state)
{
	(void)state;
	fake_start(4);
	x = fake_vcpu(0);
	return 0;
}

static int stop(void **state) { (void)state; fake_stop(); return 0; }
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = { T(like_this_processor), T(movs_from_device), T(scas_and_cmps), T(two_pages), T(faults), T(paging_faults), T(refused), T(local_apic_page), T(ports), T(string_ports), T(control_registers), T(random_bytes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
