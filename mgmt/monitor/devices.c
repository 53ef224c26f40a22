/* SPDX-License-Identifier: GPL-2.0-only */
#include <stddef.h>
#include <string.h>

#include "devices.h"
#include "layout.h"

/* The I/O APIC of an autonomous guest: a window on the registers, which lie as they are numbered. */
static void describe_ioapic(struct device_state *s)
{
	const uint16_t select = offsetof(struct device_state, ioapic.select), reg = offsetof(struct device_state, ioapic.reg);

	_Static_assert(offsetof(struct ioapic, entry) == offsetof(struct ioapic, reg) + 4 * IOAPIC_FIRST_ENTRY,
		       "registers 10h and up are the entries");
	_Static_assert(IOAPIC_FIRST_ENTRY + 2 * IOAPIC_PINS == 0x40, "the mask names them all, and no more");
	s->ioapic_select = (struct dais_register){ .read = select, .write = select, .writable = 0xff };
	s->ioapic_data = (struct dais_register){
		.read = reg, .write = reg, .select = select, .select_mask = 0x3f, .writable = 0xff,
		.flags = DAIS_REGISTER_EVENT,
	};
}

void devices_reset(struct devices *d)
{
	struct device_state *s = d->state;

	memset(s, 0, sizeof(*s));
	s->magic = DEVICES_MAGIC;
	uart_reset(&s->uart);
	ioapic_reset(&s->ioapic);
	serial_reset(&s->serial, s);
	describe_ioapic(s);
}

static void pulse(struct devices *d, unsigned int pin)
{
	ioapic_set_line(&d->state->ioapic, pin, true, &d->out);
	ioapic_set_line(&d->state->ioapic, pin, false, &d->out);
}

/* The serial port's interrupt of an autonomous guest, as Dais sends it. */
static void interrupt(struct devices *d)
{
	uint64_t message = d->state->serial.message;

	if (message && serial_irq(&d->state->serial))
		d->out.send(d->out.ctx, (uint32_t)message, message >> 32);
}

/* Input for a port whose registers Dais serves: one byte waits at a time. */
static void offer_input(struct devices *d)
{
	struct serial *s = &d->state->serial;

	if (serial_has_input(s) || !serial_takes_input(s) || !d->console.waits(d->console.ctx))
		return;
	serial_set_input(s, true);
	interrupt(d);
}

/* The guest reads the byte that waits; the next one is announced behind it. */
static uint8_t take_input(struct devices *d)
{
	int byte = d->console.receive(d->console.ctx);

	serial_set_input(&d->state->serial, false);
	offer_input(d);
	return byte < 0 ? 0 : byte; /* what was typed went with the last monitor */
}

void devices_follow(struct devices *d)
{
	struct serial *s = &d->state->serial;
	uint64_t message = ioapic_message(&d->state->ioapic, UART_GSI);

	ioapic_follow(&d->state->ioapic, &d->out);
	if (message != s->message) {
		__atomic_store_n(&s->message, message, __ATOMIC_SEQ_CST);
		interrupt(d); /* one in the meantime went where the pin pointed before */
	}
	offer_input(d);
}

void devices_pci_lines(struct devices *d, uint64_t slots)
{
	unsigned int i;

	_Static_assert(PCI_GSI + PCI_SLOTS <= IOAPIC_PINS, "a pin for each slot");
	for (i = 0; i < PCI_SLOTS; i++)
		if (slots >> i & 1)
			ioapic_set_line(&d->state->ioapic, PCI_GSI + i, true, &d->out);
}

/* The lines of functions go down at the end: one that is up still raises its event again when it is unmasked. */
static void end_pci_lines(struct devices *d, uint8_t vector)
{
	const struct ioapic *io = &d->state->ioapic;
	unsigned int i, pin;

	for (i = 0; i < PCI_SLOTS; i++) {
		pin = PCI_GSI + i;
		if (!(io->lines >> pin & 1) || (uint8_t)io->entry[pin] != vector)
			continue;
		ioapic_set_line(&d->state->ioapic, pin, false, &d->out);
		pci_bus_line_ended(&d->pci, i);
	}
}

/* While its line is up, a level-triggered interrupt comes again after each end. */
void devices_eoi(struct devices *d, uint8_t vector)
{
	end_pci_lines(d, vector);
	ioapic_eoi(&d->state->ioapic, vector, &d->out);
	if (d->autonomous && (uint8_t)(d->state->serial.message >> 32) == vector)
		interrupt(d);
}

static void update_uart_line(struct devices *d)
{
	if (d->autonomous) {
		devices_follow(d);
		return;
	}
	ioapic_set_line(&d->state->ioapic, UART_GSI, uart_irq(&d->state->uart), &d->out);
}

