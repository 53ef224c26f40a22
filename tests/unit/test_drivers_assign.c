/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_devices.c drivers/control.c drivers/irq.c drivers/ioapic.c drivers/pci.c drivers/msi.c drivers/vpci.c drivers/serial.c drivers/assign.c */
/* Functions given to guests: who gets their interrupts, and that no failing step leaves anything changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/fake_devices.h"
#include "drivers/internal.h"
#include "drivers/iommu/iommu.h"
#include "kernel/hypercall.h"

#define NIC    0x20   /* 00:04.0: MSI-X */
#define DISK   0x28   /* 00:05.0: MSI */
#define BRIDGE 0x30
#define VF     0x38   /* has no IDs */
#define BAR    0xc0000000u
#define VF_TABLE 0xd0000000ULL
#define MESSAGE 0xfee01000u

static struct domain control, guest, other;
static struct domain *attached[256];    /* by function: whom the IOMMU serves */
static u32 blocks;
static status_t attach_status, assignable_status;

status_t iommu_assignable(u32 fn) { (void)fn; return assignable_status; }
void iommu_block(u32 fn) { attached[fn] = NULL; blocks++; }
u64 iommu_faults(u32 fn) { return fn == NIC ? 7 : 0; }
status_t iommu_attach(u32 fn, struct domain *d)
{
	if (attach_status == DAIS_OK)
		attached[fn] = d;
	return attach_status;
}

static status_t call(status_t (*f)(struct call *), struct domain *caller, struct domain *d, u64 fn, u64 table)
{
	struct call c = { .dom = caller, .arg = { 0, fn, table }, .cap = { { .obj = &d->obj } } };

	return f(&c);
}

static status_t assign(struct domain *d, u64 fn) { return call(call_dev_assign, &control, d, fn, 0); }
static status_t give_back(struct domain *d, u64 fn) { return call(call_dev_return, &control, d, fn, 0); }

static void put_bar(u16 fn)
{
	guest_config_write(fn, 0x10, 4, BAR | fn << 16);
	guest_config_write(fn, 4, 2, 2);
}

static int setup(void **state)
{
	struct fake_fn *f;

	(void)state;
	if (control_domain)
		return 0;
	control_domain = &control;
	guest.id = 5;
	fake_add_msix(fake_add(NIC, 0x10d38086), 0x40, 4, 0, 0x1000);
	fake_add_msi(fake_add(DISK, 0x11111111), 0x50, false);
	fake_find(DISK)->writable[4] = 7;
	f = fake_add(BRIDGE, 0x22222222);
	fake_put32(f, 8, 0x06010000);
	f = fake_add(VF, ~0u);
	fake_put32(f, 8, 0x02000001);
	fake_add_msix(f, 0x40, 2, 0, 0x1000);
	devices_init(&fake_boot);
	put_bar(NIC);
	put_bar(DISK);
	for (u32 i = 0; i < 256; i++)
		attached[i] = &control;
	return 0;
}

static void entry(u64 table, u32 i, u32 address, u32 data, u32 control_word)
{
	guest_write(table + 16 * i, 4, address);
	guest_write(table + 16 * i + 4, 4, 0);
	guest_write(table + 16 * i + 8, 4, data);
	guest_write(table + 16 * i + 12, 4, control_word);
}

/* The hardware sends what its entry says. */
static bool raise(const u8 *message)
{
	u32 address, data;

	memcpy(&address, message, 4);
	memcpy(&data, message + 8, 4);
	fake_delivered_to = NULL;
	return irq_handle((address >> 12 & 0xff) / 2, data & 0xff);
}

