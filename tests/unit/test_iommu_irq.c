/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/model_iommu.c drivers/iommu/vtd.c drivers/iommu/amdvi.c */
/* Interrupts, and what becomes of accesses that are refused. */
#include "tests/unit/iommu_machine.h"

static void step(void) { look_for_faults(&look); }

static void interrupts(bool amd)
{
	u64 a, b, c;

	boot(amd, 4);
	a = iommu_irq_alloc(NIC, HOST(2, 0x41));
	b = iommu_irq_alloc(NIC, HOST(3, 0x42));
	c = iommu_irq_alloc(DISK, HOST(0, 0x41));
	assert_int_equal(model_msi(NIC, a), BECOMES(2, 0x41));
	assert_int_equal(model_msi(NIC, b), BECOMES(3, 0x42));
	assert_int_equal(model_msi(DISK, c), BECOMES(0, 0x41));
	/* forged: the same message from another, the plain message, an unused entry */
	if (!amd)
		assert_int_equal(model_msi(DISK, a), MODEL_REFUSED);
	assert_int_equal(model_msi(DISK, b), MODEL_REFUSED);
	assert_int_equal(model_msi(HAS_REGION, a), MODEL_REFUSED);
	assert_int_equal(model_msi(NIC, HOST(2, 0x41)), MODEL_REFUSED);
	/* from a bus behind a bridge: under its ID */
	assert_int_equal(model_msi(ALIAS, iommu_irq_alloc(ALIASED + 9, HOST(1, 0x50))), BECOMES(1, 0x50));
	iommu_irq_free(NIC, a);
	assert_int_equal(model_msi(NIC, a), MODEL_REFUSED);
	assert_int_equal(model_msi(NIC, b), BECOMES(3, 0x42));
	c = iommu_irq_alloc(NIC, HOST(5, 0x60));
	assert_int_equal(ops->index(c), ops->index(a));        /* the first free entry, */
	assert_int_equal(model_msi(NIC, c), BECOMES(5, 0x60)); /* and not what was in it */
	/* whoever gets the function: its interrupts stay as they are */
	assert_int_equal(iommu_attach(NIC, &guests[1]), DAIS_OK);
	assert_int_equal(model_msi(NIC, b), BECOMES(3, 0x42));
	/* IO-APIC: RTE bits 63:48 are the address's 19:4, 10:0 the data's; remapped: format bit, or the index alone */
	a = iommu_irq_alloc(IOAPIC, HOST(4, 0x70));
	assert_int_equal(model_msi(IOAPIC, (0xfee00000ULL | (a & 0xffff4)) | (a >> 32 & 0x7ff) << 32), BECOMES(4, 0x70));
	assert_int_equal(a >> 32 & ~0x7ffULL, 0);
	if (!amd)
		assert_int_equal(a >> 32, 0x70);
}

static void interrupts_run_out(bool amd)
{
	u64 first = 0, m, n = 0;

	boot(amd, 4);
	while ((m = iommu_irq_alloc(NIC, HOST(1, 0x40)))) {
		first = first ? first : m;
		n++;
	}
	assert_int_equal(n, amd ? 512 : 16384);
	iommu_irq_free(NIC, first);
	m = iommu_irq_alloc(NIC, HOST(1, 0x44));
	assert_int_equal(ops->index(m), ops->index(first));
	assert_int_equal(model_msi(NIC, m), BECOMES(1, 0x44));
	if (amd) { /* each has its own */
		memory_left = 0;
		assert_int_equal(iommu_irq_alloc(DISK, HOST(1, 0x40)), 0);
		memory_left = 1;
		assert_true(iommu_irq_alloc(DISK, HOST(1, 0x40)));
	}
	assert_int_equal(iommu_irq_alloc(NOWHERE, HOST(1, 0x40)), 0);
	iommu_irq_free(NIC, 0);
}

static void wide_destinations(bool amd)
{
	u64 m;

	boot(amd, 4);
	description.x2apic = true;
	units[0].tail = 0;
	model_reset(&description);
	ops->start(&units[0]);
	assert_int_equal(iommu_irq_dest_max(), 0x7fff);
	m = iommu_irq_alloc(NIC, MSI_ADDRESS | MSI_DEST(0x1234) | 0x41ULL << 32);
	assert_int_equal(model_msi(NIC, m), BECOMES(0x1234, 0x41));
}

