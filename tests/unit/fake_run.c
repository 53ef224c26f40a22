/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/unit/fake_run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/mem.h"

struct cpu cpu;
struct xdomain domain;
static struct xdomain control;
struct xvcpu guest, lender;
static struct vcpu *guests[2], *lenders[1];
struct dais_vcpu_page guest_page;
static struct dais_vcpu_page lender_page;
static jmp_buf end;

struct fake_run t;

struct counters counters;
struct domain *control_domain = &control.d;
u32 trace_on;

/* --- the CPU, the scheduler --- */

u32 cpu_id(void) { return cpu.id; }
u64 time_now(void) { return 1; }
void cpu_poke(u32 n, bool posted) { assert_int_equal(n, 0); (void)posted; t.pokes++; }
void timers_run(u64 now) { (void)now; t.timers++; }
void trace_write(u16 kind, const struct vcpu *v, u64 a, u64 b) { (void)kind; (void)v; (void)a; (void)b; }
void cpu_request(u32 n, u32 bits) { assert_int_equal(n, 0); cpu.pending |= bits; }

static bool done(void) { return t.entries > t.until; }

struct sched_ctx *sched_pick(u64 now)
{
	(void)now;
	if (done())
		longjmp(end, 1);
	if (guest.v.autonomous && guest.v.sc.state == SCHED_QUEUED) {
		guest.v.sc.state = SCHED_RUNNING;
		return &guest.v.sc;
	}
	if (lender.v.sc.state == SCHED_QUEUED || lender.v.sc.state == SCHED_RUNNING) {
		lender.v.sc.state = SCHED_RUNNING;
		return &lender.v.sc;
	}
	longjmp(end, 2); /* nobody ever will */
}

bool sched_block(struct sched_ctx *c, const u32 *word, u32 mask)
{
	assert_ptr_equal(c, &guest.v.sc);
	assert_int_equal(guest.v.on_cpu, 0); /* or another CPU might load it twice */
	assert_null(cpu.running);
	t.blocks++;
	t.block_mask = mask;
	if (t.before_block)
		t.before_block();
	if (*word & mask)
		return false;
	c->state = SCHED_BLOCKED;
	return true;
}

void sched_wake(struct sched_ctx *c)
{
	if (c->state == SCHED_BLOCKED)
		c->state = SCHED_QUEUED;
}

/* --- the back end, the exit's handler --- */

static u64 back_end_enter(struct xvcpu *x, int irq)
{
	u32 n = t.entries++;

	assert_ptr_equal(cpu.running, &x->v);
	assert_int_equal(x->v.on_cpu, 1);
	assert_int_equal(x->v.in_guest, 1);
	if (x->v.lender) {
		assert_int_equal(x->v.lender->in_guest, 2);
		assert_int_equal(x->v.lender->on_cpu, 1);
	}
	if (x == &guest && n < ARRAY_SIZE(t.irq)) {
		t.irq[n] = irq;
		t.injected[n] = x->inject;
		t.waits[n] = x->nmi_waits;
	}
	x->inject.type = EVENT_NONE;
	x->exit = (struct exit){ .kind = EXIT_NOTHING };
	if (x == &guest) {
		t.run(x, n);
	} else {
		t.others++;
		cpu_request(0, CPU_RESCHED);
	}
	assert_true(n < 100); /* or it never ends */
	return t.refuse_irq;
}

static void back_end_flush(struct xvcpu *x) { (void)x; t.flushes++; }
static void back_end_write_sregs(struct xvcpu *x, const struct dais_sregs *s) { (void)x; (void)s; }

static const struct virt_ops ops = { .enter = back_end_enter, .flush = back_end_flush, .write_sregs = back_end_write_sregs };
const struct virt_ops *virt = &ops;

void exit_handle(struct xvcpu *x)
{
	assert_int_equal(x->v.in_guest, 0);
	if (x->exit.kind == EXIT_HLT)
		x->v.activity = DAIS_ACT_HALTED;
	else if (x->exit.kind == EXIT_IO)
		vcpu_exit_to_monitor(&x->v, DAIS_EXIT_IO);
}

void x86_vcpu_load(struct xvcpu *x) { (void)x; }
void arch_vcpu_unload(struct vcpu *v) { (void)v; t.unloads++; }
void arch_vcpu_served(struct vcpu *v) { (void)v; t.served++; }
struct dais_sregs *x86_sregs(struct xvcpu *x) { x->sregs_cached = true; return &x->sregs; }
void x86_reset_vcpu(struct xvcpu *x, bool init) { assert_true(init); x->rip = 0xfff0; }

