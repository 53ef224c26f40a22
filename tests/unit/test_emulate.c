/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_x86.c arch/x86/virt/nested.c arch/x86/virt/lapic.c arch/x86/virt/lapic_timer.c arch/x86/virt/ipi.c arch/x86/virt/msr.c arch/x86/virt/pv.c arch/x86/virt/cpuid.c arch/x86/virt/guest.c arch/x86/virt/emulate.c arch/x86/virt/access.c kernel/format.c */
/* flags: -Wno-missing-field-initializers */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include "tests/unit/fake_x86.h"

static struct xvcpu *x;
static u8 memory[PAGE_SIZE];

#define CODE 0x8000ULL

static void code(const void *bytes, u32 n)
{
	memcpy(fake_ram(CODE), bytes, n);
	memset(fake_ram(CODE) + n, 0, INSN_BYTES);
	x->rip = CODE;
	fake.raised = false;
	fake.exit = 0;
	fake.ios = 0;
}

static void fault(u64 gpa, bool write)
{
	x->exit.fault = (typeof(x->exit.fault)){ .gpa = gpa, .write = write };
	emulate_memory(x);
}

#define READ(text, gpa) do { code(text, sizeof(text) - 1); fault(gpa, false); } while (0)
#define WRITE(text, gpa) do { code(text, sizeof(text) - 1); fault(gpa, true); } while (0)

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

struct form { const char *opcode; u8 n, imm /* 0, 1, 4: z */; bool write; u8 extension; };

static const struct form forms[] = {
	{ "\x88", 1, 0, true }, { "\x89", 1, 0, true }, { "\x8a", 1, 0, false }, { "\x8b", 1, 0, false },
	{ "\x63", 1, 0, false }, { "\xc6", 1, 1, true }, { "\xc7", 1, 4, true },
	{ "\x0f\xb6", 2, 0, false }, { "\x0f\xb7", 2, 0, false }, { "\x0f\xbe", 2, 0, false },
	{ "\x0f\xbf", 2, 0, false },
	{ "\x38", 1, 0, false }, { "\x39", 1, 0, false }, { "\x3a", 1, 0, false }, { "\x3b", 1, 0, false },
	{ "\x80", 1, 1, false, 7 }, { "\x81", 1, 4, false, 7 }, { "\x83", 1, 1, false, 7 },
};
#define FLAGS 0x8d5ULL

/* One instruction: bytes, and which registers make the address */
struct made { u8 b[INSN_BYTES]; u32 n; u8 base, index, scale; int disp; };

static u8 pick(const u8 *from, u32 n) { return from[rand() % n]; }

/* Without REX, with the first registers only; the data register is none of the others. */
static void build(struct made *m, const struct form *f)
{
	static const u8 bases[] = { RBX, RSI, RDI, R8, R12, R13 }, indexes[] = { RCX, R9, R10 };
	static const u8 data[] = { RAX, RDX, R11, R14 };
	bool rex = rand() % 2, wide = rex && rand() % 2, half = rand() % 4 == 0, sib = rand() % 2;
	u8 base = pick(bases, rex ? 6 : 3), index = pick(indexes, rex ? 3 : 1), reg = pick(data, rex ? 4 : 2);
	u8 mod = base == R13 || rand() % 2 ? 1 + rand() % 2 : 0;
	u32 z = f->imm == 4 && half && !wide ? 2 : f->imm;
	int disp = rand() % 128 - 64;

	*m = (struct made){ .base = base, .index = 0xff };
	sib |= base == R12;
	if (!rex && !f->imm && rand() % 4 == 0)
		reg += RSP; /* AH, DH; as words RSP, RSI: only stored in bytes */
	if (reg >= RSP && reg < R8 && (f->n != 1 || f->opcode[0] & 1))
		reg -= RSP;
	if (half)
		m->b[m->n++] = 0x66;
	if (rand() % 4 == 0)
		m->b[m->n++] = 0x3e;
	if (rex)
		m->b[m->n++] = 0x40 | (wide ? 8 : 0) | (!f->imm && reg >= 8 ? 4 : 0) | (base >= 8 ? 1 : 0) |
			       (sib && index >= 8 ? 2 : 0);
	memcpy(m->b + m->n, f->opcode, f->n);
	m->n += f->n;
	m->b[m->n++] = mod << 6 | (f->imm ? f->extension : reg & 7) << 3 | (sib ? 4 : base & 7);
	if (sib) {
		m->index = index;
		m->scale = rand() % 4;
		m->b[m->n++] = m->scale << 6 | (index & 7) << 3 | (base & 7);
	}
	m->disp = mod ? disp : 0;
	memcpy(m->b + m->n, &disp, mod == 2 ? 4 : mod);
	m->n += mod == 2 ? 4 : mod;
	for (u32 k = 0; k < z; k++)
		m->b[m->n++] = rand();
}

