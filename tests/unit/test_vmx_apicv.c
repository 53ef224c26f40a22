/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/vendor.c tests/unit/model_vmx.c arch/x86/vmx/vmx.c arch/x86/vmx/vcpu.c arch/x86/vmx/exit.c arch/x86/vmx/state.c arch/x86/vmx/check.c arch/x86/vmx/caps.c arch/x86/vmx/apicv.c kernel/format.c kernel/string.c */
/* The hardware's virtual APIC on the model processor: nothing that is posted gets lost, nor comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/model_vmx.h"

static struct permission_maps maps;
static u32 posted[256], delivered[256];

static u32 *page_word(u32 offset, u32 vector)
{
	return (u32 *)(apic_page + offset + 16 * (vector / 32));
}

static bool in_page(u32 offset, u32 vector)
{
	return *page_word(offset, vector) >> vector % 32 & 1;
}

static struct lapic *lapic(void)
{
	return &vendor_vcpu[0].lapic;
}

/* As another CPU does it: an interrupt of its own, unless the same is waiting still. */
static void post(u32 vector)
{
	u32 bit = 1u << vector % 32;

	if (!(lapic()->irr[vector / 32] & bit) && !in_page(0x200, vector))
		posted[vector]++;
	lapic()->irr[vector / 32] |= bit;
}

static bool enter(int irq)
{
	return !vmx_enter(&vendor_vcpu[0], irq);
}

static int setup_x2apic(void **state)
{
	setup(state);
	memset(posted, 0, sizeof(posted));
	memset(delivered, 0, sizeof(delivered));
	memset(&maps, 0xff, sizeof(maps));
	vendor_domain.maps = &maps;
	vendor_domain.d.slot = 1;
	vmx_apicv = true;
	vmx_control[VMX_PIN] = 0;
	assert_true(vmx_apicv_init(&vendor_vcpu[0]));
	lapic()->base_msr = APIC_BASE_EXTD;
	raise_kind(EXIT_CPUID);
	return 0;
}

static void not_in_xapic_mode(void **state)
{
	(void)state;
	lapic()->base_msr = 0;
	lapic()->tpr = 0x10;
	assert_false(enter(-1));
	assert_int_equal(vmread(PROC2_CONTROLS) & PROC2_APICV, 0);
	assert_int_equal(*page_word(0x80, 0), 0x10);
	lapic()->base_msr = APIC_BASE_EXTD;
	enter(-1);
	assert_int_equal(vmread(PROC2_CONTROLS) & PROC2_APICV, PROC2_APICV);
	lapic()->base_msr = 0;
	enter(-1);
	assert_int_equal(vmread(PROC2_CONTROLS) & PROC2_APICV, 0);
	assert_ptr_equal(vmread(MSR_BITMAPS), maps.msr);
}

/* The CPU takes 0x51 while 0x30 is in service. */
static void delivering_guest(void)
{
	assert_int_equal(vmread(GUEST_INTERRUPT_STATUS), 0x3051); /* SVI, RVI */
	*page_word(0x200, 0x51) &= ~(1u << 0x51 % 32);
	*page_word(0x100, 0x51) |= 1u << 0x51 % 32;
	*page_word(0x80, 0) = 0x20;
}

static void state_goes_in_and_comes_back(void **state)
{
	struct lapic *l = lapic();

	(void)state;
	l->isr[1] = 1u << 0x30 % 32;
	l->isr[2] = 1u << 0x51 % 32; /* accepted by the run loop, which offers it */
	vendor_domain.level[1] = 1ULL << 0x51 % 64;
	l->irr[2] = 1u << 0x41 % 32;
	guest = delivering_guest;
	assert_true(enter(0x51));
	assert_int_equal(entered.type, EVENT_NONE);
	assert_int_equal(vmread(VMCS_FIELD(EOI_EXIT_BITMAP0.code + 2)), 1ULL << 0x51 % 64);
	assert_int_equal(l->irr[2], 1u << 0x41 % 32);
	assert_int_equal(l->isr[1], 1u << 0x30 % 32);
	assert_int_equal(l->isr[2], 1u << 0x51 % 32);
	assert_int_equal(l->tpr, 0x20);
	guest = NULL;
	fake.reason = REASON_EOI;
	fake.qualification = 0x51;
	enter(-1);
	assert_int_equal(vendor_vcpu[0].exit.kind, EXIT_VIRTUAL_EOI);
	assert_int_equal(vendor_vcpu[0].exit.detail, 0x51);
}

/* What a CPU does at a notification that comes in guest mode: SDM vol. 3 §30.6 */
static void take_posted(void)
{
	u64 descriptor = vmread(POSTED_DESCRIPTOR);
	u32 *word = (u32 *)descriptor;

	assert_int_equal(descriptor % 64, 0);
	assert_int_equal(vmread(POSTED_VECTOR), VEC_POSTED);
	word[8] &= ~1u; /* outstanding notification */
	for (u32 n = 0; n < 8; n++) {
		*page_word(0x200, 32 * n) |= word[n];
		word[n] = 0;
	}
}

