/* SPDX-License-Identifier: GPL-2.0-only */
#include <stddef.h>
#include <string.h>
#include <dais/abi.h>
#include "boot/cpu.h"

#define MSR_VM_CR     0xc0010114u
#define VM_CR_SVMDIS  (1u << 4) /* APM vol. 2 §15.30.1 */
enum { EAX, EBX, ECX, EDX };

#define MSR_APIC_BASE 0x1bu
#define APIC_BASE_EXTD   (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define MSR_EFER      0xc0000080u
#define EFER_NXE      (1u << 11)
#define MSR_FEATURE_CONTROL   0x3au
#define MSR_ARCH_CAPABILITIES 0x10au
#define ARCH_IBRS_ALL         (1u << 1)
#define ARCH_PSCHANGE_MC_NO   (1u << 6)
#define MSR_TME_ACTIVATE      0x982u
#define TME_ON                3u /* locked, enabled */
#define MSR_SYSCFG            0xc0010010u
#define SYSCFG_ENCRYPTS       (1u << 23)
#define FEATURE_LOCKED        1u
#define FEATURE_VMXON         4u /* outside SMX: SDM vol. 3 §24.7 */

struct cpuid cpu_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid c;

	__asm__ volatile("cpuid" : "=a"(c.r[EAX]), "=b"(c.r[EBX]), "=c"(c.r[ECX]), "=d"(c.r[EDX])
			 : "a"(leaf), "c"(subleaf));
	return c;
}

uint64_t cpu_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/* SDM vol. 3 appendix A. Locked without VMX: no way to it before the next reset. */
static void probe_vmx(struct cpu_facts *facts)
{
	uint32_t *may = facts->vmx_may, control, first;

	facts->vmx = cpu_cpuid(1, 0).r[ECX] & (1u << 5);
	if (!facts->vmx)
		return;
	control = (uint32_t)cpu_msr(MSR_FEATURE_CONTROL);
	facts->vmx_disabled = (control & FEATURE_LOCKED) && !(control & FEATURE_VMXON);
	first = cpu_msr(VMX_MSR_BASIC) >> VMX_BASIC_TRUE & 1 ? VMX_MSR_TRUE : VMX_MSR_CONTROLS;
	for (uint32_t w = VMX_PIN; w <= VMX_ENTRY; w++)
		may[w] = cpu_msr(first + w) >> 32;
	if (may[VMX_PROC] >> 31 & 1)
		may[VMX_PROC2] = cpu_msr(VMX_MSR_PROC2) >> 32;
	if (may[VMX_PROC2] >> 1 & 1)
		may[VMX_EPT] = (uint32_t)cpu_msr(VMX_MSR_EPT);
}

/* APM vol. 2 §15.4: SVM may be there and yet be locked off by the firmware. */
void cpu_probe(struct cpu_facts *facts)
{
	struct cpuid id = cpu_cpuid(0, 0);
	uint32_t last = cpu_cpuid(0x80000000, 0).r[EAX];

	memset(facts, 0, sizeof(*facts));
	memcpy(facts->vendor, &id.r[EBX], 4);
	memcpy(facts->vendor + 4, &id.r[EDX], 4);
	memcpy(facts->vendor + 8, &id.r[ECX], 4);
	if (text_equal(facts->vendor, "GenuineIntel"))
		probe_vmx(facts);
	if (last < 0x80000001)
		return;
	id = cpu_cpuid(0x80000001, 0);
	facts->svm = id.r[ECX] & (1u << 2);
	facts->nx = id.r[EDX] & (1u << 20);
	if (!facts->svm || last < 0x8000000a)
		return;
	facts->svm_disabled = cpu_msr(MSR_VM_CR) & VM_CR_SVMDIS;
	facts->nested_paging = cpu_cpuid(0x8000000a, 0).r[EDX] & 1;
}

