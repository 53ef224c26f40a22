/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU does for ever: choose a vCPU, settle what is pending, enter, handle
 * the exit. Interrupts are off but in irq_window and idle_wait.
 */

#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"
#include "kernel/domain.h"
#include "kernel/timer.h"
#include "kernel/trace.h"

/* --- coming onto the CPU and leaving it --- */

static void put_on(struct cpu *c, struct vcpu *v)
{
	object_get(&v->obj); /* the end of a loan may be the end of v */
	c->running = v;
	v->cpu_time -= time_now();
	atomic_store(&v->on_cpu, c->id + 1);
	if (v->lender) {
		atomic_store(&v->lender->in_guest, 2); /* poked in any case: it has no loop of its own meanwhile */
		atomic_store(&v->lender->on_cpu, c->id + 1);
	}
	trace(DAIS_TRACE_SWITCH, v, 0, 0);
	x86_vcpu_load(xvcpu(v));
}

/* The state is saved before on_cpu is cleared: another CPU may load it at once. */
static void take_off(struct vcpu *v)
{
	struct vcpu *lender = v->lender;

	trace(DAIS_TRACE_OFF, v, v->activity, v->borrower != NULL);
	arch_vcpu_unload(v);
	v->cpu_time += time_now();
	atomic_store(&v->on_cpu, 0);
	if (lender) {
		atomic_store(&lender->on_cpu, 0);
		atomic_store(&lender->in_guest, 0);
	}
	this_cpu()->running = NULL;
	object_put(&v->obj);
}

/* Off the CPU before the scheduler may start it elsewhere; true when it sleeps. */
static bool block(struct vcpu *v, u32 mask)
{
	take_off(v);
	if (sched_block(&v->sc, &v->pending, mask))
		return true;
	put_on(this_cpu(), v);
	return false;
}

/* --- what is pending --- */

static void settle_init(struct xvcpu *x)
{
	struct vcpu *v = &x->v;
	u32 p = atomic_and(&v->pending, ~(VP_INIT | VP_SIPI));

	if (p & VP_INIT) {
		x86_reset_vcpu(x, true);
		v->activity = v->index ? DAIS_ACT_WAIT_SIPI : DAIS_ACT_RUNNABLE;
	}
	if ((p & VP_SIPI) && v->activity == DAIS_ACT_WAIT_SIPI) {
		x86_sregs(x)->cs.selector = x->sipi_vector << 8;
		x86_sregs(x)->cs.base = x->sipi_vector << 12;
		x86_sregs_changed(x);
		x->rip = 0;
		v->activity = DAIS_ACT_RUNNABLE;
	}
}

static void settle_halt(struct xvcpu *x)
{
	struct vcpu *v = &x->v;

	if (v->activity == DAIS_ACT_WAIT_SIPI)
		atomic_and(&v->pending, ~VP_NMI); /* an NMI is lost then: SDM vol. 3 §8.4.2 */
	if (v->activity != DAIS_ACT_HALTED)
		return;
	if (((x->rflags & RFLAGS_IF) && lapic_deliverable(&x->lapic) >= 0) ||
	    ((v->pending & VP_NMI) && !x->nmi_masked) || atomic_xchg(&x->pv_kicked, 0))
		v->activity = DAIS_ACT_RUNNABLE;
}

/* Gives the CPU back: false, until one of these is pending; a hosted one leaves for its monitor. */
static bool rest(struct vcpu *v, u32 until, enum dais_exit reason)
{
	if (v->autonomous)
		return !block(v, until);
	vcpu_exit_to_monitor(v, reason);
	return true;
}

/* Acts on v->pending; false: it does not run now. True: look again, or enter when nothing is left. */
static bool settle(struct xvcpu *x)
{
	struct vcpu *v = &x->v;
	u32 p = atomic_and(&v->pending, ~(VP_IRQ | VP_STOP | VP_KICK));

	if ((p & VP_KICK) && !v->autonomous)
		return rest(v, 0, DAIS_EXIT_KICK);
	if (v->dom->state != DAIS_DOM_RUNNING) /* read after VP_STOP was: who changes it does so before */
		return rest(v, VP_STOP, v->dom->state == DAIS_DOM_DEAD ? DAIS_EXIT_DEAD : DAIS_EXIT_PAUSED);
	if (v->activity == DAIS_ACT_PARKED) {
		if (!(atomic_and(&v->pending, ~VP_RESUMED) & VP_RESUMED))
			return !block(v, VP_RESUMED | VP_STOP);
		arch_vcpu_served(v);
		v->activity = DAIS_ACT_RUNNABLE;
	} else if (unlikely(p & VP_RESUMED)) { /* two resumed it at once */
		atomic_and(&v->pending, ~VP_RESUMED);
	}
	settle_init(x);
	settle_halt(x);
	return v->activity == DAIS_ACT_RUNNABLE || rest(v, VP_WAKE & ~(x->nmi_masked ? VP_NMI : 0), DAIS_EXIT_HLT);
}

/* --- entry --- */

