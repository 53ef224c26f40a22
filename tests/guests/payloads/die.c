/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways for a guest to lose itself: each case may end in the guest's death, with a
 * reason, or survive it; the runner starts the payload again behind each death.
 */
#include "../rt.h"

#define HOLE 0xd0000000UL
#define LAPIC 0xfee00000UL
#define IOAPIC 0xfec00000UL

const char test_name[] = "die";

struct table { u16 limit; u64 base; } __attribute__((packed));

static void execute_at(u64 physical, u32 offset)
{
	struct guard g;

	window_map(0, physical, PTE_RWU);
	guard_call(&g, (void (*)(void *))(WINDOW + offset), NULL);
}

/* An instruction that begins in RAM and goes on in device memory. */
static void execute_across(u64 physical)
{
	u8 *page = page_alloc();
	struct guard g;

	page[PAGE - 1] = 0x0f;
	window_map(0, (u64)page, PTE_RWU);
	window_map(1, physical, PTE_RWU);
	guard_call(&g, (void (*)(void *))(WINDOW + PAGE - 1), NULL);
}

static void stack_at(u64 physical)
{
	window_map(0, physical, PTE_RWU);
	asm volatile("mov %0, %%rsp; int3; ud2" :: "r"(WINDOW + 0x800));
}

static void idt_at(u64 physical)
{
	struct table t = { 0xfff, (u64)WINDOW };

	window_map(0, physical, PTE_RWU);
	asm volatile("lidt %0; int3" :: "m"(t));
}

static void gdt_at(u64 physical)
{
	struct table t = { 0xfff, (u64)WINDOW };

	window_map(0, physical, PTE_RWU);
	asm volatile("lgdt %0; int3; mov $0x10, %%eax; mov %%eax, %%ds" :: "m"(t) : "rax");
}

static void no_idt(void)
{
	struct table t = { 0, 0 };

	asm volatile("lidt %0; int3" :: "m"(t));
}

static void cr3_at(u64 physical)
{
	write_cr3(physical);
}

static void clear_paging(void *arg)
{
	(void)arg;
	write_cr0(read_cr0() & ~0x80000001UL);
}

/*
 * #GP in 64-bit mode (SDM vol. 2, MOV to CR0), says Bochs as hardware does. TCG takes it, and goes on behind it
 * or at the low 16 bits of RIP: wherever that is it finds INT3, and no IDT.
 */
static void real_mode_without_code(void)
{
	struct table t = { 0, 0 };
	char emulator[8] = "";
	struct guard g;
	u64 at = 0x1000, n = 0xf000;
	int vector;

	argument("emulator", emulator, sizeof(emulator));
	if (!memcmp(emulator, "bochs", 6)) {
		vector = guard_call(&g, clear_paging, NULL);
		EXPECT(vector == V_GP, "exception %d", vector);
		return;
	}
	asm volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(0xcc) : "memory");
	asm volatile("lidt %0; mov %1, %%cr0; int3; int3; int3; int3" :: "m"(t), "r"(read_cr0() & ~0x80000001UL));
}

static void endless_exceptions(void)
{
	struct table t = { 0xfff, (u64)page_alloc() };
	u64 *gate = (u64 *)t.base + 2 * V_UD, handler;

	/* #UD's handler is UD2: each delivery faults again, in the guest's own time */
	asm volatile("lea 1f(%%rip), %0; jmp 2f; 1: ud2; 2:" : "=r"(handler));
	gate[0] = (handler & 0xffff) | 8UL << 16 | 0x8eUL << 40 | (handler & 0xffff0000) << 32;
	gate[1] = handler >> 32;
	asm volatile("lidt %0; ud2" :: "m"(t));
}

void test(void)
{
	if (test_case("code in the local APIC's page"))
		execute_at(LAPIC, 0x20);
	if (test_case("code in the IO-APIC's page"))
		execute_at(IOAPIC, 0);
	if (test_case("code in unowned memory"))
		execute_at(HOLE, 0x123);
	if (test_case("code across into the local APIC's page"))
		execute_across(LAPIC);
	if (test_case("code across into unowned memory"))
		execute_across(HOLE);
	if (test_case("stack in unowned memory"))
		stack_at(HOLE);
	if (test_case("stack in the local APIC's page"))
		stack_at(LAPIC);
	if (test_case("IDT in unowned memory"))
		idt_at(HOLE);
	if (test_case("IDT in the IO-APIC's page"))
		idt_at(IOAPIC);
	if (test_case("GDT in unowned memory"))
		gdt_at(HOLE);
	if (test_case("CR3 to unowned memory"))
		cr3_at(HOLE);
	if (test_case("CR3 to the local APIC's page"))
		cr3_at(LAPIC);
	if (test_case("triple fault"))
		no_idt();
	if (test_case("paging off without a map"))
		real_mode_without_code();
	if (test_case("endless exceptions"))
		endless_exceptions();
	if (test_case("INIT to itself"))
		apic_icr(0, ICR_INIT | ICR_ASSERT);
}
