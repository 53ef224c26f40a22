/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 16550A as its data sheet (National PC16550D) describes it, as far as a
 * driver can tell: transmission takes no time, so the transmitter is always empty.
 */
#include <string.h>

#include "uart.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RX		0x01
#define IER_THRE	0x02
#define IER_LINE	0x04
#define IER_MODEM	0x08
#define IIR_NONE	0x01
#define IIR_MODEM	0x00
#define IIR_THRE	0x02
#define IIR_RX		0x04
#define IIR_LINE	0x06
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define LCR_DLAB	0x80
#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10
#define LSR_DATA	0x01
#define LSR_OVERRUN	0x02
#define LSR_EMPTY	0x60	/* THRE and TEMT */
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

void uart_reset(struct uart *u)
{
	memset(u, 0, sizeof(*u));
	u->dll = 1;		/* 115200 */
	u->lcr = 0x03;		/* 8n1 */
}

static size_t capacity(const struct uart *u)
{
	return u->fifo_on ? UART_FIFO : 1;
}

static uint8_t pending(const struct uart *u)
{
	if ((u->ier & IER_LINE) && u->overrun)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx_count > 0)
		return IIR_RX; /* below the trigger level too: the time-out would follow at once */
	if ((u->ier & IER_THRE) && u->thri)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && u->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* Without loop-back the other side is there and ready. */
static uint8_t modem_lines(const struct uart *u)
{
	uint8_t lines = 0;

	if (!(u->mcr & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	if (u->mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (u->mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (u->mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (u->mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

static uint8_t read_data(struct uart *u)
{
	uint8_t byte;

	if (!u->rx_count)
		return 0;
	byte = u->rx[u->rx_head % UART_FIFO];
	u->rx_head = (u->rx_head + 1) % UART_FIFO;
	u->rx_count--;
	return byte;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t id = pending(u);

	if (id == IIR_THRE)
		u->thri = 0;
	return id | (u->fifo_on ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t value = LSR_EMPTY | (u->rx_count ? LSR_DATA : 0) | (u->overrun ? LSR_OVERRUN : 0);

	u->overrun = 0;
	return value;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t value = modem_lines(u) | u->msr_delta;

	u->msr_delta = 0;
	return value;
}

uint8_t uart_read(struct uart *u, unsigned int reg)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		return dlab ? u->dll : read_data(u);
	case REG_IER:
		return dlab ? u->dlm : u->ier;
	case REG_IIR_FCR:
		return read_iir(u);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return read_lsr(u);
	case REG_MSR:
		return read_msr(u);
	case REG_SCR:
		return u->scr;
	default:
		return 0xff;
	}
}

static void write_fcr(struct uart *u, uint8_t value)
{
	uint8_t on = value & FCR_ENABLE;

	/* A change of mode empties the FIFO as well. */
	if (on != u->fifo_on || (value & FCR_CLEAR_RX))
		u->rx_count = u->rx_head = 0;
	u->fifo_on = on;
}

static void write_ier(struct uart *u, uint8_t value)
{
	/* Enabling it while the transmitter is empty raises the interrupt: drivers start so. */
	if ((value & IER_THRE) && !(u->ier & IER_THRE))
		u->thri = 1;
	u->ier = value & 0x0f;
}

static void write_mcr(struct uart *u, uint8_t value)
{
	uint8_t before = modem_lines(u), changed;

	u->mcr = value & 0x1f;
	changed = before ^ modem_lines(u);
	u->msr_delta |= (changed >> 4) & 0x0b;
	if ((before & MSR_RI) && (changed & MSR_RI))
		u->msr_delta |= 0x04; /* RI counts at its trailing edge */
}

static uart_byte write_data(struct uart *u, uint8_t value)
{
	u->thri = 1;
	if (u->mcr & MCR_LOOP) {
		uart_receive(u, value);
		return -1;
	}
	return value;
}

uart_byte uart_write(struct uart *u, unsigned int reg, uint8_t value)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (!dlab)
			return write_data(u, value);
		u->dll = value;
		break;
	case REG_IER:
		if (dlab)
			u->dlm = value;
		else
			write_ier(u, value);
		break;
	case REG_IIR_FCR:
		write_fcr(u, value);
		break;
	case REG_LCR:
		u->lcr = value;
		break;
	case REG_MCR:
		write_mcr(u, value);
		break;
	case REG_SCR:
		u->scr = value;
		break;
	}
	return -1;
}

size_t uart_room(const struct uart *u)
{
	size_t size = capacity(u);

	/* The other side honours RTS: what is sent before a driver listens would be lost. */
	if ((u->mcr & MCR_LOOP) || !(u->mcr & MCR_RTS) || u->rx_count >= size)
		return 0;
	return size - u->rx_count;
}

void uart_receive(struct uart *u, uint8_t byte)
{
	if (u->rx_count >= capacity(u)) {
		u->overrun = 1;
		return;
	}
	u->rx[(u->rx_head + u->rx_count) % UART_FIFO] = byte;
	u->rx_count++;
}

bool uart_irq(const struct uart *u)
{
	/* OUT2 gates the line on a PC; in loop-back it is disconnected. */
	return (u->mcr & MCR_OUT2) && !(u->mcr & MCR_LOOP) && pending(u) != IIR_NONE;
}
