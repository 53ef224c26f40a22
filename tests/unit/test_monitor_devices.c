/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's I/O APIC, power registers and how the serial port's interrupt gets out. */
/* links: mgmt/monitor/devices.c mgmt/monitor/ioapic.c mgmt/monitor/serial.c mgmt/monitor/uart.c mgmt/monitor/pci_bus.c mgmt/monitor/pci_device.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "mgmt/monitor/devices.h"
#include "mgmt/monitor/layout.h"

static struct device_state device_state;
static struct devices d;
static unsigned int sent;
static uint64_t last_address;
static uint32_t last_data;
static char printed[64];
static size_t printed_count;
static const char *typed;

static void on_send(void *ctx, uint64_t address, uint32_t data)
{
	(void)ctx;
	sent++;
	last_address = address;
	last_data = data;
}

static void on_transmit(void *ctx, uint8_t byte)
{
	(void)ctx;
	if (printed_count < sizeof(printed))
		printed[printed_count++] = byte;
}

static int on_receive(void *ctx)
{
	(void)ctx;
	return *typed ? *typed++ : -1;
}

static bool on_waits(void *ctx)
{
	(void)ctx;
	return *typed;
}

static int setup(void **state)
{
	(void)state;
	sent = 0;
	d.autonomous = false;
	printed_count = 0;
	typed = "";
	d.state = &device_state;
	d.out = (struct ioapic_out){ on_send, NULL };
	d.console = (struct device_console){ on_transmit, on_receive, on_waits, NULL };
	devices_reset(&d);
	return 0;
}

static void io_write(uint32_t reg, uint32_t value)
{
	devices_memory_write(&d, IOAPIC_GPA, 4, reg);
	devices_memory_write(&d, IOAPIC_GPA + 0x10, 4, value);
}

static uint32_t io_read(uint32_t reg)
{
	devices_memory_write(&d, IOAPIC_GPA, 4, reg);
	return devices_memory_read(&d, IOAPIC_GPA + 0x10, 4);
}

static void set_pin(unsigned int pin, uint32_t low, uint32_t high)
{
	io_write(0x11 + 2 * pin, high);
	io_write(0x10 + 2 * pin, low);
}

static void ioapic_registers(void **state)
{
	(void)state;
	assert_int_equal(io_read(1), 0x00170020);
	assert_int_equal(io_read(0x10), 0x10000);
	assert_int_equal(io_read(0x10 + 2 * 23), 0x10000);
	assert_int_equal(io_read(0x10 + 2 * 24), 0xffffffff);
	set_pin(3, 0xffffffff, 0xffffffff);
	assert_int_equal(io_read(0x16), 0x1afff); /* status and remote IRR are read-only */
	assert_int_equal(io_read(0x17), 0xff000000);
	assert_int_equal(devices_memory_read(&d, IOAPIC_GPA + 0x11, 1), 0);
	assert_int_equal(devices_memory_read(&d, IOAPIC_GPA - 1, 4), ~0ULL);
	assert_int_equal(devices_memory_read(&d, IOAPIC_GPA + 0x1000, 8), ~0ULL);
}

static void edge_is_sent_once(void **state)
{
	(void)state;
	set_pin(5, 0x31, 0x02000000);
	ioapic_set_line(&device_state.ioapic, 5, true, &d.out);
	assert_int_equal(sent, 1);
	assert_int_equal(last_address, 0xfee02000);
	assert_int_equal(last_data, 0x4031);
	ioapic_set_line(&device_state.ioapic, 5, true, &d.out);
	assert_int_equal(sent, 1);
	ioapic_set_line(&device_state.ioapic, 5, false, &d.out);
	ioapic_set_line(&device_state.ioapic, 5, true, &d.out);
	assert_int_equal(sent, 2);
}

static void masked_is_not_sent(void **state)
{
	(void)state;
	set_pin(5, 0x10031, 0);
	ioapic_set_line(&device_state.ioapic, 5, true, &d.out);
	assert_int_equal(sent, 0);
	set_pin(5, 0x31, 0);
	assert_int_equal(sent, 0); /* an edge while masked is lost, as on the chip */
}