static void compare(u8 *exec, const struct made *m, const struct form *f, u8 *mine)
{
	struct native r = { .flags = 2 | (rand() & FLAGS) };
	u64 at = PAGE_SIZE / 2 + m->disp;

	x->rflags = r.flags;
	for (u32 k = 0; k < 16; k++)
		x->gpr[k] = r.gpr[k] = (u64)rand() << 33 ^ (u64)rand() << 11 ^ rand();
	for (u32 k = 0; k < PAGE_SIZE; k++)
		memory[k] = mine[k] = rand();
	if (rand() % 2)
		for (u32 k = 0; k < PAGE_SIZE; k += 8)
			memcpy(memory + k, &r.gpr[RAX], 8), memcpy(mine + k, &r.gpr[RAX], 8);
	if (m->index != 0xff)
		at += (x->gpr[m->index] = r.gpr[m->index] = rand() % 128) << m->scale;
	r.gpr[m->base] = (u64)mine + PAGE_SIZE / 2;
	x->gpr[m->base] = 0x7654321000 + PAGE_SIZE / 2; /* only the offset in the page counts */
	memcpy(exec, m->b, m->n);
	exec[m->n] = 0xc3;
	native_run(&r, exec);
	code(m->b, m->n);
	fault(FAKE_MMIO + at, f->write);
	if (fake.exit) {
		assert_int_equal(x->rip, CODE);
		fake_serve(x);
	}
	assert_int_equal(x->rip, CODE + m->n);
	x->gpr[m->base] = r.gpr[m->base];
	for (u32 k = 0; k < 15; k++)
		if (k != RSP && k != RBP)
			assert_int_equal(x->gpr[k], r.gpr[k]);
	assert_memory_equal(memory, mine, PAGE_SIZE);
	assert_int_equal(x->rflags & FLAGS, r.flags & FLAGS);
	assert_int_equal(fake.ios, 1);
}

static void like_this_processor(void **state)
{
	u8 *exec = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	(void)state;
	assert_ptr_not_equal(exec, MAP_FAILED);
	fake.memory = memory;
	srand(5);
	for (u32 k = 0; k < 2000 * ARRAY_SIZE(forms); k++) {
		const struct form *f = &forms[k % ARRAY_SIZE(forms)];
		struct made m;

		build(&m, f);
		fake.monitor = rand() % 2;
		compare(exec, &m, f, exec + PAGE_SIZE);
		assert_int_equal(fake.kills, 0);
		assert_false(fake.raised);
	}
	munmap(exec, 2 * PAGE_SIZE);
}

/* --- addressing modes and lengths: SDM vol. 2 tables 2-1 to 2-3 --- */

static void addresses(void **state)
{
	/* the registers hold 0x100 times their number */
	static const struct { enum insn_mode mode; const char *bytes; u32 n, at; } list[] = {
		{ INSN_64, "\x67\x8b\x03", 3, 0x300 },
		{ INSN_64, "\x64\x8b\x03", 3, 0x300 },
		{ INSN_64, "\x8b\x05\x10\x00\x00\x00", 6, 0x16 }, /* from RIP's end */
		{ INSN_64, "\x8b\x04\x25\x78\x06\x00\x00", 7, 0x678 },
		{ INSN_64, "\x8b\x44\x24\x04", 4, 0x404 },
		{ INSN_64, "\x8b\x45\xfc", 3, 0x4fc },
		{ INSN_64, "\x8b\x04\x4d\x04\x00\x00\x00", 7, 0x204 },
		{ INSN_64, "\x42\x8b\x04\x23", 4, 0xf00 },      /* R12 is an index */
		{ INSN_64, "\x48\x66\x8b\x03", 4, 0x300 },      /* a REX before another prefix is none */
		{ INSN_64, "\xf2\x8b\x03", 3, 0x300 },
		{ INSN_64, "\xa1\x34\x02\x00\x00\x00\x00\x00\x00", 9, 0x234 },
		{ INSN_64, "\x67\xa1\x34\x02\x00\x00", 6, 0x234 },
		{ INSN_64, "\x64\xa0\x34\x02\x00\x00\x00\x00\x00\x00", 10, 0x234 },
		{ INSN_32, "\x8b\x05\x10\x00\x00\x00", 6, 0x10 },
		{ INSN_32, "\x8b\x43\x01", 3, 0x301 },
		{ INSN_32, "\x8b\x45\x00", 3, 0x500 },
		{ INSN_32, "\x3e\x8b\x45\x00", 4, 0x500 },
		{ INSN_32, "\xa1\x34\x02\x00\x00", 5, 0x234 },
		{ INSN_16, "\x67\x8b\x04\x8b", 4, 0x700 },
	};

	(void)state;
	for (u32 n = 0; n < ARRAY_SIZE(list); n++) {
		fake_flat(x, list[n].mode);
		for (u32 k = 0; k < 16; k++)
			x->gpr[k] = k * 0x100;
		code(list[n].bytes, list[n].n);
		fault(FAKE_MMIO + list[n].at, false);
		assert_int_equal(x->rip, CODE + list[n].n);
		assert_int_equal(fake.io[0].addr, FAKE_MMIO + list[n].at);
	}
}

