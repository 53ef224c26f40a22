// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain's descriptor: the right to this one domain and nothing else. It can
 * be inherited by, or sent to, an unprivileged monitor.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/uaccess.h>
#include "dais.h"

static long ioctl_info(struct domain *dom, void __user *user)
{
	struct dais_ioc_dom_info info;

	domain_info(dom, &info);
	return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
}

/* Until it is taken apart: domain_enter would keep that from happening. */
static long ioctl_destroy(struct domain *dom, void __user *user)
{
	struct dais_ioc_destroy arg;
	long left;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved)
		return -EINVAL;
	domain_doom(dom, DAIS_DEATH_DESTROYED);
	left = wait_for_completion_interruptible_timeout(&dom->reaped,
			arg.timeout_ms < 0 ? MAX_SCHEDULE_TIMEOUT : msecs_to_jiffies(arg.timeout_ms));
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

static int call_vcpu_stat(struct domain *dom, struct dais_ioc_stat *arg)
{
	struct vcpu *vcpu = xa_load(&dom->vcpus, arg->vcpu);
	struct hc_ret ret;
	int status;

	if (!vcpu)
		return -ENOENT;
	status = hc(stat, &ret, .object = vcpu->cap, .what = arg->what);
	arg->value = ret.value;
	return status;
}

static int call_trap(struct domain *dom, const struct dais_ioc_trap *arg)
{
	struct hc_ret ret;

	return hc(trap_set, &ret, .dom = dom->cap, .kind = arg->kind, .base = arg->base,
		  .length = arg->length, .action = arg->action, .value = arg->value);
}

static int call_irq(struct domain *dom, const struct dais_ioc_irq *arg)
{
	struct hc_ret ret;

	return hc(irq_set, &ret, .dom = dom->cap, .address = arg->address, .data = arg->data);
}

/* Every argument that is a plain structure in and out. */
union dom_arg {
	struct dais_ioc_ctl ctl;
	struct dais_ioc_stat stat;
	struct dais_ioc_mem mem;
	struct dais_ioc_trap trap;
	struct dais_ioc_irq irq;
	struct dais_ioc_bind bind;
	struct dais_ioc_dev dev;
	struct dais_ioc_dev_map dev_map;
	struct dais_ioc_dev_line dev_line;
};

static int dom_call(struct domain *dom, unsigned int cmd, union dom_arg *arg)
{
	switch (cmd) {
	case DAIS_IOC_DOM_CTL:
		return arg->ctl.reserved ? -EINVAL : domain_ctl(dom, arg->ctl.op, arg->ctl.arg);
	case DAIS_IOC_DOM_STAT:
		return arg->stat.vcpu ? -EINVAL :
		       domain_stat(dom, arg->stat.what, &arg->stat.value);
	case DAIS_IOC_VCPU_STAT:
		return call_vcpu_stat(dom, &arg->stat);
	case DAIS_IOC_MEM_MAP:
		return memory_map(dom, &arg->mem);
	case DAIS_IOC_MEM_SEAL:
		return memory_seal(dom, &arg->mem);
	case DAIS_IOC_MEM_UNMAP:
		return memory_unmap(dom, &arg->mem);
	case DAIS_IOC_TRAP_SET:
		return call_trap(dom, &arg->trap);
	case DAIS_IOC_IRQ_SET:
		return call_irq(dom, &arg->irq);
	case DAIS_IOC_EVENT_BIND:
		return event_bind_user(dom, &arg->bind);
	case DAIS_IOC_DEV_ASSIGN:
		return device_assign(dom, &arg->dev);
	case DAIS_IOC_DEV_RETURN:
		return device_return(dom, &arg->dev);
	case DAIS_IOC_DEV_RESET:
		return device_reset(dom, &arg->dev);
	case DAIS_IOC_DEV_LINE:
		return device_line(dom, &arg->dev_line);
	case DAIS_IOC_DEV_UNMASK:
		return device_unmask(dom, &arg->dev);
	case DAIS_IOC_DEV_MAP:
	case DAIS_IOC_DEV_UNMAP:
		return device_map(dom, &arg->dev_map, cmd == DAIS_IOC_DEV_MAP);
	default:
		return -ENOTTY;
	}
}

static long dom_ioctl_call(struct domain *dom, unsigned int cmd, void __user *user)
{
	size_t size = _IOC_SIZE(cmd);
	union dom_arg arg;
	int ret;

	/* The size is part of cmd: one that dom_call knows fits. */
	if (size > sizeof(arg))
		return -ENOTTY;
	if (copy_from_user(&arg, user, size))
		return -EFAULT;
	ret = domain_enter(dom);
	if (ret)
		return ret;
	ret = dom_call(dom, cmd, &arg);
	domain_leave(dom);
	if (!ret && copy_to_user(user, &arg, size))
		return -EFAULT;
	return ret;
}

static long ioctl_vcpu(struct domain *dom, bool create, void __user *user)
{
	struct dais_ioc_vcpu arg;
	struct vcpu *vcpu;
	struct file *file;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	ret = domain_enter(dom);
	if (ret)
		return ret;
	if (create)
		ret = vcpu_create(dom, arg.index, arg.flags);
	vcpu = ret ? NULL : xa_load(&dom->vcpus, arg.index);
	domain_leave(dom);
	if (ret)
		return ret;
	if (!vcpu)
		return -ENOENT;
	arg.flags = vcpu->autonomous ? DAIS_VCPU_AUTONOMOUS : 0;
	arg.cap = vcpu->cap;
	ret = vcpu_file_create(vcpu, &arg.fd, &file);
	return dais_fd_install(ret, arg.fd, file, user, &arg, sizeof(arg));
}

static long ioctl_event(struct domain *dom, void __user *user)
{
	struct dais_ioc_event arg = { 0 };
	struct file *file;
	int ret = domain_enter(dom);

	if (ret)
		return ret;
	ret = event_file_create(dom, &arg, &file);
	domain_leave(dom);
	return dais_fd_install(ret, arg.fd, file, user, &arg, sizeof(arg));
}

static long dom_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct domain *dom = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case DAIS_IOC_DOM_INFO:
		return ioctl_info(dom, user);
	case DAIS_IOC_DOM_DESTROY:
		return ioctl_destroy(dom, user);
	case DAIS_IOC_VCPU_CREATE:
		return ioctl_vcpu(dom, true, user);
	case DAIS_IOC_VCPU_OPEN:
		return ioctl_vcpu(dom, false, user);
	case DAIS_IOC_EVENT_CREATE:
		return ioctl_event(dom, user);
	default:
		return dom_ioctl_call(dom, cmd, user);
	}
}

static int dom_mmap(struct file *file, struct vm_area_struct *vma)
{
	return mmap_domain(file->private_data, vma);
}

static int dom_release(struct inode *inode, struct file *file)
{
	struct domain *dom = file->private_data;

	if (dom->owner == file)
		domain_orphan(dom);
	domain_put(dom);
	return 0;
}

static const struct file_operations dom_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dom_ioctl,
	.mmap = dom_mmap,
	.release = dom_release,
	.llseek = no_llseek,
};

int dom_file_create(struct domain *dom, bool owner, int *fd, struct file **file)
{
	*fd = get_unused_fd_flags(O_CLOEXEC);
	if (*fd < 0)
		return *fd;
	*file = anon_inode_getfile("[dais-domain]", &dom_fops, dom, O_RDWR);
	if (IS_ERR(*file)) {
		put_unused_fd(*fd);
		return PTR_ERR(*file);
	}
	kref_get(&dom->ref);
	if (owner && !dom->autonomous)
		dom->owner = *file;
	return 0;
}
