/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/fake_devices.c drivers/control.c drivers/irq.c drivers/ioapic.c drivers/pci.c drivers/msi.c drivers/vpci.c drivers/serial.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/unit/fake_devices.h"
#include "kernel/arch.h"

/* The PCI filter: configuration accesses, MSI and MSI-X. */
#include "drivers/internal.h"
#include <string.h>

#define NIC 0x0018   /* 00:03.0: MSI-X, 3 vectors at BAR + 0x1000 */
#define OLD 0x0020   /* 00:04.0: MSI without masking */
#define NEW 0x0028   /* 00:05.0: MSI with masking */
#define MSIX 0x50
#define MSI 0x40
#define BAR 0xc0000000ULL
#define BAR2 0xc8000000ULL
#define TABLE (BAR + 0x1000)
#define ENABLE 0x8000
#define MASKALL 0x4000

static int start(void **state)
{
	struct fake_fn *f = fake_add(NIC, 0x10411af4);

	(void)state;
	fake_add_msix(f, MSIX, 3, 0x1000, 0x1800);
	fake_add_msi(fake_add(OLD, 0x100e8086), MSI, false);
	fake_add_msi(fake_add(NEW, 0x10d38086), MSI, true);
	devices_init(&fake_boot);
	return 0;
}

/* Without ECAM: the same over the ports. */
static int start_ports(void **state)
{
	(void)state;
	fake_boot.ecam_count = 0;
	pci_init(&fake_boot);
	return 0;
}

static u32 hw(u16 bdf, u32 reg) { return fake_get32(fake_find(bdf), reg); }

static u32 entry(u32 i, u32 word)
{
	u32 v;

	memcpy(&v, fake_find(NIC)->bar + 0x1000 + 16 * i + 4 * word, 4);
	return v;
}

static void set_bar(u64 at)
{
	guest_config_write(NIC, PCI_COMMAND, 2, 0);
	guest_config_write(NIC, 0x10, 4, at);
	guest_config_write(NIC, 0x14, 4, at >> 32);
	guest_config_write(NIC, PCI_COMMAND, 2, 6);
}

static void set_control(u16 v) { guest_config_write(NIC, MSIX + 2, 2, v); }

static void set_entry(u32 i, u32 address, u32 data)
{
	u64 at = TABLE + 16 * i;

	guest_write(at + 12, 4, 1);
	guest_write(at, 4, address);
	guest_write(at + 4, 4, 0);
	guest_write(at + 8, 4, data);
	guest_write(at + 12, 4, 0);
}

/* The interrupt that the hardware's message makes. */
static bool fire(u32 address, u32 data)
{
	assert_int_equal(address & 0xfff00fff, MSI_ADDRESS);
	return irq_handle((address >> 12 & 0xff) / 2, data & 0xff);
}

static void passes(void **state)
{
	(void)state;
	assert_int_equal(guest_config_read(NIC, 0, 4), 0x10411af4);
	assert_int_equal(guest_config_read(NIC, 2, 2), 0x1041);
	assert_int_equal(guest_config_read(NIC, 3, 1), 0x10);
	assert_int_equal(guest_config_read(0x1234, 0, 4), 0xffffffff);
	assert_int_equal(guest_config_read(0x1234, 0x40, 4), 0xffffffff);
	guest_config_write(0x1234, 0x40, 4, 0);
	assert_int_equal(guest_config_read(NIC, MSIX, 1), 0x11);
}

static void ecam_widths(void **state)
{
	(void)state;
	assert_int_equal(guest_read(FAKE_ECAM + (NIC << 12), 8), ~0ULL);
	assert_int_equal(guest_read(FAKE_ECAM + (NIC << 12) + 3, 2), 0xffff);
	guest_write(FAKE_ECAM + (NIC << 12) + 0x13, 4, 0x12345678);
	assert_int_equal(hw(NIC, 0x10), 4);
	assert_int_equal(guest_read(FAKE_ECAM + (NIC << 12) + 0x100, 4), 0);
}

