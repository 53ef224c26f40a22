/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's devices behind their ports and addresses; free of Dais's calls. */
#ifndef MONITOR_DEVICES_H
#define MONITOR_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "console.h"
#include "ioapic.h"
#include "pci_bus.h"
#include "serial.h"
#include "uart.h"

#define DEVICES_MAGIC 0x35737665644d4944ULL	/* names the layout below */

/* Lies in the domain's monitor page: another monitor can go on with it. */
struct device_state {
	uint64_t magic;
	struct uart uart;	/* of a hosted guest */
	struct ioapic ioapic;
	uint32_t power_events;
	struct pci_slots pci;
	struct console_mark console;
	struct serial serial;	/* of an autonomous one */
	struct dais_register ioapic_select, ioapic_data;
};

enum device_request { REQUEST_NONE, REQUEST_POWEROFF, REQUEST_REBOOT };

/* Where the serial port's bytes go and come from; receive returns -1 when there are none. An autonomous guest's output
 * goes to its domain's ring instead. */
struct device_console {
	void (*transmit)(void *ctx, uint8_t byte);
	int (*receive)(void *ctx);
	bool (*waits)(void *ctx);	/* whether receive would give one */
	void *ctx;
};

struct devices {
	bool autonomous;
	struct device_state *state;
	struct ioapic_out out;
	struct device_console console;
	struct pci_bus pci;
};

void devices_reset(struct devices *d);
uint64_t devices_port_read(struct devices *d, uint16_t port, unsigned int size);
enum device_request devices_port_write(struct devices *d, uint16_t port, unsigned int size,
				       uint64_t value);
uint64_t devices_memory_read(struct devices *d, uint64_t gpa, unsigned int size);
void devices_memory_write(struct devices *d, uint64_t gpa, unsigned int size, uint64_t value);
/* An autonomous guest has written to registers that Dais serves. */
void devices_follow(struct devices *d);
/* The local APIC ended a level-triggered interrupt. */
void devices_eoi(struct devices *d, uint8_t vector);
/* Console bytes may have come. */
void devices_feed(struct devices *d);
void devices_press_power(struct devices *d);
/* Functions in these slots, as bits, made a line interrupt. */
void devices_pci_lines(struct devices *d, uint64_t slots);
/* There is news of the PCI bus. */
void devices_pci_changed(struct devices *d);

#endif