static u32 hw_control(u16 fn, u32 i)
{
	u32 v;

	memcpy(&v, fake_find(fn)->bar + 16 * i + 12, 4);
	return v;
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(call(call_dev_assign, &guest, &other, NIC, 0), DAIS_DENIED);
	assert_int_equal(assign(&control, NIC), DAIS_DENIED);
	/* its words would lie across a page's end, where Dais has a window on one page */
	assert_int_equal(call(call_dev_assign, &control, &guest, VF, VF_TABLE + 0xffe), DAIS_BAD_ARG);
	assert_ptr_equal(attached[VF], &control);
	assert_int_equal(assign(&guest, 0xf8), DAIS_BAD_ARG);
	assert_int_equal(assign(&guest, BRIDGE), DAIS_DENIED);
	assert_int_equal(assign(&guest, vpci_fn), DAIS_DENIED);
	assignable_status = DAIS_BAD_STATE;
	assert_int_equal(assign(&guest, NIC), DAIS_BAD_STATE);
	assert_int_equal(device_stat(NIC, false), DAIS_FN_THERE);
	assignable_status = DAIS_OK;
	attach_status = DAIS_NO_MEMORY;
	assert_int_equal(assign(&guest, NIC), DAIS_NO_MEMORY);
	attach_status = DAIS_OK;
	guest.state = DAIS_DOM_DEAD;
	assert_int_equal(assign(&guest, NIC), DAIS_BAD_STATE);
	guest.state = DAIS_DOM_CONFIG;
	/* a driver has it: its interrupt, or its access to memory */
	guest_config_write(NIC, 0x42, 2, 0x8000);
	entry(BAR | NIC << 16, 0, MESSAGE, 0x41, 0);
	assert_int_equal(assign(&guest, NIC), DAIS_BUSY);
	assert_true(raise(fake_find(NIC)->bar)); /* which goes on working */
	assert_null(fake_delivered_to);
	guest_config_write(NIC, 0x42, 2, 0);
	guest_config_write(DISK, 4, 2, 6);
	assert_int_equal(assign(&guest, DISK), DAIS_BUSY);
	guest_config_write(DISK, 4, 2, 2);
	assert_int_equal(give_back(&guest, NIC), DAIS_BAD_ARG);
	assert_int_equal(give_back(&control, NIC), DAIS_BAD_ARG);
	assert_int_equal(call(call_dev_return, &guest, &guest, NIC, 0), DAIS_DENIED);
	for (u32 i = 0; i < 256; i++)
		assert_ptr_equal(attached[i], &control);
	assert_int_equal(device_stat(NIC, false), DAIS_FN_THERE | DAIS_FN_ASSIGNABLE);
}

static void test_life(void **state)
{
	u8 *bar = fake_find(NIC)->bar;

	(void)state;
	assert_int_equal(assign(&guest, NIC), DAIS_OK);
	assert_ptr_equal(attached[NIC], &guest);
	assert_int_equal(assign(&guest, NIC), DAIS_BUSY);
	assert_int_equal(assign(&other, NIC), DAIS_BUSY);
	assert_int_equal(device_stat(NIC, false), DAIS_FN_THERE | DAIS_FN_ASSIGNABLE | 5ULL << 32);
	assert_int_equal(device_stat(NIC, true), 7);
	/* an entry that the control domain's driver left is no message of the guest's */
	guest_config_write(NIC, 0x42, 2, 0x8000);
	assert_false(raise(bar));
	assert_int_equal(hw_control(NIC, 0) & 1, 1);
	/* the guest's messages, written by its monitor */
	guest_config_write(NIC, 0x42, 2, 0x8000);
	entry(BAR | NIC << 16, 1, MESSAGE, 0x77, 0);
	assert_true(raise(bar + 16));
	assert_ptr_equal(fake_delivered_to, &guest);
	assert_int_equal(fake_address, MESSAGE);
	assert_int_equal(fake_data, 0x77);
	/* its modes are as limited as the control domain's */
	entry(BAR | NIC << 16, 2, MESSAGE, 0x400, 0);
	assert_int_equal(hw_control(NIC, 2) & 1, 1);
	/* taken: blocked, silent, nobody's */
	guest_config_write(NIC, 4, 2, 6);
	assert_int_equal(give_back(&other, NIC), DAIS_BAD_ARG);
	assert_int_equal(give_back(&guest, NIC), DAIS_OK);
	assert_null(attached[NIC]);
	assert_false(raise(bar + 16));
	assert_int_equal(fake_find(NIC)->config[4] & 4, 0);
	assert_int_equal(fake_find(NIC)->config[0x43] & 0x80, 0);
	assert_int_equal(device_stat(NIC, false), DAIS_FN_THERE | DAIS_FN_ASSIGNABLE | DAIS_FN_BLOCKED);
	assert_int_equal(assign(&other, NIC), DAIS_BUSY);
	attach_status = DAIS_NO_MEMORY;
	assert_int_equal(give_back(&control, NIC), DAIS_NO_MEMORY);
	assert_null(attached[NIC]);
	attach_status = DAIS_OK;
	assert_int_equal(give_back(&control, NIC), DAIS_OK);
	assert_ptr_equal(attached[NIC], &control);
	/* the control domain's again */
	guest_config_write(NIC, 0x42, 2, 0x8000);
	entry(BAR | NIC << 16, 0, MESSAGE, 0x42, 0);
	assert_true(raise(bar));
	assert_null(fake_delivered_to);
	guest_config_write(NIC, 0x42, 2, 0);
}

