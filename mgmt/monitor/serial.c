/* SPDX-License-Identifier: GPL-2.0-only */
/* The 16550A (National PC16550D) as tables: what a read gives depends on one other register at most. */
#include <string.h>

#include "serial.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RX		0x01
#define IER_THRE	0x02
#define IIR_NONE	0xc1	/* with the bits that say: 16550A, FIFOs on */
#define IIR_THRE	0xc2
#define IIR_RX		0xc4
#define LCR_DLAB	SERIAL_LATCH
#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10
#define LSR_DATA	0x01
#define LSR_EMPTY	0x60	/* THRE and TEMT */
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

/* In loop-back the modem lines are the port's own outputs; else the other side is there and ready. */
static uint8_t modem_lines(unsigned int mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) | (mcr & MCR_OUT1 ? MSR_RI : 0) |
	       (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

/* A register that is one byte, read back as written. */
static struct dais_register plain(uint16_t at, uint8_t writable)
{
	return (struct dais_register){ .read = at, .write = at, .writable = writable };
}

/* A register that cannot be written, read from a table by the bits `mask` of another one. */
static struct dais_register by_other(uint16_t table, uint16_t select, uint8_t mask)
{
	return (struct dais_register){ .read = table, .write = table, .select = select, .select_mask = mask };
}

void serial_reset(struct serial *s, const void *page)
{
	const uint8_t *base = page;
	unsigned int i;

#define AT(field) ((uint16_t)((const uint8_t *)&s->field - base))
	memset(s, 0, sizeof(*s));
	s->lcr = 0x03;			/* 8n1 */
	s->data[SERIAL_LATCH] = 1;	/* 115200 */
	for (i = 0; i < sizeof(s->msr); i++)
		s->msr[i] = modem_lines(i);
	serial_set_input(s, false);

	s->reg[REG_DATA] = plain(AT(data), 0xff);
	s->reg[REG_DATA].input = AT(lsr);
	s->reg[REG_DATA].flags = DAIS_REGISTER_POST;
	s->reg[REG_IER] = plain(AT(ier), 0x0f);
	for (i = REG_DATA; i <= REG_IER; i++) {
		s->reg[i].select = AT(lcr);
		s->reg[i].select_mask = LCR_DLAB;
		/* The transmitter is empty at once: if that is to interrupt, it does. */
		s->reg[i].line = AT(iir);
		s->reg[i].line_select = AT(ier);
		s->reg[i].line_mask = sizeof(s->iir) - 1;
		s->reg[i].message = AT(message);
	}
	s->reg[REG_IIR_FCR] = by_other(AT(iir), AT(ier), sizeof(s->iir) - 1);
	s->reg[REG_LCR] = plain(AT(lcr), 0xff);
	s->reg[REG_MCR] = plain(AT(mcr), 0x1f);
	s->reg[REG_MCR].flags = DAIS_REGISTER_EVENT; /* RTS lets input come */
	s->reg[REG_LSR] = plain(AT(lsr), 0);
	s->reg[REG_MSR] = by_other(AT(msr), AT(mcr), sizeof(s->msr) - 1);
	s->reg[REG_SCR] = plain(AT(scr), 0xff);
#undef AT
}

/* LSR last when a byte comes, first when it goes: Dais reads these while they change, and input is announced only whole. */
void serial_set_input(struct serial *s, bool waits)
{
	unsigned int i;

	if (!waits)
		__atomic_store_n(&s->lsr, LSR_EMPTY, __ATOMIC_RELEASE);
	for (i = 0; i < sizeof(s->iir); i++)
		__atomic_store_n(&s->iir[i], waits && (i & IER_RX) ? IIR_RX : i & IER_THRE ? IIR_THRE : IIR_NONE,
				 __ATOMIC_RELEASE);
	if (waits)
		__atomic_store_n(&s->lsr, LSR_EMPTY | LSR_DATA, __ATOMIC_RELEASE);
}

bool serial_has_input(const struct serial *s)
{
	return s->lsr & LSR_DATA;
}

bool serial_takes_input(const struct serial *s)
{
	uint8_t mcr = __atomic_load_n(&s->mcr, __ATOMIC_ACQUIRE);

	return (mcr & MCR_RTS) && !(mcr & MCR_LOOP);
}

bool serial_irq(const struct serial *s)
{
	uint8_t ier = __atomic_load_n(&s->ier[0], __ATOMIC_ACQUIRE);

	return !(s->iir[ier % sizeof(s->iir)] & 1);
}
