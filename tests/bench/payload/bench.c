/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What single operations cost in a guest, in TSC ticks: where one tick passes for each
 * instruction (QEMU's -icount), host mode's instructions are in it. Each figure is a line
 * "BENCH name minimum median samples", less the cost of measuring.
 * Arguments: hv=dais|kvm|xen|none, only=prefix, skip=prefix, slow=n (samples of what takes milliseconds),
 * echo=1: nothing but answers for control/event.c, and an interrupt every tick= ns; hostport=, monport=: ports
 * that the hypervisor and its monitor serve; peer=: APIC ID of the second vCPU.
 */
#include "../../guests/rt.h"
#include "../mark.h"

#define SAMPLES		1000
#define WARM_UP		8
#define DAIS_EV_TAKE	(0xda150000UL + 22)
#define KVM_POLL_IRQ	1
#define XEN_VERSION	17
#define XEN_SCHED	29
#define XEN_SHUTDOWN	2
#define MSR_APIC_BASE	0x1b
#define MSR_X2_EOI	0x80b
#define MSR_X2_ICR	0x830
#define MSR_DEADLINE	0x6e0
#define APIC_MMIO	0xfee00000UL
#define DIVIDE_BY_1	0xb
#define TICK		0xe1	/* vectors */
#define PING		0xe2
#define PONG		0xe3
#define ECHO		0xe4
#define ECHO_PORT	0x5000
#define SLOW_MAX	100
#define AWAY		1000	/* ticks between two looks at the TSC that only another vCPU explains */
#define SLEEP		300000	/* ticks */
#define TOUCHED_4K	(32UL << 20)
#define TOUCHED_2M	(48UL << 20)
#define COLD_PAGES	64
#define FAR_MS		60000

const char test_name[] = "bench";

static u32 sample[SAMPLES], overhead, peer;
static char hv[8];
static bool x2;
static u16 host_port, monitor_port;
static u64 apic_base;
static volatile u64 fired, fired_at, pongs;

static inline u64 ticks(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) :: "memory");
	return (u64)high << 32 | low;
}

static bool on(const char *name)
{
	return !memcmp(hv, name, strlen(name) + 1);
}

/* --- figures --- */

static void sort(u32 *a, u32 n)
{
	u32 gap, i, j, v;

	for (gap = n / 2; gap; gap /= 2)
		for (i = gap; i < n; i++) {
			v = a[i];
			for (j = i; j >= gap && a[j - gap] > v; j -= gap)
				a[j] = a[j - gap];
			a[j] = v;
		}
}

static u32 less(u32 v, u32 cost)
{
	return v > cost ? v - cost : 0;
}

static bool wanted(const char *name)
{
	char only[32], skip[32];

	if (argument("skip", skip, sizeof(skip)) && !memcmp(name, skip, strlen(skip)))
		return false;
	return !argument("only", only, sizeof(only)) || !memcmp(name, only, strlen(only));
}

static void report(const char *name, u32 n, u32 cost)
{
	sort(sample, n);
	print("BENCH %s %u %u %u\n", name, less(sample[0], cost), less(sample[n / 2], cost), n);
}

/* Each operation has another number, so that each can touch another page. */
static void sample_all(void (*op)(u32), u32 n)
{
	u32 i;
	u64 start;

	for (i = 0; i < WARM_UP; i++)
		op(i);
	for (i = 0; i < n; i++) {
		start = ticks();
		op(WARM_UP + i);
		sample[i] = ticks() - start;
	}
}

static void measure_n(const char *name, void (*op)(u32), u32 n)
{
	if (!wanted(name))
		return;
	MARK(BEGIN);
	sample_all(op, n);
	MARK(END);
	report(name, n, overhead);
}

static void measure(const char *name, void (*op)(u32))
{
	measure_n(name, op, SAMPLES);
}

/* --- exits --- */

static void op_nothing(u32 i)
{
	(void)i;
}

static void op_cpuid(u32 i)
{
	(void)i;
	cpuid(0, 0);
}

static void op_cpuid_1(u32 i)
{
	(void)i;
	cpuid(1, 0);
}

static void op_cpuid_d(u32 i)
{
	(void)i;
	cpuid(0xd, 0);
}

/* Each time on another page: whatever is kept of the last instruction's page does not help. */
static void op_cpuid_cold(u32 i)
{
	((void (*)(void))(WINDOW + i % COLD_PAGES * PAGE))();
}

static void op_hypercall_dais(u32 i)
{
	(void)i;
	hypercall(DAIS_EV_TAKE, 1, 0, 0); /* refused: the slot is empty */
}

static void op_hypercall_xen(u32 i)
{
	(void)i;
	hypercall(XEN_VERSION, 0, 0, 0);
}

static void op_hypercall_kvm(u32 i)
{
	(void)i;
	hypercall(KVM_POLL_IRQ, 0, 0, 0);
}

static void op_rdmsr(u32 i)
{
	(void)i;
	rdmsr(MSR_APIC_BASE);
}

static void op_wrmsr(u32 i)
{
	(void)i;
	wrmsr(MSR_APIC_BASE, apic_base);
}