/* Delivers, ends and is sent interrupts at random, the one just delivered above all. */
static void busy_guest(void)
{
	for (u32 n = rand() % 8; n; n--) {
		u32 vector = 0x20 + rand() % 16;

		if (in_page(0x200, vector)) {
			*page_word(0x200, vector) &= ~(1u << vector % 32);
			delivered[vector]++;
		}
		if (rand() & 1)
			post(vector);
		if (vendor_vcpu[0].v.posted && rand() % 3 == 0)
			take_posted();
	}
}

static void nothing_is_lost(void **state)
{
	(void)state;
	for (u32 n = 0; n < 20000; n++) {
		post(0x20 + rand() % 16);
		guest = busy_guest;
		fake.no_entry = rand() % 16 == 0;
		enter(-1);
	}
	for (u32 v = 0x20; v < 0x30; v++)
		assert_int_equal(posted[v], delivered[v] + (lapic()->irr[v / 32] >> v % 32 & 1));
}

static void posted_ones_are_not_lost(void **state)
{
	vmx_control[VMX_PIN] |= PIN_POSTED;
	lapic()->esr = 0x60; /* behind the descriptor's IRR */
	nothing_is_lost(state);
	assert_true(vmread(PIN_CONTROLS) & PIN_POSTED);
	assert_int_equal(lapic()->esr, 0x60);
}

/* Only together with virtual-interrupt delivery: SDM vol. 3 §27.2.1.1 */
static void posting_comes_and_goes_with_the_virtual_apic(void **state)
{
	struct vcpu *v = &vendor_vcpu[0].v;

	(void)state;
	enter(-1);
	assert_false(v->posted || (vmread(PIN_CONTROLS) & PIN_POSTED)); /* the CPU has none */
	vmx_control[VMX_PIN] |= PIN_POSTED;
	for (u32 n = 0; n < 4; n++) {
		lapic()->base_msr = n & 1 ? APIC_BASE_EXTD : 0;
		enter(-1);
		assert_int_equal(v->posted, n & 1);
		assert_int_equal(!!(vmread(PIN_CONTROLS) & PIN_POSTED), n & 1);
		assert_int_equal(!!(vmread(PROC2_CONTROLS) & PROC2_APICV), n & 1);
	}
	vmx_apicv = false;
	enter(-1);
	assert_false(v->posted || (vmread(PIN_CONTROLS) & PIN_POSTED));
}

/* The exit has acknowledged it: nobody else will. */
static void the_hosts_interrupt_is_handed_on(void **state)
{
	(void)state;
	raise_kind(EXIT_INTR);
	fake.info = INFO_VALID | INFO_INTR << 8 | 0x31;
	enter(-1);
	assert_int_equal(vendor_vcpu[0].exit.kind, EXIT_INTR);
	assert_int_equal(vendor_vcpu[0].exit.event.type, EVENT_INTR);
	assert_int_equal(vendor_vcpu[0].exit.event.vector, 0x31);
	fake.info = 0;
	enter(-1);
	assert_int_equal(vendor_vcpu[0].exit.event.type, EVENT_NONE);
}

/* What was cut short goes in again as it is: the CPU has accepted it already. */
static void vectoring_goes_in_again(void **state)
{
	(void)state;
	vendor_vcpu[0].inject = (struct guest_event){ EVENT_INTR, 0x51, false, 0 };
	lapic()->irr[2] = 1u << 0x55 % 32;
	enter(-1);
	assert_int_equal(entered.type, EVENT_INTR);
	assert_int_equal(entered.vector, 0x51);
	assert_int_equal(vmread(GUEST_INTERRUPT_STATUS), 0x55);
	assert_false(vmread(PROC_CONTROLS) & PROC_INTERRUPT_WINDOW);
}

/* What the CPU keeps true passes; what the model computes, or acts on, exits. */
static void msrs_that_pass(void **state)
{
	static const struct { u32 msr, exits; } want[] = {
		{ 0x808, 0 }, { 0x80b, 1 }, { 0x80a, 2 }, { 0x810, 2 }, { 0x817, 2 }, { 0x820, 2 }, { 0x827, 2 }, { 0x818, 3 },
		{ 0x802, 3 }, { 0x828, 3 }, { 0x830, 3 }, { 0x832, 3 }, { 0x838, 3 }, { 0x839, 3 }, { 0x83f, 3 }, { 0x1b, 3 }, { 0x6e0, 3 },
	};

	(void)state;
	enter(-1);
	for (u32 i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(vendor.msr_map_bits((const u8 *)vmread(MSR_BITMAPS), 0, want[i].msr), want[i].exits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(not_in_xapic_mode, setup_x2apic),
		cmocka_unit_test_setup(state_goes_in_and_comes_back, setup_x2apic),
		cmocka_unit_test_setup(nothing_is_lost, setup_x2apic),
		cmocka_unit_test_setup(posted_ones_are_not_lost, setup_x2apic),
		cmocka_unit_test_setup(posting_comes_and_goes_with_the_virtual_apic, setup_x2apic),
		cmocka_unit_test_setup(the_hosts_interrupt_is_handed_on, setup_x2apic),
		cmocka_unit_test_setup(vectoring_goes_in_again, setup_x2apic),
		cmocka_unit_test_setup(msrs_that_pass, setup_x2apic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
