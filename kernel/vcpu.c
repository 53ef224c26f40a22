/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs' life, wake-ups, and the loan of time to hosted ones. */
#include "kernel/vcpu.h"
#include "kernel/arch.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/string.h"

static void vcpu_free(struct object *o)
{
	struct vcpu *v = container_of(o, struct vcpu, obj);
	struct domain *d = v->dom;

	arch_vcpu_free(v);
	atomic_sub(&counters.vcpus, 1);
	object_put(&d->obj);
}

status_t vcpu_create(struct domain *d, struct domain *creator, u64 index, u64 flags,
		     struct vcpu **out)
{
	struct vcpu *v;
	status_t s = DAIS_NO_MEMORY;

	if (index >= d->max_vcpus || (flags & ~DAIS_VCPU_AUTONOMOUS))
		return DAIS_BAD_ARG;
	if (d->vcpu[index])
		return DAIS_EXISTS;
	v = arch_vcpu_alloc(d, (u32)index);
	if (!v)
		return s;
	object_init(&v->obj, DAIS_T_VCPU, vcpu_free);
	object_get(&d->obj);
	v->dom = d;
	v->index = (u32)index;
	v->activity = DAIS_ACT_WAIT_SIPI;
	v->autonomous = flags & DAIS_VCPU_AUTONOMOUS;
	atomic_add(&counters.vcpus, 1);
	if (creator) {
		v->page = heap_pages(1);
		if (!v->page)
			goto fail;
		v->page->index = v->index;
		s = mem_show(creator, v->page, 1, true);
		if (s != DAIS_OK)
			goto fail_page;
	}
	if (v->autonomous)
		sched_attach(&v->sc, SCHED_ANY_CPU);
	atomic_store(&d->vcpu[index], v);
	*out = v;
	return DAIS_OK;

fail_page:
	heap_pages_free(v->page, 1);
fail:
	object_put(&v->obj);
	return s;
}

void vcpu_destroy(struct vcpu *v)
{
	struct domain *d = v->dom;

	CHECK(vcpu_is_still(v));
	cap_purge(&v->obj);
	if (v->autonomous)
		sched_detach(&v->sc);
	event_bind(&v->on_exit, NULL, 0);
	if (v->page) {
		mem_unshow(d->creator, v->page, 1);
		heap_pages_free(v->page, 1);
		v->page = NULL;
	}
	d->vcpu[v->index] = NULL;
	object_put(&v->obj);
}

void vcpu_start(struct vcpu *v)
{
	if (v->index == 0)
		v->activity = DAIS_ACT_RUNNABLE;
	if (v->autonomous && v->index == 0)
		sched_wake(&v->sc);
}

bool vcpu_is_still(struct vcpu *v)
{
	return !atomic_load(&v->on_cpu) && !atomic_load(&v->lent) &&
	       (!v->autonomous || v->sc.state == SCHED_BLOCKED || v->sc.state == SCHED_DETACHED);
}

/*
 * The barrier of atomic_or stands between our setting of pending and our
 * reading of on_cpu and in_guest; the run loop has one between its setting of
 * those and its reading of pending: one of both sides sees the other.
 */
void vcpu_notify(struct vcpu *v, u32 bits)
{
	u32 cpu;

	atomic_or(&v->pending, bits);
	cpu = atomic_load(&v->on_cpu);
	if (cpu) {
		if (cpu - 1 != cpu_id() && atomic_load(&v->in_guest))
			cpu_poke(cpu - 1);
	} else if (!v->autonomous) {
		event_raise_binding(&v->on_exit, 0);
	}
	/* Before activation and after death what sleeps stays so: vcpu_destroy relies on it. */
	if (v->autonomous && atomic_load(&v->dom->state) != DAIS_DOM_CONFIG &&
	    domain_enter(v->dom)) {
		sched_wake(&v->sc);
		domain_leave(v->dom);
	}
}

/* --- loans --- */

void vcpu_exit_to_monitor(struct vcpu *v, enum dais_exit reason)
{
	v->leaving = reason;
	if (reason == DAIS_EXIT_IO || reason == DAIS_EXIT_MMIO || reason == DAIS_EXIT_EOI)
		atomic_store(&v->activity, DAIS_ACT_PARKED);
}

static void loan_end(struct vcpu *v, enum dais_exit reason)
{
	struct vcpu *self = v->lender;

	arch_vcpu_unload(v);
	v->lender = NULL;
	self->borrower = NULL;
	atomic_store(&v->on_cpu, 0);
	atomic_fence(); /* before pending is read again: see vcpu_notify */
	if (reason == DAIS_EXIT_HLT && (atomic_load(&v->pending) & VP_WAKE))
		reason = DAIS_EXIT_INTR;
	arch_vcpu_result(self, DAIS_OK, reason, 0);
	atomic_store(&v->lent, 0);
	object_put(&v->obj);
}

