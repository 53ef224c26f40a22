/* SPDX-License-Identifier: GPL-2.0-only */
/* What both back ends must do alike: the same test functions run against each, on a model of its processor. */
#ifndef VENDOR_H
#define VENDOR_H

#include "arch/x86/cpu.h"
#include "arch/x86/virt/guest.h"
#include "arch/x86/x86.h"

#define VENDOR_CPUS  3
#define VENDOR_VCPUS 9

extern struct cpu vendor_cpu[VENDOR_CPUS];
extern struct xdomain vendor_domain;
extern struct xvcpu vendor_vcpu[VENDOR_VCPUS];
extern u32 vendor_rereads;        /* of the host APIC's TPR */
void vendor_setup(const struct virt_ops *ops);
void set_cpu(u32 c);

/* --- what a vendor's test file gives --- */
extern const struct vendor {
	/* The next exit of vCPU 0 is of this kind; false: the vendor has none such */
	bool (*raise)(enum exit_kind kind);
	void (*raise_io)(u16 port, u8 size, bool in, bool string);
	void (*raise_fault)(u64 gpa, bool write, bool exec, bool present, bool table_walk);
	/* and it cuts short the delivery of this; type EVENT_SOFT: INT n */
	void (*vectoring)(const struct guest_event *e);
	void (*take_interrupt)(bool yes);           /* the guest takes what is offered */
	struct guest_event (*injected)(void);       /* what the last entry put into vCPU 0 */
	void (*on_cpu)(bool yes);                   /* vCPU 0's control structure */
	u32 (*msr_map_bits)(const u8 *map, u32 range, u32 i); /* bit 0 read exits, 1 write exits */
} vendor;

/* The shared tests, for a file's list */
#define VENDOR_TESTS \
	cmocka_unit_test_setup(vendor_kinds, setup), cmocka_unit_test_setup(vendor_io, setup), \
	cmocka_unit_test_setup(vendor_faults, setup), cmocka_unit_test_setup(vendor_vectoring, setup), \
	cmocka_unit_test_setup(vendor_injects, setup), cmocka_unit_test_setup(vendor_interrupt_waits, setup), \
	cmocka_unit_test_setup(vendor_sregs_survive, setup), cmocka_unit_test_setup(vendor_part_of_sregs, setup), cmocka_unit_test_setup(vendor_debug_survives, setup), \
	cmocka_unit_test_setup(vendor_msr_map, setup), cmocka_unit_test_setup(vendor_registers_go_through, setup)

void vendor_kinds(void **state);
void vendor_io(void **state);
void vendor_faults(void **state);
void vendor_vectoring(void **state);
void vendor_injects(void **state);
void vendor_interrupt_waits(void **state);
void vendor_sregs_survive(void **state);
void vendor_part_of_sregs(void **state);
void vendor_debug_survives(void **state);
void vendor_msr_map(void **state);
void vendor_registers_go_through(void **state);

#endif
