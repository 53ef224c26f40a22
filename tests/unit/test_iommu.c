/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/model_iommu.c drivers/iommu/vtd.c drivers/iommu/amdvi.c */
/* Who reaches what: the model's caches forget only what they are told to. */
#include "tests/unit/iommu_machine.h"

/* --- what both must do --- */
static void nothing_at_first(bool amd)
{
	boot(amd, 4);
	assert_true(model_on());
	for (u32 fn = 0; fn < 0x10000; fn += 0x35)
		if (fn != HAS_REGION)
			assert_int_equal(model_dma(fn, PAGE, false), MODEL_REFUSED);
	for (u32 index = 0; index < 0x200; index++) {
		assert_int_equal(model_msi(NIC, HOST(0, index)), MODEL_REFUSED);
		assert_int_equal(model_msi(NIC, 0xfee00010ULL | index << 5 | (u64)index << 32), MODEL_REFUSED);
	}
	reaches(HAS_REGION, IDS, true);
	assert_int_equal(iommu_state(), DAIS_IOMMU_DMA | DAIS_IOMMU_IRQ | DAIS_IOMMU_GUESTS | (amd ? DAIS_IOMMU_AMD : 0));
	assert_int_equal(look.period, time_hz() / LOOKS);
	assert_int_equal(nested_vtd, !amd);
	assert_int_equal(units[0].trap.base, MODEL_BASE);
	assert_false(no_access(&units[0].trap, NULL)); /* the control domain's accesses to its registers */
}

static void owners_change(bool amd)
{
	boot(amd, 4);
	iommu_claim(NIC);
	reaches(NIC, IDS, true);
	reaches_nothing(DISK);
	assert_int_equal(iommu_attach(NIC, &guests[2]), DAIS_OK);
	reaches(NIC, 2, false);
	assert_int_equal(iommu_attach(NIC, &guests[2]), DAIS_OK); /* once more */
	assert_int_equal(guests_with, 1);
	assert_int_equal(iommu_attach(DISK, &guests[3]), DAIS_OK);
	reaches(DISK, 3, true);
	reaches(NIC, 2, false);
	assert_int_equal(iommu_attach(NIC, &guests[3]), DAIS_OK);
	reaches(NIC, 3, true);
	iommu_block(NIC);
	reaches_nothing(NIC);
	reaches(DISK, 3, true);
	iommu_block(NIC);
	assert_int_equal(iommu_attach(NIC, &control), DAIS_OK);
	reaches(NIC, IDS, true);
	iommu_block(DISK);
	assert_int_equal(guests_with, 0);
}

/* What a guest loses its devices lose, when the flush returns; others' translations are not asked. */
static void memory_changes(bool amd)
{
	u32 commands;

	boot(amd, 4);
	assert_int_equal(iommu_attach(NIC, &guests[1]), DAIS_OK);
	assert_int_equal(iommu_attach(DISK, &guests[1]), DAIS_OK);
	reaches(NIC, 1, true);
	*slot(roots[1], PAGE) = 0;
	assert_int_equal(model_dma(NIC, PAGE, true), page_of(1)); /* the model remembers */
	iommu_flush(&guests[2]);
	assert_int_equal(model_dma(NIC, PAGE, true), page_of(1));
	iommu_flush(&guests[1]);
	reaches_nothing(NIC);
	reaches_nothing(DISK);
	map(roots[1], PAGE, page_of(7), true);
	reaches(NIC, 7, true);
	iommu_block(NIC);
	iommu_block(DISK);
	commands = model_commands();
	iommu_flush(&guests[1]);
	iommu_flush(&control);
	assert_int_equal(model_commands(), commands);
}

static void not_for_guests(bool amd)
{
	boot(amd, 4);
	assert_int_equal(iommu_assignable(NIC), DAIS_OK);
	assert_int_equal(iommu_attach(HAS_REGION, &guests[1]), DAIS_DENIED);
	assert_int_equal(iommu_attach(ALIASED + 8, &guests[1]), DAIS_DENIED);
	assert_int_equal(iommu_attach(NOWHERE, &guests[1]), DAIS_DENIED);
	assert_int_equal(iommu_attach(NOWHERE, &control), DAIS_DENIED);
	if (amd) {
		assert_int_equal(iommu_attach(IOMMU, &guests[1]), DAIS_DENIED);
		assert_int_equal(iommu_attach(IOMMU, &control), DAIS_DENIED);
		assert_true(iommu_hides(IOMMU));
	}
	assert_false(iommu_hides(NIC));
	reaches(HAS_REGION, IDS, true);
	/* what shares an ID is the control domain's, all of it */
	iommu_claim(ALIASED + 8);
	reaches(ALIAS, IDS, true);
	iommu_block(ALIASED + 8);
	reaches(ALIAS, IDS, true);
	logs = 0;
	iommu_claim(NOWHERE);
	assert_int_equal(logs, 1);
	description.guests = false;
	assert_int_equal(iommu_attach(NIC, &guests[1]), DAIS_BAD_STATE);
	assert_int_equal(iommu_attach(NIC, &control), DAIS_OK);
}