static void level_waits_for_its_end(void **state)
{
	(void)state;
	set_pin(7, 0x8842, 0x0f000000);
	ioapic_set_line(&device_state.ioapic, 7, true, &d.out);
	assert_int_equal(sent, 1);
	assert_int_equal(last_address, 0xfee0f004);
	assert_int_equal(last_data, 0xc042);
	assert_int_equal(io_read(0x10 + 14) & 0x4000, 0x4000);
	ioapic_set_line(&device_state.ioapic, 7, false, &d.out);
	ioapic_set_line(&device_state.ioapic, 7, true, &d.out);
	assert_int_equal(sent, 1);
	ioapic_eoi(&device_state.ioapic, 0x41, &d.out);
	assert_int_equal(sent, 1);
	ioapic_eoi(&device_state.ioapic, 0x42, &d.out); /* still asserted: again */
	assert_int_equal(sent, 2);
	ioapic_set_line(&device_state.ioapic, 7, false, &d.out);
	devices_memory_write(&d, IOAPIC_GPA + 0x40, 4, 0x42); /* by the EOI register */
	assert_int_equal(sent, 2);
	assert_int_equal(io_read(0x10 + 14) & 0x4000, 0);
}

static void unmasking_shows_a_level(void **state)
{
	(void)state;
	set_pin(7, 0x18042, 0);
	ioapic_set_line(&device_state.ioapic, 7, true, &d.out);
	assert_int_equal(sent, 0);
	set_pin(7, 0x8042, 0);
	assert_int_equal(sent, 1);
}

static void serial_interrupt_gets_out(void **state)
{
	(void)state;
	set_pin(UART_GSI, 0x24, 0);
	devices_port_write(&d, UART_PORT + 2, 1, 1);
	devices_port_write(&d, UART_PORT + 4, 1, 0x0a);
	devices_port_write(&d, UART_PORT + 1, 1, 1);
	assert_int_equal(sent, 0);
	typed = "ok";
	devices_feed(&d);
	assert_int_equal(sent, 1);
	assert_int_equal(last_data, 0x4024);
	assert_int_equal(devices_port_read(&d, UART_PORT, 1), 'o');
	assert_int_equal(devices_port_read(&d, UART_PORT, 1), 'k');
	assert_int_equal(devices_port_read(&d, UART_PORT + 5, 1), 0x60);
}

static void serial_input_waits_for_room(void **state)
{
	(void)state;
	typed = "abc";
	devices_feed(&d);
	assert_string_equal(typed, "abc"); /* RTS is not raised */
	devices_port_write(&d, UART_PORT + 4, 1, 0x02); /* without FIFO one byte at a time */
	assert_string_equal(typed, "bc");
	assert_int_equal(devices_port_read(&d, UART_PORT, 1), 'a');
	assert_string_equal(typed, "c");
	assert_int_equal(devices_port_read(&d, UART_PORT, 1), 'b');
	assert_int_equal(devices_port_read(&d, UART_PORT, 1), 'c');
}

static void output_reaches_the_console(void **state)
{
	(void)state;
	devices_port_write(&d, UART_PORT, 1, 'h');
	devices_port_write(&d, UART_PORT, 1, 'i');
	assert_int_equal(printed_count, 2);
	assert_memory_equal(printed, "hi", 2);
}

static void wide_accesses_reach_bytes(void **state)
{
	(void)state;
	devices_port_write(&d, UART_PORT + 6, 2, 0x5a00);
	assert_int_equal(devices_port_read(&d, UART_PORT + 7, 1), 0x5a);
	assert_int_equal(devices_port_read(&d, UART_PORT + 7, 4), 0xffffff5a);
	assert_int_equal(devices_port_read(&d, 0xffff, 4), 0xffffff | 0xff000000);
}

static void power_registers(void **state)
{
	(void)state;
	assert_int_equal(devices_port_write(&d, POWER_SLEEP_CONTROL, 1, 0x34), REQUEST_POWEROFF);
	assert_int_equal(devices_port_write(&d, POWER_SLEEP_CONTROL, 1, 0x14), REQUEST_NONE);
	assert_int_equal(devices_port_write(&d, POWER_SLEEP_CONTROL, 1, 0x2c), REQUEST_NONE);
	assert_int_equal(devices_port_write(&d, POWER_SLEEP_STATUS, 1, 0x80), REQUEST_NONE);
	assert_int_equal(devices_port_write(&d, POWER_RESET, 1, RESET_VALUE), REQUEST_REBOOT);
	assert_int_equal(devices_port_write(&d, POWER_RESET, 1, 0), REQUEST_NONE);
}

