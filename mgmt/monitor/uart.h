/* SPDX-License-Identifier: GPL-2.0-only */
/* A 16550A serial port. Plain data: it may live in memory that outlives the process. */
#ifndef MONITOR_UART_H
#define MONITOR_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_FIFO 16

struct uart {
	uint8_t ier, lcr, mcr, scr, dll, dlm;
	uint8_t fifo_on;	/* FCR bit 0 */
	uint8_t thri;		/* transmitter-empty interrupt pending */
	uint8_t overrun;
	uint8_t msr_delta;	/* changes of the modem lines since MSR was read */
	uint8_t rx_count, rx_head;
	uint8_t rx[UART_FIFO];
};

/* A byte that the guest sent; -1: none. */
typedef int uart_byte;

void uart_reset(struct uart *u);
uint8_t uart_read(struct uart *u, unsigned int reg);
uart_byte uart_write(struct uart *u, unsigned int reg, uint8_t value);
/* How many bytes uart_receive() would take without loss. */
size_t uart_room(const struct uart *u);
void uart_receive(struct uart *u, uint8_t byte);
/* Level of the interrupt line. */
bool uart_irq(const struct uart *u);

#endif
