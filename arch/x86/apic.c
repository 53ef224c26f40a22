/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's local APIC: IPIs, timer, end of interrupt; xAPIC or x2APIC (SDM vol. 3 ch. 10). */

#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "kernel/atomic.h"
#include "kernel/log.h"

#define APIC_ID      0x020
#define APIC_TPR     0x080
#define APIC_EOI     0x0b0
#define APIC_SVR     0x0f0
#define APIC_ICR     0x300
#define APIC_ICR2    0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PERF  0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_COUNT 0x390
#define APIC_TIMER_DIV 0x3e0

#define LVT_MASKED  (1u << 16)
#define LVT_NMI     (4u << 8)
#define LVT_DEADLINE (2u << 17)
#define ICR_PENDING (1u << 12)
#define DIVIDE_BY_1 0xb

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

u32 apic_read_id(void)
{
	return host.x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_reread_tpr(void)
{
	apic_write(APIC_TPR, 0);
}

void apic_init(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (host.x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
	apic_write(APIC_SVR, 0x100 | VEC_SPURIOUS);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_NMI);
	apic_write(APIC_LVT_PERF, LVT_MASKED);
	apic_write(APIC_LVT_THERMAL, LVT_MASKED);
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
	apic_write(APIC_TIMER_DIV, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, VEC_TIMER | (host.tsc_deadline ? LVT_DEADLINE : 0));
	apic_eoi();
}

/* Each CPU is the only writer of its APIC; interrupts are off. */
void apic_ipi(u32 apic_id, u32 icr_low)
{
	if (host.x2apic) {
		atomic_fence(); /* the MSR write orders nothing: SDM vol. 3 §10.12.3 */
		wrmsr(MSR_X2APIC + (APIC_ICR >> 4), (u64)apic_id << 32 | icr_low);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_PENDING)
		cpu_relax();
	apic_write(APIC_ICR2, apic_id << 24);
	apic_write(APIC_ICR, icr_low);
}

void cpu_poke(u32 cpu)
{
	if (cpu != cpu_id())
		apic_ipi(cpus[cpu]->apic_id, VEC_POKE);
}

void cpu_request(u32 cpu, u32 bits)
{
	u32 old = atomic_or(&cpus[cpu]->pending, bits);

	if (cpu != cpu_id() && (old & bits) != bits)
		cpu_poke(cpu);
}

/* --- timer --- */

static u64 apic_per_tsc; /* timer ticks per TSC tick, << 20 */

void arch_timer_set(u64 deadline)
{
	u64 now = time_now(), count;

	if (quirks.host_tick)
		deadline = MIN(deadline, now + host.tsc_hz / 100);
	if (host.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE, deadline == ~0ULL ? 0 : MAX(deadline, 1ULL));
		return;
	}
	if (deadline == ~0ULL) {
		apic_write(APIC_TIMER_INIT, 0);
		return;
	}
	/* a timer more than a second off fires early: timers_run sets it again */
	count = deadline > now ? MIN(deadline - now, host.tsc_hz) : 0;
	count = count * apic_per_tsc >> 20;
	apic_write(APIC_TIMER_INIT, MIN(MAX(count, 1ULL), 0xffffffffULL));
}

/* The timer's ticks over an interval of tsc_hz-known length. */
static u64 timer_ticks(void (*wait)(u64), u64 us)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	apic_write(APIC_TIMER_INIT, 0xffffffff);
	wait(us);
	return 0xffffffff - apic_read(APIC_TIMER_COUNT);
}

void apic_timer_calibrated(void)
{
	if (host.tsc_deadline)
		return;
	host.apic_hz = timer_ticks(delay_us, 10000) * 100;
	apic_per_tsc = (host.apic_hz << 20) / host.tsc_hz;
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
}
