// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions for guests. One is bound to the driver below (by its
 * driver_override) instead of the one that serves it in the control domain; then
 * a domain's descriptor can be given it. Between two owners it is reset while it
 * can reach no memory: what the last one told it to do does not happen to the next.
 *
 * functions_lock comes last. A device's lock is only tried under it, for the
 * driver core calls remove() with that held.
 *
 * What a guest sees of a function's BARs is kept here, whatever its monitor
 * believes: no function changes hands before all of that is unmapped.
 */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include "dais.h"

#define RESET_TRIES 200 /* of 10 ms, while somebody else has the device's lock for a moment */
#define SHOWN_MAX 16    /* a monitor needs two for the BAR with the MSI-X table, one for each other */

struct function {
	struct list_head node;
	struct pci_dev *pdev;
	struct domain *dom;         /* who has it; NULL: the control domain, or nobody while it is blocked */
	bool blocked;               /* Dais lets it reach nothing */
	bool no_reset;              /* it is given from hand to hand as it is */
	struct file *line;          /* of the event that its INTx raises, NULL: none does */
	struct event *event;
	u64 bits;
	int irq;                    /* what was requested for it */
	struct { u64 gpa, size; } shown[SHOWN_MAX]; /* of its BARs, in dom; size 0: free */
};

static LIST_HEAD(functions);
static DEFINE_MUTEX(functions_lock);

static u32 number(struct pci_dev *pdev)
{
	return pci_domain_nr(pdev->bus) << 16 | pci_dev_id(pdev);
}

static struct function *find(u32 fn)
{
	struct function *f;

	list_for_each_entry(f, &functions, node) {
		if (number(f->pdev) == fn)
			return f;
	}
	return NULL;
}

/* ---- its line interrupt, which the core leaves to the control domain ---- */

/* Level-triggered and perhaps shared: it is masked in the function until the guest has ended it. */
static irqreturn_t line_raised(int irq, void *arg)
{
	struct function *f = arg;

	if (!pci_check_and_mask_intx(f->pdev))
		return IRQ_NONE;
	event_signal(f->event, f->bits);
	return IRQ_HANDLED;
}

static void line_off(struct function *f)
{
	if (!f->line)
		return;
	pci_intx(f->pdev, 0);
	free_irq(f->irq, f);
	fput(f->line);
	f->line = NULL;
}

static int line_on(struct function *f, struct domain *dom, const struct dais_ioc_dev_line *arg)
{
	struct file *file;
	int ret;

	if (!f->pdev->pin || !f->pdev->irq || f->pdev->broken_intx_masking)
		return -ENOTTY;
	f->event = event_get(dom, arg->event_fd, &file);
	if (!f->event)
		return -EBADF;
	f->bits = arg->bits;
	f->irq = f->pdev->irq;
	ret = request_irq(f->irq, line_raised, IRQF_SHARED, DAIS_PCI_DRIVER, f);
	if (ret)
		fput(file);
	else
		f->line = file;
	return ret;
}

/* ---- its BARs in the guest ---- */

/* SHOWN_MAX: there is none. A size of 0: a free one. */
static unsigned int find_shown(const struct function *f, u64 gpa, u64 size)
{
	unsigned int i;

	for (i = 0; i < SHOWN_MAX; i++) {
		if (f->shown[i].size == size && (!size || f->shown[i].gpa == gpa))
			break;
	}
	return i;
}

/* The domain's memory tables are used no more, or everything is unmapped. */
static void forget_shown(struct function *f)
{
	memset(f->shown, 0, sizeof(f->shown));
}

/* The caller is within domain_enter. Refused when the domain is dead. */
static int unmap_shown(struct function *f)
{
	unsigned int i;
	int ret;

	for (i = 0; i < SHOWN_MAX; i++) {
		if (!f->shown[i].size)
			continue;
		ret = memory_unmap_range(f->dom, f->shown[i].gpa, f->shown[i].size);
		if (ret)
			return ret;
		f->shown[i].size = 0;
	}
	return 0;
}

/* ---- from one owner to the next ---- */

static int reset(struct function *f)
{
	int tries = RESET_TRIES, ret;

	while ((ret = pci_try_reset_function(f->pdev)) == -EAGAIN && --tries)
		msleep(10);
	return ret == -ENOTTY && f->no_reset ? 0 : ret;
}

/* Where a virtual function's MSI-X table is: its own BARs do not tell. */
static u64 msix_table(struct pci_dev *pdev)
{
	u32 table;

	if (!pdev->is_virtfn || !pdev->msix_cap)
		return 0;
	pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_TABLE, &table);
	return pci_resource_start(pdev, table & PCI_MSIX_TABLE_BIR) + (table & PCI_MSIX_TABLE_OFFSET);
}