/* Names all that is missing, not just the first. */
static bool check_vmx(const struct cpu_facts *facts, struct error *err)
{
#define NEED(word, bit, name) { word, bit, name },
	static const struct { uint8_t word, bit; const char *name; } needs[] = { VMX_NEEDS(NEED) };
	size_t used = 0;

	if (!facts->vmx)
		return refuse(err, "this CPU has no VT-x (CPUID shows no VMX). Enable it in the firmware's set-up; "
			      "in a virtual machine, switch nested virtualization on");
	if (facts->vmx_disabled)
		return refuse(err, "VT-x is locked off by the firmware (IA32_FEATURE_CONTROL). Enable it in the "
			      "firmware's set-up, often under CPU or Advanced");
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (facts->vmx_may[needs[i].word] >> needs[i].bit & 1)
			continue;
		text_format(err->text + used, sizeof(err->text) - used, "%s%s",
			    used ? ", " : "this CPU's VT-x lacks what Dais needs: ", needs[i].name);
		used = text_length(err->text);
	}
	return used == 0;
}

static bool check_svm(const struct cpu_facts *facts, struct error *err)
{
	if (!facts->svm)
		return refuse(err, "this CPU (%s) has no AMD-V (CPUID shows no SVM). Dais needs a "
			      "CPU with AMD-V; in a virtual machine, switch nested virtualization "
			      "on",
			      facts->vendor);
	if (facts->svm_disabled)
		return refuse(err, "AMD-V is locked off by the firmware (VM_CR.SVMDIS). Enable "
			      "SVM in the firmware's set-up, often under CPU or Advanced");
	if (!facts->nested_paging)
		return refuse(err, "this CPU has AMD-V but no nested paging (NPT), which Dais "
			      "needs");
	return true;
}

bool cpu_check(const struct cpu_facts *facts, struct error *err)
{
	bool intel = text_equal(facts->vendor, "GenuineIntel");

	if (!(intel ? check_vmx(facts, err) : check_svm(facts, err)))
		return false;
	if (!facts->nx)
		return refuse(err, "this CPU shows no no-execute pages (NX). Enable them in the "
			      "firmware's set-up");
	return true;
}

/* --- what the hypervisor is told --- */

static bool has(cpuid_fn id, uint32_t leaf, uint32_t reg, uint32_t bit)
{
	return leaf <= id(leaf & 0x80000000, 0).r[EAX] && id(leaf, 0).r[reg] >> bit & 1;
}

#define FEATURE(name) offsetof(struct host, name)
static const struct { size_t field; uint32_t leaf, reg, bit; } features[] = {
	{ FEATURE(x2apic), 1, ECX, 21 }, { FEATURE(tsc_deadline), 1, ECX, 24 }, { FEATURE(xsave), 1, ECX, 26 },
	{ FEATURE(pcid), 1, ECX, 17 }, { FEATURE(mce), 1, EDX, 14 }, { FEATURE(fsgsbase), 7, EBX, 0 },
	{ FEATURE(smep), 7, EBX, 7 }, { FEATURE(smap), 7, EBX, 20 }, { FEATURE(umip), 7, ECX, 2 },
	{ FEATURE(page1g), 0x80000001, EDX, 26 }, { FEATURE(rdtscp), 0x80000001, EDX, 27 },
};

static const struct { uint32_t defence, leaf, reg, bit; bool intel; } defences[] = {
	{ DAIS_DEFENCE_IBPB, 0x80000008, EBX, 12, false }, { DAIS_DEFENCE_IBPB, 7, EDX, 26, true },
	{ DAIS_DEFENCE_VERW, 7, EDX, 10, true }, /* these threats are Intel's */
	{ DAIS_DEFENCE_L1D, 7, EDX, 28, true }, { DAIS_DEFENCE_AUTO_IBRS, 0x80000021, EAX, 8, false },
};

static bool is_intel(cpuid_fn id)
{
	return id(0, 0).r[EBX] == 0x756e6547; /* "Genu" */
}

/*
 * Of Intel's: what keeps guests' indirect branches from steering Dais's for good; and CPUs that a guest may bring down by
 * changing the size of a page that it executes (CVE-2018-12207): those that do not deny it.
 */
