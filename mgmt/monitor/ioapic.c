/* SPDX-License-Identifier: GPL-2.0-only */
/* Intel 82093AA I/O APIC, version 0x20 (with the EOI register). */
#include <string.h>

#include "ioapic.h"
#include "layout.h"

#define WINDOW_SELECT	0x00
#define WINDOW_DATA	IOAPIC_DATA
#define WINDOW_EOI	IOAPIC_EOI

#define REG_ID		0x00
#define REG_VERSION	0x01
#define REG_ARBITRATION	0x02
#define REG_ENTRIES	IOAPIC_FIRST_ENTRY
#define VERSION		0x20

#define RTE_VECTOR	0xffULL
#define RTE_DELIVERY	(7ULL << 8)
#define RTE_LOGICAL	(1ULL << 11)
#define RTE_STATUS	(1ULL << 12)
#define RTE_REMOTE_IRR	(1ULL << 14)
#define RTE_LEVEL	(1ULL << 15)
#define RTE_MASKED	(1ULL << 16)
#define RTE_READ_ONLY	(RTE_STATUS | RTE_REMOTE_IRR)
#define RTE_WRITABLE	(0xff0000000001afffULL & ~RTE_READ_ONLY)

/* PCI's message format, APM vol. 2 §16.12 and Intel SDM vol. 3 §11.11 */
#define MSG_LOGICAL	(1ULL << 2)
#define MSG_ASSERT	(1U << 14)
#define MSG_LEVEL	(1U << 15)

void ioapic_reset(struct ioapic *io)
{
	unsigned int i;

	memset(io, 0, sizeof(*io));
	io->reg[REG_ID] = io->reg[REG_ARBITRATION] = IOAPIC_ID << 24;
	io->reg[REG_VERSION] = VERSION | (IOAPIC_PINS - 1) << 16;
	for (i = 0; i < IOAPIC_PINS; i++)
		io->entry[i] = RTE_MASKED;
}

static uint64_t message_address(uint64_t e)
{
	return LAPIC_GPA | (e >> 56) << 12 | (e & RTE_LOGICAL ? MSG_LOGICAL : 0);
}

static uint32_t message_data(uint64_t e)
{
	return (e & (RTE_VECTOR | RTE_DELIVERY)) | MSG_ASSERT | (e & RTE_LEVEL ? MSG_LEVEL : 0);
}

static void deliver(uint64_t e, const struct ioapic_out *out)
{
	out->send(out->ctx, message_address(e), message_data(e));
}

uint64_t ioapic_message(const struct ioapic *io, unsigned int pin)
{
	uint64_t e = io->entry[pin];

	return e & RTE_MASKED ? 0 : message_address(e) | (uint64_t)message_data(e) << 32;
}

/* The pin's active level depends on its polarity, but devices here say "active" and
 * "not active": Linux programs the polarity that ACPI names, and both agree. */
static void serve_level(struct ioapic *io, unsigned int pin, const struct ioapic_out *out)
{
	uint64_t *e = &io->entry[pin];

	if (!(*e & RTE_LEVEL) || (*e & (RTE_MASKED | RTE_REMOTE_IRR)) || !(io->lines >> pin & 1))
		return;
	*e |= RTE_REMOTE_IRR;
	deliver(*e, out);
}

void ioapic_set_line(struct ioapic *io, unsigned int pin, bool high, const struct ioapic_out *out)
{
	uint32_t bit = 1U << pin;
	bool rose = high && !(io->lines & bit);

	io->lines = high ? io->lines | bit : io->lines & ~bit;
	if (io->entry[pin] & RTE_LEVEL)
		serve_level(io, pin, out);
	else if (rose && !(io->entry[pin] & RTE_MASKED))
		deliver(io->entry[pin], out);
}

void ioapic_follow(struct ioapic *io, const struct ioapic_out *out)
{
	unsigned int i;

	for (i = 0; i < IOAPIC_PINS; i++)
		serve_level(io, i, out);
}

void ioapic_eoi(struct ioapic *io, uint8_t vector, const struct ioapic_out *out)
{
	unsigned int i;

	for (i = 0; i < IOAPIC_PINS; i++) {
		uint64_t *e = &io->entry[i];

		if ((*e & RTE_VECTOR) != vector || !(*e & RTE_REMOTE_IRR))
			continue;
		*e &= ~RTE_REMOTE_IRR;
		serve_level(io, i, out);
	}
}

static uint32_t read_register(const struct ioapic *io)
{
	unsigned int pin = (io->select - REG_ENTRIES) / 2;

	if (io->select <= REG_ARBITRATION)
		return io->reg[io->select];
	if (io->select < REG_ENTRIES || pin >= IOAPIC_PINS)
		return 0xffffffff;
	return io->entry[pin] >> (io->select & 1 ? 32 : 0);
}

static void write_entry(struct ioapic *io, unsigned int pin, uint32_t value,
			const struct ioapic_out *out)
{
	uint64_t *e = &io->entry[pin];
	uint64_t keep, set;

	if (io->select & 1) {
		keep = *e & 0xffffffffULL;
		set = (uint64_t)value << 32;
	} else {
		keep = *e & (0xffffffff00000000ULL | RTE_READ_ONLY);
		set = value;
	}
	*e = keep | (set & RTE_WRITABLE);
	if (!(*e & RTE_LEVEL))
		*e &= ~RTE_REMOTE_IRR; /* so Linux ends a stuck interrupt */
	serve_level(io, pin, out);
}

uint32_t ioapic_read(struct ioapic *io, uint64_t offset)
{
	switch (offset) {
	case WINDOW_SELECT:
		return io->select;
	case WINDOW_DATA:
		return read_register(io);
	default:
		return 0;
	}
}

void ioapic_write(struct ioapic *io, uint64_t offset, uint32_t value, const struct ioapic_out *out)
{
	unsigned int pin = (io->select - REG_ENTRIES) / 2;

	switch (offset) {
	case WINDOW_SELECT:
		io->select = value & 0xff;
		break;
	case WINDOW_DATA:
		if (io->select == REG_ID)
			io->reg[REG_ID] = io->reg[REG_ARBITRATION] = value & 0x0f000000;
		else if (io->select >= REG_ENTRIES && pin < IOAPIC_PINS)
			write_entry(io, pin, value, out);
		break;
	case WINDOW_EOI:
		ioapic_eoi(io, value, out);
		break;
	}
}
