// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains: creation, the list, and the end. A hosted domain dies with its
 * owner's descriptor, an autonomous one by request. A dead one is taken apart
 * only when no process maps its frames any more, since Dais then gives them to
 * somebody else.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "dais.h"

static LIST_HEAD(domains);
static DEFINE_MUTEX(domains_lock);
static struct workqueue_struct *reaper;

/* ---- the end ---- */

/* Wakes every vCPU thread out of a halt or pause, to look again. The caller is within domain_enter, or takes the
 * domain apart: else events could go meanwhile. */
void domain_wake(struct domain *dom)
{
	struct vcpu *vcpu;
	unsigned long i;

	xa_for_each(&dom->vcpus, i, vcpu) {
		if (vcpu->event)
			event_signal(vcpu->event, EVENT_LOCAL);
	}
}

/* The caller is within domain_enter, or takes the domain apart. */
void domain_kill(struct domain *dom, u64 why)
{
	struct hc_ret ret;

	/* BAD_STATE when it is dead already: its first reason stands. */
	hc(dom_ctl, &ret, .dom = dom->cap, .op = DAIS_DOM_KILL, .arg = why);
	domain_wake(dom);
}

/* False: somebody still maps it, or it is gone already. */
static bool domain_claim(struct domain *dom)
{
	bool mine;

	down_write(&dom->life);
	mine = !dom->gone && !atomic_read(&dom->maps);
	if (mine)
		dom->gone = true;
	up_write(&dom->life);
	return mine;
}

static void domain_take_apart(struct domain *dom, enum dais_death why)
{
	struct hc_ret ret;
	struct vcpu *vcpu;
	unsigned long i;
	int status;

	if (!domain_claim(dom))
		return;
	domain_kill(dom, why);
	xa_for_each(&dom->vcpus, i, vcpu)
		vcpu_retire(vcpu);
	memunmap(dom->page);
	dom->page = NULL;
	do {
		cond_resched();
		status = hc(mem_reclaim, &ret, .dom = dom->cap);
	} while (status == DAIS_AGAIN);
	if (status)
		pr_err("domain %u (%s): Dais refuses to reclaim it (status %d)\n", dom->id,
		       dom->name, status);
	devices_release(dom);

	mutex_lock(&domains_lock);
	list_del_init(&dom->node);
	mutex_unlock(&domains_lock);
	complete_all(&dom->reaped);
}

/* Runs where the last descriptor is closed, so that once the process is gone
 * for wait(2) all its domain had is back with Dais. */
static void domain_release(struct kref *ref)
{
	struct domain *dom = container_of(ref, struct domain, ref);
	struct vcpu *vcpu;
	unsigned long i;

	domain_take_apart(dom, DAIS_DEATH_MONITOR);
	xa_for_each(&dom->vcpus, i, vcpu)
		vcpu_free(vcpu);
	xa_destroy(&dom->vcpus);
	memory_free(dom);
	kfree(dom);
	module_put(THIS_MODULE); /* our caller is a file of the module, or the reaper */
}

/* Sleeps, so not under a lock. */
void domain_put(struct domain *dom)
{
	kref_put(&dom->ref, domain_release);
}

static void domain_reap_work(struct work_struct *work)
{
	struct domain *dom = container_of(work, struct domain, reap);

	domain_take_apart(dom, DAIS_DEATH_DESTROYED);
	domain_put(dom);
}

/* A doomed domain is taken apart by whoever finds it unmapped first; the
 * caller holds a reference. */
static void domain_reap_if_free(struct domain *dom)
{
	if (!dom->doomed || atomic_read(&dom->maps))
		return;
	kref_get(&dom->ref);
	if (!queue_work(reaper, &dom->reap))
		domain_put(dom);
}

void domain_unmapped(struct domain *dom)
{
	if (atomic_dec_and_test(&dom->maps))
		domain_reap_if_free(dom);
}

