/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of all kinds on device memory: IO-APIC, local APIC and addresses
 * nobody claims, also across page ends. MOV and CMP give what they give on hardware;
 * the odd ones end the guest, with a reason, and the runner goes on behind its case.
 * They do so before the device matters: so only once, for the local APIC.
 * "target=" picks ioapic, lapic or hole.
 */
#include "../rt.h"

#define IOAPIC 0xfec00000UL
#define LAPIC 0xfee00000UL
#define HOLE 0xd0000000UL

const char test_name[] = "mmio";

static u8 *buffer;

#define ODD(id, code) static void id(void *p) \
	{ u64 s = (u64)buffer, c = 2, d = (u64)p; \
	  asm volatile("xor %%edx, %%edx\n\txor %%eax, %%eax\n\t" code : "+D"(d), "+S"(s), "+c"(c) :: \
		       "rax", "rdx", "rbx", "r8", "memory", "cc"); }
ODD(mov8, "movb (%%rdi), %%al; movb %%al, (%%rdi)")
ODD(mov16, "movw (%%rdi), %%ax; movw %%ax, (%%rdi)")
ODD(mov64, "movq (%%rdi), %%rax; movq %%rax, (%%rdi)")
ODD(movhigh, "movb (%%rdi), %%ah; movb %%ah, (%%rdi)")
ODD(movimm, "movb $0, (%%rdi); movw $0, (%%rdi); movl $0, (%%rdi); movq $0, (%%rdi)")
ODD(movzx, "movzbl (%%rdi), %%eax; movzwl (%%rdi), %%eax; movzbw (%%rdi), %%ax; movzwq (%%rdi), %%rax")
ODD(movsx, "movsbl (%%rdi), %%eax; movswl (%%rdi), %%eax; movslq (%%rdi), %%rax; movsbq (%%rdi), %%r8")
ODD(movs_out, "movsb; movsw; movsl; movsq")
ODD(movs_in, "xchg %%rsi, %%rdi; movsb; movsw; movsl; movsq")
ODD(movs_both, "mov %%rdi, %%rsi; movsl")
ODD(rep_movs, "rep movsl")
ODD(rep_movs_in, "xchg %%rsi, %%rdi; rep movsl")
ODD(stos, "stosb; stosw; stosl; stosq")
ODD(rep_stos, "rep stosl")
ODD(lods, "mov %%rdi, %%rsi; lodsb; lodsl; lodsq")
ODD(scas, "scasl; repne scasl")
ODD(cmps, "cmpsl; repe cmpsl")
ODD(push, "push (%%rdi); pop %%rax")
ODD(pop, "push %%rax; pop (%%rdi)")
ODD(xchg, "xchg %%eax, (%%rdi)")
ODD(xadd, "lock xadd %%eax, (%%rdi)")
ODD(cmpxchg, "cmpxchg %%edx, (%%rdi); lock cmpxchg %%edx, (%%rdi)")
ODD(cmpxchg8b, "xor %%ecx, %%ecx; cmpxchg8b (%%rdi)")
ODD(cmpxchg16b, "and $-16, %%rdi; lock cmpxchg16b (%%rdi)")
ODD(add, "addl %%eax, (%%rdi); addl (%%rdi), %%eax; lock addl $0, (%%rdi)")
ODD(logic, "orl %%eax, (%%rdi); andl (%%rdi), %%eax; xorl %%eax, (%%rdi); orb $0, (%%rdi)")
ODD(arith, "subl (%%rdi), %%eax; sbbl %%eax, (%%rdi); adcl %%eax, (%%rdi); cmpl %%eax, (%%rdi); cmpb $1, (%%rdi)")
ODD(unary, "notl (%%rdi); negl (%%rdi); incl (%%rdi); decl (%%rdi)")
ODD(test_imm, "testl %%eax, (%%rdi); testb $1, (%%rdi); testl $0x100, (%%rdi)")
ODD(cmp, "cmpl %%eax, (%%rdi); cmpl (%%rdi), %%eax; cmpb $1, (%%rdi); cmpq $1, (%%rdi); cmpw $0x1234, (%%rdi)")
ODD(shift, "shll (%%rdi); shrl $3, (%%rdi); rorl %%cl, (%%rdi); shldl $4, %%eax, (%%rdi)")
ODD(bits, "btl $3, (%%rdi); btsl %%eax, (%%rdi); lock btrl $0, (%%rdi); btcl $1, (%%rdi); bsfl (%%rdi), %%eax")
ODD(mul, "imull (%%rdi), %%eax; mull (%%rdi); imull $3, (%%rdi), %%eax")
ODD(div, "mov $0, %%edx; mov $1, %%eax; divl (%%rdi)")
ODD(cmov, "cmpl %%eax, %%eax; cmovzl (%%rdi), %%eax; setz (%%rdi)")
ODD(popcnt, "popcntl (%%rdi), %%eax; crc32l (%%rdi), %%eax; movbel (%%rdi), %%eax")
ODD(movnti, "movnti %%eax, (%%rdi)")
ODD(call_mem, "mov $1f, %%edx; mov %%edx, (%%rsi); call *(%%rdi); 1:")
ODD(jmp_mem, "jmp *(%%rdi)")
ODD(sse_load, "movdqu (%%rdi), %%xmm0")
ODD(sse_store, "pxor %%xmm0, %%xmm0; movdqu %%xmm0, (%%rdi)")
ODD(sse_aligned, "and $-16, %%rdi; movaps (%%rdi), %%xmm0; movaps %%xmm0, (%%rdi)")
ODD(sse_scalar, "movd (%%rdi), %%xmm0; movd %%xmm0, (%%rdi); movq %%xmm0, (%%rdi)")
ODD(sse_logic, "and $-16, %%rdi; pand (%%rdi), %%xmm0")
ODD(x87, "fninit; fildl (%%rdi); fistpl (%%rdi); flds (%%rdi); fstpl (%%rdi); fnstcw (%%rdi)")
ODD(fxsave, "and $-16, %%rdi; fxsave (%%rdi)")
ODD(fxrstor, "and $-16, %%rdi; fxrstor (%%rdi)")
ODD(sgdt, "sgdt (%%rdi); sidt (%%rdi); smsw (%%rdi); str (%%rdi); sldt (%%rdi)")
ODD(ltr, "ltr (%%rdi)")
ODD(verr, "verr (%%rdi); lar (%%rdi), %%eax; lsl (%%rdi), %%eax")
ODD(invlpg_m, "invlpg (%%rdi); clflush (%%rdi); prefetchnta (%%rdi); prefetchw (%%rdi)")
ODD(mov_seg, "mov %%ds, (%%rdi); mov (%%rdi), %%fs")
ODD(long_lods, "mov %%rdi, %%rsi; movl $64, %%ecx; rep lodsl")
ODD(prefixed, ".byte 0x66, 0x2e, 0x3e; movl (%%rdi), %%eax; .byte 0xf3; movl %%eax, (%%rdi)")
ODD(addr32, "movl (%%edi), %%eax; movl %%eax, (%%edi)")
ODD(sib, "xor %%ecx, %%ecx; movl 0x10(%%rdi,%%rcx,8), %%eax; mov %%rdi, %%r8; movl -0x10(%%r8), %%eax")
ODD(moffs, "movabs 0xfee00030, %%eax; movabs 0xfec00000, %%al")
ODD(ins, "mov $0x5658, %%dx; insl; rep insb")
ODD(outs, "mov %%rdi, %%rsi; mov $0x5658, %%dx; outsl; rep outsb")
ODD(iret_stack, "mov %%rsp, %%rdx; mov %%rdi, %%rsp; push %%rax; mov %%rdx, %%rsp")
ODD(call_stack, "mov %%rsp, %%rbx; lea 0x100(%%rdi), %%rsp; call 1f; 1: mov %%rbx, %%rsp")
ODD(lgdt_m, "sgdt (%%rsi); mov $0, %%eax; cmpl (%%rdi), %%eax; lidt (%%rsi)")
ODD(xsave, "and $-64, %%rdi; xor %%ecx, %%ecx; xsave (%%rdi)")
ODD(enter, "mov %%rsp, %%rbx; mov %%rbp, %%r8; lea 0x80(%%rdi), %%rsp; enter $16, $1; mov %%rbx, %%rsp; mov %%r8, %%rbp")

