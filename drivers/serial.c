/* SPDX-License-Identifier: GPL-2.0-only */
/* A 16550 UART, polled: the log's way out until the control domain owns it, and in a panic. */
#include "drivers/devices.h"

#define UART_CLOCK 115200u /* 1.8432 MHz / 16: the baud rate of divisor 1 */
#define UART_DATA  0       /* divisor's low byte while DLAB is set */
#define UART_IER   1       /* divisor's high byte while DLAB is set */
#define UART_FCR   2
#define UART_LCR   3
#define UART_MCR   4
#define UART_LSR   5
#define LCR_8N1    0x03
#define LCR_DLAB   0x80
#define FCR_ENABLE_CLEAR 0x07
#define MCR_DTR_RTS 0x03
#define LSR_THRE   0x20
#define THRE_POLLS 1000000u /* far more than a byte takes; a dead UART must not stop Dais */

static u16 uart;

void serial_init(u16 port, u32 baud)
{
	u32 divisor = baud && baud <= UART_CLOCK ? UART_CLOCK / baud : 1;

	uart = 0;
	if (!port || port_read(port + UART_LSR, 1) == 0xff) /* nothing there */
		return;
	port_write(port + UART_IER, 1, 0);
	port_write(port + UART_LCR, 1, LCR_DLAB);
	port_write(port + UART_DATA, 1, divisor & 0xff);
	port_write(port + UART_IER, 1, divisor >> 8 & 0xff);
	port_write(port + UART_LCR, 1, LCR_8N1);
	port_write(port + UART_FCR, 1, FCR_ENABLE_CLEAR);
	port_write(port + UART_MCR, 1, MCR_DTR_RTS);
	uart = port;
}

static void put(char c)
{
	for (u32 i = 0; i < THRE_POLLS && !(port_read(uart + UART_LSR, 1) & LSR_THRE); i++)
		;
	port_write(uart + UART_DATA, 1, (u8)c);
}

void serial_write(const char *text, size_t len)
{
	for (size_t i = 0; uart && i < len; i++) {
		if (text[i] == '\n')
			put('\r');
		put(text[i]);
	}
}