void domain_doom(struct domain *dom, enum dais_death why)
{
	bool first;

	down_write(&dom->life);
	first = !dom->doomed;
	dom->doomed = true;
	if (!dom->gone)
		domain_kill(dom, why);
	up_write(&dom->life);
	/* Pairs with the atomic in domain_unmapped: one of the two sees the other's write. */
	smp_mb();
	domain_reap_if_free(dom);
	if (first && dom->autonomous)
		domain_put(dom);
}

/* The owner of a hosted domain closed it: no vCPU runs from here on, whoever
 * else still holds a descriptor. */
void domain_orphan(struct domain *dom)
{
	if (domain_enter(dom))
		return;
	domain_kill(dom, DAIS_DEATH_MONITOR);
	domain_leave(dom);
}

/* ---- creation ---- */

static struct domain *domain_alloc(const struct dais_ioc_dom_create *arg)
{
	struct domain *dom = kzalloc(sizeof(*dom), GFP_KERNEL_ACCOUNT);

	if (!dom)
		return NULL;
	kref_init(&dom->ref);
	INIT_LIST_HEAD(&dom->node);
	INIT_LIST_HEAD(&dom->regions);
	dom->pages.dom = dom;
	mutex_init(&dom->lock);
	init_rwsem(&dom->life);
	xa_init(&dom->vcpus);
	init_completion(&dom->reaped);
	INIT_WORK(&dom->reap, domain_reap_work);
	dom->max_vcpus = arg->max_vcpus;
	dom->autonomous = arg->flags & DAIS_DOM_AUTONOMOUS;
	memcpy(dom->name, arg->name, sizeof(dom->name));
	memcpy(dom->uuid, arg->uuid, sizeof(dom->uuid));
	return dom;
}

static void domain_discard(struct domain *dom)
{
	struct hc_ret ret;

	hc(dom_ctl, &ret, .dom = dom->cap, .op = DAIS_DOM_KILL, .arg = DAIS_DEATH_DESTROYED);
	while (hc(mem_reclaim, &ret, .dom = dom->cap) == DAIS_AGAIN)
		cond_resched();
}

static int domain_make(struct domain *dom, const struct dais_ioc_dom_create *arg)
{
	struct hc_ret ret;
	int status = hc(dom_create, &ret, .pool = DAIS_CAP_POOL, .max_vcpus = arg->max_vcpus,
			.caps = arg->caps, .flags = arg->dom_flags);

	if (status)
		return status;
	dom->cap = ret.value;
	dom->area_hpa = ret.value2;
	dom->page = memremap(dom->area_hpa, sizeof(*dom->page), MEMREMAP_WB);
	if (!dom->page) {
		domain_discard(dom);
		return -ENOMEM;
	}
	dom->id = dom->page->id;
	memcpy(dom->page->name, dom->name, sizeof(dom->name));
	memcpy(dom->page->uuid, dom->uuid, sizeof(dom->uuid));
	return 0;
}

static struct domain *find_name(const char *name)
{
	struct domain *dom;

	list_for_each_entry(dom, &domains, node) {
		if (!strcmp(dom->name, name))
			return dom;
	}
	return NULL;
}

/* The caller gets a reference; an autonomous domain has one more, of its own. */
int domain_create(const struct dais_ioc_dom_create *arg, struct domain **result)
{
	size_t len = strnlen(arg->name, sizeof(arg->name));
	struct domain *dom;
	int ret;

	if (!len || len == sizeof(arg->name) || arg->flags & ~DAIS_DOM_AUTONOMOUS)
		return -EINVAL;
	dom = domain_alloc(arg);
	if (!dom)
		return -ENOMEM;

	mutex_lock(&domains_lock);
	ret = find_name(arg->name) ? -EEXIST : domain_make(dom, arg);
	if (!ret)
		list_add_tail(&dom->node, &domains);
	mutex_unlock(&domains_lock);
	if (ret) {
		kfree(dom);
		return ret;
	}
	/* rmmod would lose the capability: not while any domain exists. */
	__module_get(THIS_MODULE);
	if (dom->autonomous)
		kref_get(&dom->ref);
	*result = dom;
	return 0;
}

