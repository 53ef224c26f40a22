// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: 64-bit OR-words that Dais raises through the virtual function's
 * MSI-X vectors. The handler takes the word at once, which arms it again, and
 * keeps the bits here until somebody reads them.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/idr.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include "dais.h"

/* User events per domain: its monitor must not use up everybody's numbers. */
#define EVENTS_PER_DOMAIN 64

#define EVENT_LOCKS 64
#define WORD_BITS   64

/* The slot's lock is held from look-up to wake-up, so a destroyed event can
 * neither be touched nor taken by its stale capability. */
static struct event *slots[DAIS_MAX_EVENTS];
static DEFINE_IDA(numbers);
static spinlock_t slot_locks[EVENT_LOCKS] = {
	[0 ... EVENT_LOCKS - 1] = __SPIN_LOCK_UNLOCKED(slot_locks)
};

static spinlock_t *slot_lock(u32 number)
{
	return &slot_locks[number % EVENT_LOCKS];
}

static void slot_set(u32 number, struct event *ev)
{
	unsigned long flags;

	spin_lock_irqsave(slot_lock(number), flags);
	slots[number] = ev;
	spin_unlock_irqrestore(slot_lock(number), flags);
}

static void event_raised(u32 number)
{
	struct hc_ret ret;
	struct event *ev;
	unsigned long flags;

	spin_lock_irqsave(slot_lock(number), flags);
	ev = slots[number];
	if (ev && hc(ev_take, &ret, .event = ev->cap) == DAIS_OK && ret.value) {
		atomic64_or(ret.value, &ev->bits);
		wake_up_poll(&ev->wq, EPOLLIN | EPOLLRDNORM);
	}
	spin_unlock_irqrestore(slot_lock(number), flags);
}

/* Interrupt context. Dais sets the word's bit, then the bit in select: the
 * exchanges run the other way, so a bit is seen now or raises the vector again. */
void events_scan(struct dais_pending *pending)
{
	unsigned long select = xchg(&pending->select, 0);
	unsigned int word, bit;

	for_each_set_bit(word, &select, WORD_BITS) {
		unsigned long raised = xchg(&pending->word[word], 0);

		for_each_set_bit(bit, &raised, WORD_BITS)
			event_raised(word * WORD_BITS + bit);
	}
}

static int event_to_vector(struct event *ev, u32 vector)
{
	struct hc_ret ret;
	int status = hc(ev_bind, &ret, .event = ev->cap, .kind = DAIS_EV_TO_MSIX,
			.value = vector | (u64)ev->number << 32);

	if (!status)
		ev->vector = vector;
	return status;
}

static int event_setup(struct event *ev)
{
	struct hc_ret ret;
	int number = ida_alloc_max(&numbers, DAIS_MAX_EVENTS - 1, GFP_KERNEL);
	int status;

	if (number < 0)
		return number == -ENOSPC ? DAIS_NO_SPACE : number;
	ev->number = number;
	status = hc(ev_create, &ret, .flags = 0);
	if (status)
		goto number;
	ev->cap = ret.value;
	slot_set(ev->number, ev);
	status = event_to_vector(ev, dais_this_vector());
	if (!status)
		return 0;
	slot_set(ev->number, NULL);
	hc(cap_drop, &ret, .cap = ev->cap);
number:
	ida_free(&numbers, number);
	return status;
}

int event_create(struct event **event)
{
	struct event *ev = kzalloc(sizeof(*ev), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!ev)
		return -ENOMEM;
	init_waitqueue_head(&ev->wq);
	ret = event_setup(ev);
	if (ret)
		kfree(ev);
	else
		*event = ev;
	return ret;
}

/* Nobody waits on it any more. */
void event_destroy(struct event *ev)
{
	struct hc_ret ret;

	slot_set(ev->number, NULL);
	hc(cap_drop, &ret, .cap = ev->cap);
	ida_free(&numbers, ev->number);
	kfree(ev);
}

void event_signal(struct event *ev, u64 bits)
{
	atomic64_or(bits, &ev->bits);
	wake_up_poll(&ev->wq, EPOLLIN | EPOLLRDNORM);
}

/* Lets the event interrupt the CPU that its waiter is on. */
int event_follow_cpu(struct event *ev)
{
	u32 vector = dais_this_vector();

	return vector == ev->vector ? 0 : event_to_vector(ev, vector);
}

static ssize_t event_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct event *ev = file->private_data;
	u64 bits;

	if (count < sizeof(bits))
		return -EINVAL;
	for (;;) {
		bits = atomic64_xchg(&ev->bits, 0);
		if (bits)
			break;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(ev->wq, atomic64_read(&ev->bits)))
			return -EINTR;
	}
	if (copy_to_user(buf, &bits, sizeof(bits))) {
		event_signal(ev, bits); /* not lost by a bad pointer */
		return -EFAULT;
	}
	return sizeof(bits);
}