static void ports_as_linux_probes(void **state)
{
	(void)state;
	guest_out(0xcfb, 1, 1);
	guest_out(0xcf8, 4, 0x80000000);
	assert_int_equal(guest_in(0xcf8, 4), 0x80000000);
	guest_out(0xcf8, 4, 0);
	assert_int_equal(guest_in(0xcfc, 4), 0xffffffff);
	assert_int_equal(guest_in(0xcfe, 2), 0xffff);
	assert_int_equal(guest_in(0xcfe, 4), 0xffffffff);
	assert_int_equal(guest_in(0xcf7, 2), 0xffffffff);
	fake_port_in = 0x5a;
	assert_int_equal(guest_in(0xcf9, 1), 0x5a);
	assert_true(fake_trapped_port[0xcf8] && fake_trapped_port[0xcff]);
}

static void msix_as_linux_uses_it(void **state)
{
	(void)state;
	fake_find(NIC)->bar[0x1000 + 12] = 0;                  /* unmasked by firmware */
	set_bar(BAR);
	assert_int_equal(entry(0, 3), 1);
	for (u32 i = 0; i < 3; i++)
		guest_write(TABLE + 16 * i + 12, 4, 1);
	set_control(ENABLE | MASKALL);
	assert_true(fake_page_trapped(TABLE));
	assert_int_equal(guest_config_read(NIC, MSIX, 4) >> 16, ENABLE | MASKALL | 2);
	set_entry(1, MSI_ADDRESS | 1 << 12, 0x23);
	set_control(ENABLE);
	assert_int_equal(guest_read(TABLE + 16, 8), MSI_ADDRESS | 1 << 12);
	assert_int_equal(guest_read(TABLE + 24, 4), 0x23);
	assert_int_equal(guest_read(TABLE + 24, 1), 0x23);
	assert_int_equal(entry(1, 0), MSI_ADDRESS | 2 << 12);  /* CPU 1 has APIC ID 2 */
	assert_int_equal(entry(1, 3), 0);
	assert_int_equal(entry(0, 3), 1);
	fake_delivered = 0;
	assert_true(fire(entry(1, 0), entry(1, 2)));
	assert_int_equal(fake_delivered, 1);
	assert_int_equal(fake_address, MSI_ADDRESS | 1 << 12);
	assert_int_equal(fake_data, 0x23);
}

static void msix_affinity_changes(void **state)
{
	u32 address = entry(1, 0), data = entry(1, 2);

	(void)state;
	set_entry(1, MSI_ADDRESS | 3 << 12, 0x25);
	assert_int_equal(entry(1, 0), address);
	assert_int_equal(entry(1, 2), data);
	assert_int_equal(guest_read(TABLE + 16, 4), MSI_ADDRESS | 3 << 12);
	assert_true(fire(address, data));
	assert_int_equal(fake_data, 0x25);
	assert_int_equal(fake_address, MSI_ADDRESS | 3 << 12);
}

static void msix_64_bit_writes(void **state)
{
	(void)state;
	guest_write(TABLE + 32 + 8, 8, 0x26 | 1ULL << 32);
	guest_write(TABLE + 32, 8, MSI_ADDRESS);
	guest_write(TABLE + 32 + 8, 8, 0x26);
	assert_int_equal(entry(2, 3), 0);
	assert_true(fire(entry(2, 0), entry(2, 2)));
	assert_int_equal(fake_data, 0x26);
	assert_int_equal(guest_read(TABLE + 32 + 8, 8), 0x26);
	assert_int_equal(guest_read(TABLE + 32 + 4, 8), ~0ULL); /* misaligned */
}

