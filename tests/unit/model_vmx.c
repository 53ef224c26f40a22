/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "arch/x86/vmx/vmx.h"
#include "tests/unit/model_vmx.h"

u64 vmcs[VCPUS][FIELDS];
struct vmx_vcpu vmx[VCPUS];
u8 apic_page[4096];
void (*guest)(void);
u64 (*current)[FIELDS];
u32 active[VCPUS];      /* 1 + the CPU whose caches hold the VMCS; 0: cleared */
u32 nmis, pdpte_reads;

/* What each CPU's TLB may hold: by tables, made when. */
static struct { u64 pointer; u32 made; } tlb[CPUS][TABLES];
u32 stale_before[TABLES];
u32 now = 1;
bool model_tlb;

/* What the next exit stores. */
struct fake fake;
struct guest_event entered;

u64 vmread(struct vmcs_field f)
{
	assert_non_null(current);
	assert_in_range(f.code, 0, FIELDS - 1);
	return (*current)[f.code];
}

void vmwrite(struct vmcs_field f, u64 value)
{
	assert_non_null(current);
	assert_in_range(f.code, 0, FIELDS - 1);
	(*current)[f.code] = value;
}

/* A VMCS is in one CPU's caches at most: SDM vol. 3 §25.11.1 */
void vmptrld(const struct vmx_vcpu *s)
{
	u32 n = s - vmx, me = this_cpu()->id + 1;

	assert_true(!active[n] || active[n] == me);
	active[n] = me;
	current = &vmcs[n];
}

void vmclear(struct vmx_vcpu *s)
{
	u32 n = s - vmx;

	assert_true(!active[n] || active[n] == this_cpu()->id + 1);
	active[n] = 0;
	if (current == &vmcs[n])
		current = NULL;
	s->launched = false;
}

void lapic_take_back(struct lapic *l, u32 v) { l->isr[v / 32] &= ~(1u << v % 32); l->irr[v / 32] |= 1u << v % 32; }
bool vmxon(u64 a) { (void)a; return true; }
void vmx_host_nmi(void) { nmis++; }
void vmx_exit(void) { }
bool guest_ram(struct xvcpu *x, u64 gpa, void *buf, u32 n, bool write) { (void)write; (void)x; (void)gpa; memset(buf, 1, n); pdpte_reads++; return true; }

void invept(u64 pointer)
{
	for (u32 t = 0; t < TABLES; t++)
		if (tlb[this_cpu()->id][t].pointer == pointer)
			tlb[this_cpu()->id][t].pointer = 0;
}

static void use_tlb(void)
{
	u64 pointer = vmread(EPT_POINTER);
	u32 t = (pointer >> 12) - 1, c = this_cpu()->id;

	if (tlb[c][t].pointer)
		assert_true(tlb[c][t].made >= stale_before[t]);
	else
		tlb[c][t].made = now;
	tlb[c][t].pointer = pointer;
}

bool vmx_enter_guest(u64 *gpr, u64 launched, u64 *host_rsp)
{
	u32 i = vmread(ENTRY_INTERRUPTION_INFO);

	(void)gpr; (void)host_rsp;
	if (fake.no_entry)
		return false;
	assert_int_equal(launched, vmx[current - vmcs].launched);
	entered = (struct guest_event){ i & INFO_VALID ? EVENT_TYPE(INFO_TYPE(i)) : EVENT_NONE, i, i & INFO_ERROR, vmread(ENTRY_EXCEPTION_ERROR) };
	vmwrite(EXIT_REASON, fake.reason | (fake.fails ? REASON_FAILED : 0));
	vmwrite(EXIT_QUALIFICATION, fake.qualification);
	vmwrite(GUEST_PHYSICAL_ADDRESS, fake.gpa);
	vmwrite(EXIT_INSTRUCTION_LENGTH, fake.length);
	vmwrite(IDT_VECTORING_INFO, fake.vectoring);
	vmwrite(IDT_VECTORING_ERROR, fake.vectoring_error);
	vmwrite(EXIT_INTERRUPTION_INFO, fake.info);
	vmwrite(EXIT_INTERRUPTION_ERROR, fake.error);
	if (entered.type == EVENT_NMI)
		fake.blocked |= BLOCKED_NMI;
	if (!fake.fails) {
		vmwrite(ENTRY_INTERRUPTION_INFO, i & ~INFO_VALID);
		vmwrite(GUEST_INTERRUPTIBILITY, fake.blocked);
	}
	if (model_tlb)
		use_tlb();
	if (guest)
		guest();
	return true;
}

