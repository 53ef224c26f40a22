/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every port, in each size, read and written, but those that the guest lives by
 * (serial port, ACPI sleep and reset). A port nobody claims reads all ones.
 */
#include "../rt.h"

const char test_name[] = "ports";

static bool own(u32 port)
{
	return (port + 3 >= 0x3f8 && port <= 0x3ff) || (port + 3 >= sleep_port() && port <= sleep_port() + 3u) ||
		(port + 3 >= reset_port() && port <= reset_port() + 3u);
}

void test(void)
{
	u32 port, answered = 0;

	if (!native() && test_case("write all"))
		for (port = 0; port < 0x10000; port++) {
			if (own(port))
				continue;
			outb(port, 0x5a);
			outw(port, 0xa55a);
			outl(port, 0xdeadbeef);
		}
	if (test_case("read all")) {
		for (port = 0; port < 0x10000; port++) {
			if (own(port))
				continue;
			answered += inb(port) != 0xff;
			answered += inw(port) != 0xffff;
			answered += inl(port) != 0xffffffff;
		}
		print("ports: %u accesses answered by something\n", answered);
		EXPECT(native() || answered < 64, "%u accesses gave something else than all ones", answered);
	}
	if (test_case("across the UART's end")) {
		u32 v = inl(0x3fe);

		EXPECT(native() || v >> 16 == 0xffff, "inl(0x3fe) = %x", v);
	}
}
