/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's local APIC: IPIs, timer, end of interrupt; xAPIC or x2APIC (SDM vol. 3 ch. 10). Time is the TSC. */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define APIC_TPR     0x080
#define APIC_EOI     0x0b0
#define APIC_SVR     0x0f0
#define APIC_ICR     0x300
#define APIC_ICR2    0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_LINT1 0x360
#define APIC_TIMER_INIT 0x380
#define APIC_DIVIDE  0x3e0

#define LVT_NMI     (4u << 8)
#define LVT_PERIODIC (1u << 17)
#define LVT_DEADLINE (2u << 17)
#define ICR_PENDING (1u << 12)

static u32 apic_read(u32 reg)
{
	if (host.x2apic)
		return rdmsr(MSR_X2APIC + (reg >> 4));
	return *(volatile u32 *)(APIC_VIRT + reg);
}

static void apic_write(u32 reg, u32 v)
{
	if (host.x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), v);
	else
		*(volatile u32 *)(APIC_VIRT + reg) = v;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_reread_tpr(void)
{
	apic_write(APIC_TPR, 0);
}

static u32 timer_mode(void)
{
	return host.tsc_deadline ? LVT_DEADLINE : quirks.loses_irqs ? LVT_PERIODIC : 0;
}

/* All else is as reset leaves it: masked; the loader sees to that where firmware was. */
void apic_init(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | (host.x2apic ? APIC_BASE_EXTD : 0));
	apic_write(APIC_SVR, 0x100 | VEC_SPURIOUS);
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_DIVIDE, 0); /* by 2, as INIT leaves it; QEMU's timer then counts every tick until it is written */
	apic_write(APIC_LVT_TIMER, VEC_TIMER | timer_mode());
}

/* Each CPU is the only writer of its APIC; interrupts are off. */
void apic_ipi(u32 apic_id, u32 icr_low)
{
	if (host.x2apic) {
		__asm__ volatile("mfence; lfence" : : : "memory"); /* the MSR write orders nothing: SDM vol. 3 §10.12.3 */
		wrmsr(MSR_X2APIC + (APIC_ICR >> 4), (u64)apic_id << 32 | icr_low);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_PENDING)
		cpu_relax();
	apic_write(APIC_ICR2, apic_id << 24);
	apic_write(APIC_ICR, icr_low);
}

void cpu_poke(u32 cpu, bool posted)
{
	if (cpu != cpu_id())
		apic_ipi(cpu_data(cpu)->apic_id, posted ? VEC_POSTED : VEC_POKE);
}

void cpu_request(u32 cpu, u32 bits)
{
	u32 old = atomic_or(&cpu_data(cpu)->pending, bits);

	if (cpu != cpu_id() && (old & bits) != bits)
		cpu_poke(cpu, false);
}

/* --- time --- */

u64 time_now(void)
{
	return rdtsc();
}

u64 time_hz(void)
{
	return boot->tsc_hz;
}

void arch_timer_set(u64 deadline)
{
	u64 now = time_now(), count;

	if (quirks.loses_irqs) /* and again after as long, until it is set anew: a lost one is made up for */
		deadline = MIN(MAX(deadline, now + boot->tsc_hz / 20000), now + boot->tsc_hz / 100);
	if (host.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE, deadline == ~0ULL ? 0 : MAX(deadline, 1ULL));
		return;
	}
	/* a timer more than a second off fires early: timers_run sets it again */
	count = deadline > now ? MIN(deadline - now, boot->tsc_hz) * boot->apic_hz / boot->tsc_hz : 0;
	apic_write(APIC_TIMER_INIT, deadline == ~0ULL ? 0 : MIN(MAX(count, 1ULL), 0xffffffffULL));
}
