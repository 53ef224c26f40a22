/* SPDX-License-Identifier: GPL-2.0-only */
/* An autonomous guest's serial port: the monitor's tables, served by the core's own code. */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c mgmt/monitor/devices.c mgmt/monitor/ioapic.c mgmt/monitor/serial.c mgmt/monitor/uart.c mgmt/monitor/pci_bus.c mgmt/monitor/pci_device.c */
#include "tests/unit/fake.h"
#include "kernel/hypercall.h"

#include "mgmt/monitor/devices.h"
#include "mgmt/monitor/layout.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static mgmt_t m;
static struct domain *dom;
static struct vcpu *v;
static struct devices d;
static struct event *event;
static const char *typed;
static unsigned int sent;

static void on_send(void *ctx, uint64_t address, uint32_t data)
{
	(void)ctx;
	(void)address;
	(void)data;
	sent++;
}

static int on_receive(void *ctx)
{
	(void)ctx;
	return *typed ? *typed++ : -1;
}

static bool on_waits(void *ctx)
{
	(void)ctx;
	return *typed;
}

static void set_trap(enum dais_trap_kind kind, u64 base, u64 length, const struct dais_register *r)
{
	struct call c = {
		.arg = { 0, kind, base, length, DAIS_TRAP_REGISTER, (uint64_t)((char *)r - (char *)d.state) },
		.cap[0].obj = &dom->obj,
	};

	assert_int_equal(call_trap_set(&c), DAIS_OK);
}

static int setup(void **state)
{
	(void)state;
	fake_boot_control();
	m = mgmt_acquire();
	assert_int_equal(domain_create(m, &pool_root, 1, 16, &dom), DAIS_OK);
	assert_int_equal(vcpu_create(dom, 0, DAIS_VCPU_AUTONOMOUS, &v), DAIS_OK);
	assert_non_null(event = event_create());
	link_set(&dom->on_trap, &event->obj, 0);
	d = (struct devices){
		.autonomous = true, .state = (void *)((u8 *)dom->page + DAIS_DOM_MONITOR_PAGE * PAGE_SIZE),
		.out = { on_send, NULL }, .console = { NULL, on_receive, on_waits, NULL },
	};
	_Static_assert(sizeof(struct device_state) <= PAGE_SIZE, "it lies in one");
	devices_reset(&d);
	for (unsigned int i = 0; i < UART_PORTS; i++)
		set_trap(DAIS_TRAP_PORT, UART_PORT + i, 1, &d.state->serial.reg[i]);
	set_trap(DAIS_TRAP_MMIO, IOAPIC_GPA, 4, &d.state->ioapic_select);
	set_trap(DAIS_TRAP_MMIO, IOAPIC_GPA + IOAPIC_DATA, 4, &d.state->ioapic_data);
	typed = "";
	sent = 0;
	fake_last_msi = 0;
	return 0;
}

static int teardown(void **state)
{
	status_t s;

	(void)state;
	link_set(&dom->on_trap, NULL, 0);
	event_end(event);
	domain_kill(dom, DAIS_DEATH_DESTROYED, "end of test");
	fake_settle();
	do
		s = fake_reclaim(m, dom);
	while (s == DAIS_AGAIN);
	assert_int_equal(s, DAIS_OK);
	mgmt_release(m);
	return 0;
}

/* What the guest reads; the monitor serves what Dais leaves to it. */
static u8 in(unsigned int reg)
{
	u64 x = 0;

	if (!trap_access(v, DAIS_TRAP_PORT, UART_PORT + reg, 1, false, &x))
		x = devices_port_read(&d, UART_PORT + reg, 1);
	return (u8)x;
}

static void out(unsigned int reg, u64 x)
{
	assert_true(trap_access(v, DAIS_TRAP_PORT, UART_PORT + reg, 1, true, &x)); /* never the monitor's */
	if (event_take(event, ~0ULL))
		devices_follow(&d);
}

static void mmio(u64 offset, u64 x)
{
	assert_true(trap_access(v, DAIS_TRAP_MMIO, IOAPIC_GPA + offset, 4, true, &x));
}

static u32 io_read(u32 reg)
{
	u64 x = 0;

	mmio(0, reg);
	assert_true(trap_access(v, DAIS_TRAP_MMIO, IOAPIC_GPA + IOAPIC_DATA, 4, false, &x));
	return (u32)x;
}

/* The monitor follows when it gets to it. */
static void set_pin(uint32_t low)
{
	mmio(0, 0x10 + 2 * UART_GSI);
	mmio(IOAPIC_DATA, low);
	assert_int_equal(event_take(event, ~0ULL), DAIS_REGISTER_BITS);
	devices_follow(&d);
}