static void msix_refuses(void **state)
{
	(void)state;
	set_entry(0, MSI_ADDRESS, 0x400);                      /* NMI */
	assert_int_equal(entry(0, 3) & 1, 1);
	set_entry(0, 0xc0001000, 0x30);                        /* not an interrupt at all */
	assert_int_equal(entry(0, 3) & 1, 1);
	guest_write(TABLE + 4, 4, 1);                          /* beyond 4 GiB */
	assert_int_equal(entry(0, 3) & 1, 1);
	set_entry(0, MSI_ADDRESS, 0x5);
	assert_int_equal(entry(0, 3) & 1, 1);
	guest_write(TABLE + 12, 4, 1);
}

static void rest_of_the_page_passes(void **state)
{
	(void)state;
	fake_find(NIC)->bar[0x1800] = 0xa5;                    /* pending bits */
	assert_int_equal(guest_read(BAR + 0x1800, 8), 0xa5);
	guest_write(BAR + 0x1900, 2, 0x1234);
	assert_int_equal(fake_find(NIC)->bar[0x1901], 0x12);
	assert_int_equal(guest_read(BAR + 0x1900, 2), 0x1234);
	guest_write(BAR + 0x10, 1, 7);                         /* another page */
	assert_int_equal(fake_find(NIC)->bar[0x10], 7);
}

static void bar_moves_while_enabled(void **state)
{
	u32 address = entry(1, 0), data = entry(1, 2);

	(void)state;
	set_bar(BAR2);
	assert_false(fake_page_trapped(TABLE));
	assert_true(fake_page_trapped(BAR2 + 0x1000));
	assert_int_equal(guest_read(BAR2 + 0x1000 + 24, 4), 0x25);
	assert_true(fire(address, data));
	assert_int_equal(fake_data, 0x25);
	/* Sized with decoding on, over Dais, the local APIC, ECAM: never trapped there. */
	guest_config_write(NIC, 0x10, 4, 0xffffffff);
	guest_config_write(NIC, 0x14, 4, 0xffffffff);
	guest_config_write(NIC, 0x14, 4, 0);
	guest_config_write(NIC, 0x10, 4, 0xfee00000);
	assert_false(fake_page_trapped(0xfee01000));
	guest_config_write(NIC, 0x10, 4, FAKE_ECAM);
	guest_config_write(NIC, 0x10, 4, FAKE_DAIS_RAM - 0x1000);
	assert_int_equal(fake_page_trapped(FAKE_DAIS_RAM), false);
	set_bar(BAR);
	assert_true(fake_page_trapped(TABLE));
	assert_int_equal(guest_read(TABLE + 24, 4), 0x25);
}

static void reset_is_survived(void **state)
{
	(void)state;
	/* What a function-level reset leaves, then Linux's restore. */
	memset(fake_find(NIC)->bar + 0x1000, 0, 48);
	for (u32 i = 0; i < 3; i++)
		fake_find(NIC)->bar[0x1000 + 16 * i + 12] = 1;
	fake_find(NIC)->config[MSIX + 3] = 0;
	set_control(ENABLE | MASKALL);
	set_entry(1, MSI_ADDRESS | 3 << 12, 0x25);
	set_control(ENABLE);
	assert_int_equal(hw(NIC, MSIX) >> 16, ENABLE | 2);
	assert_true(fire(entry(1, 0), entry(1, 2)));
	assert_int_equal(fake_data, 0x25);
}

