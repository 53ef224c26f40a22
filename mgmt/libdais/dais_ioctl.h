/* SPDX-License-Identifier: MIT */
/*
 * Between dais.ko and libdais, nobody else: the ioctls of /dev/dais and of the
 * domain and vCPU descriptors it gives out. Every ioctl returns 0, or a
 * positive enum dais_status when Dais refused, or fails with an errno of Linux.
 * Reserved fields and unknown flags must be zero.
 */
#ifndef DAIS_IOCTL_H
#define DAIS_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DAIS_DEVICE "/dev/dais"
#define DAIS_IOC_VERSION 1 /* of this header */

#define DAIS_NAME_MAX 64   /* with its final 0, as in struct dais_dom_page */

/* mmap offsets of /dev/dais: read-only */
#define DAIS_MMAP_LOG    0x1000000000000ULL
#define DAIS_MMAP_TRACE  0x2000000000000ULL
/* of a domain: guest memory at offset = gpa; above it the shared area */
#define DAIS_MMAP_AREA   0x0100000000000000ULL
/* of a vCPU: its page at offset 0 */

struct dais_ioc_version { __u32 ioctl, abi; };
struct dais_ioc_stat { __u32 what, vcpu; __u64 value; }; /* vcpu: index, for VCPU_STAT; for DAIS_STAT_FN_* the PCI function */
struct dais_ioc_ctl { __u32 op, reserved; __u64 arg; };
struct dais_ioc_raw { __u64 nr, args[6], status, value, value2; };

#define DAIS_DOM_AUTONOMOUS 1u
struct dais_ioc_dom_create {
	char name[DAIS_NAME_MAX];
	__u8 uuid[16];
	__u32 max_vcpus, caps;
	__u64 dom_flags;   /* dom_create's */
	__u32 flags;       /* DAIS_DOM_AUTONOMOUS */
	__s32 fd;          /* out */
};

struct dais_ioc_dom_open {
	__u32 id;          /* when name is empty */
	__s32 fd;          /* out */
	char name[DAIS_NAME_MAX];
};

#define DAIS_DOM_ANY 1u    /* any id: the first domain */
struct dais_ioc_dom_info {
	__u32 after, which;        /* in, DOM_NEXT only: the lowest id above `after`, or DAIS_DOM_ANY */
	__u32 id, flags;           /* DAIS_DOM_AUTONOMOUS */
	__u32 state, death;        /* enum dais_dom_state, enum dais_death */
	__u32 max_vcpus, vcpus;    /* created so far */
	__u64 memory;              /* bytes mapped for the guest by dais_mem_map */
	__u64 created_tsc;
	__u64 area;                /* host-physical address of its shared area, for who looks from outside */
	__u32 cap;                 /* index in the control domain's table, for raw calls */
	__u32 mappings;            /* of its memory and pages in processes */
	char name[DAIS_NAME_MAX];
	__u8 uuid[16];
	char reason[128];
};

struct dais_ioc_destroy { __s32 timeout_ms; __u32 reserved; };

/* flags: DAIS_MAP_*; MAP: with DAIS_MAP_SHARE it can be mmapped */
struct dais_ioc_mem { __u64 gpa, size, flags; };

struct dais_ioc_vcpu {
	__u32 index, flags;        /* create: DAIS_VCPU_AUTONOMOUS */
	__s32 fd;                  /* out */
	__u32 cap;                 /* out, for raw calls */
};

struct dais_ioc_trap { __u32 kind, action; __u64 base, length, value; };
struct dais_ioc_irq { __u64 address, data; };
struct dais_ioc_event { __s32 fd; __u32 cap; };                        /* out */
struct dais_ioc_bind { __s32 event_fd; __u32 kind, vcpu, reserved; __u64 bits; };
struct dais_ioc_state { __u32 op, offset, length, reserved; __u64 addr; };
/* fn: segment << 16 | bus << 8 | device << 3 | function, bound to the driver DAIS_PCI_DRIVER */
#define DAIS_PCI_DRIVER "dais-guest"
#define DAIS_DEV_NO_RESET 1u       /* assign: though it cannot be reset */
struct dais_ioc_dev { __u32 fn, flags; };
struct dais_ioc_dev_map { __u32 fn, bar; __u64 offset, size, gpa; };  /* whole pages; UNMAP: bar and offset do not matter */
/* its line interrupt, INTx, raises the event's bits and masks itself; event_fd -1: no more */
struct dais_ioc_dev_line { __u32 fn; __s32 event_fd; __u64 bits; };
struct dais_ioc_sched { __u32 param, reserved; __u64 value; };

