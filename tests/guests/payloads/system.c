/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SVM's instructions, VT-x's, and the privileged rest with bad operands: #UD or
 * #GP as a CPU without virtualization gives, or no fault where none is due.
 */
#include "../rt.h"

#define BIT(v) (1u << ((v) + 1))	/* NO_FAULT is -1 */
#define NONE BIT(NO_FAULT)
#define UD BIT(V_UD)
#define GP BIT(V_GP)

const char test_name[] = "system";

struct probe { const char *name; void (*fn)(void *); u32 allowed; };

#define PROBE(id, code) static void id(void *p) { asm volatile(code :: "a"(p), "c"(0UL), "d"(0UL) : "memory"); }
PROBE(do_vmrun, "vmrun %%rax")
PROBE(do_vmload, "vmload %%rax")
PROBE(do_vmsave, "vmsave %%rax")
PROBE(do_stgi, "stgi")
PROBE(do_clgi, "clgi")
PROBE(do_skinit, "skinit %%eax")
PROBE(do_invlpga, "invlpga %%rax, %%ecx")
PROBE(do_vmcall, "vmcall")
PROBE(do_vmlaunch, "vmlaunch")
PROBE(do_vmxoff, "vmxoff")
PROBE(do_rsm, "rsm")
PROBE(do_ud2, "ud2")
PROBE(do_int1, ".byte 0xf1")
PROBE(do_invd, "wbinvd; nop")
PROBE(do_xsetbv_bad, "mov $5, %%ecx; xsetbv")
PROBE(do_xsetbv_zero, "xor %%eax, %%eax; xsetbv")
PROBE(do_rdpmc, "mov $0x12345, %%ecx; rdpmc")
PROBE(do_monitor, "monitor")
PROBE(do_mwait, "mov $0xff, %%ecx; mwait")
PROBE(do_cr0_upper, "mov %%cr0, %%rdx; bts $40, %%rdx; mov %%rdx, %%cr0")
PROBE(do_cr0_nw, "mov %%cr0, %%rdx; bts $29, %%rdx; btr $30, %%rdx; mov %%rdx, %%cr0")
PROBE(do_cr0_pe, "mov %%cr0, %%rdx; btr $0, %%rdx; mov %%rdx, %%cr0")
PROBE(do_cr4_vmxe, "mov %%cr4, %%rdx; bts $13, %%rdx; mov %%rdx, %%cr4")
PROBE(do_cr4_reserved, "mov %%cr4, %%rdx; bts $31, %%rdx; mov %%rdx, %%cr4")
PROBE(do_cr4_pae, "mov %%cr4, %%rdx; btr $5, %%rdx; mov %%rdx, %%cr4")
PROBE(do_cr8_big, "mov $16, %%edx; mov %%rdx, %%cr8")
PROBE(do_cr8, "mov $3, %%edx; mov %%rdx, %%cr8; mov %%cr8, %%rax; xor %%edx, %%edx; mov %%rdx, %%cr8")
PROBE(do_cr1, ".byte 0x0f, 0x20, 0xc8")
PROBE(do_dr7_upper, "mov $1, %%edx; shl $40, %%rdx; mov %%rdx, %%dr7")
PROBE(do_lmsw, "smsw %%edx; lmsw %%dx; clts")
PROBE(do_lgdt_noncanonical, "mov $1, %%edx; shl $63, %%rdx; shr $1, %%rdx; lgdt (%%rdx)")
PROBE(do_ltr_null, "ltr %%dx")
PROBE(do_lldt_null, "lldt %%dx")
PROBE(do_invlpg, "invlpg (%%rax); mov $1, %%edx; shl $62, %%rdx; invlpg (%%rdx)")
PROBE(do_getsec, ".byte 0x0f, 0x37")
PROBE(do_sysexit, "sysexitq")
PROBE(do_vmmcall_kvm, "mov $9999, %%eax; vmmcall")
PROBE(do_wrmsr_svme, "mov $0xc0000080, %%ecx; rdmsr; bts $12, %%eax; wrmsr")

