/* SPDX-License-Identifier: GPL-2.0-only */
/* links: tests/unit/model_iommu.c drivers/iommu/vtd.c drivers/iommu/amdvi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/model_iommu.h"

/* Who reaches what, on a model of each IOMMU whose caches forget only what they are told to. */
#include "drivers/iommu/iommu.c"

#define NIC    0x0010u
#define DISK   0x0118u
#define HAS_REGION 0x00a0u
#define ALIASED 0x0500u
#define ALIAS  0x0400u
#define NOWHERE 0x10010u  /* of a segment without IOMMU */
#define IOMMU  0x0002u
#define IOAPIC 0xf0f8u
#define PAGE   0x5000ULL
#define HOST(apic, vector) (0xfee00000ULL | (apic) << 12 | (u64)(vector) << 32)
#define BECOMES(apic, vector) ((u64)(apic) << 32 | (vector))

static struct boot_info info;
static struct boot_iommus description;
static struct domain guests[IDS + 1], control;
static u64 roots[IDS + 1], memory_left, written_back;
static char last_log[300];
static u32 logs;
static u8 vtd_entries[16384 * 16] __aligned(4096);
static void *blocks[4096];
static u32 block_count;
static u64 now;
static jmp_buf panicked;
static bool may_panic;

struct domain *control_domain = &control;
u64 facts[DAIS_STAT_FRAMES_TOTAL];
bool nested_write_back, nested_vtd;

/* --- the machine --- */
void mmio_access(struct access *a)
{
	u32 reg = (u32)(a->at - MODEL_BASE);

	if (a->write)
		model_write(reg, a->size, a->value);
	else
		a->value = model_read(reg, a->size);
}

void *heap_alloc(size_t size)
{
	if (!memory_left)
		return NULL;
	memory_left--;
	if (size == sizeof(vtd_entries)) /* vtd.c keeps it for good */
		return vtd_entries;
	assert_true(block_count < ARRAY_SIZE(blocks));
	blocks[block_count] = aligned_alloc(PAGE_SIZE, ALIGN_UP(size, PAGE_SIZE));
	return memset(blocks[block_count++], 0, size);
}

void *hpa_to_hva(hpa_t a) { return (void *)a.v; }
hpa_t hva_to_hpa(const void *p) { return hpa((u64)p); }
void cache_write_back(const void *p) { (void)p; written_back++; }
u64 time_now(void) { return now += 1000; }
u64 time_hz(void) { return 1000000; }
void cpu_relax(void) { }
void trap_reserve(struct trap *t, u64 base) { t->base = base; }
void timer_set(struct timer *t, u64 deadline, u64 period) { (void)deadline; t->period = period; }
hpa_t nested_root(const struct domain *d) { return hpa(roots[d - guests]); }
status_t nested_prepare(struct domain *d, gpa_t a, u32 order) { (void)d; (void)a; (void)order; return memory_left ? DAIS_OK : DAIS_NO_MEMORY; }

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(last_log, sizeof(last_log), fmt, ap);
	va_end(ap);
	logs++;
}

void panic(const char *fmt, ...)
{
	(void)fmt;
	assert_true(may_panic);
	longjmp(panicked, 1);
}

/* --- tables of one page --- */
static u64 new_page(void) { memory_left++; return (u64)heap_alloc(PAGE_SIZE); }

static u64 *slot(u64 root, u64 at)
{
	for (u32 l = 3; l; l--) {
		u64 *e = (u64 *)root + (at >> (12 + 9 * l) & 511);

		if (!*e)
			*e = new_page() | (description.amd ? 3ULL << 61 | l << 9 | 7 : 7);
		root = *e & 0x000ffffffffff000ULL;
	}
	return (u64 *)root + (at >> 12 & 511);
}

static void map(u64 root, u64 at, u64 to, bool write)
{
	*slot(root, at) = to | (description.amd ? 1ULL << 61 | (u64)write << 62 | 5 | write << 1 : 5ULL | write << 1);
}

