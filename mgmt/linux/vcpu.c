// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs. A hosted one runs in the time of the thread that calls vcpu_run; when
 * it halts, that thread sleeps until Dais raises the vCPU's event.
 */
#include <linux/io.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/thread_info.h>
#include "dais.h"

static int vcpu_make_event(struct vcpu *vcpu)
{
	struct hc_ret r;
	int ret = event_create(&vcpu->event);

	if (ret)
		return ret;
	ret = hc(ev_bind, &r, .event = vcpu->event->cap, .kind = DAIS_EV_FROM_VCPU,
		 .object = vcpu->cap, .value = EVENT_WAKE);
	if (ret) {
		event_destroy(vcpu->event);
		vcpu->event = NULL;
	}
	return ret;
}

/* Dais has no call that undoes vcpu_create alone: when a later step fails, the
 * index stays taken until the domain is destroyed. */
static int vcpu_make(struct vcpu *vcpu, u32 flags)
{
	struct hc_ret r;
	int ret = hc(vcpu_create, &r, .dom = vcpu->dom->cap, .index = vcpu->index,
		     .flags = flags);

	if (ret)
		return ret;
	vcpu->cap = r.value;
	vcpu->page_hpa = r.value2;
	vcpu->page = memremap(vcpu->page_hpa, sizeof(*vcpu->page), MEMREMAP_WB);
	if (!vcpu->page) {
		ret = -ENOMEM;
		goto drop;
	}
	if (vcpu->autonomous)
		return 0;
	ret = vcpu_make_event(vcpu);
	if (ret)
		goto unmap;
	return 0;

unmap:
	memunmap(vcpu->page);
drop:
	hc(cap_drop, &r, .cap = vcpu->cap);
	return ret;
}

/* dom->lock is held. */
static int vcpu_add(struct domain *dom, u32 index, u32 flags)
{
	struct vcpu *vcpu;
	int ret;

	if (xa_load(&dom->vcpus, index))
		return DAIS_EXISTS;
	vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return -ENOMEM;
	mutex_init(&vcpu->lock);
	vcpu->dom = dom;
	vcpu->index = index;
	vcpu->autonomous = flags & DAIS_VCPU_AUTONOMOUS;
	ret = xa_reserve(&dom->vcpus, index, GFP_KERNEL_ACCOUNT);
	if (ret)
		goto free;
	ret = vcpu_make(vcpu, flags);
	if (ret)
		goto release;
	xa_store(&dom->vcpus, index, vcpu, GFP_KERNEL); /* cannot fail: reserved */
	dom->vcpu_count++;
	return 0;

release:
	xa_release(&dom->vcpus, index);
free:
	kfree(vcpu);
	return ret;
}

/* The caller is within domain_enter. */
int vcpu_create(struct domain *dom, u32 index, u32 flags)
{
	int ret;

	if (index >= dom->max_vcpus || flags & ~DAIS_VCPU_AUTONOMOUS ||
	    dom->autonomous != !!(flags & DAIS_VCPU_AUTONOMOUS))
		return DAIS_BAD_ARG;
	mutex_lock(&dom->lock);
	ret = vcpu_add(dom, index, flags);
	mutex_unlock(&dom->lock);
	return ret;
}

/* The domain is dead and about to be reclaimed: after this nobody uses the
 * vCPU's capability or page. */
void vcpu_retire(struct vcpu *vcpu)
{
	mutex_lock(&vcpu->lock);
	memunmap(vcpu->page);
	vcpu->page = NULL;
	if (vcpu->event)
		event_destroy(vcpu->event);
	vcpu->event = NULL;
	mutex_unlock(&vcpu->lock);
}

void vcpu_free(struct vcpu *vcpu)
{
	kfree(vcpu);
}

/* One loan of this thread's time. vcpu_run wants IF = 0, so that work noted for
 * this thread before it is seen here, and later work ends the loan. */
static int vcpu_lend(struct vcpu *vcpu, u64 *exit)
{
	struct hc_ret ret = { DAIS_EXIT_INTR };
	int status = DAIS_OK;

	local_irq_disable();
	if (!need_resched() && !signal_pending(current))
		status = hc(vcpu_run, &ret, .vcpu = vcpu->cap);
	local_irq_enable();
	*exit = ret.value;
	return status;
}

/* Until Dais wakes the vCPU or something here wants it back in Dais. The bits
 * may be there already: they are kept since they were raised. */
static int vcpu_wait(struct vcpu *vcpu)
{
	int ret = event_follow_cpu(vcpu->event);

	if (ret)
		return ret;
	if (wait_event_interruptible(vcpu->event->wq, atomic64_read(&vcpu->event->bits)))
		return -EINTR;
	atomic64_set(&vcpu->event->bits, 0);
	return 0;
}

/* True: the exit is dealt with, run it again. */
static bool vcpu_served(struct vcpu *vcpu, u64 exit, int *ret)
{
	switch (exit) {
	case DAIS_EXIT_INTR:
		cond_resched();
		if (signal_pending(current))
			*ret = -EINTR;
		/* Work that is done on the way to user mode: libdais calls again. */
		return !*ret && !test_thread_flag(TIF_NOTIFY_RESUME);
	case DAIS_EXIT_HLT:
	case DAIS_EXIT_PAUSED:
		*ret = vcpu_wait(vcpu);
		return !*ret;
	case DAIS_EXIT_DEAD:
		/* Its other vCPUs may sleep in vcpu_wait; once it is gone their events are, too. */
		if (!domain_enter(vcpu->dom)) {
			domain_wake(vcpu->dom);
			domain_leave(vcpu->dom);
		}
		return false;
	default:
		return false;
	}
}

/* On 0 page->reason says which exit. */
int vcpu_run(struct vcpu *vcpu)
{
	u64 exit;
	int ret;

	if (mutex_lock_interruptible(&vcpu->lock))
		return -EINTR;
	ret = vcpu->page ? 0 : -ESTALE;
	if (!ret && vcpu->autonomous)
		ret = DAIS_BAD_STATE;
	while (!ret) {
		ret = vcpu_lend(vcpu, &exit);
		if (ret || !vcpu_served(vcpu, exit, &ret))
			break;
	}
	if (!ret)
		WRITE_ONCE(vcpu->page->reason, exit);
	mutex_unlock(&vcpu->lock);
	return ret;
}

/* The caller is within domain_enter. */
int vcpu_kick(struct vcpu *vcpu)
{
	struct hc_ret ret;
	int status = hc(vcpu_kick, &ret, .vcpu = vcpu->cap);

	if (!status && vcpu->event)
		event_signal(vcpu->event, EVENT_LOCAL);
	return status;
}