/* ---- the list ---- */

struct domain *domain_find(u32 id, const char *name)
{
	struct domain *dom, *found = NULL;

	mutex_lock(&domains_lock);
	list_for_each_entry(dom, &domains, node) {
		if (name ? !strcmp(dom->name, name) : dom->id == id) {
			found = kref_get_unless_zero(&dom->ref) ? dom : NULL;
			break;
		}
	}
	mutex_unlock(&domains_lock);
	return found;
}

static struct domain *domain_lowest(const struct dais_ioc_dom_info *from)
{
	struct domain *dom, *best = NULL;

	list_for_each_entry(dom, &domains, node) {
		if (!(from->which & DAIS_DOM_ANY) && dom->id <= from->after)
			continue;
		if ((!best || dom->id < best->id) && kref_read(&dom->ref))
			best = dom;
	}
	return best;
}

/* One that is just ending does not end the list: it is passed over. */
static struct domain *domain_after(const struct dais_ioc_dom_info *from)
{
	struct domain *dom;

	do
		dom = domain_lowest(from);
	while (dom && !kref_get_unless_zero(&dom->ref));
	return dom;
}

int domain_next(struct dais_ioc_dom_info *info)
{
	struct domain *dom;

	mutex_lock(&domains_lock);
	dom = domain_after(info);
	mutex_unlock(&domains_lock);
	if (!dom)
		return -ENOENT;
	domain_info(dom, info);
	domain_put(dom);
	return 0;
}

void domain_info(struct domain *dom, struct dais_ioc_dom_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = dom->id;
	info->flags = dom->autonomous ? DAIS_DOM_AUTONOMOUS : 0;
	info->max_vcpus = dom->max_vcpus;
	info->cap = dom->cap;
	info->area = dom->area_hpa;
	info->mappings = atomic_read(&dom->maps);
	memcpy(info->name, dom->name, sizeof(info->name));
	memcpy(info->uuid, dom->uuid, sizeof(info->uuid));
	info->vcpus = READ_ONCE(dom->vcpu_count);
	info->memory = READ_ONCE(dom->memory);
	info->state = DAIS_DOM_DEAD;
	if (domain_enter(dom))
		return;
	info->state = READ_ONCE(dom->page->state);
	info->death = READ_ONCE(dom->page->death);
	info->created_tsc = READ_ONCE(dom->page->created_tsc);
	memcpy(info->reason, dom->page->reason, sizeof(info->reason));
	info->reason[sizeof(info->reason) - 1] = 0;
	domain_leave(dom);
}

/* ---- use ---- */

/* Between these two the capabilities to it and its vCPUs stay valid. */
int domain_enter(struct domain *dom)
{
	down_read(&dom->life);
	if (!dom->gone)
		return 0;
	up_read(&dom->life);
	return -ESTALE;
}

void domain_leave(struct domain *dom)
{
	up_read(&dom->life);
}

int domain_ctl(struct domain *dom, u64 op, u64 arg)
{
	struct hc_ret ret;
	int status;

	if (op > DAIS_DOM_KILL)
		return -EINVAL; /* the others are about the caller's own domain */
	do {
		status = hc(dom_ctl, &ret, .dom = dom->cap, .op = op, .arg = arg);
		cond_resched();
	} while (status == DAIS_AGAIN && !signal_pending(current));
	domain_wake(dom);
	return status;
}

int domain_stat(struct domain *dom, u64 what, u64 *value)
{
	struct hc_ret ret;
	int status = hc(stat, &ret, .object = dom->cap, .what = what);

	*value = ret.value;
	return status;
}

int domains_init(void)
{
	reaper = alloc_workqueue(KBUILD_MODNAME, WQ_UNBOUND, 0);
	return reaper ? 0 : -ENOMEM;
}

void domains_exit(void)
{
	destroy_workqueue(reaper);
}