static void disabled_frees_routes(void **state)
{
	u32 address = entry(1, 0), data = entry(1, 2);

	(void)state;
	set_control(0);
	assert_false(fire(address, data));
	assert_int_equal(entry(1, 3) & 1, 1);
	assert_int_equal(guest_read(TABLE + 24, 8), 0x25);     /* the guest's own */
	/* more often than there are vectors */
	for (u32 i = 0; i < 500; i++) {
		set_control(ENABLE | MASKALL);
		set_entry(0, MSI_ADDRESS | 1 << 12, 0x30);
		assert_int_equal(entry(0, 3), 0);
		set_control(0);
	}
	/* Written while off, it counts when it is on. */
	set_entry(0, MSI_ADDRESS | 1 << 12, 0x31);
	assert_int_equal(entry(0, 3) & 1, 1);
	set_control(ENABLE);
	assert_int_equal(entry(0, 3), 0);
	assert_true(fire(entry(0, 0), entry(0, 2)));
	assert_int_equal(fake_data, 0x31);
	address = entry(0, 0);
	data = entry(0, 2);
	/* Off while its table is out of reach */
	guest_config_write(NIC, PCI_COMMAND, 2, 0);
	set_control(0);
	assert_false(fire(address, data));
	guest_config_write(NIC, PCI_COMMAND, 2, 6);
	assert_int_equal(entry(0, 3) & 1, 1);
}

static void not_enabled_without_memory(void **state)
{
	(void)state;
	guest_config_write(NIC, PCI_COMMAND, 2, 0);
	assert_false(fake_page_trapped(TABLE));
	set_control(ENABLE);
	assert_int_equal(hw(NIC, MSIX) >> 16, 2);
	assert_int_equal(guest_config_read(NIC, MSIX, 4) >> 16, 2);
	guest_config_write(NIC, PCI_COMMAND, 2, 6);
	assert_true(fake_page_trapped(TABLE));
	/* no memory to trap it */
	guest_config_write(NIC, PCI_COMMAND, 2, 0);
	fake_trap_status = DAIS_NO_MEMORY;
	guest_config_write(NIC, PCI_COMMAND, 2, 6);
	assert_false(fake_page_trapped(TABLE));
	set_control(ENABLE);
	assert_int_equal(hw(NIC, MSIX) >> 16, 2);
	fake_trap_status = DAIS_OK;
	guest_config_write(NIC, PCI_COMMAND, 2, 6);
	assert_true(fake_page_trapped(TABLE));
}

static void no_memory(void **state)
{
	struct fake_fn *f = fake_add(0x48, 0x12348086);

	(void)state;
	fake_add_msix(f, MSIX, 3, 0x1000, 0x1800);
	f->config[MSIX + 3] = 0x80;                            /* on, by firmware */
	fake_heap_empty = true;
	guest_config_write(0x48, MSIX + 2, 2, ENABLE | MASKALL);
	assert_int_equal(hw(0x48, MSIX) >> 16, ENABLE | 2);
	fake_heap_empty = false;
	assert_int_equal(guest_config_read(0x48, MSIX, 4) >> 16, 2);
}

static void msi_write_message(u16 bdf, u32 address, u32 data)
{
	guest_config_write(bdf, MSI + 4, 4, address);
	guest_config_write(bdf, MSI + 8, 4, 0);
	guest_config_write(bdf, MSI + 12, 2, data);
}

static void msi_fire(u16 bdf, u32 data)
{
	fake_data = 0;
	assert_true(fire(hw(bdf, MSI + 4), hw(bdf, MSI + 12)));
	assert_int_equal(fake_data, data);
}

static void msi_one_message(void **state)
{
	(void)state;
	assert_int_equal(guest_config_read(OLD, MSI + 2, 2), 0x80);
	msi_write_message(OLD, MSI_ADDRESS | 1 << 12, 0x41);
	assert_int_equal(hw(OLD, MSI + 4), 0);
	guest_config_write(OLD, MSI + 2, 2, 0x31);             /* eight, and on */
	assert_int_equal(guest_config_read(OLD, MSI + 2, 2), 0x81);
	assert_int_equal(hw(OLD, MSI) >> 16, 0x87);
	assert_int_equal(guest_config_read(OLD, MSI + 4, 4), MSI_ADDRESS | 1 << 12);
	assert_int_equal(guest_config_read(OLD, MSI + 13, 1), 0);
	assert_int_equal(guest_config_read(OLD, MSI + 12, 2), 0x41);
	assert_int_equal(hw(OLD, MSI + 4), MSI_ADDRESS | 2 << 12);
	msi_fire(OLD, 0x41);
}