static void op_port_host(u32 i)
{
	(void)i;
	inb(host_port);
}

static void op_port_monitor(u32 i)
{
	(void)i;
	inb(monitor_port);
}

static void op_tpr_read(u32 i)
{
	(void)i;
	(void)*(volatile u32 *)(APIC_MMIO + APIC_TPR * 16);
}

static void op_tpr_write(u32 i)
{
	(void)i;
	*(volatile u32 *)(APIC_MMIO + APIC_TPR * 16) = 0;
}

static void op_touch_4k(u32 i)
{
	((volatile u8 *)TOUCHED_4K)[i * PAGE] = 1;
}

static void op_touch_2m(u32 i)
{
	((volatile u8 *)TOUCHED_2M)[(u64)i << 21] = 1;
}

/* --- interrupts: the shortest handlers, not those of the runtime --- */

static inline void icr(u32 dest, u32 low)
{
	if (x2) {
		wrmsr(MSR_X2_ICR, (u64)dest << 32 | low);
		return;
	}
	*(volatile u32 *)(APIC_MMIO + APIC_ICR_HIGH * 16) = dest << 24;
	*(volatile u32 *)(APIC_MMIO + APIC_ICR * 16) = low;
}

static inline void eoi(void)
{
	if (x2)
		wrmsr(MSR_X2_EOI, 0);
	else
		*(volatile u32 *)(APIC_MMIO + APIC_EOI * 16) = 0;
}

struct frame;

static void __attribute__((interrupt)) on_tick(struct frame *f)
{
	(void)f;
	fired_at = ticks();
	fired++;
	eoi();
}

static void __attribute__((interrupt)) on_ping(struct frame *f)
{
	(void)f;
	eoi();
	icr(0, ICR_FIXED | ICR_ASSERT | PONG);
}

static void __attribute__((interrupt)) on_pong(struct frame *f)
{
	(void)f;
	pongs++;
	eoi();
}

static void __attribute__((interrupt)) on_echo(struct frame *f)
{
	(void)f;
	eoi();
	outb(ECHO_PORT, 0);
}

struct gate { u16 low, selector; u8 ist, type; u16 middle; u32 high, reserved; };

static void handle(u8 vector, void (*fn)(struct frame *))
{
	struct { u16 limit; u64 base; } __attribute__((packed)) idtr;
	struct gate *g;

	asm volatile("sidt %0" : "=m"(idtr));
	g = (struct gate *)idtr.base + vector;
	*g = (struct gate){ .low = (u64)fn, .middle = (u64)fn >> 16, .high = (u64)fn >> 32, .selector = 8, .type = 0x8e };
}

static void op_self_ipi(u32 i)
{
	u64 before = fired;

	(void)i;
	icr(0, ICR_SELF | ICR_FIXED | ICR_ASSERT | TICK);
	while (fired == before)
		;
}

static bool deadline;	/* the timer is armed by a TSC deadline, or by a count of apicns ticks each */

/* Due already: arming it is what makes it fire. */
static void op_timer(u32 i)
{
	u64 before = fired;

	(void)i;
	if (deadline)
		wrmsr(MSR_DEADLINE, 1);
	else
		apic_write(APIC_INITIAL, 1);
	while (fired == before)
		;
}

/* Ticks from the moment that was asked for to the handler of a halted vCPU. */
static void measure_wake(const char *name)
{
	u64 due, step = argument_number("apicns", 1);
	u32 i;

	if (!wanted(name))
		return;
	for (i = 0; i < SAMPLES; i++) {
		fired_at = 0;
		due = ticks() + SLEEP;
		if (deadline)
			wrmsr(MSR_DEADLINE, due);
		else
			apic_write(APIC_INITIAL, SLEEP / step);
		while (!fired_at)
			sti_hlt();
		sample[i] = fired_at > due ? fired_at - due : 0;
	}
	report(name, SAMPLES, 0);
}

static void measure_timer(void)
{
	deadline = cpuid(1, 0).ecx >> 24 & 1;
	apic_write(APIC_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, (deadline ? APIC_DEADLINE : 0) | TICK);
	sti();
	measure("timer", op_timer);
	cli();
	measure_wake("hlt-wake");
	apic_write(APIC_LVT_TIMER, APIC_MASKED);
}

/* --- two vCPUs --- */

static volatile bool stop;
static volatile u64 last_seen[2], gap[2][SLOW_MAX];
static volatile u32 gaps[2];

static void answer(void *arg)
{
	(void)arg;
	while (!stop)
		sti_hlt();
}

static void op_ping(u32 i)
{
	u64 before = pongs;

	(void)i;
	icr(peer, ICR_FIXED | ICR_ASSERT | PING);
	while (pongs == before)
		sti_hlt();
}

static void set_x2(void *arg)
{
	apic_to_x2();
	answer(arg);
}

