/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_devices.c drivers/control.c drivers/irq.c drivers/ioapic.c drivers/pci.c drivers/msi.c drivers/vpci.c drivers/serial.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/fake_devices.h"
#include "kernel/arch.h"

/* The virtual PCI function. */
#define BAR 0xc0000000ULL
#define PBA (BAR + 0x8000)
#define CAP 0x40
#define ENABLE 0x8000
#define MASKALL 0x4000

static u16 bdf;

static int start(void **state)
{
	(void)state;
	devices_init(&fake_boot);
	return 0;
}

static u32 get(u32 reg, u32 size) { return guest_config_read(bdf, reg, size); }
static void put(u32 reg, u32 size, u32 v) { guest_config_write(bdf, reg, size, v); }

static void is_found(void **state)
{
	(void)state;
	for (u32 d = 0; d < 32; d++)
		if (guest_config_read(d << 3, 0, 4) == (DAIS_PCI_VENDOR | DAIS_PCI_DEVICE << 16))
			bdf = d << 3;
	assert_int_equal(bdf, FAKE_FREE_DEVICE << 3);
	assert_int_equal(guest_config_read(bdf | 1, 0, 4), 0xffffffff);
	assert_int_equal(get(0x0a, 2), DAIS_PCI_CLASS >> 8);
	assert_int_equal(get(0x0e, 1), 0);
	assert_int_equal(get(0x06, 2) & 0x10, 0x10);
	assert_int_equal(get(0x34, 1), CAP);
	assert_int_equal(get(CAP, 2), 0x11);
	assert_int_equal(get(CAP + 2, 2), FAKE_CPUS - 1);
	assert_int_equal(get(CAP + 4, 4), 0);
	assert_int_equal(get(CAP + 8, 4), 0x8000);
	assert_int_equal(get(0x100, 4), 0);
	assert_int_equal(control_msix_count(), FAKE_CPUS);
}

static void is_sized(void **state)
{
	(void)state;
	assert_int_equal(get(0x10, 4), 0);
	put(0x10, 4, 0xffffffff);
	assert_int_equal(get(0x10, 4), 0xffff0000);
	for (u32 reg = 0x14; reg < 0x28; reg += 4) {
		put(reg, 4, 0xffffffff);
		assert_int_equal(get(reg, 4), 0);
	}
	put(0, 4, 0);
	put(0x200, 4, 0xffffffff);
	assert_int_equal(get(0, 2), DAIS_PCI_VENDOR);
	put(0x3c, 1, 11);
	assert_int_equal(get(0x3c, 1), 0);
}

static void bar_traps_while_decoded(void **state)
{
	u32 pages = fake_trapped_pages();

	(void)state;
	put(0x10, 4, BAR);
	assert_int_equal(fake_trapped_pages(), pages);
	put(0x04, 2, 0xffff);
	assert_int_equal(get(0x04, 2), 0x0406);
	assert_int_equal(fake_trapped_pages(), pages + 16);
	assert_true(control_mmio_traps(BAR & ~0x1fffffULL, 0x200000));
	assert_false(control_mmio_traps(BAR + 0x10000, 0x1f0000));
	assert_true(control_mmio_traps(BAR + 0xf000, 0x1000));
	put(0x10, 4, BAR + 0x100000);
	assert_false(fake_page_trapped(BAR));
	assert_int_equal(guest_read(BAR + 0x100000 + 12, 4), 1);
	put(0x04, 2, 0);
	assert_int_equal(fake_trapped_pages(), pages);
	put(0x10, 4, FAKE_DAIS_RAM & 0xffff0000);
	/* refused as a whole: Dais's memory is in it */
	put(0x04, 2, 2);
	assert_int_equal(fake_trapped_pages(), pages);
	put(0x10, 4, FAKE_IOAPIC);
	assert_int_equal(fake_trapped_pages(), pages);
	put(0x10, 4, BAR);
	assert_int_equal(fake_trapped_pages(), pages + 16);
}

static void set_entry(u32 i, u32 address, u32 data, u32 control)
{
	guest_write(BAR + 16 * i, 4, address);
	guest_write(BAR + 16 * i + 4, 4, 0);
	guest_write(BAR + 16 * i + 8, 4, data);
	guest_write(BAR + 16 * i + 12, 4, control);
}

static void raises(void **state)
{
	(void)state;
	fake_delivered = 0;
	/* masked by reset, and switched off */
	control_msix_raise(1);
	assert_int_equal(fake_delivered, 0);
	assert_int_equal(guest_read(PBA, 8), 2);
	set_entry(1, 0xfee02000, 0x41, 0);
	assert_int_equal(fake_delivered, 0);
	put(CAP + 2, 2, ENABLE | MASKALL);
	assert_int_equal(get(CAP + 2, 2), ENABLE | MASKALL | (FAKE_CPUS - 1));
	assert_int_equal(fake_delivered, 0);
	put(CAP + 2, 2, ENABLE);
	assert_int_equal(fake_delivered, 1);                   /* what was pending */
	assert_int_equal(fake_address, 0xfee02000);
	assert_int_equal(fake_data, 0x41);
	assert_int_equal(guest_read(PBA, 8), 0);
	control_msix_raise(1);
	assert_int_equal(fake_delivered, 2);
	control_msix_raise(FAKE_CPUS);
	control_msix_raise(~0u);
	assert_int_equal(fake_delivered, 2);
}

static void masked_is_pending(void **state)
{
	(void)state;
	fake_delivered = 0;
	guest_write(BAR + 16 + 12, 4, 1);
	control_msix_raise(1);
	control_msix_raise(1);
	assert_int_equal(fake_delivered, 0);
	guest_write(PBA, 8, 0);                                /* read-only */
	assert_int_equal(guest_read(PBA, 4), 2);
	guest_write(BAR + 16, 8, 0xfee03000);
	guest_write(BAR + 16 + 8, 8, 0x42);                    /* data and unmask at once */
	assert_int_equal(fake_delivered, 1);
	assert_int_equal(fake_address, 0xfee03000);
	assert_int_equal(fake_data, 0x42);
}

static void odd_accesses(void **state)
{
	(void)state;
	assert_int_equal(guest_read(BAR + 16 * FAKE_CPUS, 8), 0);
	assert_int_equal(guest_read(BAR + 0x7ff8, 8), 0);
	assert_int_equal(guest_read(BAR + 0xfff8, 8), 0);
	assert_int_equal(guest_read(BAR + 3, 2), 0xffff);
	guest_write(BAR + 0x4000, 4, 1);
	guest_write(BAR + 16 + 8, 1, 0x50);
	assert_int_equal(guest_read(BAR + 16 + 8, 2), 0x50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_found), cmocka_unit_test(is_sized),
		cmocka_unit_test(bar_traps_while_decoded),
		cmocka_unit_test(raises), cmocka_unit_test(masked_is_pending),
		cmocka_unit_test(odd_accesses),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