void vcpu_leave(struct vcpu *v)
{
	enum dais_exit reason = v->leaving;

	v->leaving = DAIS_EXIT_NONE;
	v->page->reason = reason;
	v->page->exits = v->exits;
	v->page->guest_tsc = v->guest_tsc;
	if (v->autonomous)
		event_raise_binding(&v->on_exit, 0);
	else
		loan_end(v, reason);
}

/* --- hypercalls --- */

status_t call_vcpu_create(struct call *c)
{
	struct domain *d = domain_arg(c, 0);
	struct vcpu *v;
	status_t s;

	if (d->state != DAIS_DOM_CONFIG || d->slot == 0)
		return DAIS_BAD_STATE;
	if (c->dom != d->creator) /* who sees the domain's pages is one domain alone */
		return DAIS_DENIED;
	s = vcpu_create(d, c->dom, c->arg[1], c->arg[2], &v);
	if (s != DAIS_OK)
		return s;
	s = cap_insert(&c->dom->caps, &v->obj, DAIS_R_ALL, &c->out[0]);
	if (s == DAIS_OK)
		c->out[1] = hva_to_hpa(v->page).v;
	else
		vcpu_destroy(v);
	return s;
}

/* The loan, or why there is none; v's domain stays meanwhile. */
static status_t lend(struct vcpu *self, struct vcpu *v, u64 *reason)
{
	if (!atomic_cas32(&v->lent, 0, 1))
		return DAIS_BUSY;
	if (v->dom->state != DAIS_DOM_RUNNING || arch_vcpu_has_work(self)) {
		*reason = v->dom->state == DAIS_DOM_RUNNING ? DAIS_EXIT_INTR :
			  v->dom->state == DAIS_DOM_DEAD ? DAIS_EXIT_DEAD :
			  atomic_and(&v->pending, ~VP_KICK) & VP_KICK ? DAIS_EXIT_KICK : DAIS_EXIT_PAUSED;
		atomic_store(&v->lent, 0);
		return DAIS_OK;
	}
	if (v->activity == DAIS_ACT_PARKED) {
		arch_vcpu_served(v);
		v->activity = DAIS_ACT_RUNNABLE;
	}
	object_get(&v->obj);
	v->lender = self;
	self->borrower = v;
	return DAIS_OK;
}

status_t call_vcpu_run(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0), *self = c->self;
	status_t s;

	if (!arch_vcpu_irqs_off(self))
		return DAIS_BAD_CALL;
	if (v->autonomous || !self->autonomous || v->dom->state == DAIS_DOM_CONFIG)
		return DAIS_BAD_STATE;
	if (!domain_enter(v->dom)) {
		c->out[0] = DAIS_EXIT_DEAD;
		return DAIS_OK;
	}
	s = lend(self, v, &c->out[0]);
	domain_leave(v->dom);
	return s;
}

status_t call_vcpu_resume(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0);

	if (!v->autonomous || v->dom->slot == 0 || atomic_load(&v->activity) != DAIS_ACT_PARKED ||
	    (atomic_load(&v->pending) & VP_RESUMED))
		return DAIS_BAD_STATE;
	vcpu_notify(v, VP_RESUMED);
	return DAIS_OK;
}

status_t call_vcpu_kick(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0);

	if (v->autonomous)
		return DAIS_BAD_STATE;
	vcpu_notify(v, VP_KICK);
	return DAIS_OK;
}

status_t call_sched_set(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0);

	return v->autonomous ? sched_set_param(&v->sc, c->arg[1], c->arg[2]) : DAIS_BAD_STATE;
}

status_t call_vcpu_state(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0);
	u8 copy[sizeof(v->page->data)]; /* the creator could change its page meanwhile */
	status_t s;

	if (!v->page || v->dom->state == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	if (c->arg[2] > 65536 || c->arg[3] > sizeof(v->page->data))
		return DAIS_BAD_ARG;
	/* an autonomous vCPU that could start by itself is not still enough */
	if ((v->autonomous && v->dom->state == DAIS_DOM_RUNNING) || !vcpu_is_still(v) ||
	    !atomic_cas32(&v->lent, 0, 1))
		return DAIS_BUSY;
	memcpy(copy, v->page->data, c->arg[3]);
	s = arch_vcpu_state(v, c->arg[1], (u32)c->arg[2], (u32)c->arg[3], copy);
	if (s == DAIS_OK && !(c->arg[1] & DAIS_STATE_SET))
		memcpy(v->page->data, copy, c->arg[3]);
	atomic_store(&v->lent, 0);
	return s;
}
