/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions that Dais takes over, with redundant prefixes, across page ends
 * whose second page lies elsewhere or is not there, and changed by another CPU
 * while they run. Each must do what it does and go on directly behind itself.
 */
#include "../rt.h"

#define VECTOR 0x41
#define PERIODIC 0x20000
#define RET 0xc3
#define MSR_APIC_BASE 0x1b
#define KVM_UNKNOWN 9999	/* no such hypercall of KVM's */

const char test_name[] = "prefix";

struct insn { const char *name; u8 bytes[3]; u8 length; };
static struct insn insns[] = {
	{ "cpuid", { 0x0f, 0xa2 }, 2 },
	{ "rdmsr", { 0x0f, 0x32 }, 2 },
	{ "wrmsr", { 0x0f, 0x30 }, 2 },
	{ "hlt", { 0xf4 }, 1 },
	{ "hypercall", { 0x0f, 0x01, 0xd9 }, 3 },
	{ "rdtscp", { 0x0f, 0x01, 0xf9 }, 3 },
	{ "in", { 0xec }, 1 },
};
#define HLT (&insns[3])
#define CALL (&insns[4])
#define RDTSCP (&insns[5])

static const u8 prefixes[][8] = {
	{ 0 }, { 0x66 }, { 0x67 }, { 0x2e }, { 0x36 }, { 0x3e }, { 0x26 }, { 0x64 }, { 0x65 },
	{ 0x66, 0x66, 0x66 }, { 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x67 }, { 0x40 }, { 0x48 }, { 0x4f },
	{ 0x66, 0x48 }, { 0x3e, 0x67, 0x41 }, { 0xf2 }, { 0xf3 }, { 0xf3, 0x66, 0x67 }, { 0xf3, 0x48 },
	{ 0x65, 0x65, 0x65, 0x65, 0x65, 0x65, 0x65 },
};

static u8 *first, *second;	/* physical pages behind the window's first two */

/* Bytes that end `split` bytes into the second page. */
static u8 *place(const u8 *prefix, u32 prefix_length, const struct insn *in, u32 split)
{
	u32 length = prefix_length + in->length, i;
	u8 *code = (u8 *)((u64)WINDOW + PAGE - length + split);

	for (i = 0; i < prefix_length; i++)
		code[i] = prefix[i];
	for (i = 0; i < in->length; i++)
		code[prefix_length + i] = in->bytes[i];
	code[length] = RET;
	return code;
}

struct run { u8 *code; u64 rax, rcx, rdx, rbx, marker; };

static void do_run(void *arg)
{
	struct run *r = arg;
	u64 rax = r->rax, rcx = r->rcx, rdx = r->rdx, rbx = 0, marker = 0x5a5a5a5a;

	asm volatile("call *%[code]" : "+a"(rax), "+c"(rcx), "+d"(rdx), "+b"(rbx), "+S"(marker)
		     : [code] "r"(r->code) : "memory", "rdi", "r8", "r9", "r10", "r11", "cc");
	r->rax = rax;
	r->rcx = rcx;
	r->rdx = rdx;
	r->rbx = rbx;
	r->marker = marker;
}

static u64 first_value(const struct insn *in)
{
	switch (in->bytes[0] << 8 | in->bytes[1]) {
	case 0x0f30: return rdmsr(MSR_APIC_BASE);
	case 0x0f01: return KVM_UNKNOWN;
	}
	return 0;
}

/* A timer ends HLT: periodic, since the first interrupt may come before HLT is reached. */
static void arm_wake(void)
{
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, VECTOR | PERIODIC);
	apic_write(APIC_INITIAL, 500000);
}

static int run(const struct insn *in, u8 *code, struct run *r)
{
	struct guard g;
	int vector;

	*r = (struct run){ .code = code, .rax = first_value(in), .rcx = MSR_APIC_BASE, .rdx = 0x3fd };
	if (in->bytes[1] == 0xa2)
		r->rcx = 0;
	else if (in->bytes[1] == 0x30)
		r->rdx = first_value(in) >> 32;
	if (in == HLT) {
		arm_wake();
		sti();
	}
	vector = guard_call(&g, do_run, r);
	cli();
	apic_write(APIC_INITIAL, 0);
	return vector;
}

static bool result_right(const struct insn *in, const struct run *r)
{
	if (r->marker != 0x5a5a5a5a)
		return false;
	switch (in->bytes[0] << 8 | in->bytes[1]) {
	case 0x0fa2: return r->rbx == cpuid(0, 0).ebx;
	case 0x0f32: return r->rax == (rdmsr(MSR_APIC_BASE) & 0xffffffff);
	}
	return true;
}

static u32 prefix_length(u32 i)
{
	u32 n = 0;

	while (n < 8 && prefixes[i][n])
		n++;
	return n;
}

/* What hardware without nested SVM says to VMMCALL or VMCALL, without a hypervisor: #UD. VMCALL takes none of 66, F2
 * and F3 (SDM vol. 2 §3.1.1.1, "NP"). */
static bool allowed_fault(const struct insn *in, const u8 *prefix, u32 length, int vector)
{
	bool barred = false;

	while (length--)
		barred |= prefix[length] == 0x66 || prefix[length] == 0xf2 || prefix[length] == 0xf3;
	return vector == V_UD && ((native() && (in == CALL || in == RDTSCP)) || (intel && in == CALL && barred));
}

