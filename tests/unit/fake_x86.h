/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine for the unit tests of arch/x86/virt: RAM, nested tables, a clock, a vendor back end, one domain. */
#ifndef FAKE_X86_H
#define FAKE_X86_H

#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"

#define FAKE_RAM   0x400000ULL     /* guest RAM: GPA 0 .. this, in 4 KiB pages */
#define FAKE_MMIO  0x10000000ULL   /* where the tests put devices */
#define FAKE_HZ    2500000000ULL
#define FAKE_VCPUS 20u

struct fake_io { bool port, write; u64 addr, value; u32 size; };

extern struct fake {
	u64 now;
	u32 written_back;              /* lines */
	u32 heap_left;                 /* pages until heap_pages fails */
	u32 heap_used;
	u32 flushes;
	u8 vector; bool raised; u32 error; /* the last exception */
	u32 kills; char reason[128];
	u32 notified[FAKE_VCPUS];      /* VP_* bits */
	struct vcpu *yielded_to; u32 waits; /* the last that was tried; the one that waits for a CPU */
	u32 eoi;                       /* vector given to irq_eoi */
	struct fake_io io[64]; u32 ios;
	u8 *memory;                    /* 8 KiB at FAKE_MMIO, or NULL: then */
	u64 device;                    /* what device reads return, plus the address */
	bool monitor;                  /* devices exit to the monitor */
	u32 exit;                      /* DAIS_EXIT_* asked for */
	u64 msr[64]; u32 msr_index[64]; u32 msrs; /* the vendor's */
	u64 tsc_offset;
	u32 cpuid_all;                 /* what host_cpuid gives for other leaves */
} fake;

extern struct boot_info fake_boot;
extern bool fake_intel;            /* the host's vendor, and EPT */
/* The same tests on an AMD host and on an Intel one */
#define fake_run_both(tests) \
	(cmocka_run_group_tests_name("AMD-V", tests, NULL, NULL) + !(fake_intel = true) + \
	 cmocka_run_group_tests_name("VT-x", tests, NULL, NULL))

extern struct xdomain *fake_domain;
struct xvcpu *fake_vcpu(u32 n);
u8 *fake_ram(u64 gpa);
void fake_start(u32 vcpus);        /* everything as at the start, vCPU 0 in 64-bit mode without paging of its own */
void fake_stop(void);
void fake_time(u64 ticks);         /* lets time pass, firing timers */
void fake_long_mode(struct xvcpu *x, u64 cr3);
void fake_flat(struct xvcpu *x, enum insn_mode mode); /* CS of that mode, flat segments, paging off */
void fake_unmap(u64 gpa);
void fake_serve(struct xvcpu *x);  /* the monitor answers the access that it was asked for, the vCPU goes on */

#endif