void arch_vcpu_result(struct vcpu *v, status_t s, u64 value, u64 value2)
{
	assert_ptr_equal(v, &lender.v);
	assert_int_equal(s, DAIS_OK);
	assert_int_equal(value2, 0);
	t.result = value + 1;
}

/* --- the rest of the kernel --- */

void object_get(struct object *o) { o->refs++; }
void object_put(struct object *o) { assert_true(o->refs-- > 0); }
void event_raise_link(struct link *l, u64 bits) { (void)l; (void)bits; t.events++; }

/* What the loop never calls; linked because vcpu.c has more than loans. */
#define NEVER(type, name, args) type name args { fail_msg("%s is not the run loop's", __func__); return (type)0; }
#pragma GCC diagnostic ignored "-Wunused-parameter"
NEVER(struct vcpu *, arch_vcpu_alloc, (struct domain *d, u32 i))
NEVER(void, arch_vcpu_free, (struct vcpu *v))
NEVER(bool, arch_vcpu_has_work, (struct vcpu *v))
NEVER(bool, arch_vcpu_irqs_off, (struct vcpu *v))
NEVER(status_t, arch_vcpu_state, (struct vcpu *v, u64 op, u32 o, u32 n, void *b))
NEVER(void, cap_purge, (struct object *o))
NEVER(void *, heap_alloc, (size_t n))
NEVER(void, heap_free, (void *p, size_t n))
NEVER(void, link_set, (struct link *l, struct object *o, u64 v))
NEVER(status_t, mem_show, (const void *p, u32 n, bool w))
NEVER(void, mem_unshow, (const void *p, u32 n))
NEVER(void, object_init, (struct object *o, u32 type, void (*f)(struct object *)))
NEVER(void, sched_attach, (struct sched_ctx *c, u32 g, bool k))
NEVER(void, sched_detach, (struct sched_ctx *c))
NEVER(bool, sched_freeze, (struct sched_ctx *c))
NEVER(status_t, sched_set, (struct sched_ctx *c, u64 p, u64 v, const struct cpu_mask *m, u64 *l))
NEVER(bool, ipi_send, (struct xvcpu *x, u64 icr))
NEVER(void, irq_eoi, (u32 vector))
NEVER(void, lapic_timer_start, (struct lapic *l, u32 n))
NEVER(void, lapic_timer_mode, (struct lapic *l, u32 n))
NEVER(u32, lapic_timer_count, (const struct lapic *l))
hpa_t hva_to_hpa(const void *p) { fail(); return hpa(0); }
void lapic_timer_fire(struct timer *timer) { }
void lapic_timer_stop(struct lapic *l) { }

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	abort();
}

/* --- the stage --- */

static void vcpu_start(struct xvcpu *x, struct xdomain *d, struct dais_vcpu_page *page, bool autonomous)
{
	x->v = (struct vcpu){ .dom = &d->d, .page = page, .autonomous = autonomous, .activity = DAIS_ACT_RUNNABLE,
			      .obj = { .refs = 1 }, .sc = { .state = autonomous ? SCHED_QUEUED : SCHED_FROZEN } };
	x->rflags = 2 | RFLAGS_IF;
	lapic_reset(x, false);
	lapic_write(x, REG_SVR, 0x1ff);
}

void start(bool autonomous)
{
	memset(&t, 0, sizeof(t));
	memset(&guest, 0, sizeof(guest));
	memset(&lender, 0, sizeof(lender));
	cpu = (struct cpu){ .self = &cpu };
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
	domain.d = (struct domain){ .slot = 1, .id = 1, .state = DAIS_DOM_RUNNING, .max_vcpus = 1, .vcpu = guests };
	control.d = (struct domain){ .state = DAIS_DOM_RUNNING, .max_vcpus = 1, .vcpu = lenders };
	vcpu_start(&guest, &domain, &guest_page, autonomous);
	vcpu_start(&lender, &control, &lender_page, true);
	if (autonomous)
		lender.v.sc.state = SCHED_FROZEN;
}

void lend(void)
{
	guest.v.lender = &lender.v;
	lender.v.borrower = &guest.v;
	guest.v.obj.refs++;
}

bool loop(guest_fn run, u32 until)
{
	int why = setjmp(end);

	t.run = run;
	t.until = until;
	if (!why)
		cpu_loop();
	assert_null(cpu.running);
	assert_int_equal(guest.v.in_guest, 0);
	assert_int_equal(guest.v.on_cpu, 0);
	assert_int_equal(guest.v.obj.refs, 1);
	return why == 1;
}