#define P(id) { #id, id }
struct probe { const char *name; void (*fn)(void *); };
static const struct probe emulated[] = {
	P(mov8), P(mov16), P(mov64), P(movhigh), P(movimm), P(movzx), P(movsx), P(cmp), P(prefixed), P(addr32),
	P(sib), P(moffs),
};
static const struct probe odd[] = {
	P(test_imm), P(movs_out), P(movs_in),
	P(movs_both), P(rep_movs), P(rep_movs_in), P(stos), P(rep_stos), P(lods), P(scas), P(cmps), P(push),
	P(pop), P(xchg), P(xadd), P(cmpxchg), P(cmpxchg8b), P(cmpxchg16b), P(add), P(logic), P(arith), P(unary),
	P(shift), P(bits), P(mul), P(div), P(cmov), P(popcnt), P(movnti), P(call_mem), P(jmp_mem),
	P(sse_load), P(sse_store), P(sse_aligned), P(sse_scalar), P(sse_logic), P(x87), P(fxsave), P(fxrstor),
	P(sgdt), P(ltr), P(verr), P(invlpg_m), P(mov_seg), P(long_lods), P(ins), P(outs), P(iret_stack), P(call_stack), P(xsave), P(enter), P(lgdt_m),
};

static u64 target_address(void)
{
	char name[8] = "lapic";

	argument("target", name, sizeof(name));
	return name[0] == 'i' ? IOAPIC + 0x10 : name[0] == 'h' ? HOLE + 0x30 : LAPIC + 0x30;
}