/* The second vCPU does another job; but for the last, it is halted whenever it is not spoken to. */
static void peer_does(void (*job)(void *))
{
	if (cpus[peer].jobs_given) {
		stop = true;
		icr(peer, ICR_FIXED | ICR_ASSERT | PING);
		smp_wait(peer, FAR_MS);
		stop = false;
	}
	smp_run(peer, job, NULL);
}

/* From the last look of the other vCPU at the TSC to the first of this one. */
static void look_at_time(u32 me, u32 n)
{
	u64 before = ticks(), now;

	for (; !stop && (me || gaps[0] < n || gaps[1] < n); before = now) {
		now = ticks();
		if (now - before > AWAY && gaps[me] < SLOW_MAX && last_seen[!me] > before)
			gap[me][gaps[me]++] = now - last_seen[!me];
		last_seen[me] = now;
	}
}

static void other_looks(void *arg)
{
	(void)arg;
	look_at_time(1, 0);
}

/* On one core. The mean of both ways, as the two TSCs may differ a little. */
static void measure_switch(const char *name)
{
	u32 n = argument_number("slow", 20), i;

	if (!wanted(name))
		return;
	peer_does(other_looks);
	look_at_time(0, n);
	stop = true;
	smp_wait(peer, FAR_MS);
	stop = false;
	for (i = 0; i < n; i++)
		sample[i] = (gap[0][i] + gap[1][i]) / 2;
	report(name, n, overhead);
}

/* --- */

static void map_cold_pages(void)
{
	/* push rbx; xor eax, eax; xor ecx, ecx; cpuid; pop rbx; ret */
	static const u8 code[] = { 0x53, 0x31, 0xc0, 0x31, 0xc9, 0x0f, 0xa2, 0x5b, 0xc3 };
	u32 i;

	for (i = 0; i < COLD_PAGES; i++) {
		void *page = page_alloc();

		memcpy(page, code, sizeof(code));
		window_map(i, (u64)page, PTE_P | PTE_W);
	}
}

static void measure_touch(void)
{
	u32 n = ram_top() > TOUCHED_2M ? (ram_top() - TOUCHED_2M) >> 21 : 0;

	measure("touch-4k", op_touch_4k);
	if (n > WARM_UP)
		measure_n("touch-2m", op_touch_2m, n - WARM_UP);
}

static void measure_exits(void)
{
	measure("cpuid", op_cpuid);
	measure("cpuid-leaf-1", op_cpuid_1);
	measure("cpuid-leaf-d", op_cpuid_d);
	map_cold_pages();
	measure("cpuid-cold", op_cpuid_cold);
	if (!on("none"))
		measure("hypercall", on("dais") ? op_hypercall_dais : on("xen") ? op_hypercall_xen : op_hypercall_kvm);
	if (on("dais"))
		measure("hypercall-kvm", op_hypercall_kvm);
	measure("msr-read", op_rdmsr);
	apic_base = rdmsr(MSR_APIC_BASE);
	measure("msr-write", op_wrmsr);
	measure("port-host", op_port_host);
	if (!on("xen"))
		measure("port-monitor", op_port_monitor);
	measure_touch();
}

static void measure_interrupts(void)
{
	sti();
	measure(x2 ? "x2apic-self-ipi" : "xapic-self-ipi", op_self_ipi);
	cli();
	if (!x2) {
		measure("xapic-tpr-read", op_tpr_read);
		measure("xapic-tpr-write", op_tpr_write);
	}
}

static void __attribute__((noreturn)) end(void)
{
	static struct { u32 reason; } off;

	print("PASS bench\n");
	if (on("xen"))
		hypercall(XEN_SCHED, XEN_SHUTDOWN, (u64)&off, 0);
	power_off();
}

void test(void)
{
	bool two = cpus_listed() > 1;

	if (!argument("hv", hv, sizeof(hv)))
		memcpy(hv, "none", 5);
	handle(ECHO, on_echo);
	if (argument_number("tick", 0)) {
		apic_write(APIC_DIVIDE, DIVIDE_BY_1);
		apic_write(APIC_LVT_TIMER, APIC_PERIODIC | TICK);
		apic_write(APIC_INITIAL, argument_number("tick", 0));
	}
	while (argument_number("echo", 0))
		sti_hlt();
	host_port = argument_number("hostport", 0xed);
	monitor_port = argument_number("monport", 0x3ff);
	peer = argument_number("peer", 1);
	sample_all(op_nothing, SAMPLES);
	sort(sample, SAMPLES);
	overhead = sample[0];
	handle(TICK, on_tick);
	handle(PING, on_ping);
	handle(PONG, on_pong);
	if (two && !smp_restart(peer)) {
		expect_failed("the second vCPU does not start");
		two = false;
	}
	if (two)
		peer_does(answer);
	measure_exits();
	measure_interrupts();
	if (two)
		measure("xapic-ping-pong", op_ping);
	if (cpuid(1, 0).ecx >> 21 & 1) {
		if (two)
			peer_does(set_x2);
		apic_to_x2();
		x2 = true;
		measure_interrupts();
		if (two)
			measure("x2apic-ping-pong", op_ping);
	}
	measure_timer();
	if (two)
		measure_switch("switch");
	end();
}
