/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The floor: a loop around VMRUN that does no more than an exit needs (registers there and back, RIP past the
 * instruction), on a machine without any hypervisor. Offsets: APM vol. 2 app. B.
 */
#include "../../guests/rt.h"

#define SAMPLES		1000
#define MSR_EFER	0xc0000080
#define EFER_SVME	0x1000UL
#define MSR_VM_HSAVE_PA	0xc0010117
#define INTERCEPT_MISC1	0x00c
#define INTERCEPT_MISC2	0x010
#define ASID		0x058
#define EXITCODE	0x070
#define SAVE		0x400
#define S_EFER		(SAVE + 0x0d0)
#define S_CR4		(SAVE + 0x148)
#define S_CR3		(SAVE + 0x150)
#define S_CR0		(SAVE + 0x158)
#define S_RFLAGS	(SAVE + 0x170)
#define S_RIP		(SAVE + 0x178)
#define S_RSP		(SAVE + 0x1d8)
#define ON_CPUID	(1u << 18)
#define ON_VMRUN	1u
#define EXIT_CPUID	0x72
#define CPUID_LENGTH	2
#define CODE_64		0xa9b
#define DATA		0xc93

const char test_name[] = "vmrun";

u8 *vmcb;	/* named in enter() */
u64 gpr[14]; /* of the guest, but for RAX and RSP */

#define AT(type, offset) (*(type *)(vmcb + (offset)))

static void segment(u32 n, u16 selector, u16 attributes)
{
	AT(u16, SAVE + n * 16) = selector;
	AT(u16, SAVE + n * 16 + 2) = attributes;
	AT(u32, SAVE + n * 16 + 4) = 0xffffffff;
}

static void __attribute__((naked)) guest_code(void)
{
	asm volatile("1: cpuid; jmp 1b");
}

#define EACH(op) \
	op(rbx, 0) op(rcx, 8) op(rdx, 16) op(rsi, 24) op(rdi, 32) op(r8, 48) op(r9, 56) op(r10, 64) op(r11, 72) \
	op(r12, 80) op(r13, 88) op(r14, 96) op(r15, 104)
#define LOAD(reg, at) "mov " #at "(%%rax), %%" #reg "\n\t"
#define STORE(reg, at) "mov %%" #reg ", " #at "(%%rax)\n\t"

static void enter(void)
{
	asm volatile("push %%rbp\n\tlea gpr(%%rip), %%rax\n\t"
		     EACH(LOAD) "mov 40(%%rax), %%rbp\n\t"
		     "mov vmcb(%%rip), %%rax\n\tvmload %%rax\n\tvmrun %%rax\n\tvmsave %%rax\n\tlea gpr(%%rip), %%rax\n\t"
		     EACH(STORE) "mov %%rbp, 40(%%rax)\n\tpop %%rbp"
		     ::: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
}

static void prepare(void)
{
	vmcb = page_alloc();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, (u64)page_alloc());
	AT(u32, INTERCEPT_MISC1) = ON_CPUID;
	AT(u32, INTERCEPT_MISC2) = ON_VMRUN;
	AT(u32, ASID) = 1;
	segment(0, 0x10, DATA);
	segment(1, 0x08, CODE_64);
	segment(2, 0x10, DATA);
	segment(3, 0x10, DATA);
	AT(u64, S_EFER) = rdmsr(MSR_EFER);
	AT(u64, S_CR0) = read_cr0();
	AT(u64, S_CR3) = read_cr3();
	AT(u64, S_CR4) = read_cr4();
	AT(u64, S_RFLAGS) = 2;
	AT(u64, S_RIP) = (u64)guest_code;
	AT(u64, S_RSP) = (u64)page_alloc() + PAGE;
}

void test(void)
{
	static u64 sample[SAMPLES];
	u64 least = ~0UL, t;
	u32 i;

	if (!(cpuid(0x80000001, 0).ecx >> 2 & 1)) {
		print("SKIP vmrun: no AMD-V\n");
		return;
	}
	prepare();
	for (i = 0; i < SAMPLES; i++) { /* each: from CPUID's exit past it, over the JMP, to the next */
		t = rdtsc();
		enter();
		if (AT(u64, EXITCODE) == EXIT_CPUID)
			AT(u64, S_RIP) += CPUID_LENGTH;
		sample[i] = rdtsc() - t;
		EXPECT(AT(u64, EXITCODE) == EXIT_CPUID, "exit %lx", AT(u64, EXITCODE));
	}
	for (i = 0; i < SAMPLES; i++)
		least = sample[i] < least ? sample[i] : least;
	print("BENCH cpuid %lu %lu %u\n", least, sample[SAMPLES / 2], SAMPLES);
}
