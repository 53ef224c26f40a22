/* SPDX-License-Identifier: GPL-2.0-only */
/* Dais's neutral exit reasons, in the order of enum exit_kind (arch/x86/virt/vcpu_x86.h): tests/unit/test_exit_names.c. */
#ifndef DAIS_EXIT_NAMES_H
#define DAIS_EXIT_NAMES_H

static const char *const exit_names[] = {
	"unknown", "interrupt", "machine check", "nothing", "HLT", "PAUSE", "CPUID", "hypercall", "RDMSR", "WRMSR", "I/O",
	"nested fault", "CR8 write", "virtual EOI", "XSETBV", "WBINVD", "RDTSC", "refused", "RDPMC", "exception", "shutdown",
	"invalid state",
};

#endif