static uint32_t intel_defences(cpuid_fn id, msr_fn msr)
{
	uint64_t says = has(id, 7, EDX, 29) ? msr(MSR_ARCH_CAPABILITIES) : 0;

	return (says & ARCH_IBRS_ALL ? 1u << DAIS_DEFENCE_IBRS : 0) |
	       (says & ARCH_PSCHANGE_MC_NO ? 0 : 1u << DAIS_DEFENCE_SMALL_CODE);
}

uint32_t cpu_defences(cpuid_fn id, msr_fn msr)
{
	uint32_t bits = 1u << DAIS_DEFENCE_RSB | (is_intel(id) ? intel_defences(id, msr) : 0);

	for (size_t i = 0; i < sizeof(defences) / sizeof(defences[0]); i++) {
		if ((is_intel(id) || !defences[i].intel) &&
		    has(id, defences[i].leaf, defences[i].reg, defences[i].bit))
			bits |= 1u << defences[i].defence;
	}
	return bits;
}

static void describe_quirks(cpuid_fn id, struct host *h)
{
	struct cpuid c = id(0x40000000, 0);

	if (!has(id, 1, ECX, 31) || memcmp(&c.r[EBX], "TCGTCGTCGTCG", 12) != 0) /* QEMU, up to 11.1 */
		return;
	h->quirks = (struct quirks){ .loses_irqs = true };
	h->tsc_deadline = false; /* fires once: a lost tick would be the last one */
}

/* Bits of the APIC ID that number so many. */
static uint8_t id_bits(uint32_t count)
{
	return count > 1 ? (uint8_t)(32 - __builtin_clz(count - 1)) : 0;
}

/* SDM vol. 3 §9.9; APM vol. 3 CPUID 8000_001D, 8000_001E. Caches are listed from the nearest on. */
static void describe_topology(cpuid_fn id, struct host *h)
{
	bool amd = has(id, 0x80000001, ECX, 22);
	uint32_t leaf = amd ? 0x8000001d : 4;
	struct cpuid c;

	for (uint32_t i = 0; i < 16 && leaf <= (amd ? h->max_ext_leaf : h->max_leaf); i++) {
		c = id(leaf, i);
		if (!(c.r[EAX] & 0x1f))
			break;
		h->cache_shift = id_bits((c.r[EAX] >> 14 & 0xfff) + 1);
	}
	if (h->max_leaf >= 0xb && id(0xb, 0).r[EBX])
		h->core_shift = id(0xb, 0).r[EAX] & 0x1f;
	else if (amd && h->max_ext_leaf >= 0x8000001e)
		h->core_shift = id_bits((id(0x8000001e, 0).r[EBX] >> 8 & 0xff) + 1);
}

/*
 * Address bits that select a key or encryption: CPUID counts them, but with them an address names the same memory once
 * more (APM vol. 2 §7.10.1; Intel's MKTME spec. §4.2). Nobody may find Dais's or guests' memory there.
 */
static uint32_t key_bits(cpuid_fn id, msr_fn msr, const struct host *h)
{
	uint64_t tme = h->intel && has(id, 7, ECX, 13) ? msr(MSR_TME_ACTIVATE) : 0;

	if (h->amd && has(id, 0x8000001f, EAX, 0) && msr(MSR_SYSCFG) & SYSCFG_ENCRYPTS)
		return id(0x8000001f, 0).r[EBX] >> 6 & 0x3f;
	return (tme & TME_ON) == TME_ON ? tme >> 32 & 0xf : 0;
}

struct host cpu_host(cpuid_fn id, msr_fn msr, bool x2apic)
{
	struct cpuid c = id(0, 0);
	struct host h = { .max_leaf = c.r[EAX], .max_ext_leaf = id(0x80000000, 0).r[EAX] };

	h.amd = memcmp(&c.r[EBX], "Auth", 4) == 0 || memcmp(&c.r[EBX], "Hygo", 4) == 0;
	h.intel = is_intel(id);
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		*(bool *)((char *)&h + features[i].field) =
			has(id, features[i].leaf, features[i].reg, features[i].bit);
	h.x2apic &= x2apic;
	h.phys_bits = (id(0x80000008, 0).r[EAX] & 0xff) - key_bits(id, msr, &h);
	c = id(0xd, 0);
	if (h.xsave)
		h.xcr0 = c.r[EAX] | (uint64_t)c.r[EDX] << 32;
	/* From family 12h on; newer CPUs always do it (CPUID 8000_0021 EAX[2]), a hypervisor below us owns the MSR. */
	h.lfence_by_msr = h.amd && (id(1, 0).r[EAX] >> 20 & 0xff) > 2 && !has(id, 0x80000021, EAX, 2) &&
			  !has(id, 1, ECX, 31);
	describe_quirks(id, &h);
	describe_topology(id, &h);
	return h;
}

