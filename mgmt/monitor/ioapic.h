/* SPDX-License-Identifier: GPL-2.0-only */
/* An I/O APIC with 24 pins. Plain data: it may live in memory that outlives the process. */
#ifndef MONITOR_IOAPIC_H
#define MONITOR_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define IOAPIC_PINS 24

#define IOAPIC_FIRST_ENTRY 16	/* register number */

struct ioapic {
	uint32_t select;
	uint32_t lines;		/* levels of the pins */
	uint32_t reg[IOAPIC_FIRST_ENTRY]; /* by number; the entries follow */
	uint64_t entry[IOAPIC_PINS];
};

/* Sends an interrupt to the local APICs, in the format of PCI messages. */
typedef void ioapic_send(void *ctx, uint64_t address, uint32_t data);

struct ioapic_out {
	ioapic_send *send;
	void *ctx;
};

void ioapic_reset(struct ioapic *io);
uint32_t ioapic_read(struct ioapic *io, uint64_t offset);
void ioapic_write(struct ioapic *io, uint64_t offset, uint32_t value, const struct ioapic_out *out);
void ioapic_set_line(struct ioapic *io, unsigned int pin, bool high, const struct ioapic_out *out);
/* The entries were written where they lie: lines that are up may be let through now. */
void ioapic_follow(struct ioapic *io, const struct ioapic_out *out);
/* What the pin sends, address | data << 32; 0: nothing, it is masked. */
uint64_t ioapic_message(const struct ioapic *io, unsigned int pin);
/* The local APIC ended a level-triggered interrupt. */
void ioapic_eoi(struct ioapic *io, uint8_t vector, const struct ioapic_out *out);

#endif