static void test_msi(void **state)
{
	struct fake_fn *f = fake_find(DISK);

	(void)state;
	assert_int_equal(assign(&other, DISK), DAIS_OK);
	guest_config_write(DISK, 0x54, 4, MESSAGE);
	guest_config_write(DISK, 0x5c, 2, 0x55);
	guest_config_write(DISK, 0x52, 2, 1);
	assert_true(raise(f->config + 0x54));
	assert_ptr_equal(fake_delivered_to, &other);
	assert_int_equal(fake_data, 0x55);
	assert_int_equal(give_back(&other, DISK), DAIS_OK);
	assert_int_equal(f->config[0x52] & 1, 0);
	assert_int_equal(give_back(&control, DISK), DAIS_OK);
}

/* A killed domain is taken apart with its functions still assigned. */
static void test_death(void **state)
{
	(void)state;
	assert_int_equal(assign(&guest, NIC), DAIS_OK);
	assert_int_equal(assign(&other, DISK), DAIS_OK);
	blocks = 0;
	devices_end(&guest);
	assert_int_equal(blocks, 1);
	assert_null(attached[NIC]);
	assert_ptr_equal(attached[DISK], &other);
	devices_end(&guest);
	assert_int_equal(blocks, 1);
	/* while it is gone from the bus for a reset, it is not forgotten */
	fake_put32(fake_find(NIC), 0, ~0u);
	guest_config_read(NIC, 4, 2);
	fake_put32(fake_find(NIC), 0, 0x10d38086);
	assert_int_equal(assign(&other, NIC), DAIS_BUSY);
	assert_int_equal(give_back(&control, NIC), DAIS_OK);
	assert_int_equal(give_back(&other, DISK), DAIS_OK);
	assert_int_equal(give_back(&control, DISK), DAIS_OK);
}

/* A virtual function tells neither IDs nor where its table lies. */
static void test_virtual_function(void **state)
{
	(void)state;
	assert_int_equal(call(call_dev_assign, &control, &guest, VF, VF_TABLE), DAIS_OK);
	assert_true(fake_page_trapped(VF_TABLE));
	guest_config_write(VF, 0x42, 2, 0x8000);
	entry(VF_TABLE, 0, MESSAGE, 0x61, 0);
	assert_int_equal(guest_read(VF_TABLE + 8, 4), 0x61);
	assert_int_equal(give_back(&guest, VF), DAIS_OK);
	assert_int_equal(give_back(&control, VF), DAIS_OK);
	assert_false(fake_page_trapped(VF_TABLE));
	/* meanwhile it was given more interrupts: those are as much translated as the first */
	fake_find(VF)->config[0x42] = 7;
	assert_int_equal(call(call_dev_assign, &control, &guest, VF, VF_TABLE), DAIS_OK);
	guest_config_write(VF, 0x42, 2, 0x8000);
	entry(VF_TABLE, 5, MESSAGE, 0x62, 0);
	assert_int_equal(guest_read(VF_TABLE + 5 * 16 + 8, 4), 0x62);
	assert_int_equal(pci_function(VF)->count, 8);
	assert_non_null(pci_function(VF)->entry[5].route);
	assert_int_equal(give_back(&guest, VF), DAIS_OK);
	assert_int_equal(give_back(&control, VF), DAIS_OK);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = { T(test_refused), T(test_life), T(test_msi), T(test_death), T(test_virtual_function) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