/* From a guest (the caller is within domain_enter), or after its death, to the control domain. */
static int take_back(struct function *f, bool in_remove)
{
	struct hc_ret r;
	int ret = 0;

	line_off(f);
	if (f->dom && !f->blocked)
		ret = unmap_shown(f);
	if (f->dom && !f->blocked && !ret)
		ret = hc(dev_return, &r, .dom = f->dom->cap, .fn = number(f->pdev));
	if (ret)
		return ret;
	forget_shown(f);
	f->dom = NULL;
	f->blocked = true;
	if (in_remove)
		ret = pci_reset_function_locked(f->pdev);
	else
		ret = reset(f);
	if (ret == -ENOTTY && f->no_reset)
		ret = 0;
	if (!ret)
		ret = hc(dev_return, &r, .dom = DAIS_CAP_SELF, .fn = number(f->pdev));
	if (ret) {
		pci_err(f->pdev, "stays blocked: it could not be reset (%d)\n", ret);
		return ret;
	}
	f->blocked = false;
	pci_disable_device(f->pdev);
	return 0;
}

static int give(struct function *f, struct domain *dom)
{
	struct pci_dev *pdev = f->pdev;
	struct hc_ret r;
	int ret = pci_enable_device(pdev);

	if (ret)
		return ret;
	pci_clear_master(pdev);
	ret = reset(f);
	if (ret)
		goto disable;
	pci_intx(pdev, 0);
	ret = hc(dev_assign, &r, .dom = dom->cap, .fn = number(pdev), .table = msix_table(pdev));
	if (ret)
		goto disable;
	f->dom = dom;
	return 0;

disable:
	pci_disable_device(pdev);
	return ret;
}

/* ---- what a domain's descriptor can do; all within domain_enter ---- */

int device_assign(struct domain *dom, const struct dais_ioc_dev *arg)
{
	struct function *f;
	int ret;

	if (!capable(CAP_SYS_ADMIN)) /* the descriptor is a right to the domain, not to the machine's devices */
		return -EPERM;
	if (arg->flags & ~DAIS_DEV_NO_RESET)
		return -EINVAL;
	mutex_lock(&functions_lock);
	f = find(arg->fn);
	ret = !f ? -ENODEV : f->dom ? -EBUSY : 0;
	if (!ret && f->blocked)
		ret = take_back(f, false);
	if (!ret) {
		f->no_reset = arg->flags & DAIS_DEV_NO_RESET;
		ret = give(f, dom);
	}
	mutex_unlock(&functions_lock);
	return ret;
}

/* What the guest sees of its BARs goes with it: a device's memory is not Dais's to follow. */
int device_return(struct domain *dom, const struct dais_ioc_dev *arg)
{
	struct function *f;
	int ret;

	if (arg->flags)
		return -EINVAL;
	mutex_lock(&functions_lock);
	f = find(arg->fn);
	ret = f && f->dom == dom ? take_back(f, false) : -ENODEV;
	mutex_unlock(&functions_lock);
	return ret;
}

/* The guest asked for a reset: it keeps the function. */
int device_reset(struct domain *dom, const struct dais_ioc_dev *arg)
{
	struct function *f;
	int ret;

	if (arg->flags)
		return -EINVAL;
	mutex_lock(&functions_lock);
	f = find(arg->fn);
	ret = f && f->dom == dom ? reset(f) : -ENODEV;
	mutex_unlock(&functions_lock);
	return ret;
}

int device_line(struct domain *dom, const struct dais_ioc_dev_line *arg)
{
	struct function *f;
	int ret;

	mutex_lock(&functions_lock);
	f = find(arg->fn);
	ret = f && f->dom == dom ? 0 : -ENODEV;
	if (!ret)
		line_off(f);
	if (!ret && arg->event_fd >= 0)
		ret = line_on(f, dom, arg);
	mutex_unlock(&functions_lock);
	return ret;
}

/* The guest ended the last one; the next may wait already. */
int device_unmask(struct domain *dom, const struct dais_ioc_dev *arg)
{
	struct function *f;
	int ret;

	if (arg->flags)
		return -EINVAL;
	mutex_lock(&functions_lock);
	f = find(arg->fn);
	ret = f && f->dom == dom && f->line ? 0 : -ENODEV;
	if (!ret && !pci_check_and_unmask_intx(f->pdev))
		event_signal(f->event, f->bits);
	mutex_unlock(&functions_lock);
	return ret;
}

/* *done: bytes that are mapped, also when it fails and they cannot be unmapped again. */
static int map_bar(struct domain *dom, struct function *f, const struct dais_ioc_dev_map *arg, u64 *done)
{
	u64 start = pci_resource_start(f->pdev, arg->bar) + arg->offset;
	struct hc_ret r;
	int status;

	*done = 0;
	do {
		r.value = 0;
		status = hc(mem_map, &r, .dom = dom->cap, .source = DAIS_MEM_DEVICE, .gpa = arg->gpa + *done,
			    .frames = (arg->size - *done) / DAIS_PAGE_SIZE,
			    .flags = DAIS_MAP_READ | DAIS_MAP_WRITE, .list = start + *done);
		*done += r.value * DAIS_PAGE_SIZE;
	} while (status == DAIS_AGAIN && *done < arg->size);
	if (status && *done && !memory_unmap_range(dom, arg->gpa, *done))
		*done = 0;
	return status;
}