/* vCPU 0 is loaded on CPU 0, but as far as shared code knows: its DR6 and CR2 are not in the test's own CPU. */
int setup(void **state)
{
	(void)state;
	vendor_setup(&vmx_ops);
	memset(vmcs, 0, sizeof(vmcs));
	memset(active, 0, sizeof(active));
	memset(tlb, 0, sizeof(tlb));
	memset(stale_before, 0, sizeof(stale_before));
	for (u32 i = 0; i < VCPUS; i++) {
		vmcs[i][CR0_MASK.code] = ~CR0_FREE;
		vmcs[i][CR4_MASK.code] = ~CR4_FREE;
		vmx[i] = (struct vmx_vcpu){ .cpu = ~0u, .apic_page = apic_page };
		vendor_vcpu[i].vendor = &vmx[i];
	}
	fake = (struct fake){ 0 };
	model_tlb = vmx_apicv = false;
	guest = NULL;
	memset(apic_page, 0, sizeof(apic_page));
	nmis = pdpte_reads = 0;
	current = NULL;
	return 0;
}

bool raise_kind(enum exit_kind kind)
{
	static const u8 reasons[EXIT_KINDS] = {
		[EXIT_INTR] = 1, [EXIT_NOTHING] = 7, [EXIT_MACHINE_CHECK] = 41, [EXIT_HLT] = 12, [EXIT_PAUSE] = 40, [EXIT_CPUID] = 10,
		[EXIT_HYPERCALL] = 18, [EXIT_MSR_READ] = 31, [EXIT_MSR_WRITE] = 32, [EXIT_IO] = 30, [EXIT_NESTED_FAULT] = 48,
		[EXIT_CR8_WRITE] = 28, [EXIT_XSETBV] = 55, [EXIT_WBINVD] = 54, [EXIT_REFUSED] = 27, [EXIT_GP] = 15,
		[EXIT_EXCEPTION] = 0, [EXIT_SHUTDOWN] = 2, [EXIT_INVALID] = 33, [EXIT_UNKNOWN] = 200, [EXIT_VIRTUAL_EOI] = 45,
	};

	fake = (struct fake){ .reason = reasons[kind], .length = 3, .fails = kind == EXIT_INVALID || kind == EXIT_MACHINE_CHECK };
	if (kind == EXIT_CR8_WRITE)
		fake.qualification = 8;
	if (kind == EXIT_EXCEPTION)
		fake.info = INFO_VALID | INFO_EXCEPTION << 8 | VEC_AC | INFO_ERROR;
	vmptrld(&vmx[0]);
	return kind == EXIT_EXCEPTION || fake.reason;
}

static void raise_io(u16 port, u8 size, bool in, bool string)
{
	raise_kind(EXIT_IO);
	fake.qualification = (u64)port << 16 | string << 4 | in << 3 | (size - 1);
}

void raise_fault(u64 gpa, bool write, bool exec, bool present, bool table_walk)
{
	raise_kind(EXIT_NESTED_FAULT);
	fake.gpa = gpa;
	fake.qualification = write << 1 | exec << 2 | (present ? 1 << 3 : 0) | 1 << 7 | !table_walk << 8 | (!write && !exec);
}

static void vectoring(const struct guest_event *e)
{
	fake.vectoring = INFO_VALID | EVENT_NUMBER(e->type) << 8 | e->vector | (e->has_error ? INFO_ERROR : 0);
	fake.vectoring_error = e->error;
}

static void take_interrupt(bool yes) { (void)yes; }
static struct guest_event injected(void) { return entered; }

static void on_cpu(bool yes)
{
	if (yes)
		vmptrld(&vmx[0]);
	else
		vmclear(&vmx[0]);
}

static u32 msr_map_bits(const u8 *map, u32 range, u32 i)
{
	const u8 *at = map + range * 1024 + i / 8;

	return (at[0] >> i % 8 & 1) | (at[2048] >> i % 8 & 1) << 1;
}

const struct vendor vendor = { raise_kind, raise_io, raise_fault, vectoring, take_interrupt, injected, on_cpu, msr_map_bits };
