/* SPDX-License-Identifier: GPL-2.0-only */
/* Per-CPU data of host mode, reached through GS, and the features that were probed. */
#ifndef DAIS_CPU_H
#define DAIS_CPU_H

#include "boot/boot_info.h"
#include "kernel/arch.h"
#include "kernel/sched.h"

struct vcpu;
struct xvcpu;

struct cpu {
	struct cpu *self;          /* gs:0; these three, struct boot_percpu, are the loader's */
	u32 id, apic_id;
	u64 online;                /* atomic: the TSC when it was */
	u32 pending;               /* atomic CPU_* */
	struct vcpu *running;      /* its on_cpu is this CPU; referenced */
	u32 last_domain;           /* id of the domain that ran last: defences.c */
	void *vendor;              /* svm: physical address of the host's VMCB; vmx: the vCPU that is loaded */
	u32 asid_next; u64 asid_generation; /* svm */
	u64 *windows;              /* entries of its windows; NULL: not looked for yet */
	/* What WIN_FETCH and the next windows show (guest.c): the page with this last byte (RIP + CS base) under this CR3,
	 * as long as the domain's flush_gen is gen; all zero: nothing. */
	struct fetch_view { u64 page, cr3, gen; const u8 *bytes; } fetch[FETCH_VIEWS];
};

static inline struct cpu *cpu_data(u32 n) { return (void *)(CPU_AREA(n) + CPU_DATA_PAGE * PAGE_SIZE); }

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__("mov %%gs:0, %0" : "=r"(c)); /* constant on a CPU: may be cached by the compiler */
	return c;
}

extern const struct boot_info *boot;
extern struct host host;               /* the loader's, in boot_info.h */
extern struct quirks quirks;

enum { EAX, EBX, ECX, EDX };
void host_cpuid(u32 leaf, u32 sub, u32 out[4]);
void cpu_setup(void);                  /* this CPU: IDT, CR0/CR4/EFER, PAT */
extern u32 defences_used;              /* bits by enum dais_defence */
void defences_switch_to(u32 domain);   /* it comes onto this CPU, perhaps after another */

/* apic.c */
void apic_init(void);                  /* this CPU */
void apic_eoi(void);
void apic_ipi(u32 apic_id, u32 icr_low);
void apic_reread_tpr(void);

#define VEC_POKE     0xf0
#define VEC_TIMER    0xf1
#define VEC_POSTED   0xf2 /* a guest takes it without an exit; outside one it is a poke */
#define VEC_SPURIOUS 0xff

/* Taken are interrupts here only: irq_window takes what is pending, idle_wait waits for one. */
static inline void irq_window(void) { __asm__ volatile("sti; nop; nop; cli" : : : "memory"); }
static inline void idle_wait(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }
void cpu_stop(void) __noreturn;

/* trap.c, panic.c */
struct trap_frame;
void idt_init(void);
void trap_entry(struct trap_frame *f);
void panic_at(const struct trap_frame *f, const char *fmt, ...) __noreturn __printf(2, 3);
void panic_nmi(void);                  /* another CPU panicked: stops this one, or returns */

/* As entry.asm pushes it. */
struct trap_frame {
	u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

/* run.c */
void cpu_loop(void) __noreturn;

#endif
