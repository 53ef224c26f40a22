/* SPDX-License-Identifier: GPL-2.0-only */
/* AMD-V or VT-x, with what the loader will ask for (boot/cpu.c). */
#include <stdio.h>
#include <string.h>
#include <dais/abi.h>

#include "boot/boot_info_vmx.h"
#include "check.h"

enum { EAX, EBX, ECX, EDX };

#define MSR_FEATURE_CONTROL 0x3a	/* SDM vol. 3 §24.7: bit 0 locks, bit 2 VMX outside SMX */
#define MSR_VM_CR     0xc0010114u	/* APM vol. 2 §15.30.1: bit 4 SVMDIS */

#define NO_MSR "as root, after modprobe msr, dais check can tell"

static bool bit(const struct check_machine *m, uint32_t leaf, unsigned int reg, unsigned int nr)
{
	uint32_t r[4];

	m->cpuid(leaf & 0x80000000u, 0, r);
	if (r[EAX] < leaf)
		return false;
	m->cpuid(leaf, 0, r);
	return r[reg] >> nr & 1;
}

bool check_on_dais(const struct check_machine *m)
{
	uint32_t r[4];

	if (!bit(m, 1, ECX, 31)) /* a hypervisor is there */
		return false;
	m->cpuid(DAIS_CPUID_LEAF, 0, r);
	return !memcmp(&r[EBX], DAIS_CPUID_SIGNATURE, 12);
}

static bool is_intel(const struct check_machine *m)
{
	uint32_t r[4];

	m->cpuid(0, 0, r);
	return r[EBX] == 0x756e6547; /* "Genu" */
}

/* Bits that each word of controls may set: SDM vol. 3 appendix A. */
static int read_vmx(const struct check_machine *m, uint32_t may[VMX_WORDS])
{
	uint64_t basic, v;
	uint32_t first;

	memset(may, 0, VMX_WORDS * sizeof(may[0]));
	if (m->msr(VMX_MSR_BASIC, &basic))
		return -1;
	first = basic >> VMX_BASIC_TRUE & 1 ? VMX_MSR_TRUE : VMX_MSR_CONTROLS;
	for (unsigned int w = VMX_PIN; w <= VMX_ENTRY; w++) {
		if (m->msr(first + w, &v))
			return -1;
		may[w] = v >> 32;
	}
	if (may[VMX_PROC] >> 31 & 1 && !m->msr(VMX_MSR_PROC2, &v))
		may[VMX_PROC2] = v >> 32;
	if (may[VMX_PROC2] >> 1 & 1 && !m->msr(VMX_MSR_EPT, &v))
		may[VMX_EPT] = v;
	return 0;
}

static void judge_vmx(const struct check_machine *m, struct check_line *l)
{
#define NEED(word, nr, name) { word, nr, name },
	static const struct { unsigned char word, nr; const char *name; } needs[] = { VMX_NEEDS(NEED) };
	uint32_t may[VMX_WORDS];
	char lacks[160] = "";
	size_t n = 0;

	if (read_vmx(m, may)) {
		check_say(l, CHECK_UNKNOWN, "VT-x is there; whether with all that Dais needs cannot be read");
		check_advise(l, NO_MSR);
		return;
	}
	for (unsigned int i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (!(may[needs[i].word] >> needs[i].nr & 1) && n < sizeof(lacks))
			n += snprintf(lacks + n, sizeof(lacks) - n, "%s%s", n ? ", " : "", needs[i].name);
	if (!n) {
		check_say(l, CHECK_OK, "Intel VT-x with EPT and unrestricted guest");
		return;
	}
	check_say(l, CHECK_MISSING, "VT-x lacks: %s", lacks);
	check_advise(l, "Intel CPUs have these since 2010; in a virtual machine, another CPU model");
}

void check_virtualization(const struct check_machine *m, struct check_line *l)
{
	bool intel = is_intel(m);

	if (check_on_dais(m)) {
		check_say(l, CHECK_OK, "Dais runs on this machine now, and uses it");
	} else if (intel && bit(m, 1, ECX, 5)) {
		judge_vmx(m, l);
	} else if (!intel && bit(m, 0x80000001u, ECX, 2)) {
		if (bit(m, 0x8000000au, EDX, 0)) {
			check_say(l, CHECK_OK, "AMD-V with nested paging");
		} else {
			check_say(l, CHECK_MISSING, "AMD-V lacks nested paging (NPT)");
			check_advise(l, "AMD CPUs have it since 2007; in a virtual machine, another CPU model");
		}
	} else {
		check_say(l, CHECK_MISSING, "this CPU shows neither AMD-V (svm) nor VT-x (vmx)");
		check_advise(l, "switch on SVM Mode or Intel Virtualization Technology in the firmware's set-up; "
			     "in a virtual machine, nested virtualization");
	}
}

/* A running KVM has been let in, so the firmware has locked nothing. */
void check_lock(const struct check_machine *m, struct check_line *l)
{
	bool intel = is_intel(m), locked;
	uint64_t v;

	if (check_on_dais(m)) {
		check_say(l, CHECK_OK, "virtualization is not locked off (it is in use)");
	} else if (!bit(m, intel ? 1 : 0x80000001u, ECX, intel ? 5 : 2)) {
		check_say(l, CHECK_UNKNOWN, "nothing to lock: see virtualization");
	} else if (check_exists(m, "/dev/kvm")) {
		check_say(l, CHECK_OK, "virtualization is not locked off (KVM can use it)");
	} else if (m->msr(intel ? MSR_FEATURE_CONTROL : MSR_VM_CR, &v)) {
		check_say(l, CHECK_UNKNOWN, "whether the firmware locks virtualization off cannot be read");
		check_advise(l, NO_MSR);
	} else {
		locked = intel ? (v & 1) && !(v & 4) : v >> 4 & 1;
		check_say(l, locked ? CHECK_MISSING : CHECK_OK, "%s is %slocked off by the firmware", intel ? "VT-x" : "AMD-V",
			  locked ? "" : "not ");
		if (locked)
			check_advise(l, "switch on %s in the firmware's set-up, often under CPU or Advanced",
				     intel ? "Intel Virtualization Technology" : "SVM Mode");
	}
}

void check_nx(const struct check_machine *m, struct check_line *l)
{
	if (bit(m, 0x80000001u, EDX, 20)) {
		check_say(l, CHECK_OK, "memory can be made not executable");
		return;
	}
	check_say(l, CHECK_MISSING, "this CPU shows no no-execute pages (NX)");
	check_advise(l, "switch on NX or Execute Disable in the firmware's set-up");
}

/* CPUID 8000_0007 EDX[8]: invariant TSC. */
void check_tsc(const struct check_machine *m, struct check_line *l)
{
	if (bit(m, 0x80000007u, EDX, 8)) {
		check_say(l, CHECK_OK, "the time-stamp counter is invariant");
		return;
	}
	check_say(l, CHECK_MISSING, "the time-stamp counter is not said to be invariant: guests' time may drift");
	check_advise(l, "nothing helps on old hardware; in a virtual machine, pass invtsc");
}
