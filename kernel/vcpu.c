/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs' life, wake-ups, and the loan of time to hosted ones. */
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/string.h"
#include "kernel/trace.h"

status_t vcpu_create(struct domain *d, u64 index, u64 flags, struct vcpu **out)
{
	struct dais_vcpu_page *page;
	struct vcpu *v;

	if (index >= d->max_vcpus)
		return DAIS_BAD_ARG;
	if (d->vcpu[index])
		return DAIS_EXISTS;
	v = arch_vcpu_alloc(d, (u32)index);
	page = heap_pages(1);
	if (!v || !page || (d != control_domain && mem_show(page, 1, true) != DAIS_OK))
		goto fail;
	object_init(&v->obj, DAIS_T_VCPU, NULL);
	atomic_add(&counters.vcpus, 1);
	v->obj.whole = &d->obj;
	v->dom = d;
	v->page = page;
	v->index = page->index = (u32)index;
	v->activity = index ? DAIS_ACT_WAIT_SIPI : DAIS_ACT_RUNNABLE;
	v->autonomous = flags & DAIS_VCPU_AUTONOMOUS;
	if (v->autonomous)
		sched_attach(&v->sc, d->id, d == control_domain);
	atomic_store(&d->vcpu[index], v);
	*out = v;
	return DAIS_OK;

fail:
	heap_pages_free(page, 1);
	if (v)
		arch_vcpu_free(v);
	return DAIS_NO_MEMORY;
}

void vcpu_end(struct vcpu *v)
{
	cap_purge(&v->obj);
	if (v->autonomous)
		sched_detach(&v->sc);
	link_set(&v->on_exit, NULL, 0);
	mem_unshow(v->page, 1);
	heap_pages_free(v->page, 1);
}

bool vcpu_freeze(struct vcpu *v)
{
	return v->autonomous ? sched_freeze(&v->sc) : !atomic_load(&v->lender);
}

/*
 * The barrier of atomic_or stands between our setting of pending and our
 * reading of on_cpu and in_guest; the run loop has one between its setting of
 * those and its reading of pending: one of both sides sees the other.
 */
void vcpu_notify(struct vcpu *v, u32 bits)
{
	u32 cpu, in_guest;

	trace(DAIS_TRACE_WAKE, v, bits, 0);
	atomic_or(&v->pending, bits);
	cpu = atomic_load(&v->on_cpu);
	in_guest = atomic_load(&v->in_guest);
	if (cpu && cpu - 1 != cpu_id() && in_guest)
		cpu_poke(cpu - 1, bits == VP_IRQ && in_guest == 1 && atomic_load(&v->posted));
	if (v->autonomous)
		sched_wake(&v->sc);
	else if (!cpu)
		event_raise_link(&v->on_exit, 0);
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
	v->cpu_time += time_now();
	self->borrower = NULL;
	atomic_store(&v->on_cpu, 0);
	atomic_fence(); /* before pending is read again: see vcpu_notify */
	if (reason == DAIS_EXIT_HLT && (atomic_load(&v->pending) & VP_WAKE))
		reason = DAIS_EXIT_INTR;
	arch_vcpu_result(self, DAIS_OK, reason, 0);
	atomic_store(&v->lender, NULL);
	object_put(&v->obj);
}

void vcpu_leave(struct vcpu *v)
{
	enum dais_exit reason = v->leaving;

	v->leaving = DAIS_EXIT_NONE;
	v->page->reason = reason;
	if (v->autonomous)
		event_raise_link(&v->on_exit, 0);
	else
		loan_end(v, reason);
}

/* --- hypercalls --- */

status_t call_vcpu_create(struct call *c)
{
	struct domain *d = domain_arg(c, 0);
	struct vcpu *v;
	status_t s = DAIS_BAD_STATE;

	if (d->state == DAIS_DOM_CONFIG)
		s = vcpu_create(d, c->arg[1], c->arg[2], &v);
	if (s == DAIS_OK) {
		c->made = &v->obj;
		c->out[1] = hva_to_hpa(v->page).v;
	}
	return s;
}

/* Takes the loan. False: there is none, for that reason. */
static bool lend(struct vcpu *self, struct vcpu *v, u64 *reason)
{
	u32 state = atomic_load(&v->dom->state);

	if (state == DAIS_DOM_RUNNING && !arch_vcpu_has_work(self)) {
		if (v->activity == DAIS_ACT_PARKED) {
			arch_vcpu_served(v);
			v->activity = DAIS_ACT_RUNNABLE;
		}
		object_get(&v->obj);
		self->borrower = v;
		return true;
	}
	*reason = state == DAIS_DOM_RUNNING ? DAIS_EXIT_INTR : state == DAIS_DOM_DEAD ? DAIS_EXIT_DEAD :
		  atomic_and(&v->pending, ~VP_KICK) & VP_KICK ? DAIS_EXIT_KICK : DAIS_EXIT_PAUSED;
	return false;
}

status_t call_vcpu_run(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0), *self = c->self;

	if (!arch_vcpu_irqs_off(self))
		return DAIS_BAD_CALL;
	if (v->autonomous || c->dom != control_domain || v->dom->state == DAIS_DOM_CONFIG)
		return DAIS_BAD_STATE;
	if (!atomic_cas(&v->lender, NULL, self))
		return DAIS_BUSY;
	if (!lend(self, v, &c->out[0])) /* who changed the state finds us as the lender, or we see the new one */
		atomic_store(&v->lender, NULL);
	return DAIS_OK;
}

status_t call_vcpu_resume(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0);

	if (!v->autonomous || v->dom == control_domain || atomic_load(&v->activity) != DAIS_ACT_PARKED ||
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
	struct cpu_mask cpus;

	if (!v->autonomous)
		return DAIS_BAD_STATE;
	memcpy(&cpus, v->page->data, sizeof(cpus));
	return sched_set(&v->sc, c->arg[1], c->arg[2], &cpus, &c->out[0]);
}

status_t call_vcpu_state(struct call *c)
{
	struct vcpu *v = vcpu_arg(c, 0);
	status_t s;

	if (v->dom == control_domain || v->dom->state == DAIS_DOM_DEAD)
		return DAIS_BAD_STATE;
	/* mgmt_lock is held: what is frozen stays so */
	if (v->autonomous ? v->sc.state != SCHED_FROZEN : !atomic_cas(&v->lender, NULL, c->self))
		return DAIS_BUSY;
	s = arch_vcpu_state(v, c->arg[1], (u32)c->arg[2], (u32)c->arg[3], v->page->data);
	if (!v->autonomous)
		atomic_store(&v->lender, NULL);
	return s;
}