static void without_remapping(bool amd)
{
	boot(amd, 4);
	assert_int_equal(iommu_irq_dest_max(), 254);
	description.remap = false;
	assert_int_equal(iommu_irq_alloc(NIC, HOST(2, 0x41)), HOST(2, 0x41));
	iommu_irq_free(NIC, HOST(2, 0x41));
}

static void faults_count(bool amd)
{
	boot(amd, 4);
	iommu_claim(NIC);
	step();
	assert_int_equal(iommu_faults(NIC), 0);
	assert_int_equal(model_dma(NIC, 0x9000, true), MODEL_REFUSED);
	assert_int_equal(model_dma(DISK, 0xa000, true), MODEL_REFUSED);
	logs = 0;
	step();
	assert_int_equal(iommu_faults(NIC), 1);
	assert_int_equal(iommu_faults(DISK), 1); /* though nobody ever attached it */
	assert_int_equal(logs, 2);
	step();
	assert_int_equal(iommu_faults(NIC), 1);
	for (u32 i = 0; i < 15; i++) {
		assert_int_equal(model_dma(NIC, 0x9000, true), MODEL_REFUSED);
		step();
		step();
	}
	assert_int_equal(iommu_faults(NIC), 16);
	assert_int_equal(logs, 2 + 4); /* the 2nd, 4th, 8th, 16th */
	/* more than it can hold */
	for (u32 i = 0; i < 1000; i++)
		model_dma(NIC, 0x9000, true);
	step();
	assert_in_range(iommu_faults(NIC), 16 + 2, 16 + 255);
	assert_int_equal(model_dma(DISK, 0xa000, true), MODEL_REFUSED);
	step();
	assert_int_equal(iommu_faults(DISK), 2); /* it goes on after that */
	reaches(NIC, IDS, true);
}

/* Whoever forges IDs uses up neither heap nor log. */
static void strangers_are_many(bool amd)
{
	u64 left;

	boot(amd, 4);
	iommu_claim(NIC);
	left = memory_left;
	logs = 0;
	for (u32 i = 0; i < 3000; i++) {
		model_dma(0x1000 + i, 0x9000, true);
		step();
	}
	assert_in_range(left - memory_left, STRANGERS, STRANGERS);
	assert_in_range(logs, STRANGERS, STRANGERS + 12);
	assert_int_equal(iommu_faults(0x1000), 1);
	assert_int_equal(iommu_faults(0x1000 + 2999), 0);
	model_dma(NIC, 0x9000, true);
	step();
	assert_int_equal(iommu_faults(NIC), 1);
}

static void storms_end(bool amd)
{
	u64 n;

	boot(amd, 4);
	iommu_claim(NIC);
	for (u32 i = 0; i < STORM_LOOKS - 1; i++) {
		model_dma(NIC, 0x9000, true);
		step();
	}
	reaches(NIC, IDS, true);
	step(); /* the accesses that reaches() has refused */
	reaches_nothing(NIC);
	n = iommu_faults(NIC);
	step();
	model_dma(NIC, 0x9000, true);
	step();
	assert_int_equal(iommu_faults(NIC), n); /* silent */
	assert_non_null(strstr(last_log, "quarantined"));
	assert_int_equal(iommu_attach(NIC, &control), DAIS_OK);
	reaches(NIC, IDS, true);
	step();
	assert_true(iommu_faults(NIC) > n);
	/* one that nobody attached, too */
	for (u32 i = 0; i < STORM_LOOKS + 2; i++) {
		model_dma(DISK, 0x9000, true);
		step();
	}
	n = iommu_faults(DISK);
	model_dma(DISK, 0x9000, true);
	step();
	assert_int_equal(iommu_faults(DISK), n);
}

/* Hardware that does not do what it is told protects nobody. */
static void dead_hardware(bool amd)
{
	boot(amd, 4);
	iommu_claim(NIC);
	model_dead = may_panic = true;
	if (!setjmp(panicked)) {
		iommu_block(NIC);
		fail();
	}
	may_panic = false;
}

BOTH(interrupts) BOTH(interrupts_run_out) BOTH(wide_destinations) BOTH(without_remapping) BOTH(faults_count)
BOTH(storms_end) BOTH(strangers_are_many) BOTH(dead_hardware)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T2(interrupts), T2(interrupts_run_out), T2(wide_destinations), T2(without_remapping), T2(faults_count),
		T2(storms_end), T2(strangers_are_many), T2(dead_hardware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
