/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupt table, faults that a test expects, per-CPU data. */
#include "rt.h"

#define MSR_GS_BASE 0xc0000101
#define IST_NMI 1
#define IST_DF 2
#define FIRST_TSS 0x38

struct gate { u16 low, selector; u8 ist, type; u16 middle; u32 high, reserved; };
struct tss { u32 reserved0; u64 rsp[3], reserved1, ist[7], reserved2; u16 reserved3, iomap; }
	__attribute__((packed));
struct table { u16 limit; u64 base; } __attribute__((packed));

extern char isr_stubs[], guard_abort[];
extern u64 tss_descriptor[], gdt[];

struct cpu cpus[MAX_CPUS];
static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss[MAX_CPUS] __attribute__((aligned(128)));
static u8 special_stacks[MAX_CPUS][2][4096] __attribute__((aligned(16)));
static void (*handlers[256])(struct regs *);

struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	asm volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

void on_interrupt(u8 vector, void (*fn)(struct regs *))
{
	handlers[vector] = fn;
}

static void set_gate(u32 vector)
{
	u64 stub = (u64)isr_stubs + vector * 16;

	idt[vector] = (struct gate){
		.low = stub, .middle = stub >> 16, .high = stub >> 32, .selector = 8,
		.ist = vector == V_NMI ? IST_NMI : vector == V_DF ? IST_DF : 0,
		.type = vector == V_USER || vector == V_BP ? 0xee : 0x8e,
	};
}

void cpu_setup(u32 index)
{
	struct table idtr = { sizeof(idt) - 1, (u64)idt };
	struct table gdtr = { FIRST_TSS + MAX_CPUS * 16 - 1, (u64)gdt };
	struct cpu *cpu = &cpus[index];
	struct tss *t = &tss[index];
	u32 i;

	if (!index)
		for (i = 0; i < 256; i++)
			set_gate(i);
	t->ist[IST_NMI - 1] = (u64)special_stacks[index][0] + 4096;
	t->ist[IST_DF - 1] = (u64)special_stacks[index][1] + 4096;
	t->rsp[0] = (u64)special_stacks[index][1] + 4096;
	t->iomap = sizeof(*t);
	tss_descriptor[index * 2] = (sizeof(*t) - 1) | ((u64)t & 0xffffff) << 16 | 0x89UL << 40 |
		((u64)t >> 24 & 0xff) << 56;
	tss_descriptor[index * 2 + 1] = (u64)t >> 32;
	asm volatile("lgdt %0; lidt %1" :: "m"(gdtr), "m"(idtr));
	asm volatile("ltr %w0" :: "r"(FIRST_TSS + index * 16));
	cpu->self = cpu;
	cpu->index = index;
	cpu->guard = NULL;
	wrmsr(MSR_GS_BASE, (u64)cpu);
}

static void __attribute__((noreturn)) unexpected(struct regs *r)
{
	print("FAIL %s: unexpected exception %lu error %lx at %lx cr2 %lx cpu %u rsp %lx\n", test_name,
	      r->vector, r->error, r->rip, read_cr2(), this_cpu()->index, r->rsp);
	power_off();
}

/* Ends guard_call() with the vector. */
static void abort_guard(struct regs *r, struct guard *g)
{
	g->vector = r->vector;
	g->error = r->error;
	g->cr2 = read_cr2();
	g->rip = r->rip;
	g->rflags = r->rflags;
	r->rax = r->vector;
	r->rip = (u64)guard_abort;
	r->rsp = g->rsp;
	r->cs = 8;
	r->ss = 0x10;
	r->rflags = 2;
}

void isr(struct regs *r);
void isr(struct regs *r)
{
	struct cpu *cpu;

	if (r->vector < 32 || r->vector == V_USER)
		wrmsr(MSR_GS_BASE, (u64)&cpus[apic_id() % MAX_CPUS]); /* a test may have changed it */
	cpu = this_cpu();
	cpu->interrupts[r->vector]++;
	if (handlers[r->vector])
		handlers[r->vector](r);
	else if ((r->vector < 32 && r->vector != V_NMI) || r->vector == V_USER) {
		if (!cpu->guard)
			unexpected(r);
		abort_guard(r, cpu->guard);
	}
	if (r->vector >= 32 && r->vector != V_SPURIOUS && r->vector != V_USER)
		apic_write(APIC_EOI, 0);
}

struct msr_access { u32 msr; u64 value; };

static void do_rdmsr(void *arg)
{
	struct msr_access *a = arg;

	a->value = rdmsr(a->msr);
}

static void do_wrmsr(void *arg)
{
	struct msr_access *a = arg;

	wrmsr(a->msr, a->value);
}

int rdmsr_safe(u32 msr, u64 *value)
{
	struct msr_access a = { msr, 0 };
	struct guard g;
	int vector = guard_call(&g, do_rdmsr, &a);

	*value = a.value;
	return vector;
}

int wrmsr_safe(u32 msr, u64 value)
{
	struct msr_access a = { msr, value };
	struct guard g;

	return guard_call(&g, do_wrmsr, &a);
}