/* An enabled function's message changes without its registers. */
static void msi_stays(u16 bdf)
{
	u32 address = hw(bdf, MSI + 4), data = hw(bdf, MSI + 12);

	msi_write_message(bdf, MSI_ADDRESS | 2 << 12, 0x42);
	assert_int_equal(hw(bdf, MSI + 4), address);
	assert_int_equal(hw(bdf, MSI + 12), data);
	msi_fire(bdf, 0x42);
	msi_write_message(bdf, MSI_ADDRESS | 2 << 12, 0x442);   /* NMI: refused */
	msi_fire(bdf, 0x42);
	msi_write_message(bdf, MSI_ADDRESS | 2 << 12, 0x42);
	guest_config_write(bdf, MSI + 2, 2, 0x80);
	assert_false(fire(address, data));
	guest_config_write(bdf, MSI + 3, 1, 0);
	guest_config_write(bdf, MSI + 2, 1, 0x81);             /* switched on anew: moves */
	assert_int_equal(hw(bdf, MSI + 4), MSI_ADDRESS | 4 << 12);
	msi_fire(bdf, 0x42);
}

static void msi_without_mask(void **state)
{
	(void)state;
	msi_stays(OLD);
}

static void msi_with_mask(void **state)
{
	(void)state;
	msi_write_message(NEW, MSI_ADDRESS | 1 << 12, 0x43);
	guest_config_write(NEW, MSI + 2, 2, 0x181);
	guest_config_write(NEW, MSI + 16, 4, 2);
	assert_int_equal(guest_config_read(NEW, MSI + 16, 4), 2);
	msi_stays(NEW);
	assert_int_equal(hw(NEW, MSI + 16), 2);
}

static void msi_refuses(void **state)
{
	(void)state;
	guest_config_write(NEW, MSI + 2, 2, 0);
	msi_write_message(NEW, MSI_ADDRESS, 0x744);            /* ExtINT */
	guest_config_write(NEW, MSI + 2, 2, 1);
	assert_int_equal(guest_config_read(NEW, MSI + 2, 2) & 1, 0);
	msi_write_message(NEW, MSI_ADDRESS, 0x44);
	guest_config_write(NEW, MSI + 8, 4, 1);
	guest_config_write(NEW, MSI + 2, 2, 1);
	assert_int_equal(guest_config_read(NEW, MSI + 2, 2) & 1, 0);
	guest_config_write(NEW, MSI + 8, 4, 0);
	guest_config_write(NEW, MSI + 2, 2, 1);
	msi_fire(NEW, 0x44);
}

static void unplugged(void **state)
{
	u32 address = hw(NEW, MSI + 4), data = hw(NEW, MSI + 12);
	struct fake_fn *f = fake_find(NEW);

	(void)state;
	fake_put32(f, 0, 0xffffffff);
	assert_int_equal(guest_config_read(NEW, 0, 4), 0xffffffff);
	assert_false(fire(address, data));
	/* another in its place, whose MSI capability lies elsewhere */
	*f = (struct fake_fn){ .bdf = NEW };
	fake_put32(f, 0, 0x12348086);
	fake_put32(f, 4, 1u << 20);
	fake_put32(f, MSI, 0x55550009);
	memset(f->writable + MSI, 0xff, 4);
	f->config[0x34] = MSI;
	fake_add_msi(f, 0x70, false);
	assert_int_equal(guest_config_read(NEW, 0x72, 2), 0x80);
	assert_int_equal(fake_get32(f, MSI), 0x55550009);
	guest_config_write(NEW, MSI + 2, 2, 0x81);
	assert_int_equal(hw(NEW, MSI) >> 16, 0x81);
}

