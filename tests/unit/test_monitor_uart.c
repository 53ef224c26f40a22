/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's serial port, as a 16550 driver meets it. */
/* links: mgmt/monitor/uart.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "mgmt/monitor/uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct uart u;

static int setup(void **state)
{
	(void)state;
	uart_reset(&u);
	return 0;
}

static void transmits_what_is_written(void **state)
{
	(void)state;
	assert_int_equal(uart_read(&u, LSR), 0x60);
	assert_int_equal(uart_write(&u, DATA, 'x'), 'x');
	assert_int_equal(uart_read(&u, LSR), 0x60);
	assert_int_equal(uart_write(&u, SCR, 'y'), -1);
}

static void divisor_hides_data(void **state)
{
	(void)state;
	uart_write(&u, LCR, 0x83);
	assert_int_equal(uart_write(&u, DATA, 12), -1);
	uart_write(&u, IER, 1);
	assert_int_equal(uart_read(&u, DATA), 12);
	assert_int_equal(uart_read(&u, IER), 1);
	uart_write(&u, LCR, 0x03);
	assert_int_equal(uart_read(&u, IER), 0);
}

/* What Linux's autoconfig does until it says 16550A. */
static void is_recognized_as_16550a(void **state)
{
	(void)state;
	uart_write(&u, IER, 0);
	assert_int_equal(uart_read(&u, IER), 0);
	uart_write(&u, IER, 0x0f);
	assert_int_equal(uart_read(&u, IER), 0x0f);
	uart_write(&u, IER, 0);
	uart_write(&u, MCR, 0x10 | 0x0a);
	assert_int_equal(uart_read(&u, MSR) & 0xf0, 0x90);
	uart_write(&u, MCR, 0);
	uart_write(&u, FCR, 1);
	assert_int_equal(uart_read(&u, IIR) >> 6, 3);
	uart_write(&u, FCR, 0);
	assert_int_equal(uart_read(&u, IIR) >> 6, 0);
	uart_write(&u, SCR, 0x5a);
	assert_int_equal(uart_read(&u, SCR), 0x5a);
}

static void loops_back(void **state)
{
	(void)state;
	uart_write(&u, MCR, 0x10);
	assert_int_equal(uart_room(&u), 0);
	assert_int_equal(uart_write(&u, DATA, 0xae), -1);
	assert_int_equal(uart_read(&u, LSR) & 1, 1);
	assert_int_equal(uart_read(&u, DATA), 0xae);
	assert_int_equal(uart_read(&u, LSR) & 1, 0);
}

static void raises_transmitter_interrupt(void **state)
{
	(void)state;
	uart_write(&u, MCR, 0x08);
	assert_false(uart_irq(&u));
	uart_write(&u, IER, 2);
	assert_true(uart_irq(&u));
	assert_int_equal(uart_read(&u, IIR) & 0x0f, 0x02); /* reading it is the acknowledgement */
	assert_int_equal(uart_read(&u, IIR) & 0x0f, 0x01);
	assert_false(uart_irq(&u));
	uart_write(&u, DATA, 'x');
	assert_true(uart_irq(&u));
	uart_write(&u, IER, 0);
	assert_false(uart_irq(&u));
}

static void out2_gates_the_line(void **state)
{
	(void)state;
	uart_write(&u, IER, 2);
	assert_false(uart_irq(&u));
	uart_write(&u, MCR, 0x08);
	assert_true(uart_irq(&u));
}

static void receives_into_fifo(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(uart_room(&u), 0); /* nobody listens yet */
	uart_write(&u, MCR, 0x02);
	assert_int_equal(uart_room(&u), 1);
	uart_write(&u, FCR, 1);
	assert_int_equal(uart_room(&u), UART_FIFO);
	uart_write(&u, MCR, 0x0a);
	uart_write(&u, IER, 1);
	for (i = 0; i < UART_FIFO; i++)
		uart_receive(&u, 'a' + i);
	assert_int_equal(uart_room(&u), 0);
	assert_true(uart_irq(&u));
	assert_int_equal(uart_read(&u, IIR) & 0x0f, 0x04);
	for (i = 0; i < UART_FIFO; i++)
		assert_int_equal(uart_read(&u, DATA), 'a' + i);
	assert_false(uart_irq(&u));
	assert_int_equal(uart_read(&u, DATA), 0);
}

static void reports_overrun_once(void **state)
{
	(void)state;
	uart_write(&u, MCR, 0x08);
	uart_write(&u, IER, 4);
	uart_receive(&u, 'a');
	uart_receive(&u, 'b');
	assert_true(uart_irq(&u));
	assert_int_equal(uart_read(&u, IIR) & 0x0f, 0x06);
	assert_int_equal(uart_read(&u, LSR) & 2, 2);
	assert_int_equal(uart_read(&u, LSR) & 2, 0);
	assert_false(uart_irq(&u));
	assert_int_equal(uart_read(&u, DATA), 'a');
}

static void clears_fifo(void **state)
{
	(void)state;
	uart_write(&u, FCR, 1);
	uart_receive(&u, 'a');
	uart_write(&u, FCR, 3);
	assert_int_equal(uart_read(&u, LSR) & 1, 0);
}

static void counts_modem_changes(void **state)
{
	(void)state;
	assert_int_equal(uart_read(&u, MSR), 0xb0);
	uart_write(&u, MCR, 0x10);
	assert_int_equal(uart_read(&u, MSR), 0x0b);
	assert_int_equal(uart_read(&u, MSR), 0x00);
	uart_write(&u, MCR, 0x14);
	assert_int_equal(uart_read(&u, MSR), 0x40);
	uart_write(&u, MCR, 0x10);
	assert_int_equal(uart_read(&u, MSR), 0x04);
}

/* No sequence of accesses may reach outside the FIFO (the sanitizers look). */
static void survives_anything(void **state)
{
	uint32_t x = 12345;
	unsigned int i;

	(void)state;
	for (i = 0; i < 1000000; i++) {
		x = x * 1664525 + 1013904223;
		if (x >> 31)
			uart_write(&u, x >> 24 & 7, x >> 8);
		else if (x >> 30 & 1)
			uart_read(&u, x >> 24 & 7);
		else
			uart_receive(&u, x >> 8);
		uart_irq(&u);
		assert_true(u.rx_count <= UART_FIFO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(transmits_what_is_written, setup),
		cmocka_unit_test_setup(divisor_hides_data, setup),
		cmocka_unit_test_setup(is_recognized_as_16550a, setup),
		cmocka_unit_test_setup(loops_back, setup),
		cmocka_unit_test_setup(raises_transmitter_interrupt, setup),
		cmocka_unit_test_setup(out2_gates_the_line, setup),
		cmocka_unit_test_setup(receives_into_fifo, setup),
		cmocka_unit_test_setup(reports_overrun_once, setup),
		cmocka_unit_test_setup(clears_fifo, setup),
		cmocka_unit_test_setup(counts_modem_changes, setup),
		cmocka_unit_test_setup(survives_anything, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
