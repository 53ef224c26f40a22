/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The serial port of an autonomous guest: registers in the domain's monitor page, which Dais serves by itself
 * (DAIS_TRAP_REGISTER). What the guest sends goes to the domain's ring and the transmitter is always empty, so nothing
 * that it prints waits for a monitor. Only a byte of input is fetched from one.
 */
#ifndef MONITOR_SERIAL_H
#define MONITOR_SERIAL_H

#include <dais/abi.h>
#include <stdbool.h>
#include <stdint.h>

#define SERIAL_REGISTERS 8
#define SERIAL_LATCH	 0x80	/* where the divisor's bytes are, behind data and ier: LCR's bit for them */

/* Plain data in the monitor page. */
struct serial {
	struct dais_register reg[SERIAL_REGISTERS];
	uint64_t message;	/* the interrupt that Dais sends: address | data << 32; 0: none */
	uint8_t data[SERIAL_LATCH + 1], ier[SERIAL_LATCH + 1];
	uint8_t lcr, mcr, scr, lsr;
	uint8_t iir[16];	/* by IER */
	uint8_t msr[32];	/* by MCR */
};

/* page: the monitor page, in which s lies. */
void serial_reset(struct serial *s, const void *page);
/* Whether a byte waits: the guest's next read of the data register is then the monitor's. */
void serial_set_input(struct serial *s, bool waits);
bool serial_has_input(const struct serial *s);
/* The guest is ready for input (RTS, as uart_room()). */
bool serial_takes_input(const struct serial *s);
/* Level of the interrupt line. */
bool serial_irq(const struct serial *s);

#endif
