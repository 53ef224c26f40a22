// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU's descriptor: the right to run this one vCPU and to set its state. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/uaccess.h>
#include "dais.h"

/* vcpu->lock is held: the window in the page is ours, and the page is there. */
static long state_locked(struct vcpu *vcpu, const struct dais_ioc_state *arg)
{
	void __user *user = u64_to_user_ptr(arg->addr);
	bool set = arg->op & DAIS_STATE_SET;
	struct hc_ret r;
	int ret;

	if (set && copy_from_user(vcpu->page->data, user, arg->length))
		return -EFAULT;
	ret = hc(vcpu_state, &r, .vcpu = vcpu->cap, .op = arg->op, .offset = arg->offset,
		 .length = arg->length);
	if (ret || set)
		return ret;
	return copy_to_user(user, vcpu->page->data, arg->length) ? -EFAULT : 0;
}

static long ioctl_state(struct vcpu *vcpu, void __user *user)
{
	struct dais_ioc_state arg;
	long ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved || arg.length > sizeof(vcpu->page->data))
		return -EINVAL;
	if (!mutex_trylock(&vcpu->lock))
		return DAIS_BUSY; /* a thread lends it time */
	ret = vcpu->page ? state_locked(vcpu, &arg) : -ESTALE;
	mutex_unlock(&vcpu->lock);
	return ret;
}

static int call_sched(struct vcpu *vcpu, struct dais_ioc_sched *arg)
{
	struct hc_ret r;
	int ret;

	if (arg->reserved)
		return -EINVAL;
	ret = hc(sched_set, &r, .vcpu = vcpu->cap, .param = arg->param, .value = arg->value);
	arg->value = r.value;
	return ret;
}

static int call_stat(struct vcpu *vcpu, struct dais_ioc_stat *arg)
{
	struct hc_ret r;
	int ret;

	if (arg->vcpu)
		return -EINVAL;
	ret = hc(stat, &r, .object = vcpu->cap, .what = arg->what);
	arg->value = r.value;
	return ret;
}

union vcpu_arg {
	struct dais_ioc_sched sched;
	struct dais_ioc_stat stat;
};

static int vcpu_call(struct vcpu *vcpu, unsigned int cmd, union vcpu_arg *arg)
{
	struct hc_ret r;

	switch (cmd) {
	case DAIS_IOC_RESUME:
		return hc(vcpu_resume, &r, .vcpu = vcpu->cap);
	case DAIS_IOC_KICK:
		return vcpu_kick(vcpu);
	case DAIS_IOC_SCHED:
		return call_sched(vcpu, &arg->sched);
	case DAIS_IOC_SELF_STAT:
		return call_stat(vcpu, &arg->stat);
	default:
		return -ENOTTY;
	}
}

static long vcpu_ioctl_call(struct vcpu *vcpu, unsigned int cmd, void __user *user)
{
	size_t size = _IOC_SIZE(cmd);
	union vcpu_arg arg;
	int ret;

	/* The size is part of cmd: one that vcpu_call knows fits. */
	if (size > sizeof(arg))
		return -ENOTTY;
	if (copy_from_user(&arg, user, size))
		return -EFAULT;
	ret = domain_enter(vcpu->dom);
	if (ret)
		return ret;
	ret = vcpu_call(vcpu, cmd, &arg);
	domain_leave(vcpu->dom);
	if ((!ret || ret == DAIS_NO_SPACE) && copy_to_user(user, &arg, size)) /* with what is left */
		return -EFAULT;
	return ret;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case DAIS_IOC_RUN:
		return vcpu_run(vcpu);
	case DAIS_IOC_STATE:
		return ioctl_state(vcpu, user);
	default:
		return vcpu_ioctl_call(vcpu, cmd, user);
	}
}

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	return mmap_vcpu(file->private_data, vma);
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	domain_put(vcpu->dom);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = no_llseek,
};

int vcpu_file_create(struct vcpu *vcpu, int *fd, struct file **file)
{
	*fd = get_unused_fd_flags(O_CLOEXEC);
	if (*fd < 0)
		return *fd;
	*file = anon_inode_getfile("[dais-vcpu]", &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(*file)) {
		put_unused_fd(*fd);
		return PTR_ERR(*file);
	}
	kref_get(&vcpu->dom->ref);
	return 0;
}
