/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_devices.c drivers/control.c drivers/irq.c drivers/ioapic.c drivers/pci.c drivers/msi.c drivers/vpci.c drivers/serial.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/fake_devices.h"
#include "kernel/arch.h"

/* Vectors of the host and the IO-APIC's registers. */
#include "drivers/internal.h"

#define MASKED (1ULL << 16)
#define LEVEL  (1ULL << 15)
#define REMOTE_IRR (1ULL << 14)
#define LOW    (1ULL << 13)

static int start(void **state)
{
	(void)state;
	devices_init(&fake_boot);
	return 0;
}

static u32 reg_read(u32 reg)
{
	guest_write(FAKE_IOAPIC, 4, reg);
	return guest_read(FAKE_IOAPIC + 0x10, 4);
}

static void reg_write(u32 reg, u32 v)
{
	guest_write(FAKE_IOAPIC, 4, reg);
	guest_write(FAKE_IOAPIC + 0x10, 4, v);
}

static u64 entry_read(u32 pin)
{
	return reg_read(0x10 + 2 * pin) | (u64)reg_read(0x11 + 2 * pin) << 32;
}

static void entry_write(u32 pin, u64 v)
{
	reg_write(0x11 + 2 * pin, v >> 32);
	reg_write(0x10 + 2 * pin, v);
}

/* The hardware's interrupt of a pin; level: sets the remote IRR, the host's EOI clears it. */
static bool fire(u32 pin)
{
	u64 e = fake_rte[pin];
	bool taken;

	if (e & MASKED)
		return false;
	if (e & LEVEL)
		fake_rte[pin] |= REMOTE_IRR;
	taken = irq_handle((e >> 56) / 2, e & 0xff);
	fake_rte[pin] &= ~REMOTE_IRR;
	return taken;
}

static void all_masked_at_start(void **state)
{
	(void)state;
	for (u32 i = 0; i < FAKE_PINS; i++) {
		assert_true(fake_rte[i] & MASKED);
		assert_int_equal(entry_read(i), MASKED);
	}
	assert_true(fake_page_trapped(FAKE_IOAPIC));
}

static void identity(void **state)
{
	(void)state;
	assert_int_equal(reg_read(1), 0x20 | (FAKE_PINS - 1) << 16);
	reg_write(0, 5u << 24);
	assert_int_equal(reg_read(0), 5u << 24);
	assert_int_equal(reg_read(0x10 + 2 * FAKE_PINS), 0);
	reg_write(0x10 + 2 * FAKE_PINS, 0x30);
	assert_int_equal(guest_read(FAKE_IOAPIC, 4), 0x10 + 2 * FAKE_PINS);
	assert_int_equal(guest_read(FAKE_IOAPIC + 0x20, 4), 0xffffffff);
	assert_int_equal(guest_read(FAKE_IOAPIC + 0x100, 4), 0xffffffff);
}

static void edge_is_delivered(void **state)
{
	u64 guest = 0x22 | 1ULL << 56;

	(void)state;
	entry_write(4, guest);
	assert_int_equal(entry_read(4), guest);
	assert_int_equal(fake_rte[4] >> 56, 2);              /* APIC ID of CPU 1 */
	assert_in_range(fake_rte[4] & 0xff, IRQ_VECTOR_FIRST, IRQ_VECTOR_LAST);
	assert_int_equal(fake_rte[4] & 0x1ff00, 0);          /* fixed, physical, edge, unmasked */
	fake_delivered = 0;
	assert_true(fire(4));
	assert_true(fire(4));
	assert_int_equal(fake_delivered, 2);
	assert_int_equal(fake_address, 0xfee01000);
	assert_int_equal(fake_data, 0x22);
	entry_write(4, guest | MASKED);
	assert_true(fake_rte[4] & MASKED);
}

static void level_waits_for_eoi(void **state)
{
	u64 guest = 0x31 | LEVEL | LOW | 2ULL << 56;

	(void)state;
	entry_write(10, guest);
	assert_int_equal(fake_rte[10] & (LEVEL | LOW | MASKED), LEVEL | LOW);
	fake_delivered = 0;
	assert_true(fire(10));
	assert_int_equal(fake_data, 0x8031);
	assert_true(fake_rte[10] & MASKED);
	assert_int_equal(entry_read(10), guest | REMOTE_IRR);
	irq_eoi(0x32);                                       /* another's */
	assert_true(fake_rte[10] & MASKED);
	irq_eoi(0x31);
	assert_false(fake_rte[10] & MASKED);
	assert_int_equal(entry_read(10), guest);
	assert_true(fire(10));                               /* still asserted */
	assert_int_equal(fake_delivered, 2);
	irq_eoi(0x31);
	irq_eoi(0x31);
	irq_eoi(1000);
	assert_false(fake_rte[10] & MASKED);
}