static void power_button_is_seen_once(void **state)
{
	(void)state;
	set_pin(POWER_GSI, 0x30, 0);
	devices_press_power(&d);
	assert_int_equal(sent, 1);
	assert_int_equal(devices_port_read(&d, POWER_EVENTS, 1), EVENT_POWER_BUTTON);
	assert_int_equal(devices_port_read(&d, POWER_EVENTS, 1), 0);
	devices_press_power(&d);
	assert_int_equal(sent, 2);
}

static void news_of_the_bus(void **state)
{
	static struct pci_slots slots;

	(void)state;
	set_pin(POWER_GSI, 0x30, 0);
	devices_pci_changed(&d);
	assert_int_equal(sent, 1);
	assert_int_equal(devices_port_read(&d, POWER_EVENTS, 1), EVENT_PCI);
	assert_int_equal(devices_port_read(&d, POWER_PCI_ADDED, 2), 0); /* no bus, no news */
	assert_int_equal(devices_port_write(&d, POWER_PCI_EJECT, 1, 0xff), REQUEST_NONE);
	pci_bus_init(&d.pci, &slots);
	pci_bus_tell(&d.pci, 3, PCI_ADDED);
	pci_bus_tell(&d.pci, 5, PCI_WANTED);
	assert_int_equal(devices_port_read(&d, POWER_PCI_ADDED, 1), 8);
	assert_int_equal(devices_port_read(&d, POWER_PCI_WANTED, 1), 0x20);
	assert_int_equal(devices_port_read(&d, POWER_PCI_ADDED, 2), 0);
	pci_bus_init(&d.pci, NULL);
}

/* A function's line is up until the guest has ended the interrupt; then the function may make the next. */
static void lines_of_functions(void **state)
{
	const unsigned int pin = PCI_GSI + 2;

	(void)state;
	devices_pci_lines(&d, 4); /* masked */
	assert_int_equal(sent, 0);
	set_pin(pin, 0x8041, 0);  /* level */
	assert_int_equal(sent, 1);
	devices_pci_lines(&d, 4);
	assert_int_equal(sent, 1);
	devices_eoi(&d, 0x40);
	assert_true(d.state->ioapic.lines >> pin & 1);
	devices_eoi(&d, 0x41);
	assert_false(d.state->ioapic.lines >> pin & 1);
	assert_int_equal(sent, 1);
	devices_pci_lines(&d, 1ULL << 8 | 4);
	assert_int_equal(sent, 2);
}

static void survives_anything(void **state)
{
	uint64_t x = 88172645463325252ULL;
	unsigned int i;

	(void)state;
	typed = "some input for whoever asks";
	for (i = 0; i < 1000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		switch (x >> 62) {
		case 0:
			devices_port_write(&d, x, 1 << (x >> 60 & 1), x >> 16);
			break;
		case 1:
			devices_memory_write(&d, IOAPIC_GPA + (x & 0x13f), 1 << (x >> 60 & 3),
					     x >> 9);
			break;
		case 2:
			devices_memory_read(&d, IOAPIC_GPA + (x & 0x1fff), 1 << (x >> 60 & 3));
			break;
		default:
			ioapic_set_line(&device_state.ioapic, x % IOAPIC_PINS, x >> 40 & 1, &d.out);
			ioapic_eoi(&device_state.ioapic, x >> 16, &d.out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ioapic_registers, setup),
		cmocka_unit_test_setup(edge_is_sent_once, setup),
		cmocka_unit_test_setup(masked_is_not_sent, setup),
		cmocka_unit_test_setup(level_waits_for_its_end, setup),
		cmocka_unit_test_setup(unmasking_shows_a_level, setup),
		cmocka_unit_test_setup(serial_interrupt_gets_out, setup),
		cmocka_unit_test_setup(serial_input_waits_for_room, setup),
		cmocka_unit_test_setup(output_reaches_the_console, setup),
		cmocka_unit_test_setup(wide_accesses_reach_bytes, setup),
		cmocka_unit_test_setup(power_registers, setup),
		cmocka_unit_test_setup(power_button_is_seen_once, setup),
		cmocka_unit_test_setup(news_of_the_bus, setup),
		cmocka_unit_test_setup(lines_of_functions, setup),
		cmocka_unit_test_setup(survives_anything, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
