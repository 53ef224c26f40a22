// SPDX-License-Identifier: GPL-2.0-only
/*
 * dais.ko: the control domain's kernel part of Dais, a bare-metal hypervisor.
 * Loading, /dev/dais, and the machine-wide calls.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/uaccess.h>
#include "dais.h"

static bool raw_calls;
module_param(raw_calls, bool, 0400);
MODULE_PARM_DESC(raw_calls, "let root issue any hypercall (tests and fuzzing only)");

int dais_fd_install(int ret, int fd, struct file *file, void __user *to, const void *from,
		    size_t size)
{
	if (ret)
		return ret;
	if (copy_to_user(to, from, size)) {
		put_unused_fd(fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(fd, file);
	return 0;
}

u64 dais_number(enum dais_stat what)
{
	struct hc_ret ret;

	return hc(stat, &ret, .object = 0, .what = what) ? 0 : ret.value;
}

static long ioctl_stat(void __user *user)
{
	struct dais_ioc_stat arg;
	struct hc_ret r;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	ret = hc(stat, &r, .object = 0, .what = arg.what | (u64)arg.vcpu << 32);
	arg.value = r.value;
	if (!ret && copy_to_user(user, &arg, sizeof(arg)))
		return -EFAULT;
	return ret;
}

static long ioctl_self_ctl(void __user *user)
{
	struct dais_ioc_ctl arg;
	struct hc_ret r;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	/* Not SHUTDOWN: that is said by Linux, once it really goes down. */
	if (arg.reserved || (arg.op != DAIS_DOM_LOG_LEVEL && arg.op != DAIS_DOM_TRACE))
		return -EINVAL;
	return hc(dom_ctl, &r, .dom = DAIS_CAP_SELF, .op = arg.op, .arg = arg.arg);
}

static long ioctl_raw(void __user *user)
{
	struct dais_ioc_raw arg;
	struct hc_ret r;
	unsigned long flags;

	if (!raw_calls || !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	/* vcpu_run wants IF = 0; to the others it is all the same. */
	local_irq_save(flags);
	arg.status = hypercall(arg.nr, arg.args, &r);
	local_irq_restore(flags);
	arg.value = r.value;
	arg.value2 = r.value2;
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long ioctl_create(void __user *user)
{
	struct dais_ioc_dom_create arg;
	struct domain *dom;
	struct file *file;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	ret = domain_create(&arg, &dom);
	if (ret)
		return ret;
	ret = dom_file_create(dom, true, &arg.fd, &file);
	ret = dais_fd_install(ret, arg.fd, file, user, &arg, sizeof(arg));
	/* An autonomous domain would survive: nothing half-done. */
	if (ret)
		domain_doom(dom, DAIS_DEATH_DESTROYED);
	domain_put(dom);
	return ret;
}

static long ioctl_open(void __user *user)
{
	struct dais_ioc_dom_open arg;
	struct domain *dom;
	struct file *file;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (strnlen(arg.name, sizeof(arg.name)) == sizeof(arg.name))
		return -EINVAL;
	dom = domain_find(arg.id, arg.name[0] ? arg.name : NULL);
	if (!dom)
		return -ENOENT;
	ret = dom_file_create(dom, false, &arg.fd, &file);
	ret = dais_fd_install(ret, arg.fd, file, user, &arg, sizeof(arg));
	domain_put(dom);
	return ret;
}

static long ioctl_next(void __user *user)
{
	struct dais_ioc_dom_info info;
	int ret;

	if (copy_from_user(&info, user, sizeof(info)))
		return -EFAULT;
	ret = domain_next(&info);
	if (!ret && copy_to_user(user, &info, sizeof(info)))
		return -EFAULT;
	return ret;
}

static long dais_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dais_ioc_version version = { DAIS_IOC_VERSION, DAIS_ABI_VERSION };
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case DAIS_IOC_GET_VERSION:
		return copy_to_user(user, &version, sizeof(version)) ? -EFAULT : 0;
	case DAIS_IOC_STAT:
		return ioctl_stat(user);
	case DAIS_IOC_SELF_CTL:
		return ioctl_self_ctl(user);
	case DAIS_IOC_RAW:
		return ioctl_raw(user);
	case DAIS_IOC_DOM_CREATE:
		return ioctl_create(user);
	case DAIS_IOC_DOM_OPEN:
		return ioctl_open(user);
	case DAIS_IOC_DOM_NEXT:
		return ioctl_next(user);
	default:
		return -ENOTTY;
	}
}

