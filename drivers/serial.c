/* SPDX-License-Identifier: GPL-2.0-only */
/* A 16550 UART, polled: the log's way out until the control domain owns it, and in a panic. */
#include "drivers/devices.h"

#define UART_CLOCK 115200u /* 1.8432 MHz / 16: the baud rate of divisor 1 */
#define UART_DATA  0       /* divisor's low byte while DLAB is set */
#define UART_LSR   5
#define LSR_THRE   0x20
#define THRE_POLLS 1000000u /* far more than a byte takes; a dead UART must not stop Dais */

static u16 uart;

void serial_init(u16 port, u32 baud)
{
	u32 divisor = baud && baud <= UART_CLOCK ? UART_CLOCK / baud : 1;
	const struct { u8 reg, value; } setup[] = {
		{ 1, 0 },                       /* no interrupts */
		{ 3, 0x80 },                    /* DLAB */
		{ UART_DATA, divisor }, { 1, divisor >> 8 },
		{ 3, 0x03 },                    /* 8N1 */
		{ 2, 0x07 },                    /* FIFOs on and empty */
		{ 4, 0x03 },                    /* DTR, RTS */
	};

	uart = port && port_read(port + UART_LSR, 1) != 0xff ? port : 0;
	for (u32 i = 0; uart && i < ARRAY_SIZE(setup); i++)
		port_write(port + setup[i].reg, 1, setup[i].value);
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