#define DAIS_IOC(nr, type)     _IOWR(0xda, nr, type)
/* /dev/dais */
#define DAIS_IOC_GET_VERSION   DAIS_IOC(0x00, struct dais_ioc_version)
#define DAIS_IOC_STAT          DAIS_IOC(0x02, struct dais_ioc_stat)
#define DAIS_IOC_SELF_CTL      DAIS_IOC(0x03, struct dais_ioc_ctl)
#define DAIS_IOC_RAW           DAIS_IOC(0x04, struct dais_ioc_raw)
#define DAIS_IOC_DOM_CREATE    DAIS_IOC(0x05, struct dais_ioc_dom_create)
#define DAIS_IOC_DOM_OPEN      DAIS_IOC(0x06, struct dais_ioc_dom_open)
#define DAIS_IOC_DOM_NEXT      DAIS_IOC(0x07, struct dais_ioc_dom_info)
/* a domain */
#define DAIS_IOC_DOM_INFO      DAIS_IOC(0x20, struct dais_ioc_dom_info)
#define DAIS_IOC_DOM_CTL       DAIS_IOC(0x21, struct dais_ioc_ctl)
#define DAIS_IOC_DOM_DESTROY   DAIS_IOC(0x22, struct dais_ioc_destroy)
#define DAIS_IOC_DOM_STAT      DAIS_IOC(0x23, struct dais_ioc_stat)
#define DAIS_IOC_VCPU_STAT     DAIS_IOC(0x24, struct dais_ioc_stat)
#define DAIS_IOC_MEM_MAP       DAIS_IOC(0x25, struct dais_ioc_mem)
#define DAIS_IOC_MEM_SEAL      DAIS_IOC(0x26, struct dais_ioc_mem)
#define DAIS_IOC_MEM_UNMAP     DAIS_IOC(0x27, struct dais_ioc_mem)
#define DAIS_IOC_VCPU_CREATE   DAIS_IOC(0x28, struct dais_ioc_vcpu)
#define DAIS_IOC_VCPU_OPEN     DAIS_IOC(0x29, struct dais_ioc_vcpu)
#define DAIS_IOC_TRAP_SET      DAIS_IOC(0x2a, struct dais_ioc_trap)
#define DAIS_IOC_IRQ_SET       DAIS_IOC(0x2b, struct dais_ioc_irq)
#define DAIS_IOC_EVENT_CREATE  DAIS_IOC(0x2c, struct dais_ioc_event)
#define DAIS_IOC_EVENT_BIND    DAIS_IOC(0x2d, struct dais_ioc_bind)
#define DAIS_IOC_DEV_ASSIGN    DAIS_IOC(0x2e, struct dais_ioc_dev)
#define DAIS_IOC_DEV_RETURN    DAIS_IOC(0x2f, struct dais_ioc_dev)
#define DAIS_IOC_DEV_RESET     DAIS_IOC(0x30, struct dais_ioc_dev)
#define DAIS_IOC_DEV_MAP       DAIS_IOC(0x31, struct dais_ioc_dev_map)
#define DAIS_IOC_DEV_UNMAP     DAIS_IOC(0x32, struct dais_ioc_dev_map)
#define DAIS_IOC_DEV_LINE      DAIS_IOC(0x33, struct dais_ioc_dev_line)
#define DAIS_IOC_DEV_UNMASK    DAIS_IOC(0x34, struct dais_ioc_dev)
/* a vCPU */
#define DAIS_IOC_RUN           _IO(0xda, 0x40)
#define DAIS_IOC_RESUME        _IO(0xda, 0x41)
#define DAIS_IOC_KICK          _IO(0xda, 0x42)
#define DAIS_IOC_STATE         DAIS_IOC(0x43, struct dais_ioc_state)
#define DAIS_IOC_SCHED         DAIS_IOC(0x44, struct dais_ioc_sched)
#define DAIS_IOC_SELF_STAT     DAIS_IOC(0x45, struct dais_ioc_stat)
/* an event: read and write of one 64-bit word, poll */

#endif