static void all_of(const struct probe *probes, u32 count, u64 physical)
{
	u32 i;

	for (i = 0; i < count; i++) {
		struct guard g;

		if (!test_case("%s", probes[i].name))
			continue;
		window_map(2, physical & ~(PAGE - 1), PTE_RWU);
		memset(buffer, 0, PAGE);
		apic_enable();
		guard_call(&g, probes[i].fn, (void *)(probes[i].fn == addr32 ? physical :
						      (u64)WINDOW + 2 * PAGE + physical % PAGE));
	}
}

/* All plain forms of a four-byte read agree. */
static void plain_reads(void)
{
	volatile u32 *version = (volatile u32 *)(LAPIC + 0x30);
	u32 expected = *version, a, b = 1;
	u64 c, d;

	asm volatile("mov (%1), %0" : "=r"(a) : "r"(version));
	EXPECT(a == expected, "mov %x, was %x", a, expected);
	asm volatile("movslq (%1), %0" : "=r"(c) : "r"(version));
	EXPECT((u32)c == expected, "movslq %lx", c);
	asm volatile("mov (%1), %k0" : "=r"(d) : "r"(version), "0"(~0UL));
	EXPECT(d == expected, "upper half not cleared: %lx", d);
	asm volatile("cmpl %2, (%1); sete %b0" : "+r"(b) : "r"(version), "r"(expected));
	EXPECT((b & 0xff) == 1, "cmp");
}

static void plain_writes(void)
{
	volatile u32 *tpr = (volatile u32 *)(LAPIC + 0x80);

	*tpr = 0x20;
	asm volatile("movl $0x30, (%0)" :: "r"(tpr) : "memory");
	EXPECT(*tpr == 0x30, "mov of an immediate: %x", *tpr);
	asm volatile("movb $0x10, (%0)" :: "r"(tpr) : "memory");
	EXPECT(*tpr == 0x30 || native(), "a byte was written: %x", *tpr);
	*tpr = 0;
}

static u8 *ram_page;

static void crossing(u64 before, u64 behind, void (*fn)(void *), u32 bytes_before)
{
	struct guard g;

	window_map(0, before, PTE_RWU);
	window_map(1, behind, PTE_RWU);
	guard_call(&g, fn, WINDOW + PAGE - bytes_before);
}

static const struct probe across[] = {
	P(mov16), P(mov64), P(push), P(sse_load), P(movs_out), P(call_stack),
};

static void across_pages(u64 physical)
{
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(across); i++)
		for (n = 1; n < 8; n += 4) {
			if (test_case("RAM to device: %s", across[i].name))
				crossing((u64)ram_page, physical, across[i].fn, n);
			if (test_case("device to RAM: %s", across[i].name))
				crossing(physical, (u64)ram_page, across[i].fn, n);
			if (test_case("hole to device: %s", across[i].name))
				crossing(HOLE, physical, across[i].fn, n);
		}
}

void test(void)
{
	u64 physical = target_address();

	buffer = page_alloc();
	ram_page = page_alloc();
	if (test_case("plain reads"))
		plain_reads();
	if (test_case("plain writes"))
		plain_writes();
	all_of(emulated, ARRAY_SIZE(emulated), physical);
	if (physical == LAPIC + 0x30) {
		all_of(odd, ARRAY_SIZE(odd), physical);
		across_pages(physical & ~(PAGE - 1));
	}
	apic_enable();
}