static void test_ioapic(void **state)
{
	(void)state;
	assert_int_equal(io_read(0), IOAPIC_ID << 24);
	assert_int_equal(io_read(1), 0x00170020);
	assert_int_equal(io_read(0x10), 0x10000);
	assert_int_equal(io_read(0x3e), 0x10000);
	mmio(0, 0x3f);
	mmio(IOAPIC_DATA, 0x02000000);
	assert_int_equal(io_read(0x3f), 0x02000000);
	assert_int_equal(d.state->ioapic.entry[23], 0x0200000000010000ULL);
	out(IER, 2); /* while the pin's new place is not yet known */
	mmio(0, 0x10 + 2 * UART_GSI);
	mmio(IOAPIC_DATA, 0x24);
	assert_int_equal(fake_last_msi, 0);
	assert_int_equal(sent, 0);
	devices_follow(&d);
	assert_int_equal(sent, 1); /* it is not lost */
	devices_follow(&d);
	assert_int_equal(sent, 1);
}

/* As Linux's 8250 driver finds out what the port is (the tests of a 16550A's data sheet, §8.6.1, §8.6.7). */
static void test_probe(void **state)
{
	(void)state;
	out(IER, 0);
	assert_int_equal(in(IER), 0);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(IER, 0);
	out(MCR, 0x1a);
	assert_int_equal(in(MSR) & 0xf0, 0x90);
	out(MCR, 0);
	assert_int_equal(in(MSR) & 0xf0, 0xb0);
	out(IIR, 1);
	assert_int_equal(in(IIR), 0xc1);
	out(SCR, 0x5a);
	assert_int_equal(in(SCR), 0x5a);
	out(LCR, 0x83);
	out(DATA, 12);
	out(IER, 1);
	assert_int_equal(in(DATA), 12);
	assert_int_equal(in(IER), 1);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(dom->page->ring_head, 0); /* the divisor is not printed */
}

static void test_polled_output(void **state)
{
	const char *text = "heartbeat\r\n", *ring = (char *)dom->page + DAIS_DOM_RING_PAGE * PAGE_SIZE;

	(void)state;
	for (const char *s = text; *s; s++) {
		assert_int_equal(in(LSR), 0x60);
		out(DATA, *s);
	}
	assert_memory_equal(ring, text, strlen(text));
	assert_int_equal(fake_last_msi, 0);
}

/* A driver that waits for interrupts gets them from Dais alone. */
static void test_interrupts(void **state)
{
	const uint64_t message = 0xfee00000ULL | 0x4024ULL << 32;

	(void)state;
	out(IER, 2);
	assert_int_equal(fake_last_msi, 0); /* the pin is masked */
	out(IER, 0);
	set_pin(0x24);
	out(IER, 2);
	assert_int_equal(fake_last_msi, message);
	assert_int_equal(in(IIR), 0xc2);
	fake_last_msi = 0;
	out(DATA, 'x'); /* empty again at once */
	assert_int_equal(fake_last_msi, message);
	out(IER, 0);
	assert_int_equal(in(IIR), 0xc1);
	fake_last_msi = 0;
	out(DATA, 'y');
	assert_int_equal(fake_last_msi, 0);
	set_pin(0x10024);
	out(IER, 2);
	assert_int_equal(fake_last_msi, 0);
	out(IER, 0);
	set_pin(0x8024); /* level-triggered: each end of it brings the next while the line is up */
	out(IER, 2);
	assert_int_equal(fake_last_msi, message | 0x8000ULL << 32);
	sent = 0;
	devices_eoi(&d, 0x23);
	assert_int_equal(sent, 0);
	devices_eoi(&d, 0x24);
	devices_eoi(&d, 0x24);
	assert_int_equal(sent, 2);
	out(IER, 0);
	devices_eoi(&d, 0x24);
	assert_int_equal(sent, 2);
}

static void test_input(void **state)
{
	(void)state;
	set_pin(0x24);
	typed = "ok";
	devices_feed(&d);
	assert_int_equal(in(LSR), 0x60); /* RTS is not raised */
	out(MCR, 0x0a);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(sent, 0);
	out(IER, 1); /* the line is up: Dais tells */
	assert_int_equal(fake_last_msi, 0xfee00000ULL | 0x4024ULL << 32);
	assert_int_equal(in(IIR), 0xc4);
	assert_int_equal(in(DATA), 'o');
	assert_int_equal(sent, 1); /* the next one waits already */
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'k');
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR), 0xc1);
	typed = "!";
	devices_feed(&d);
	assert_int_equal(sent, 2);
	assert_int_equal(in(DATA), '!');
	in(DATA); /* nothing waits: no monitor needed, as when a driver empties the port */
	typed = "";
	serial_set_input(&d.state->serial, true); /* a monitor died with it */
	assert_int_equal(in(DATA), 0);
	assert_int_equal(in(LSR), 0x60);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_ioapic), T(test_probe), T(test_polled_output), T(test_interrupts), T(test_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