static void virtual_functions_have_none(void **state)
{
	struct fake_fn *vf = fake_add(0x102, 0xffffffff);

	(void)state;
	vf->writable[0x80] = 0xff;
	fake_add_msix(vf, MSIX, 3, 0x1000, 0x1800);
	guest_config_write(0x102, MSIX + 2, 2, ENABLE);
	assert_int_equal(guest_config_read(0x102, MSIX + 2, 2), 2);
	guest_config_write(0x102, PCI_COMMAND, 2, 6);
	assert_int_equal(guest_config_read(0x102, PCI_COMMAND, 2), 6);
}

static void firmware_leftovers(void **state)
{
	struct fake_fn *f = fake_add(0x30, 0x12348086);

	(void)state;
	fake_add_msi(f, MSI, false);
	f->config[MSI + 2] |= 1;
	assert_int_equal(guest_config_read(0x30, MSI + 2, 2) & 1, 0);
	assert_int_equal(f->config[MSI + 2] & 1, 0);
	/* a capability list that is a loop */
	f = fake_add(0x38, 0x12348086);
	f->config[0x34] = 0x40;
	f->config[0x41] = 0x40;
	assert_int_equal(guest_config_read(0x38, 0x41, 1), 0x40);
}

static u32 claims, claimed, blocked, hidden = ~0u;
void iommu_claim(u32 fn) { claims++; claimed = fn; }
void iommu_block(u32 fn) { blocked = fn; }
bool iommu_hides(u32 fn) { return fn == hidden; }

/* The control domain gets a function when it is first touched; an IOMMU is not there. */
static void behind_an_iommu(void **state)
{
	struct fake_fn *f = fake_add(0x88, 0x12341234);

	(void)state;
	claims = 0;
	assert_int_equal(guest_config_read(0x88, 0, 4), 0x12341234);
	guest_config_read(0x88, 8, 4);
	assert_int_equal(claims, 1);
	assert_int_equal(claimed, 0x88);
	fake_put32(f, 0, 0x56785678); /* another in its place */
	assert_int_equal(guest_config_read(0x88, 0, 4), 0x56785678);
	assert_int_equal(blocked, 0x88);
	assert_int_equal(claims, 2);
	hidden = 0x88;
	assert_int_equal(guest_config_read(0x88, 0, 4), ~0u);
	guest_config_write(0x88, 0x10, 4, 0xc0000000);
	hidden = ~0u;
	assert_int_equal(fake_get32(f, 0x10), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes), cmocka_unit_test(ecam_widths), cmocka_unit_test(behind_an_iommu),
		cmocka_unit_test(ports_as_linux_probes),
		cmocka_unit_test(msix_as_linux_uses_it), cmocka_unit_test(msix_affinity_changes),
		cmocka_unit_test(msix_64_bit_writes), cmocka_unit_test(msix_refuses),
		cmocka_unit_test(rest_of_the_page_passes),
		cmocka_unit_test(bar_moves_while_enabled),
		cmocka_unit_test(reset_is_survived), cmocka_unit_test(disabled_frees_routes),
		cmocka_unit_test(not_enabled_without_memory), cmocka_unit_test(no_memory),
		cmocka_unit_test(msi_one_message), cmocka_unit_test(msi_without_mask),
		cmocka_unit_test(msi_with_mask), cmocka_unit_test(msi_refuses),
		cmocka_unit_test(unplugged), cmocka_unit_test(virtual_functions_have_none),
		cmocka_unit_test(firmware_leftovers),
		/* By ports alone, as on i440fx */
		cmocka_unit_test_setup(passes, start_ports),
		cmocka_unit_test(ports_as_linux_probes),
		cmocka_unit_test(msix_as_linux_uses_it), cmocka_unit_test(msix_affinity_changes),
		cmocka_unit_test(bar_moves_while_enabled), cmocka_unit_test(disabled_frees_routes),
		cmocka_unit_test(msi_without_mask),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