/* --- what is not executed --- */

static void tried_again(const char *bytes, u32 n, bool write)
{
	code(bytes, n);
	fault(FAKE_MMIO, write);
	assert_int_equal(x->rip, CODE);
	assert_int_equal(fake.ios, 0);
	assert_false(fake.raised);
	assert_int_equal(fake.kills, 0);
}

/* The instruction is another one by now than what faulted. */
static void changed_meanwhile(void **state)
{
	(void)state;
	tried_again("\x89\x03", 2, false);
	tried_again("\x8b\x03", 2, true);
	tried_again("\x89\xc3", 2, true); /* between registers */
	fake_unmap(CODE + PAGE_SIZE);
	memcpy(fake_ram(CODE + PAGE_SIZE - 2), "\x8b\x83", 2);
	x->rip = CODE + PAGE_SIZE - 2;
	fault(FAKE_MMIO, false); /* its end is not there */
	assert_int_equal(x->rip, CODE + PAGE_SIZE - 2);
	assert_false(fake.raised);
	assert_int_equal(fake.kills, 0);
}

static void dies(const char *reason)
{
	assert_int_equal(fake.kills, 1);
	assert_string_equal(fake.reason, reason);
	assert_int_equal(x->rip, CODE);
	assert_int_equal(fake.ios, 0);
	fake.kills = 0;
}

static void refused(void **state)
{
	(void)state;
	fake_unmap(CODE + PAGE_SIZE);
	READ("\xd9\x03", FAKE_MMIO + 8); /* fld */
	dies("vCPU 0 has an instruction that is not emulated on device memory 0x10000008, RIP 0x8000: d903000000000000");
	x->gpr[RBX] = FAKE_MMIO;
	WRITE("\xc7\x0b\x01\x02\x03\x04", FAKE_MMIO); /* C7 /1 */
	WRITE("\xf7\x13", FAKE_MMIO); /* NOT */
	WRITE("\x83\x03\x01", FAKE_MMIO); /* ADD */
	READ("\x85\x03", FAKE_MMIO); /* TEST */
	assert_int_equal(fake.kills, 4);
	fake.kills = 0;
	x->gpr[RBX] = 0xffd; /* across pages: the fault is on the second, or on the first */
	READ("\x8b\x03", FAKE_MMIO);
	READ("\x8b\x03", FAKE_MMIO + 0xffd);
	assert_int_equal(fake.kills, 2);
	fake.kills = 0;
	x->gpr[RBX] = 0xffc;
	READ("\x8b\x03", FAKE_MMIO + 0xffc);
	assert_int_equal(fake.kills, 0);
	assert_int_equal(fake.io[0].addr, FAKE_MMIO + 0xffc);
	fake_flat(x, INSN_16);
	READ("\x8b\x07", FAKE_MMIO); /* 16-bit addresses */
	fake_flat(x, INSN_64);
	assert_int_equal(fake.kills, 1);
	fake.kills = 0;
	code("", 0);
	x->exit.fault = (typeof(x->exit.fault)){ .gpa = FAKE_MMIO, .exec = true };
	emulate_memory(x);
	dies("vCPU 0 executes device memory 0x10000000, RIP 0x8000: 0000000000000000");
	x->exit.fault = (typeof(x->exit.fault)){ .gpa = FAKE_MMIO, .table_walk = true };
	emulate_memory(x);
	dies("vCPU 0 has page tables outside its memory, at 0x10000000, RIP 0x8000: 0000000000000000");
	fake_domain->d.slot = 0; /* the control domain does not die of it */
	emulate_memory(x);
	assert_int_equal(fake.kills, 0);
	assert_int_equal(fake.vector, VEC_GP);
}