static const struct probe probes[] = {
	{ "VMRUN", do_vmrun, UD | GP }, { "VMLOAD", do_vmload, UD | GP }, { "VMSAVE", do_vmsave, UD | GP },
	{ "STGI", do_stgi, UD | GP }, { "CLGI", do_clgi, UD | GP }, { "SKINIT", do_skinit, UD | GP },
	{ "INVLPGA", do_invlpga, UD | GP }, { "VMCALL", do_vmcall, UD | NONE }, { "VMLAUNCH", do_vmlaunch, UD },
	{ "VMXOFF", do_vmxoff, UD }, { "RSM", do_rsm, UD }, { "UD2", do_ud2, UD }, { "INT1", do_int1, BIT(V_DB) | UD },
	{ "WBINVD", do_invd, NONE }, { "XSETBV of XCR5", do_xsetbv_bad, UD | GP },
	{ "XSETBV of 0", do_xsetbv_zero, UD | GP }, { "RDPMC", do_rdpmc, GP | NONE },
	{ "MONITOR", do_monitor, UD | NONE }, { "MWAIT", do_mwait, UD | GP },
	{ "CR0 bit 40", do_cr0_upper, GP }, { "CR0.NW without CD", do_cr0_nw, GP },
	{ "CR0.PE cleared under paging", do_cr0_pe, GP }, 
	{ "CR4.VMXE", do_cr4_vmxe, GP }, { "CR4 bit 31", do_cr4_reserved, GP },
	{ "CR4.PAE cleared in long mode", do_cr4_pae, GP }, { "CR8 = 16", do_cr8_big, GP },
	{ "CR8 = 3", do_cr8, NONE }, { "CR1", do_cr1, UD }, { "DR7 bit 40", do_dr7_upper, GP },
	{ "LMSW, CLTS", do_lmsw, NONE }, { "LGDT at a non-canonical address", do_lgdt_noncanonical, GP },
	{ "LTR of null", do_ltr_null, GP }, { "LLDT of null", do_lldt_null, NONE },
	{ "INVLPG", do_invlpg, NONE }, { "GETSEC", do_getsec, UD }, { "SYSEXIT", do_sysexit, UD | GP },
	{ "VMMCALL of nothing", do_vmmcall_kvm, UD | NONE }, { "EFER.SVME", do_wrmsr_svme, GP | NONE },
	{ "VMRUN after EFER.SVME", do_vmrun, UD | GP }, { "STGI after EFER.SVME", do_stgi, UD | GP },
	{ "SKINIT after EFER.SVME", do_skinit, UD | GP },
};

/*
 * Checks that are the CPU's alone (Dais does not touch these) and that QEMU's TCG
 * leaves out; and what needs a hypervisor.
 */
static bool excused(const struct probe *p, int vector)
{
	if (vector == NO_FAULT && (p->allowed == GP || native()))
		return true;
	return native() && (p->fn == do_vmmcall_kvm || p->fn == do_rdpmc);
}

/* "emulator=bochs": it allows this one and then ends itself with a panic */
static bool too_much_for_bochs(const struct probe *p)
{
	char emulator[8] = "";

	argument("emulator", emulator, sizeof(emulator));
	return p->fn == do_cr0_pe && !memcmp(emulator, "bochs", 6);
}

static bool too_much_for_tcg(const struct probe *p)
{
	return p->fn == do_vmrun || p->fn == do_wrmsr_svme || p->fn == do_cr4_pae || p->fn == do_cr0_pe ||
		p->fn == do_cr4_vmxe || p->fn == do_cr4_reserved; /* TCG: an endless #VMEXIT */
}

/* Own hypercalls from a guest without rights: statuses, nothing else. */
static void hypercalls(void)
{
	u64 nr, status;

	for (nr = 0; nr < 64; nr++) {
		if (nr == 5 || nr == 10)	/* the fuzzer's: could end this domain */
			continue;
		status = hypercall(0xda150000 | nr, 0x7777, 0x7777, 0x7777);
		EXPECT(status > 0 && status < 12, "call %lu gave %lx", nr, status);
	}
	status = hypercall(0xda15ffff, 0, 0, 0);
	EXPECT(status == 1, "call ffff gave %lx", status);
	status = hypercall(0xffffffffda150000, 0, 0, 0);
	EXPECT(status != 0, "RAX's upper half was ignored");
}

void test(void)
{
	void *page = page_alloc();
	u32 i;

	cli();
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		u64 cr0 = read_cr0(), cr4 = read_cr4(), cr3 = read_cr3();
		struct guard g;
		int vector;

		if ((native() && too_much_for_tcg(&probes[i])) || too_much_for_bochs(&probes[i]))
			continue;
		if (!test_case("%s", probes[i].name))
			continue;
		vector = guard_call(&g, probes[i].fn, page);
		EXPECT(BIT(vector) & probes[i].allowed || excused(&probes[i], vector), "exception %d", vector);
		if (read_cr0() != cr0)
			write_cr0(cr0);
		if (read_cr3() != cr3)
			write_cr3(cr3);
		if (read_cr4() != cr4)
			write_cr4(cr4);
	}
	if (!native() && test_case("hypercalls without rights"))
		hypercalls();
}