/* An IOMMU: the interrupt arrives as what was asked for, the entry holds what the IOMMU made of it. */
static bool remaps;
static u64 asked;
static u32 asked_by, freed;
u64 iommu_state(void) { return remaps ? DAIS_IOMMU_IRQ : 0; }

u64 iommu_irq_alloc(u32 fn, u64 host)
{
	asked = host;
	asked_by = fn;
	return remaps ? 0x77feeabcd0ULL : host;
}

void iommu_irq_free(u32 fn, u64 message) { freed += remaps && fn == asked_by && message == 0x77feeabcd0ULL; }

static void remapped(void **state)
{
	struct irq_route *r = NULL;

	(void)state;
	remaps = true;
	entry_write(16, 0x39 | LEVEL);
	assert_int_equal(asked_by, FAKE_IOAPIC_SOURCE);
	assert_int_equal(fake_rte[16] >> 48, 0xabcd); /* bits 19:4 of the address */
	assert_int_equal(fake_rte[16] & 0xffff, 0x77 | LEVEL);
	fake_ioapic_eoi = 0;
	assert_true(irq_handle((asked >> 12 & 0xff) / 2, asked >> 32 & 0xff));
	assert_int_equal(fake_data, 0x8039);
	assert_true(fake_rte[16] & MASKED);
	assert_int_equal(fake_ioapic_eoi, 0x77); /* the local APIC's EOI does not reach it */
	irq_eoi(0x39);
	assert_false(fake_rte[16] & MASKED);
	assert_int_equal(irq_point(&r, NULL, NULL, 0x1234, MSI_ADDRESS, 0x40), 0x77feeabcd0ULL);
	assert_int_equal(asked_by, 0x1234);
	irq_free(&r);
	assert_int_equal(freed, 1);
	remaps = false;
	entry_write(16, MASKED);
}

static void masked_in_service(void **state)
{
	u64 guest = 0x33 | LEVEL;

	(void)state;
	entry_write(11, guest);
	assert_true(fire(11));
	entry_write(11, guest | MASKED);
	irq_eoi(0x33);
	assert_true(fake_rte[11] & MASKED);
	assert_int_equal(entry_read(11), guest | MASKED);
	entry_write(11, guest);
	assert_false(fake_rte[11] & MASKED);
}

static void unmasked_in_service(void **state)
{
	u64 guest = 0x34 | LEVEL;

	(void)state;
	entry_write(12, guest);
	assert_true(fire(12));
	entry_write(12, guest | MASKED);
	entry_write(12, guest);
	assert_true(fake_rte[12] & MASKED);                  /* the EOI is still to come */
	irq_eoi(0x34);
	assert_false(fake_rte[12] & MASKED);
}

static void eoi_register_and_edge_trick(void **state)
{
	u64 guest = 0x35 | LEVEL;

	(void)state;
	entry_write(13, guest);
	assert_true(fire(13));
	guest_write(FAKE_IOAPIC + 0x40, 4, 0x35);
	assert_false(fake_rte[13] & MASKED);
	assert_true(fire(13));
	/* Linux, on IO-APICs without the register */
	entry_write(13, (guest & ~LEVEL) | MASKED);
	entry_write(13, guest | MASKED);
	assert_int_equal(entry_read(13), guest | MASKED);
	entry_write(13, guest);
	assert_false(fake_rte[13] & MASKED);
}

