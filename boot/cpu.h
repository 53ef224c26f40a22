/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_CPU_H
#define DAIS_BOOT_CPU_H

#include "boot/boot_info.h"
#include "boot/text.h"
#include "boot/boot_info_vmx.h"

/* What the decision needs to know of the CPU. */
struct cpu_facts {
	char vendor[13];
	bool svm, svm_disabled, nested_paging, nx;
	bool vmx, vmx_disabled;
	uint32_t vmx_may[VMX_WORDS]; /* bits that may be 1 */
};

void cpu_probe(struct cpu_facts *facts);

/* Can Dais run here? If not, err names the missing feature. */
bool cpu_check(const struct cpu_facts *facts, struct error *err);

struct cpuid {
	uint32_t r[4]; /* EAX, EBX, ECX, EDX */
};
typedef struct cpuid (*cpuid_fn)(uint32_t leaf, uint32_t subleaf);
struct cpuid cpu_cpuid(uint32_t leaf, uint32_t subleaf);

typedef uint64_t (*msr_fn)(uint32_t msr);
uint64_t cpu_msr(uint32_t msr);

/* What the hypervisor is told. msr: reads what CPUID says is there. x2apic: may it be used where it is not on yet? */
struct host cpu_host(cpuid_fn id, msr_fn msr, bool x2apic);
#define CPU_DEFENCES_BUILT_IN (1u << DAIS_DEFENCE_RETPOLINES) /* the hypervisor's code is made so, for any CPU */
uint32_t cpu_defences(cpuid_fn id, msr_fn msr); /* against speculation: bits by enum dais_defence */
bool cpu_in_x2apic(void); /* there is no way back from it */

uint32_t cpu_apic_id(void);
uint64_t cpu_tsc(void);

/* Frequency of the TSC, and of the local APIC's timer, which resets that: only after boot services. */
uint64_t cpu_tsc_hz(uint16_t pm_timer_port, struct error *err); /* 0 = err says why */
uint64_t cpu_apic_hz(uint64_t tsc_hz);
uint64_t cpu_apic_base(void);

/* INIT and start-up: the CPU begins at this page below 1 MiB and clears *waiting; false: it does not. */
bool cpu_start(uint32_t apic_id, uint64_t page, volatile uint64_t *waiting, uint64_t tsc_hz);

uint32_t cpu_ioapic_pins(uint64_t base);  /* 0: nothing is there */
/* A dword of configuration space of segment 0, by ports. */
uint32_t cpu_pci_read(uint32_t fn, uint32_t reg);
void cpu_pci_write(uint32_t fn, uint32_t reg, uint32_t value);
uint32_t cpu_pci_ids(uint32_t fn);        /* of function fn of bus 0 */
uint32_t cpu_free_pci_device(uint32_t (*ids)(uint32_t fn)); /* of bus 0, 0: none */

/* Leaves for the hypervisor, by `trampoline` (in RBX, and where it is entered). Lies in two pages from
 * its address on, which cr3 maps one to one. */
void cpu_enter(uint64_t cr3, uint64_t trampoline, uint64_t enter) __attribute__((noreturn));

#endif
