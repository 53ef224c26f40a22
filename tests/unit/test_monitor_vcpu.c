/* SPDX-License-Identifier: GPL-2.0-only */
/* Serving exits: when what the guest prints is passed on. */
/* links: mgmt/monitor/vcpu.c mgmt/monitor/fault.c */
/* flags: -Imgmt/libdais */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "mgmt/monitor/guest.h"

static struct guest g;
static unsigned int followed;
static uint64_t lines;	/* line interrupts of these slots */

/* ---- what vcpu.c calls ---- */

void devices_follow(struct devices *d)
{
	(void)d;
	followed++;
}

void devices_pci_lines(struct devices *d, uint64_t slots)
{
	(void)d;
	lines |= slots & 0xff;
}

uint64_t devices_port_read(struct devices *d, uint16_t port, unsigned int size)
{
	(void)d;
	return port + size;
}

enum device_request devices_port_write(struct devices *d, uint16_t port, unsigned int size, uint64_t value)
{
	(void)d;
	return port == 0 && size && value ? REQUEST_POWEROFF : REQUEST_NONE;
}

uint64_t devices_memory_read(struct devices *d, uint64_t gpa, unsigned int size)
{
	(void)d;
	return gpa + size;
}

void devices_memory_write(struct devices *d, uint64_t gpa, unsigned int size, uint64_t value)
{
	(void)d;
	(void)gpa;
	(void)size;
	(void)value;
}

void devices_eoi(struct devices *d, uint8_t vector)
{
	(void)d;
	(void)vector;
}

int dais_dom_kill(struct dais_dom *dom, enum dais_death why)
{
	(void)dom;
	return why == DAIS_DEATH_NONE;
}

const char *dais_strerror(int err)
{
	return strerror(abs(err));
}

struct dais_vcpu_page *dais_vcpu_page(struct dais_vcpu *vcpu)
{
	return (void *)vcpu;
}

int dais_vcpu_run(struct dais_vcpu *vcpu)
{
	(void)vcpu;
	return DAIS_EXIT_DEAD;
}

int dais_vcpu_resume(struct dais_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

int dais_vcpu_stat(struct dais_vcpu *vcpu, enum dais_stat what, uint64_t *value)
{
	(void)vcpu;
	*value = what;
	return -1;
}

/* ---- tests ---- */

static int setup(void **state)
{
	(void)state;
	memset(&g, 0, sizeof(g));
	pthread_mutex_init(&g.lock, NULL);
	g.output_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return g.output_timer < 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(g.output_timer);
}

/* Nanoseconds until the output is passed on; 0: it is due. */
static long left(void)
{
	struct itimerspec t;

	assert_int_equal(timerfd_gettime(g.output_timer, &t), 0);
	return t.it_value.tv_nsec;
}

static bool is_due(int wait_ms)
{
	struct pollfd p = { .fd = g.output_timer, .events = POLLIN };

	return poll(&p, 1, wait_ms) == 1;
}

static void output_is_passed_on_soon(void **state)
{
	(void)state;
	assert_false(is_due(0));
	guest_serve(&g, DAIS_REGISTER_BITS);
	assert_int_equal(followed, 1);
	assert_true(is_due(10000));
}

/* One that writes to its I/O APIC all the time does not put off what it has printed. */
static void a_busy_guest_is_heard(void **state)
{
	long before, after;

	(void)state;
	guest_serve(&g, DAIS_REGISTER_BITS);
	while ((before = left()) > 4000000)
		;
	guest_serve(&g, DAIS_REGISTER_BITS);
	after = left();
	assert_true(after <= before);
	assert_true(is_due(10000));
}

static void lines_have_bits_of_their_own(void **state)
{
	(void)state;
	lines = 0;
	guest_serve(&g, DAIS_REGISTER_BITS | ((1ULL << VCPU_BITS) - 1));
	assert_int_equal(lines, 0);
	guest_serve(&g, 5ULL << LINE_SHIFT);
	assert_int_equal(lines, 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(output_is_passed_on_soon), TEST(a_busy_guest_is_heard),
					     TEST(lines_have_bits_of_their_own) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