static void keeps_its_vector(void **state)
{
	u64 guest = 0x36 | LEVEL | 1ULL << 56;
	u64 old;

	(void)state;
	entry_write(14, guest);
	old = fake_rte[14];
	entry_write(14, 0x37 | LEVEL | 3ULL << 56);          /* another CPU, another vector */
	assert_int_equal(fake_rte[14], old);
	assert_true(fire(14));
	assert_int_equal(fake_data, 0x8037);
	assert_int_equal(fake_address, 0xfee03000);
	irq_eoi(0x36);
	assert_true(fake_rte[14] & MASKED);
	irq_eoi(0x37);
	assert_false(fake_rte[14] & MASKED);
	/* Its vector changes in service: the old one's EOI unmasks. */
	assert_true(fire(14));
	entry_write(14, 0x38 | LEVEL | 3ULL << 56);
	assert_true(fake_rte[14] & MASKED);
	irq_eoi(0x37);
	assert_false(fake_rte[14] & MASKED);
	/* A late edge is delivered, the latest goes to the new message. */
	entry_write(15, 0x40 | 1ULL << 56);
	old = fake_rte[15];
	reg_write(0x10 + 2 * 15, 0x40 | MASKED);             /* as Linux does it */
	assert_true(irq_handle((old >> 56) / 2, old & 0xff));
	assert_int_equal(fake_data, 0x40);
	entry_write(15, 0x41 | 2ULL << 56);
	assert_true(irq_handle((old >> 56) / 2, old & 0xff));
	assert_int_equal(fake_data, 0x41);
	assert_int_equal(fake_address, 0xfee02000);
}

static void refused_modes_stay_masked(void **state)
{
	static const u32 modes[] = { 0x200, 0x400, 0x500, 0x700 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		entry_write(16, 0x50 | modes[i]);
		assert_true(fake_rte[16] & MASKED);
		assert_int_equal(entry_read(16), 0x50 | modes[i]);
	}
	entry_write(16, 0x0f);
	assert_true(fake_rte[16] & MASKED);
	entry_write(16, 0x150);                              /* lowest priority */
	assert_false(fake_rte[16] & MASKED);
	assert_int_equal(fake_rte[16] & 0x700, 0);
	entry_write(16, MASKED);
	assert_true(fake_rte[16] & MASKED);
}

static void undeliverable_level_stays_masked(void **state)
{
	(void)state;
	entry_write(17, 0x51 | LEVEL);
	fake_deliver_status = DAIS_BAD_ARG;
	assert_true(fire(17));
	fake_deliver_status = DAIS_OK;
	assert_true(fake_rte[17] & MASKED);
	assert_int_equal(entry_read(17), 0x51 | LEVEL);
	entry_write(17, 0x51 | LEVEL);
	assert_false(fake_rte[17] & MASKED);
}

static void extended_destination(void **state)
{
	(void)state;
	entry_write(18, 0x52 | 1ULL << 56 | 2ULL << 49 | 1 << 11);
	assert_true(fire(18));
	assert_int_equal(fake_address, 0xfee01000 | 2 << 5 | 4);
}

static void vectors_run_out(void **state)
{
	static struct irq_route *r[FAKE_CPUS * 256];
	static u64 host[FAKE_CPUS * 256];
	const u32 address = MSI_ADDRESS | 2 << 12, data = 0x60;
	struct irq_route *again = NULL, *last = NULL;
	u32 n = 0, home = 0;

	(void)state;
	while (n < ARRAY_SIZE(r) && (host[n] = irq_point(&r[n], NULL, NULL, 0, address, data)))
		home += (host[n++] >> 12 & 0xff) == 2 * 2; /* CPU 2's APIC ID */
	assert_in_range(n, FAKE_CPUS * 170, FAKE_CPUS * 176);
	assert_in_range(home, 170, 176);
	for (u32 i = 0; i < n; i++) {
		u32 cpu = (host[i] >> 12 & 0xff) / 2, vector = host[i] >> 32;

		assert_int_equal(irq_point(&r[i], NULL, NULL, 0, address + i % 4, data), host[i]); /* stays */
		assert_true(irq_handle(cpu, vector));
		irq_free(&r[i]);
		assert_null(r[i]);
		assert_false(irq_handle(cpu, vector));
	}
	/* What was just freed rests. */
	for (u32 i = 0; i < 100; i++) {
		assert_true(irq_point(&again, NULL, NULL, 0, address, data));
		assert_ptr_not_equal(again, last);
		last = again;
		irq_free(&again);
	}
	assert_false(irq_handle(0, 0x2f));
	assert_false(irq_handle(0, 0xe0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_masked_at_start), cmocka_unit_test(identity),
		cmocka_unit_test(edge_is_delivered),
		cmocka_unit_test(level_waits_for_eoi), cmocka_unit_test(remapped), cmocka_unit_test(masked_in_service),
		cmocka_unit_test(unmasked_in_service),
		cmocka_unit_test(eoi_register_and_edge_trick),
		cmocka_unit_test(keeps_its_vector),
		cmocka_unit_test(refused_modes_stay_masked),
		cmocka_unit_test(undeliverable_level_stays_masked),
		cmocka_unit_test(extended_destination),
		cmocka_unit_test(vectors_run_out),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