static ssize_t event_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct event *ev = file->private_data;
	struct hc_ret ret;
	u64 bits;

	if (count != sizeof(bits))
		return -EINVAL;
	if (copy_from_user(&bits, buf, sizeof(bits)))
		return -EFAULT;
	return hc(ev_send, &ret, .event = ev->cap, .bits = bits) ? -EINVAL : sizeof(bits);
}

static __poll_t event_poll(struct file *file, poll_table *wait)
{
	struct event *ev = file->private_data;

	poll_wait(file, &ev->wq, wait);
	return EPOLLOUT | EPOLLWRNORM |
	       (atomic64_read(&ev->bits) ? EPOLLIN | EPOLLRDNORM : 0);
}

static int event_reserve(struct domain *dom)
{
	int ret = 0;

	mutex_lock(&dom->lock);
	if (dom->event_count < EVENTS_PER_DOMAIN)
		dom->event_count++;
	else
		ret = DAIS_NO_SPACE;
	mutex_unlock(&dom->lock);
	return ret;
}

static void event_unreserve(struct domain *dom)
{
	mutex_lock(&dom->lock);
	dom->event_count--;
	mutex_unlock(&dom->lock);
}

static int event_release(struct inode *inode, struct file *file)
{
	struct event *ev = file->private_data;
	struct domain *dom = ev->dom;

	event_destroy(ev);
	event_unreserve(dom);
	domain_put(dom);
	return 0;
}

static const struct file_operations event_fops = {
	.owner = THIS_MODULE,
	.read = event_read,
	.write = event_write,
	.poll = event_poll,
	.release = event_release,
	.llseek = no_llseek,
};

int event_file_create(struct domain *dom, struct dais_ioc_event *arg, struct file **file)
{
	struct event *ev;
	int ret = event_reserve(dom);

	if (ret)
		return ret;
	ret = event_create(&ev);
	if (ret)
		goto unreserve;
	ret = get_unused_fd_flags(O_CLOEXEC);
	if (ret < 0)
		goto destroy;
	arg->fd = ret;
	arg->cap = ev->cap;
	*file = anon_inode_getfile("[dais-event]", &event_fops, ev, O_RDWR);
	if (IS_ERR(*file)) {
		ret = PTR_ERR(*file);
		put_unused_fd(arg->fd);
		goto destroy;
	}
	kref_get(&dom->ref);
	ev->dom = dom;
	return 0;

destroy:
	event_destroy(ev);
unreserve:
	event_unreserve(dom);
	return ret;
}

static int event_bind_object(struct domain *dom, const struct dais_ioc_bind *arg, u64 *object)
{
	struct vcpu *vcpu;

	switch (arg->kind) {
	case DAIS_EV_FROM_VCPU:
		vcpu = xa_load(&dom->vcpus, arg->vcpu);
		if (!vcpu)
			return -ENOENT;
		if (!vcpu->autonomous)
			return DAIS_BAD_STATE; /* a hosted one's wake-ups are the module's */
		*object = vcpu->cap;
		return 0;
	case DAIS_EV_FROM_DOM:
	case DAIS_EV_FROM_TRAP:
		*object = dom->cap;
		return 0;
	default:
		return -EINVAL;
	}
}

/* A user event of dom; NULL: fd is none. It lives until the caller's fput(*file). */
struct event *event_get(struct domain *dom, int fd, struct file **file)
{
	struct event *ev;

	*file = fget(fd);
	if (!*file)
		return NULL;
	ev = (*file)->f_op == &event_fops ? (*file)->private_data : NULL;
	if (ev && ev->dom == dom)
		return ev;
	fput(*file);
	return NULL;
}

/* The caller is within domain_enter. */
int event_bind_user(struct domain *dom, const struct dais_ioc_bind *arg)
{
	struct fd f = fdget(arg->event_fd);
	struct hc_ret r;
	struct event *ev;
	u64 object;
	int ret;

	if (!f.file)
		return -EBADF;
	ret = -EINVAL;
	if (f.file->f_op != &event_fops || arg->reserved)
		goto out;
	ev = f.file->private_data;
	if (ev->dom != dom)
		goto out;
	ret = event_bind_object(dom, arg, &object);
	if (!ret)
		ret = hc(ev_bind, &r, .event = ev->cap, .kind = arg->kind, .object = object,
			 .value = arg->bits);
out:
	fdput(f);
	return ret;
}
