/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_devices.c drivers/control.c drivers/irq.c drivers/ioapic.c drivers/pci.c drivers/msi.c drivers/vpci.c drivers/serial.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/fake_devices.h"
#include "kernel/arch.h"

/* Power ports, and the serial port. */
#include <string.h>

static int start(void **state)
{
	(void)state;
	devices_init(&fake_boot);
	return 0;
}

static void sleep_needs_notice(void **state)
{
	(void)state;
	fake_port_writes = 0;
	guest_out(0x604, 2, 0x2000 | 5 << 10);
	guest_out(0x605, 1, 0x20);
	guest_out(0x602, 4, 0x20000000);
	guest_out(0x603, 2, 0x2000);                           /* across its border */
	assert_int_equal(fake_port_writes, 0);
	/* the type alone, as Linux writes it first */
	guest_out(0x604, 2, 5 << 10);
	assert_int_equal(fake_port_writes, 1);
	arch_shutdown_allowed(true);
	guest_out(0x604, 2, 0x2000 | 5 << 10);
	assert_int_equal(fake_port_writes, 2);
	assert_int_equal(fake_port_value, 0x2000 | 5 << 10);
	arch_shutdown_allowed(false);
	guest_out(0x604, 2, 0x2000);
	assert_int_equal(fake_port_writes, 2);
	assert_true(fake_trapped_port[0x605]);
	assert_false(fake_trapped_port[0x606]);
}

static void reset_always_passes(void **state)
{
	(void)state;
	fake_port_writes = 0;
	guest_out(0xcf9, 1, 0xf);
	assert_int_equal(fake_port_writes, 1);
	assert_int_equal(fake_port, 0xcf9);
	assert_int_equal(fake_port_value, 0xf);
	assert_false(fake_trapped_port[0x92] || fake_trapped_port[0x64]);
}

static void serial_port(void **state)
{
	(void)state;
	fake_port_writes = 0;
	fake_port_in = 0xff;                                   /* no UART there */
	serial_init(0x3f8, 115200);
	serial_write("x", 1);
	assert_int_equal(fake_port_writes, 0);
	fake_port_in = 0x60;
	serial_init(0x3f8, 9600);
	assert_in_range(fake_port_writes, 5, 10);
	fake_port_writes = 0;
	serial_write("ab\n", 3);
	assert_int_equal(fake_port_writes, 4);
	assert_int_equal(fake_port, 0x3f8);
	assert_int_equal(fake_port_value, '\n');
	fake_port_in = 0;                                      /* never ready: ends all the same */
	serial_write("x", 1);
	assert_int_equal(fake_port_writes, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleep_needs_notice), cmocka_unit_test(reset_always_passes),
		cmocka_unit_test(serial_port),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
