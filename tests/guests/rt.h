/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small runtime below every payload. A payload defines `test_name` and
 * test(); it says what hardware would do by EXPECT(), and ends by itself with a
 * line "PASS name" or "FAIL name" on the serial console and ACPI's power-off.
 * Cases that may kill the guest are numbered: a runner that sees the guest die
 * after "CASE n …" starts it again with "from=n+1" on the command line.
 */
#ifndef RT_H
#define RT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define MAX_CPUS	64
#define STACK_SHIFT	14
#define TRAMPOLINE	0x8000
#define PAGE		4096UL
#define WINDOW		((u8 *)window_start())	/* WINDOW_SLOT of layout.inc */
#define WINDOW_PAGES	512
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define PTE_P	1UL
#define PTE_W	2UL
#define PTE_U	4UL
#define PTE_NX	(1UL << 63)
#define PTE_RWU	(PTE_P | PTE_W | PTE_U)

enum { V_DE, V_DB, V_NMI, V_BP, V_OF, V_BR, V_UD, V_NM, V_DF, V_TS = 10, V_NP, V_SS, V_GP, V_PF,
       V_MF = 16, V_AC, V_MC, V_XF, V_USER = 0x80, V_SPURIOUS = 0xff };
#define NO_FAULT (-1)

struct regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

/* Filled by a fault inside guard_call(). The first two are start.asm's. */
struct guard {
	u64 rsp;
	struct guard *outer;
	u64 vector, error, cr2, rip, rflags;
};

struct cpu {
	struct cpu *self;
	struct guard *guard;	/* GS_GUARD of layout.inc */
	u32 index;		/* APIC ID */
	u32 alive;
	void (*job)(void *);
	void *arg;
	volatile u32 jobs_given, jobs_done;
	volatile u64 interrupts[256];
};

extern const char test_name[];
extern struct cpu cpus[MAX_CPUS];
void test(void);

/* cpu.c */
int guard_call(struct guard *g, void (*fn)(void *), void *arg);
void user_call(void *code, void *stack);
void cpu_setup(u32 index);
struct cpu *this_cpu(void);
void on_interrupt(u8 vector, void (*fn)(struct regs *));

/* console.c */
void console_port(u16 other);	/* Xen's and QEMU's 0xe9 */
void putchar(char c);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprint(const char *format, va_list ap);

/* report.c */
void expect_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define EXPECT(cond, ...) do { if (!(cond)) expect_failed(__VA_ARGS__); } while (0)
bool test_case(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool native(void);	/* no Dais below: for trying payloads on another machine */
void __attribute__((noreturn)) finish(void);

/* platform.c */
bool argument(const char *name, char *value, size_t size);
u64 argument_number(const char *name, u64 otherwise);
u64 ram_top(void);	/* end of RAM below 4 GiB */
void platform_setup(void);
extern bool intel;	/* VMCALL, not VMMCALL */
u16 sleep_port(void), reset_port(void);
u32 cpus_listed(void);	/* enabled in the MADT */
void __attribute__((noreturn)) power_off(void);
void __attribute__((noreturn)) reboot(void);

/* page.c */
static inline u8 *window_start(void)
{
	u8 *p;

	asm("" : "=r"(p) : "0"(2UL << 39)); /* hidden from the compiler: no object of its own */
	return p;
}
void window_map(u32 page, u64 physical, u64 flags);
void *page_alloc(void);	/* scrubbed, never freed */

/* apic.c */
#define APIC_ID		0x02
#define APIC_VERSION	0x03
#define APIC_TPR	0x08
#define APIC_EOI	0x0b
#define APIC_LDR	0x0d
#define APIC_SVR	0x0f
#define APIC_ISR	0x10
#define APIC_TMR	0x18
#define APIC_IRR	0x20
#define APIC_ESR	0x28
#define APIC_ICR	0x30
#define APIC_ICR_HIGH	0x31
#define APIC_LVT_TIMER	0x32
#define APIC_LVT_LINT0	0x35
#define APIC_INITIAL	0x38
#define APIC_CURRENT	0x39
#define APIC_DIVIDE	0x3e
#define APIC_MASKED	0x10000u
#define APIC_PERIODIC	0x20000u
#define APIC_DEADLINE	0x40000u
#define ICR_FIXED	0x000u
#define ICR_NMI		0x400u
#define ICR_INIT	0x500u
#define ICR_SIPI	0x600u
#define ICR_ASSERT	0x4000u
#define ICR_SELF	0x40000u
#define ICR_ALL		0x80000u
#define ICR_OTHERS	0xc0000u
bool apic_x2(void);
void apic_to_x2(void);
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);
void apic_icr(u32 dest, u32 low);
void apic_enable(void);
u32 apic_id(void);

/* smp.c */
u32 smp_start(void);	/* number of CPUs that run; IDs 0..n-1 */
void smp_run(u32 cpu, void (*fn)(void *), void *arg);	/* gives a job; does not wait */
bool smp_wait(u32 cpu, u64 ms);
bool smp_restart(u32 cpu);	/* INIT, SIPI, SIPI */

/* time.c */
u64 rdtsc(void);
u64 tsc_khz(void);
void delay_us(u64 us);	/* ~0: for ever */
void rest(void);	/* for loops that wait long: some hundred instructions and a PAUSE */
bool wait_for(volatile u64 *word, u64 at_least, u64 ms);

/* string.c */
void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

static inline u64 read_cr2(void) { u64 v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline u64 read_cr3(void) { u64 v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline u64 read_cr0(void) { u64 v; asm volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline u64 read_cr4(void) { u64 v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void write_cr0(u64 v) { asm volatile("mov %0, %%cr0" :: "r"(v) : "memory"); }
static inline void write_cr3(u64 v) { asm volatile("mov %0, %%cr3" :: "r"(v) : "memory"); }
static inline void write_cr4(u64 v) { asm volatile("mov %0, %%cr4" :: "r"(v) : "memory"); }
static inline void sti(void) { asm volatile("sti" ::: "memory"); }
static inline void cli(void) { asm volatile("cli" ::: "memory"); }
static inline void sti_hlt(void) { asm volatile("sti; hlt; cli" ::: "memory"); }
static inline void pause(void) { asm volatile("pause" ::: "memory"); }
static inline void invlpg(void *p) { asm volatile("invlpg (%0)" :: "r"(p) : "memory"); }

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { asm volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }

struct cpuid { u32 eax, ebx, ecx, edx; };
static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(sub));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" :: "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/* The same, caught: the vector of the fault, or NO_FAULT. */
int rdmsr_safe(u32 msr, u64 *value);
int wrmsr_safe(u32 msr, u64 value);

/* The vendor's instruction. */
#define HYPERCALL "cmpb $0, intel(%%rip); jne 7f; vmmcall; jmp 8f; 7: vmcall; 8:"
/* A hypercall of Dais's (RAX = base | number) or KVM's: status in RAX. */
static inline u64 hypercall(u64 rax, u64 rdi, u64 rsi, u64 rdx)
{
	asm volatile(HYPERCALL : "+a"(rax), "+D"(rdi), "+S"(rsi) : "d"(rdx), "c"(0UL), "b"(0UL)
		     : "r8", "r9", "memory", "cc");
	return rax;
}

#endif
