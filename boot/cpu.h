/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_CPU_H
#define DAIS_BOOT_CPU_H

#include "boot/text.h"

/* What the decision needs to know of the CPU. */
struct cpu_facts {
	char vendor[13];
	bool svm, svm_disabled, nested_paging, nx;
};

void cpu_probe(struct cpu_facts *facts);

/* Can Dais run here? If not, err names the missing feature. */
bool cpu_check(const struct cpu_facts *facts, struct error *err);

uint32_t cpu_apic_id(void);
uint64_t cpu_tsc(void);


/* Frequency of the TSC, and of the local APIC's undivided timer; the latter only after boot services. */
uint64_t cpu_tsc_hz(uint16_t pm_timer_port, struct error *err); /* 0 = err says why */
uint64_t cpu_apic_hz(uint64_t tsc_hz);
uint64_t cpu_apic_base(void);

/* Leaves for the hypervisor at its link address: RDI = info, in its direct mapping. Lies in two pages from
 * its address on, which cr3 maps one to one. */
void cpu_enter(uint64_t cr3, uint64_t entry, uint64_t info, uint64_t stack) __attribute__((noreturn));

#endif