void devices_feed(struct devices *d)
{
	struct uart *u = &d->state->uart;

	if (d->autonomous) {
		offer_input(d);
		return;
	}
	while (uart_room(u) > 0) {
		int byte = d->console.receive(d->console.ctx);

		if (byte < 0)
			break;
		uart_receive(u, byte);
	}
	update_uart_line(d);
}

void devices_press_power(struct devices *d)
{
	struct device_state *s = d->state;

	s->power_events |= EVENT_POWER_BUTTON;
	pulse(d, POWER_GSI);
}

void devices_pci_changed(struct devices *d)
{
	d->state->power_events |= EVENT_PCI;
	pulse(d, POWER_GSI);
}

static bool is_uart(uint16_t port)
{
	return port >= UART_PORT && port < UART_PORT + UART_PORTS;
}

static bool is_pci(const struct devices *d, uint16_t port)
{
	return d->pci.slots && port >= PCI_PORT && port < PCI_PORT + PCI_PORTS;
}

static uint8_t read_byte(struct devices *d, uint16_t port)
{
	struct device_state *s = d->state;
	uint8_t value;

	if (is_uart(port) && d->autonomous)
		return take_input(d);
	if (is_uart(port)) {
		value = uart_read(&s->uart, port - UART_PORT);
		devices_feed(d);
		return value;
	}
	switch (port) {
	case POWER_SLEEP_CONTROL:
	case POWER_SLEEP_STATUS:
		return 0;
	case POWER_EVENTS:
		value = s->power_events;
		s->power_events = 0;
		return value;
	case POWER_PCI_ADDED:
		return pci_bus_news(&d->pci, PCI_ADDED);
	case POWER_PCI_WANTED:
		return pci_bus_news(&d->pci, PCI_WANTED);
	default:
		return 0xff;
	}
}

static enum device_request write_byte(struct devices *d, uint16_t port, uint8_t value)
{
	unsigned int i;
	uart_byte sent;

	if (is_uart(port)) {
		sent = uart_write(&d->state->uart, port - UART_PORT, value);
		if (sent >= 0)
			d->console.transmit(d->console.ctx, sent);
		devices_feed(d);
		return REQUEST_NONE;
	}
	if (port == POWER_SLEEP_CONTROL && (value & SLEEP_ENABLE) &&
	    (value >> 2 & 7) == SLEEP_TYPE_S5)
		return REQUEST_POWEROFF;
	if (port == POWER_RESET && value == RESET_VALUE)
		return REQUEST_REBOOT;
	for (i = 0; port == POWER_PCI_EJECT && i < PCI_SLOTS; i++)
		if (value >> i & 1)
			pci_bus_eject(&d->pci, i);
	return REQUEST_NONE;
}

/* Wider accesses reach consecutive 8-bit registers, as on the ISA bus. */
uint64_t devices_port_read(struct devices *d, uint16_t port, unsigned int size)
{
	uint64_t value = 0;
	unsigned int i;

	if (is_pci(d, port))
		return pci_bus_port_read(&d->pci, port, size);
	for (i = 0; i < size; i++)
		value |= (uint64_t)read_byte(d, port + i) << (8 * i);
	return value;
}

enum device_request devices_port_write(struct devices *d, uint16_t port, unsigned int size,
				       uint64_t value)
{
	enum device_request request = REQUEST_NONE;
	unsigned int i;

	if (is_pci(d, port)) {
		pci_bus_port_write(&d->pci, port, size, value);
		return REQUEST_NONE;
	}
	for (i = 0; i < size && request == REQUEST_NONE; i++)
		request = write_byte(d, port + i, value >> (8 * i));
	return request;
}

/* The I/O APIC's registers are 32 bits wide, 16 bytes apart. */
uint64_t devices_memory_read(struct devices *d, uint64_t gpa, unsigned int size)
{
	uint64_t offset = gpa - IOAPIC_GPA, value;

	if (pci_bus_memory_read(&d->pci, gpa, size, &value))
		return size < 8 ? value & ((1ULL << (8 * size)) - 1) : value;
	if (gpa < IOAPIC_GPA || offset >= IOAPIC_SIZE)
		return ~0ULL;
	value = ioapic_read(&d->state->ioapic, offset & ~3ULL) >> (8 * (offset & 3));
	return size < 8 ? value & ((1ULL << (8 * size)) - 1) : value;
}

void devices_memory_write(struct devices *d, uint64_t gpa, unsigned int size, uint64_t value)
{
	uint64_t offset = gpa - IOAPIC_GPA;

	if (pci_bus_memory_write(&d->pci, gpa, size, value))
		return;
	if (gpa < IOAPIC_GPA || offset >= IOAPIC_SIZE)
		return;
	if (size < 4)
		value &= (1ULL << (8 * size)) - 1;
	ioapic_write(&d->state->ioapic, offset, value, &d->out);
	update_uart_line(d);
}