static void local_apic_page(void **state)
{
	(void)state;
	x->gpr[RBX] = LAPIC_BASE_DEFAULT;
	WRITE("\xc7\x83\xf0\x00\x00\x00\xff\x01\x00\x00", LAPIC_BASE_DEFAULT + 0xf0);
	READ("\x8b\x83\xf0\x00\x00\x00", LAPIC_BASE_DEFAULT + 0xf0);
	assert_int_equal(x->gpr[RAX], 0x1ff);
	READ("\x8b\x43\x30", LAPIC_BASE_DEFAULT + 0x30);
	assert_int_equal(x->gpr[RAX], 0x50014);
}

/* --- lengths --- */

static u32 length(u32 kind, const char *bytes, u32 n)
{
	code(bytes, n);
	x->exit.kind = kind;
	return guest_insn_length(x);
}
#define LENGTH(kind, text) length(kind, text, sizeof(text) - 1)

static void lengths(void **state)
{
	(void)state;
	assert_int_equal(LENGTH(EXIT_CPUID, "\x0f\xa2"), 2);
	assert_int_equal(LENGTH(EXIT_CPUID, "\x66\x67\x2e\x48\x0f\xa2"), 6);
	assert_int_equal(LENGTH(EXIT_MSR_READ, "\x65\x0f\x32"), 3);
	assert_int_equal(LENGTH(EXIT_MSR_WRITE, "\x0f\x30"), 2);
	assert_int_equal(LENGTH(EXIT_HLT, "\x4f\xf4"), 2);
	assert_int_equal(LENGTH(EXIT_HYPERCALL, "\x0f\x01\xd9"), 3);
	assert_int_equal(LENGTH(EXIT_HYPERCALL, "\x0f\x01\xc1"), 3);
	assert_int_equal(LENGTH(EXIT_XSETBV, "\x0f\x01\xd1"), 3);
	assert_int_equal(LENGTH(EXIT_PAUSE, "\xf3\x90"), 2);
	assert_int_equal(LENGTH(EXIT_WBINVD, "\x0f\x09"), 2);
	assert_int_equal(LENGTH(EXIT_WBINVD, "\x0f\x08"), 2);
	/* other instructions than the exit says */
	assert_int_equal(LENGTH(EXIT_CPUID, "\x0f\xa3"), 0);
	assert_int_equal(LENGTH(EXIT_CPUID, "\x0f\x32"), 0);
	assert_int_equal(LENGTH(EXIT_HLT, "\x48\x90"), 0);
	assert_int_equal(LENGTH(EXIT_NOTHING, "\xcf"), 0);
	fake_flat(x, INSN_32);
	assert_int_equal(LENGTH(EXIT_HLT, "\x4f\xf4"), 0); /* no REX there */
	fake_flat(x, INSN_64);
	assert_false(fake.raised);
	assert_int_equal(LENGTH(EXIT_CPUID, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2"), 15);
	assert_false(fake.raised);
	assert_int_equal(LENGTH(EXIT_CPUID, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\xa2"), 0);
	assert_int_equal(fake.vector, VEC_GP);
}

/* Over a page's end, and where that is missing */
/* The bytes in view are no longer the guest's, who mapped another page there: the walk decides. */
static void lengths_of_stale_view(void **state)
{
	u64 *pte = (u64 *)fake_ram(0x4000) + 5;

	(void)state;
	fake_long_mode(x, 0x1000);
	*(u64 *)fake_ram(0x1000) = 0x2003;
	*(u64 *)fake_ram(0x2000) = 0x3003;
	*(u64 *)fake_ram(0x3000) = 0x4003;
	memcpy(fake_ram(0x9000), "\x0f\xa2", 2);
	memcpy(fake_ram(0xa000), "\x66\x66\x0f\xa2", 4);
	x->rip = 0x5000;
	x->exit.kind = EXIT_CPUID;
	*pte = 0x9001;
	assert_int_equal(guest_insn_length(x), 2);
	memcpy(fake_ram(0x9000), "\x0f\x32", 2);
	assert_int_equal(guest_insn_length(x), 0);
	*pte = 0xa001;
	assert_int_equal(guest_insn_length(x), 4);
	assert_int_equal(guest_insn_length(x), 4);
	*pte = 0x9001;
	x->exit.kind = EXIT_MSR_READ;
	assert_int_equal(guest_insn_length(x), 2);
	assert_int_equal(guest_insn_length(x), 2);
}

static void lengths_over_pages(void **state)
{
	(void)state;
	x->exit.kind = EXIT_HYPERCALL;
	memcpy(fake_ram(CODE + PAGE_SIZE - 2), "\x0f\x01\xd9", 3);
	x->rip = CODE + PAGE_SIZE - 2;
	assert_int_equal(guest_insn_length(x), 3);
	fake_unmap(CODE + PAGE_SIZE);
	assert_int_equal(guest_insn_length(x), 0);
	assert_false(fake.raised);
	memcpy(fake_ram(CODE + PAGE_SIZE - 3), "\x0f\x01\xd9", 3);
	x->rip = CODE + PAGE_SIZE - 3;
	assert_int_equal(guest_insn_length(x), 3);
}

/* --- ports, CR8, XCR0 --- */

static void io(const char *bytes, u32 n, bool in, u32 size)
{
	code(bytes, n);
	x->exit.io = (typeof(x->exit.io)){ .port = 0x3f8, .size = size, .in = in };
	x->exit.insn_len = n;
	emulate_io(x);
}

static void ports(void **state)
{
	(void)state;
	x->gpr[RAX] = 0x1122334455667788;
	fake.device = 0x9900;
	io("\xec", 1, true, 1);
	assert_int_equal(x->gpr[RAX], 0x11223344556677f8);
	io("\x66\xed", 2, true, 2);
	assert_int_equal(x->gpr[RAX], 0x1122334455669cf8);
	io("\xed", 1, true, 4);
	assert_int_equal(x->gpr[RAX], 0x9cf8);
	assert_int_equal(x->rip, CODE + 1);
	x->gpr[RAX] = 0x1122334455667788;
	io("\x66\xef", 2, false, 2);
	assert_int_equal(fake.io[0].value, 0x7788);
	fake.monitor = true;
	io("\xee", 1, false, 1);
	assert_int_equal(x->rip, CODE);
	assert_int_equal(fake.exit, DAIS_EXIT_IO);
	assert_int_equal(x->v.page->access.data, 0x88);
	fake_serve(x);
	assert_int_equal(x->rip, CODE + 1);
	code("\xf3\x6e", 2);
	x->exit.io.string = true;
	emulate_io(x);
	assert_string_equal(fake.reason, "vCPU 0 has string I/O on emulated port 0x3f8, RIP 0x8000: f36e000000000000");
}

static void control_registers(void **state)
{
	(void)state;
	code("\x44\x0f\x22\xc1", 4); /* mov %rcx,%cr8 */
	x->gpr[RCX] = 9;
	emulate_cr8_write(x);
	assert_int_equal(x->lapic.tpr, 0x90);
	assert_int_equal(x->rip, CODE + 4);
	x->gpr[RCX] = 16;
	x->rip = CODE;
	emulate_cr8_write(x);
	assert_int_equal(fake.vector, VEC_GP);
	code("\x45\x0f\x22\x01", 4); /* %r9, whatever ModRM.mod says */
	x->gpr[R9] = 3;
	emulate_cr8_write(x);
	assert_int_equal(x->lapic.tpr, 0x30);
	fake_flat(x, INSN_32);
	code("\xf0\x0f\x22\xc0", 4); /* AMD's LOCK form; only 32 bits count */
	x->gpr[RAX] = 0x100000005;
	emulate_cr8_write(x);
	assert_int_equal(x->lapic.tpr, 0x50);
	assert_int_equal(x->rip, CODE + 4);
	code("\x0f\x22\xc1", 3); /* CR0 by now */
	emulate_cr8_write(x);
	assert_int_equal(x->rip, CODE);
	assert_int_equal(x->lapic.tpr, 0x50);
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
		x->rip += rand() % 2 ? 0 : PAGE_SIZE - 1 - rand() % 15;
		fault(FAKE_MMIO + rand() % PAGE_SIZE, rand() % 2);
		x->exit.kind = rand() % EXIT_KINDS;
		assert_in_range(guest_insn_length(x), 0, INSN_BYTES);
		emulate_cr8_write(x);
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
	const struct CMUnitTest tests[] = {
		T(like_this_processor), T(addresses), T(changed_meanwhile), T(refused), T(local_apic_page), T(lengths),
		T(lengths_of_stale_view), T(lengths_over_pages), T(ports), T(control_registers), T(random_bytes),
	};

	return fake_run_both(tests);
}