bool cpu_in_x2apic(void)
{
	return cpu_msr(MSR_APIC_BASE) & APIC_BASE_EXTD;
}

/* The x2APIC ID where leaf 0xb is there, else the 8-bit one. */
uint32_t cpu_apic_id(void)
{
	struct cpuid id;

	if (cpu_cpuid(0, 0).r[EAX] >= 0xb) {
		id = cpu_cpuid(0xb, 0);
		if (id.r[EBX] != 0)
			return id.r[EDX];
	}
	return cpu_cpuid(1, 0).r[EBX] >> 24;
}

uint64_t cpu_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* --- frequencies --- */

#define PM_HZ           3579545ULL
#define PM_MASK         0xffffffu   /* 24 bits at least: 4.6 s */
#define PM_POLLS        100000000u  /* a timer that stands still must not hang the boot */
#define MSR_X2APIC      0x800u
#define APIC_TPR        0x080u
#define APIC_EOI        0x0b0u
#define APIC_INITIAL    0x380u
#define APIC_CURRENT    0x390u
#define APIC_DIVIDE     0x3e0u
#define LVT_MASKED      (1u << 16)

static uint32_t port_in(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void port_out(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

/* 10 ms */
static uint64_t hz_by_pm_timer(uint16_t port)
{
	uint32_t first = port_in(port), ticks = 0;
	uint64_t begin = cpu_tsc();

	for (uint32_t i = 0; i < PM_POLLS && ticks < PM_HZ / 100; i++)
		ticks = (port_in(port) - first) & PM_MASK;
	return ticks ? (cpu_tsc() - begin) * PM_HZ / ticks : 0;
}

uint64_t cpu_tsc_hz(uint16_t pm_timer_port, struct error *err)
{
	uint64_t hz = 0;
	struct cpuid id;

	if (cpu_cpuid(0, 0).r[EAX] >= 0x15) {
		id = cpu_cpuid(0x15, 0);
		if (id.r[EAX] && id.r[EBX] && id.r[ECX])
			hz = (uint64_t)id.r[ECX] * id.r[EBX] / id.r[EAX];
	}
	if (!hz && pm_timer_port)
		hz = hz_by_pm_timer(pm_timer_port);
	if (!hz)
		refuse(err, "no clock to measure the TSC with: neither CPUID 15h nor an ACPI PM timer");
	return hz;
}

uint64_t cpu_apic_base(void)
{
	return cpu_msr(MSR_APIC_BASE) & 0x000ffffffffff000ULL;
}

/* xAPIC or x2APIC, as the firmware left it (SDM vol. 3 §10.5.4, §10.12.1.2) */
static uint32_t *apic_register(uint32_t reg)
{
	return (uint32_t *)(cpu_apic_base() + reg);
}

static void apic_write(uint32_t reg, uint32_t v)
{
	if (cpu_in_x2apic())
		write_msr(MSR_X2APIC + (reg >> 4), v);
	else
		*(volatile uint32_t *)apic_register(reg) = v;
}

static uint32_t apic_read(uint32_t reg)
{
	if (cpu_in_x2apic())
		return cpu_msr(MSR_X2APIC + (reg >> 4));
	return *(volatile uint32_t *)apic_register(reg);
}

/* As INIT leaves it: all that is local masked, nothing in service, the timer's clock divided by 2. */
static void apic_reset(void)
{
	static const uint32_t lvt[] = { 0x320, 0x330, 0x340, 0x350, 0x360, 0x370 };

	write_msr(MSR_APIC_BASE, cpu_msr(MSR_APIC_BASE) | APIC_BASE_ENABLE);
	for (uint32_t i = 0; i < sizeof(lvt) / sizeof(lvt[0]); i++)
		apic_write(lvt[i], LVT_MASKED);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_EOI, 0);
	apic_write(APIC_INITIAL, 0);
	apic_write(APIC_DIVIDE, 0);
}

uint64_t cpu_apic_hz(uint64_t tsc_hz)
{
	uint64_t begin, count;

	apic_reset();
	begin = cpu_tsc();
	apic_write(APIC_INITIAL, UINT32_MAX);
	while (cpu_tsc() - begin < tsc_hz / 100)
		;
	count = UINT32_MAX - apic_read(APIC_CURRENT);
	apic_write(APIC_INITIAL, 0);
	return count * 100;
}

/* --- what only ports and registers tell --- */

#define IOAPIC_VERSION 1u
#define CF8 0xcf8
#define CFC 0xcfc
#define CF8_ENABLE (1u << 31)
#define PCI_NOTHING UINT32_MAX

uint32_t cpu_ioapic_pins(uint64_t base)
{
	volatile uint32_t *index = (uint32_t *)base, *data = (uint32_t *)(base + 0x10);
	uint32_t version;

	*index = IOAPIC_VERSION;
	version = *data;
	return version == UINT32_MAX ? 0 : (version >> 16 & 0xff) + 1;
}

uint32_t cpu_pci_read(uint32_t fn, uint32_t reg)
{
	port_out(CF8, CF8_ENABLE | fn << 8 | reg);
	return port_in(CFC);
}

void cpu_pci_write(uint32_t fn, uint32_t reg, uint32_t value)
{
	port_out(CF8, CF8_ENABLE | fn << 8 | reg);
	port_out(CFC, value);
}

uint32_t cpu_pci_ids(uint32_t fn)
{
	return cpu_pci_read(fn, 0);
}

/* Any of its functions takes the device number. Firmware fills them from below. */
uint32_t cpu_free_pci_device(uint32_t (*ids)(uint32_t fn))
{
	uint32_t device = 32, fn = 0;

	while (fn < 8 && --device > 0) {
		fn = 0;
		while (fn < 8 && ids(device << 3 | fn) == PCI_NOTHING)
			fn++;
	}
	return device;
}

/* --- the other CPUs: SDM vol. 3 §8.4.4.1 --- */

#define APIC_ICR      0x300u
#define APIC_ICR_HIGH 0x310u
#define ICR_INIT      0x4500u
#define ICR_STARTUP   0x4600u
#define ICR_PENDING   (1u << 12)

static void send(uint32_t apic_id, uint32_t command)
{
	if (cpu_in_x2apic()) {
		write_msr(MSR_X2APIC + (APIC_ICR >> 4), (uint64_t)apic_id << 32 | command);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_PENDING)
		;
	apic_write(APIC_ICR_HIGH, apic_id << 24);
	apic_write(APIC_ICR, command);
}

/* True as soon as *waiting is 0. */
static bool wait_for(volatile uint64_t *waiting, uint64_t ticks)
{
	uint64_t begin = cpu_tsc();

	while (*waiting && cpu_tsc() - begin < ticks)
		__asm__ volatile("pause");
	return !*waiting;
}

bool cpu_start(uint32_t apic_id, uint64_t page, volatile uint64_t *waiting, uint64_t tsc_hz)
{
	send(apic_id, ICR_INIT);
	wait_for(waiting, tsc_hz / 100);
	send(apic_id, ICR_STARTUP | page / 4096);
	if (wait_for(waiting, tsc_hz / 1000))
		return true;
	send(apic_id, ICR_STARTUP | page / 4096);
	return wait_for(waiting, 5 * tsc_hz);
}

void cpu_enter(uint64_t cr3, uint64_t trampoline, uint64_t enter)
{
	write_msr(MSR_EFER, cpu_msr(MSR_EFER) | EFER_NXE);
	__asm__ volatile("cli\n\tcld\n\tmov %0, %%cr3\n\tjmp *%1" : : "r"(cr3), "r"(enter), "b"(trampoline) : "memory");
	__builtin_unreachable();
}
