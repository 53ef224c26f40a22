/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/boot_info.h"
#include "boot/efi.h"

/* 16550 registers and bits */
enum { UART_DATA = 0, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5 };
enum { LCR_8N1 = 3, LCR_DLAB = 0x80, LSR_THRE = 0x20, LSR_ABSENT = 0xff };

/* Polls of a transmitter that never gets ready: then the byte is dropped. */
#define UART_PATIENCE 1000000

static SIMPLE_TEXT_OUTPUT_INTERFACE *con_out;
static bool firmware_covers_serial;
static uint16_t uart_port; /* 0: none, or written by the firmware's console already */

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void uart_init(uint16_t port, uint32_t baud)
{
	uint16_t divisor = 115200 / baud;

	if (in8(port + UART_LSR) == LSR_ABSENT)
		return;
	out8(port + UART_IER, 0);
	out8(port + UART_LCR, LCR_DLAB | LCR_8N1);
	out8(port + 0, (uint8_t)divisor);
	out8(port + 1, divisor >> 8);
	out8(port + UART_LCR, LCR_8N1);
	out8(port + UART_FCR, 1);
	out8(port + UART_MCR, 3);
	uart_port = port;
}

static void uart_put(char c)
{
	uint32_t tries = UART_PATIENCE;

	while (!(in8(uart_port + UART_LSR) & LSR_THRE)) {
		if (--tries == 0)
			return;
	}
	out8(uart_port + UART_DATA, c);
}

/* Does a device path hold a UART node (UEFI 2.9 §10.3.4.8)? */
static bool has_uart(const uint8_t *path, UINTN size)
{
	UINTN at = 0, length;

	while (at + 4 <= size) {
		length = path[at + 2] | path[at + 3] << 8;
		if (path[at] == 3 && path[at + 1] == 14)
			return true;
		if (length < 4)
			return false;
		at += length;
	}
	return false;
}

/* Where the firmware's own console goes to a serial port, a second copy of
 * every message would come out there. */
void console_init(struct firmware *fw)
{
	static uint8_t path[4096];
	static EFI_GUID global = EFI_GLOBAL_VARIABLE;
	UINTN size = sizeof(path);

	con_out = fw->st->ConOut;
	if (fw->st->RuntimeServices->GetVariable((CHAR16 *)u"ConOut", &global, NULL, &size, path) ==
	    EFI_SUCCESS)
		firmware_covers_serial = has_uart(path, size);
}

void console_use(const struct config *config)
{
	uart_port = 0;
	if (config->console == CONSOLE_UART_IO && !firmware_covers_serial)
		uart_init(config->console_port, config->console_baud);
}

static void put_char(char c)
{
	CHAR16 wide[2] = { (unsigned char)c, 0 };

	if (c == '\n')
		put_char('\r');
	if (con_out)
		con_out->OutputString(con_out, wide);
	if (uart_port)
		uart_put(c);
}

void say(const char *format, ...)
{
	static char line[1024];
	va_list args;

	va_start(args, format);
	text_vformat(line, sizeof(line), format, args);
	va_end(args);
	for (const char *s = line; *s; s++)
		put_char(*s);
}

void console_wait(struct firmware *fw, uint32_t seconds)
{
	SIMPLE_INPUT_INTERFACE *in = fw->st->ConIn;
	EFI_INPUT_KEY key;
	EFI_EVENT events[2];
	UINTN which = 0;

	if (in) /* a key pressed before the message would take it away */
		in->Reset(in, FALSE);
	if (fw->bs->CreateEvent(EVT_TIMER, 0, NULL, NULL, &events[0]) != EFI_SUCCESS)
		return;
	fw->bs->SetTimer(events[0], TimerRelative, seconds * 10000000ULL /* 100 ns */);
	events[1] = in ? in->WaitForKey : NULL;
	fw->bs->WaitForEvent(events[1] ? 2 : 1, events, &which);
	if (which == 1) /* nor is it for the firmware's menu */
		in->ReadKeyStroke(in, &key);
	fw->bs->CloseEvent(events[0]);
}