/* The target of domain n's page. */
static u64 page_of(u32 n) { return 0x100000ULL * (n + 1); }

static bool incoherent; /* the next machine */

static void boot(bool amd, u32 levels)
{
	description = (struct boot_iommus){ .amd = amd, .levels = levels, .remap = true, .guests = true, .unit_count = 1,
					    .incoherent = incoherent };
	description.unit[0] = (struct boot_iommu){ MODEL_BASE, 0x1000, amd ? 0 : new_page(), 0, 0, amd ? IOMMU : BOOT_NO_FN };
	description.scope[0] = (struct boot_iommu_scope){ 0, 0xffff, BOOT_NO_FN, 0, 0x30 };
	description.scope[1] = (struct boot_iommu_scope){ ALIASED, ALIASED + 0xff, ALIAS, 0, 0 };
	description.scope_count = 2;
	description.region[0] = (struct boot_iommu_region){ 0x7b000000, 1, HAS_REGION, HAS_REGION };
	description.region_count = 1;
	if (amd) {
		memory_left++;
		description.unit[0].table = (u64)heap_alloc(SIZE_2M);
	}
	description.control = new_page();
	map(description.control, PAGE, page_of(IDS), true);
	for (u32 i = 0; i <= IDS; i++) {
		roots[i] = new_page();
		map(roots[i], PAGE, page_of(i), i % 2);
	}
	info.iommus = (u64)&description;
	model_reset(&description);
	iommu_init(&info);
	iommu_attach_regions();
}

static int setup(void **state)
{
	(void)state;
	list_init(&sources);
	memset(ids, 0, sizeof(ids));
	memset(units, 0, sizeof(units));
	memset(facts, 0, sizeof(facts));
	iommus = NULL;
	guests_with = 0;
	iommu_lock = (spinlock_t){ 0 };
	memory_left = 1000000;
	written_back = logs = 0;
	memset(vtd_entries, 0, sizeof(vtd_entries));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (block_count)
		free(blocks[--block_count]);
	nested_write_back = false;
	return 0;
}

static void reaches(u32 fn, u32 domain, bool may_write)
{
	assert_int_equal(model_dma(fn, PAGE + 0x10, false), page_of(domain) + 0x10);
	assert_int_equal(model_dma(fn, PAGE, true), may_write ? page_of(domain) : MODEL_REFUSED);
	assert_int_equal(model_dma(fn, PAGE + PAGE_SIZE, false), MODEL_REFUSED);
}

static void reaches_nothing(u32 fn)
{
	assert_int_equal(model_dma(fn, PAGE, false), MODEL_REFUSED);
	assert_int_equal(model_dma(fn, PAGE, true), MODEL_REFUSED);
}

static void step(void) { look_for_faults(&look); }

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
	m = iommu_irq_alloc(NIC, HOST(0xfe, 0x41));
	assert_int_equal(model_msi(NIC, m), BECOMES(0xfe, 0x41));
}

static void without_remapping(bool amd)
{
	boot(amd, 4);
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

#define BOTH(f) \
	static void f##_vtd(void **state) { (void)state; f(false); } \
	static void f##_amd(void **state) { (void)state; f(true); }
BOTH(nothing_at_first) BOTH(owners_change) BOTH(memory_changes) BOTH(not_for_guests) BOTH(memory_runs_out)
BOTH(numbers_run_out) BOTH(interrupts) BOTH(interrupts_run_out) BOTH(wide_destinations) BOTH(without_remapping)
BOTH(faults_count) BOTH(storms_end) BOTH(dead_hardware) BOTH(three_levels) BOTH(past_the_caches)

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T2(f) T(f##_vtd), T(f##_amd)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T2(nothing_at_first), T2(owners_change), T2(memory_changes), T2(not_for_guests), T2(memory_runs_out),
		T2(numbers_run_out), T2(interrupts), T2(interrupts_run_out), T2(wide_destinations), T2(without_remapping),
		T2(faults_count), T2(storms_end), T2(dead_hardware), T2(three_levels), T2(past_the_caches), T(no_iommu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