static void offer_nmi(struct xvcpu *x)
{
	x->nmi_waits = x->v.pending & VP_NMI && (x->nmi_masked || x->shadow || x->inject.type != EVENT_NONE);
	if (!(x->v.pending & VP_NMI) || x->nmi_waits)
		return;
	atomic_and(&x->v.pending, ~VP_NMI);
	x->inject = (struct guest_event){ .type = EVENT_NMI, .vector = VEC_NMI };
	x->nmi_masked = true;
}

/* Something is pending. VP_NMI stays set while the NMI is masked: no reason not to enter. One that comes later pokes. */
static __cold bool may_enter(struct cpu *c, struct xvcpu *x)
{
	struct vcpu *v = &x->v;

	if ((atomic_load(&v->pending) & ~VP_NMI) || atomic_load(&c->pending))
		return false;
	if (v->lender && atomic_load(&v->lender->pending)) {
		vcpu_exit_to_monitor(v, DAIS_EXIT_INTR);
		return false;
	}
	offer_nmi(x);
	return true;
}


/* An event whose delivery was cut short; INT n is executed again instead. */
static __cold void inject_again(struct xvcpu *x)
{
	x->inject = x->exit.vectoring;
	if (x->inject.type == EVENT_SOFT)
		x->inject.type = EVENT_NONE;
}

/* The vector to offer, or -1 */
static __cold int offer_irq(struct xvcpu *x)
{
	int irq = x->inject.type == EVENT_INTR ? -1 : lapic_deliverable(&x->lapic);

	if (irq >= 0)
		lapic_accept(&x->lapic, irq);
	return irq;
}

static __cold void before_entry(struct xvcpu *x, u64 gen)
{
	if (gen != x->flush_seen) {
		atomic_store(&x->flush_seen, gen);
		virt->flush(x);
	}
	if (x->sregs_dirty)
		virt->write_sregs(x, &x->sregs);
	x->sregs_cached = x->sregs_dirty = false;
}

static void enter(struct xvcpu *x)
{
	struct vcpu *v = &x->v;
	u64 gen = atomic_load(&v->dom->flush_gen);
	int irq = lapic_idle(&x->lapic) ? -1 : offer_irq(x);

	if (unlikely(gen != x->flush_seen || x->sregs_cached))
		before_entry(x, gen);
	if (virt->enter(x, irq) && irq >= 0)
		lapic_take_back(&x->lapic, irq);
	v->exits++;
	if (unlikely(x->inject.type | x->exit.vectoring.type))
		inject_again(x);
}

/* The loan is over: v may be running elsewhere already. */
static void loan_over(struct cpu *c, struct vcpu *v)
{
	struct vcpu *lender = v->lender;

	trace(DAIS_TRACE_OFF, v, v->activity, 0);
	vcpu_leave(v);
	atomic_store(&lender->on_cpu, 0);
	atomic_store(&lender->in_guest, 0);
	c->running = NULL;
	object_put(&v->obj);
}

static bool leave(struct cpu *c, struct vcpu *v)
{
	if (v->autonomous)
		return vcpu_leave(v), true;
	loan_over(c, v); /* it may be gone */
	return false;
}

/*
 * One entry and its exit, or what has to come before. False: v does not go on; nothing of it may be touched unless it
 * is still c->running.
 */
static bool step(struct cpu *c, struct vcpu *v)
{
	struct xvcpu *x = xvcpu(v);
	u32 pending;

	if (unlikely((v->pending & ~VP_NMI) || v->activity != DAIS_ACT_RUNNABLE || v->leaving))
		return v->leaving ? leave(c, v) : settle(x) && (v->leaving || !atomic_load(&c->pending));
	atomic_store(&v->in_guest, 1);
	atomic_fence(); /* against vcpu_notify and nested_flush */
	pending = atomic_load(&v->pending) | atomic_load(&c->pending) | (v->lender ? atomic_load(&v->lender->pending) : 0);
	if (unlikely(pending) && !may_enter(c, x)) {
		atomic_store(&v->in_guest, 0);
		return !atomic_load(&c->pending);
	}
	enter(x);
	atomic_store(&v->in_guest, 0);
	exit_handle(x);
	return !v->borrower;
}

static struct vcpu *next(struct cpu *c)
{
	struct sched_ctx *s;
	struct vcpu *v;

	if (atomic_xchg(&c->pending, 0) & CPU_TIMER)
		timers_run(time_now());
	s = sched_pick(time_now());
	if (!s)
		return NULL;
	v = container_of(s, struct vcpu, sc);
	return v->borrower ? v->borrower : v;
}

/* Runs v until it blocks or the CPU has something else to do; and in its time those whom it lends to. */
static void run(struct cpu *c, struct vcpu *v)
{
	struct vcpu *then;

	for (; v && !atomic_load_relaxed(&c->pending); v = then) {
		then = v->lender;
		put_on(c, v);
		while (step(c, v))
			;
		if (!c->running)
			continue; /* v's loan is over; or it blocked, and has no lender */
		then = v->borrower;
		take_off(v);
	}
}

void cpu_loop(void)
{
	struct cpu *c = this_cpu();
	struct vcpu *v;

	cpu_request(c->id, CPU_TIMER | CPU_RESCHED);
	for (;;) {
		v = next(c);
		if (v)
			run(c, v);
		else if (!atomic_load(&c->pending))
			idle_wait();
	}
}