/* Whatever fails, who had it has it. */
static void memory_runs_out(bool amd)
{
	status_t s = DAIS_NO_MEMORY;

	boot(amd, 3);
	iommu_claim(NIC);
	for (u32 left = 0; s != DAIS_OK; left++) {
		assert_in_range(left, 0, 5);
		memory_left = left;
		s = iommu_attach(DISK, &guests[1]);
		if (s == DAIS_OK)
			break;
		assert_int_equal(s, DAIS_NO_MEMORY);
		reaches_nothing(DISK);
		assert_int_equal(guests_with, 0);
	}
	reaches(DISK, 1, true);
	memory_left = 0;
	assert_int_equal(iommu_attach(NIC, &guests[2]), DAIS_NO_MEMORY); /* tables of three levels need one below */
	reaches(NIC, IDS, true);
	iommu_block(NIC);                                                /* never needs any */
	reaches_nothing(NIC);
}

static void numbers_run_out(bool amd)
{
	boot(amd, 4);
	for (u32 i = 0; i < IDS - 2; i++) {
		assert_int_equal(iommu_attach(0x200 + 8 * i, &guests[i]), DAIS_OK);
		reaches(0x200 + 8 * i, i, i % 2);
		if (i > 40) /* the model's caches are small */
			iommu_block(0x200 + 8 * i);
	}
	for (u32 i = 41; i < IDS - 2; i++)
		assert_int_equal(iommu_attach(0x200 + 8 * i, &guests[i]), DAIS_OK);
	iommu_claim(NIC);
	assert_int_equal(iommu_attach(NIC, &guests[IDS - 2]), DAIS_NO_SPACE);
	reaches(NIC, IDS, true);
	assert_int_equal(iommu_attach(NIC, &guests[5]), DAIS_OK); /* it has one */
	iommu_block(0x200);
	assert_int_equal(iommu_attach(NIC, &guests[IDS - 2]), DAIS_OK);
	reaches(NIC, IDS - 2, false);
}

static void three_levels(bool amd)
{
	boot(amd, 3);
	iommu_claim(NIC);
	reaches(NIC, IDS, true);
	assert_int_equal(iommu_attach(DISK, &guests[1]), DAIS_OK);
	reaches(DISK, 1, true);
	assert_int_equal(model_dma(DISK, 1ULL << 39, false), MODEL_REFUSED);
}

static void past_the_caches(bool amd)
{
	boot(amd, 4);
	assert_false(nested_write_back);
	assert_int_equal(written_back, 0);
	setup(NULL);
	incoherent = true;
	boot(amd, 4);
	incoherent = false;
	assert_true(nested_write_back);
	written_back = 0;
	iommu_claim(NIC);
	assert_in_range(written_back, 3, 600); /* nothing, then the entry's words; VT-d: the bus's new table before */
}

static void no_iommu(void **state)
{
	(void)state;
	iommu_init(&(struct boot_info){ 0 });
	assert_int_equal(iommu_state(), 0);
	assert_int_equal(iommu_attach(NIC, &control), DAIS_DENIED);
	assert_int_equal(iommu_assignable(NIC), DAIS_DENIED);
	iommu_claim(NIC);
	iommu_block(NIC);
	iommu_flush(&guests[1]);
	iommu_attach_regions();
	assert_int_equal(iommu_irq_alloc(NIC, HOST(1, 0x40)), HOST(1, 0x40));
	iommu_irq_free(NIC, HOST(1, 0x40));
	assert_int_equal(iommu_faults(NIC), 0);
	assert_int_equal(logs, 0);
}

BOTH(nothing_at_first) BOTH(owners_change) BOTH(memory_changes) BOTH(not_for_guests) BOTH(memory_runs_out)
BOTH(numbers_run_out) BOTH(three_levels) BOTH(past_the_caches)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T2(nothing_at_first), T2(owners_change), T2(memory_changes), T2(not_for_guests), T2(memory_runs_out),
		T2(numbers_run_out), T2(three_levels), T2(past_the_caches), T(no_iommu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
