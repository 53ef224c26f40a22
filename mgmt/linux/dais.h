/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dais.ko's own declarations. Functions that return int or long return 0, a
 * positive enum dais_status when Dais refused, or a negative errno.
 *
 * Locks, outermost first: vcpu->lock, (user memory: mmap_lock), domain->life,
 * domain->lock, domains_lock, functions_lock, an event's slot. User memory is touched with
 * none of them held but vcpu->lock, because mmap takes the next two below
 * mmap_lock.
 */
#ifndef DAIS_LINUX_H
#define DAIS_LINUX_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "dais_ioctl.h"
#include "hypercall.h"

#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

/* Bits of the events that the module binds to hosted vCPUs */
#define EVENT_WAKE  1ULL  /* raised by Dais: the halted vCPU has work */
#define EVENT_LOCAL 2ULL  /* raised here: kick, pause over, death */

struct event {
	u64 cap;
	u32 number;                 /* in Dais's pending areas */
	u32 vector;                 /* MSI-X index it is bound to */
	atomic64_t bits;            /* raised and not yet consumed */
	wait_queue_head_t wq;
	struct domain *dom;         /* user events: holds a reference */
};

struct region {                     /* one MEM_MAP */
	struct domain *dom;
	struct list_head node;
	u64 gpa, size;
	bool shared;                /* and not sealed since */
	atomic_t maps;              /* user mappings of it; each also counts in dom->maps */
	struct list_head chunks;
};

struct domain {
	struct list_head node;      /* in the list of domains; domains_lock */
	struct kref ref;            /* files, and one for an autonomous domain's life */
	u32 id, max_vcpus;
	u64 cap;
	bool autonomous;
	char name[DAIS_NAME_MAX];
	u8 uuid[16];
	struct file *owner;         /* hosted: releasing it kills the domain */

	struct dais_dom_page *page; /* shared with Dais and with processes: nothing here trusts it */
	u64 area_hpa;

	struct mutex lock;          /* regions, vcpus, memory, events */
	struct list_head regions;
	struct xarray vcpus;
	u32 vcpu_count, event_count;
	u64 memory;                 /* bytes mapped for the guest */

	struct rw_semaphore life;   /* read: the capability is valid while !gone */
	bool doomed;                /* to be taken apart once nobody maps it */
	bool gone;                  /* taken apart */
	atomic_t maps;              /* user mappings of its memory and pages */
	struct region pages;        /* stands for the shared area and the vCPUs' pages */
	struct work_struct reap;
	struct completion reaped;
};

struct vcpu {
	struct domain *dom;         /* which frees it: files hold the domain */
	u32 index;
	u64 cap, page_hpa;
	bool autonomous;
	struct dais_vcpu_page *page;
	struct mutex lock;          /* held while it runs, and for its state */
	struct event *event;        /* hosted: its wake-ups */
};

struct chunk {                      /* what one mem_map call gave, in order of GPA */
	struct list_head node;
	u32 count;
	u64 extent[];               /* hpa | order */
};

#define EXTENT_ORDER(e) ((unsigned int)((e) & (DAIS_PAGE_SIZE - 1)))
#define EXTENT_HPA(e)   ((e) & ~(u64)(DAIS_PAGE_SIZE - 1))

/* main.c */
u64 dais_number(enum dais_stat what); /* of the machine; 0 when Dais refuses */
int dais_device_up(void);
void dais_device_down(void);

/* pci.c */
int dais_pci_register(void);
void dais_pci_unregister(void);
u32 dais_this_vector(void);

/* events.c */
int event_create(struct event **ev);
void event_destroy(struct event *ev);
void event_signal(struct event *ev, u64 bits);
int event_follow_cpu(struct event *ev);
void events_scan(struct dais_pending *pending);
int event_file_create(struct domain *dom, struct dais_ioc_event *arg, struct file **file);
struct event *event_get(struct domain *dom, int fd, struct file **file);
int event_bind_user(struct domain *dom, const struct dais_ioc_bind *arg);

/* domain.c */
int domains_init(void);
void domains_exit(void);
int domain_create(const struct dais_ioc_dom_create *arg, struct domain **dom);
struct domain *domain_find(u32 id, const char *name);
int domain_next(struct dais_ioc_dom_info *info);
void domain_info(struct domain *dom, struct dais_ioc_dom_info *info);
void domain_put(struct domain *dom);
int domain_enter(struct domain *dom);
void domain_leave(struct domain *dom);
int domain_ctl(struct domain *dom, u64 op, u64 arg);
void domain_kill(struct domain *dom, u64 why);
void domain_orphan(struct domain *dom);
void domain_unmapped(struct domain *dom);
void domain_doom(struct domain *dom, enum dais_death why);
int domain_stat(struct domain *dom, u64 what, u64 *value);
void domain_wake(struct domain *dom);

/* dom_file.c */
int dom_file_create(struct domain *dom, bool owner, int *fd, struct file **file);

/* vcpu.c */
int vcpu_create(struct domain *dom, u32 index, u32 flags);
void vcpu_retire(struct vcpu *vcpu);
void vcpu_free(struct vcpu *vcpu);
int vcpu_run(struct vcpu *vcpu);
int vcpu_kick(struct vcpu *vcpu);

/* vcpu_file.c */
int vcpu_file_create(struct vcpu *vcpu, int *fd, struct file **file);

/* memory.c */
int memory_map(struct domain *dom, const struct dais_ioc_mem *arg);
int memory_unmap(struct domain *dom, const struct dais_ioc_mem *arg);
int memory_seal(struct domain *dom, const struct dais_ioc_mem *arg);
struct region *memory_region(struct domain *dom, u64 gpa, u64 size);
void memory_free(struct domain *dom);

int memory_unmap_range(struct domain *dom, u64 gpa, u64 size);
bool memory_overlaps(struct domain *dom, u64 gpa, u64 size);

/* device.c */
int devices_init(void);
void devices_exit(void);
int device_assign(struct domain *dom, const struct dais_ioc_dev *arg);
int device_return(struct domain *dom, const struct dais_ioc_dev *arg);
int device_reset(struct domain *dom, const struct dais_ioc_dev *arg);
int device_line(struct domain *dom, const struct dais_ioc_dev_line *arg);
int device_unmask(struct domain *dom, const struct dais_ioc_dev *arg);
int device_map(struct domain *dom, const struct dais_ioc_dev_map *arg, bool on);
void devices_release(struct domain *dom);

/* mmap.c */
int mmap_machine(struct file *file, struct vm_area_struct *vma);
int mmap_domain(struct domain *dom, struct vm_area_struct *vma);
int mmap_vcpu(struct vcpu *vcpu, struct vm_area_struct *vma);

/* The last step of an ioctl that makes a descriptor: `ret` so far, the result copied out, the
 * file installed. Nothing is left when it fails. */
int dais_fd_install(int ret, int fd, struct file *file, void __user *to, const void *from,
		    size_t size);

#endif