static void try_prefix(const struct insn *in, u32 prefix, u32 split)
{
	u8 *code = place(prefixes[prefix], prefix_length(prefix), in, split);
	struct run r;
	int vector = run(in, code, &r);

	EXPECT((vector == NO_FAULT && result_right(in, &r)) || allowed_fault(in, prefixes[prefix], prefix_length(prefix), vector),
	       "prefixes %x %x, %u bytes on the second page: exception %d, rax %lx marker %lx", prefixes[prefix][0],
	       prefixes[prefix][1], split, vector, r.rax, r.marker);
}

static void all_prefixes(const struct insn *in)
{
	u32 i, split;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		for (split = 0; split <= prefix_length(i) + in->length; split++)
			try_prefix(in, i, split);
}

/* The second page is missing: #PF there before anything happens; data mapped, not executable: the same. */
static void missing_page(const struct insn *in)
{
	struct guard g;
	u32 split;
	u64 flags;

	for (flags = 0; flags <= (PTE_RWU | PTE_NX); flags += PTE_RWU | PTE_NX)
		for (split = 1; split < in->length; split++) {
			struct run r = { .code = place(NULL, 0, in, split), .rcx = MSR_APIC_BASE };
			int vector;

			window_map(1, (u64)second, flags);
			vector = guard_call(&g, do_run, &r);
			EXPECT(vector == V_PF && g.cr2 == (u64)WINDOW + PAGE && g.rip == (u64)r.code,
			       "exception %d cr2 %lx rip %lx", vector, g.cr2, g.rip);
			window_map(1, (u64)second, PTE_RWU);
		}
}

static void too_long(const struct insn *in)
{
	static const u8 many[16] = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
				     0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 };
	struct run r;
	int vector = run(in, place(many, 15 - in->length, in, 0), &r);

	EXPECT(vector == NO_FAULT || allowed_fault(in, many, 15 - in->length, vector), "15 bytes: exception %d", vector);
	vector = run(in, place(many, 16 - in->length, in, 0), &r);
	EXPECT(vector == V_GP, "16 bytes: exception %d", vector);
}

static void locked(const struct insn *in)
{
	static const u8 lock = 0xf0;
	struct run r;
	int vector = run(in, place(&lock, 1, in, 0), &r);

	/* #UD on a CPU; QEMU's TCG ignores it */
	EXPECT(vector == V_UD || vector == NO_FAULT, "lock prefix: exception %d", vector);
}

static void to_user(void *code)
{
	static u8 stack[512] __attribute__((aligned(16)));

	user_call(code, stack + sizeof(stack));
}

static void user_mode(const struct insn *in)
{
	u8 *code = place(NULL, 0, in, 0);
	struct guard g;
	int vector;

	code[in->length] = 0xcd;	/* int 0x80 */
	code[in->length + 1] = V_USER;
	vector = guard_call(&g, to_user, code);
	if (in->bytes[1] == 0xa2 || in == RDTSCP)
		EXPECT(vector == V_USER || allowed_fault(in, NULL, 0, vector), "exception %d at CPL 3", vector);
	else if (in != CALL)
		EXPECT(vector == V_GP, "exception %d at CPL 3", vector);
	else
		EXPECT(vector == V_USER || vector == V_UD, "exception %d at CPL 3", vector);
}

/* Another CPU turns CPUID into something else all the time. */
static volatile bool stop;

static void flip(void *arg)
{
	static const u16 patterns[] = { 0xa20f, 0x9090, 0x310f, 0x9066, 0x320f, 0x0b0f };
	volatile u16 *code = arg;
	u32 i;

	for (i = 0; !stop; i++) {
		*code = patterns[i % ARRAY_SIZE(patterns)];
		pause();
	}
}

static void changed_meanwhile(void)
{
	u8 *code = place(NULL, 0, &insns[0], 0);
	u32 i, bad = 0;

	if (smp_start() < 2)
		return;
	smp_run(1, flip, code);
	for (i = 0; i < 20000; i++) {
		struct run r = { .code = code, .rcx = MSR_APIC_BASE };
		struct guard g;
		int vector = guard_call(&g, do_run, &r);

		bad += vector != NO_FAULT && vector != V_UD && vector != V_GP;
	}
	stop = true;
	smp_wait(1, 5000);
	EXPECT(!bad, "%u other exceptions", bad);
}

void test(void)
{
	u32 i;

	if (intel)
		insns[4].bytes[2] = 0xc1; /* VMCALL */
	first = page_alloc();
	page_alloc();		/* a gap between them */
	second = page_alloc();
	window_map(0, (u64)first, PTE_RWU);
	window_map(1, (u64)second, PTE_RWU);
	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		if (test_case("%s: prefixes and page ends", insns[i].name))
			all_prefixes(&insns[i]);
		if (test_case("%s: second page missing", insns[i].name))
			missing_page(&insns[i]);
		if (test_case("%s: too long", insns[i].name))
			too_long(&insns[i]);
		if (test_case("%s: lock", insns[i].name))
			locked(&insns[i]);
		if (test_case("%s: at CPL 3", insns[i].name))
			user_mode(&insns[i]);
	}
	if (test_case("changed by another CPU"))
		changed_meanwhile();
}