static int show(struct domain *dom, struct function *f, const struct dais_ioc_dev_map *arg)
{
	u64 length = pci_resource_len(f->pdev, arg->bar);
	unsigned int i = find_shown(f, 0, 0);

	if (!(pci_resource_flags(f->pdev, arg->bar) & IORESOURCE_MEM) || arg->size > length ||
	    arg->offset > length - arg->size)
		return -EINVAL;
	if (i == SHOWN_MAX)
		return -ENOSPC;
	f->shown[i].gpa = arg->gpa;
	return map_bar(dom, f, arg, &f->shown[i].size);
}

/* Exactly what was shown by one call: nobody unmaps a part of it, nor what is another function's. */
static int hide(struct domain *dom, struct function *f, const struct dais_ioc_dev_map *arg)
{
	unsigned int i = find_shown(f, arg->gpa, arg->size);
	int ret;

	if (i == SHOWN_MAX)
		return -ENOENT;
	ret = memory_unmap_range(dom, arg->gpa, arg->size);
	if (!ret)
		f->shown[i].size = 0;
	return ret;
}

int device_map(struct domain *dom, const struct dais_ioc_dev_map *arg, bool on)
{
	struct function *f;
	int ret;

	if (arg->bar >= PCI_STD_NUM_BARS || !arg->size || arg->gpa + arg->size < arg->gpa ||
	    (arg->offset | arg->size | arg->gpa) % DAIS_PAGE_SIZE)
		return -EINVAL;
	mutex_lock(&dom->lock);
	mutex_lock(&functions_lock);
	f = find(arg->fn);
	ret = f && f->dom == dom && !f->blocked ? 0 : -ENODEV;
	if (!ret && memory_overlaps(dom, arg->gpa, arg->size))
		ret = -EEXIST;
	if (!ret)
		ret = on ? show(dom, f, arg) : hide(dom, f, arg);
	mutex_unlock(&functions_lock);
	mutex_unlock(&dom->lock);
	return ret;
}

/* The domain is gone; Dais has blocked what it had. */
void devices_release(struct domain *dom)
{
	struct function *f;

	mutex_lock(&functions_lock);
	list_for_each_entry(f, &functions, node) {
		if (f->dom != dom)
			continue;
		f->blocked = true;
		take_back(f, false);
	}
	mutex_unlock(&functions_lock);
}

/* ---- the driver ---- */

static int guest_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct function *f;

	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return -EINVAL;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	f->pdev = pdev;
	pci_set_drvdata(pdev, f);
	mutex_lock(&functions_lock);
	list_add_tail(&f->node, &functions);
	mutex_unlock(&functions_lock);
	return 0;
}

/*
 * Takes functions_lock, and enters the domain that has f, with a reference; NULL:
 * none has it. One that is just being taken apart is waited for: it lets go of f.
 */
static struct domain *lock_with_owner(struct function *f)
{
	struct domain *dom;
	bool alive;

	for (;;) {
		mutex_lock(&functions_lock);
		dom = f->dom;
		if (!dom)
			return NULL;
		alive = kref_get_unless_zero(&dom->ref);
		mutex_unlock(&functions_lock);
		if (alive && !domain_enter(dom)) {
			mutex_lock(&functions_lock);
			if (f->dom == dom)
				return dom;
			mutex_unlock(&functions_lock);
			domain_leave(dom);
		}
		if (alive)
			domain_put(dom);
		msleep(10);
	}
}

/*
 * Its monitor would go on writing into registers that are somebody else's from
 * here on, and can be told nothing: the guest ends. A dead guest's memory tables
 * cannot be changed, so all its functions leave them, not f alone.
 */
static void end_owner(struct function *f, struct domain *dom)
{
	struct function *other;

	pci_warn(f->pdev, "unbound or unplugged while guest %s has it: the guest ends\n", dom->name);
	unmap_shown(f);
	domain_kill(dom, DAIS_DEATH_MONITOR);
	list_for_each_entry(other, &functions, node) {
		if (other->dom != dom)
			continue;
		forget_shown(other);
		if (other != f)
			take_back(other, false);
	}
}

/* Somebody unbinds it, or it was unplugged: a guest that has it ends. */
static void guest_remove(struct pci_dev *pdev)
{
	struct function *f = pci_get_drvdata(pdev);
	struct domain *dom = lock_with_owner(f);

	if (dom)
		end_owner(f, dom);
	if (f->dom || f->blocked)
		take_back(f, true);
	list_del(&f->node);
	mutex_unlock(&functions_lock);
	if (dom) {
		domain_leave(dom);
		domain_put(dom);
	}
	kfree(f);
}

/* Only by driver_override. */
static struct pci_driver guest_driver = {
	.name = DAIS_PCI_DRIVER,
	.probe = guest_probe,
	.remove = guest_remove,
};

int devices_init(void)
{
	return pci_register_driver(&guest_driver);
}

void devices_exit(void)
{
	pci_unregister_driver(&guest_driver);
}