/* The file's mode keeps others out; a program that root gave the open right
 * to by chmod still needs the capability, for this device names every domain. */
static int dais_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? nonseekable_open(inode, file) : -EPERM;
}

static const struct file_operations dais_fops = {
	.owner = THIS_MODULE,
	.open = dais_open,
	.unlocked_ioctl = dais_ioctl,
	.mmap = mmap_machine,
	.llseek = no_llseek,
};

static struct miscdevice dais_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dais",
	.fops = &dais_fops,
	.mode = 0600,
};

int dais_device_up(void)
{
	return misc_register(&dais_misc);
}

void dais_device_down(void)
{
	misc_deregister(&dais_misc);
}

/* While it is not allowed Dais keeps the machine up whatever the control domain
 * writes to its power management ports: autonomous guests survive its crash. */
static void allow_power_off(bool allow)
{
	struct hc_ret ret;

	if (hc(dom_ctl, &ret, .dom = DAIS_CAP_SELF, .op = DAIS_DOM_SHUTDOWN, .arg = allow))
		pr_err("Dais refuses to let the machine go down\n");
}

static int going_down(struct notifier_block *nb, unsigned long action, void *data)
{
	allow_power_off(true);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = { .notifier_call = going_down };

static bool running_on_dais(u32 *abi, u32 *role)
{
	char signature[12];
	u32 eax, ecx, edx;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return false;
	cpuid(DAIS_CPUID_LEAF, &eax, (u32 *)signature, (u32 *)(signature + 4),
	      (u32 *)(signature + 8));
	if (memcmp(signature, DAIS_CPUID_SIGNATURE, sizeof(signature)))
		return false;
	cpuid(DAIS_CPUID_LEAF + 1, abi, role, &ecx, &edx);
	return true;
}

static int check_dais(void)
{
	u32 abi, role;

	if (!running_on_dais(&abi, &role)) {
		pr_err("this kernel does not run on Dais; boot it through Dais's loader\n");
		return -ENODEV;
	}
	if (!(role & DAIS_CPUID_CONTROL)) {
		pr_err("this is a guest; only the control domain can manage guests\n");
		return -ENODEV;
	}
	if (abi != DAIS_ABI_VERSION) {
		pr_err("Dais speaks version %u of its interface, this module version %u: take both from one build\n",
		       abi, DAIS_ABI_VERSION);
		return -ENODEV;
	}
	return 0;
}

static int __init dais_init(void)
{
	int ret = check_dais();

	if (ret)
		return ret;
	ret = domains_init();
	if (ret)
		return ret;
	ret = devices_init();
	if (ret)
		goto domains;
	ret = dais_pci_register();
	if (ret)
		goto devices;
	ret = register_reboot_notifier(&reboot_notifier);
	if (ret)
		goto pci;
	allow_power_off(false);
	return 0;

pci:
	dais_pci_unregister();
devices:
	devices_exit();
domains:
	domains_exit();
	return ret;
}

static void __exit dais_exit(void)
{
	allow_power_off(true); /* no domain is left, and nobody would say it later */
	unregister_reboot_notifier(&reboot_notifier);
	dais_pci_unregister();
	devices_exit();
	domains_exit();
}

module_init(dais_init);
module_exit(dais_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Management of Dais's guests from its control domain");
MODULE_VERSION(DAIS_VERSION);
