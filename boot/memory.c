/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/memory.h"

#define POOL_ALIGN        (2 * MIB / PAGE_SIZE) /* pages: the pool is made of large pages */
#define POOL_MIN          (64 * MIB)            /* for Dais's own objects and one small guest */
#define CONTROL_MIN       (512 * MIB)
#define LOW_END           (1 * MIB)

/* Is this entry RAM that Linux may use after boot services have ended? */
static bool is_usable(uint32_t type)
{
	return type >= MAP_LOADER_CODE && type <= MAP_BOOT_DATA;
}

static bool is_ram(uint32_t type)
{
	return is_usable(type) || type == MAP_CONVENTIONAL;
}

static uint64_t end_of(const struct map_entry *e)
{
	return e->base + e->pages * PAGE_SIZE;
}

uint64_t memory_total(const struct map_entry *map, uint32_t count)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (is_ram(map[i].type))
			pages += map[i].pages;
	}
	return pages * PAGE_SIZE;
}

uint64_t memory_find_low(const struct map_entry *map, uint32_t count, uint64_t size,
			 uint64_t align, uint64_t min, uint64_t max)
{
	uint64_t best = 0, base, end;

	for (uint32_t i = 0; i < count; i++) {
		if (map[i].type != MAP_CONVENTIONAL)
			continue;
		base = map[i].base > min ? map[i].base : min;
		base = (base + align - 1) & ~(align - 1);
		end = end_of(&map[i]) < max ? end_of(&map[i]) : max;
		if (base < end && end - base >= size && base != 0 && (best == 0 || base < best))
			best = base;
	}
	return best;
}

uint64_t memory_find_high(const struct map_entry *map, uint32_t count, uint64_t size,
			  uint64_t align, uint64_t min, uint64_t max)
{
	uint64_t best = 0, base, end;

	for (uint32_t i = 0; i < count; i++) {
		end = end_of(&map[i]) < max ? end_of(&map[i]) : max;
		if (map[i].type != MAP_CONVENTIONAL || end < size)
			continue;
		base = (end - size) & ~(align - 1);
		if (base >= map[i].base && base >= min && base > best)
			best = base;
	}
	return best;
}

/* --- Three outputs, each merging what touches and is alike --------------- */

static void add_efi(struct plan *plan, const struct map_entry *e)
{
	struct map_entry *last = plan->efi_count ? &plan->efi[plan->efi_count - 1] : NULL;

	if (last && last->type == e->type && last->attributes == e->attributes &&
	    end_of(last) == e->base)
		last->pages += e->pages;
	else
		plan->efi[plan->efi_count++] = *e;
}

static void add_e820(struct plan *plan, uint64_t base, uint64_t size, uint32_t type)
{
	struct e820_entry *last = plan->e820_count ? &plan->e820[plan->e820_count - 1] : NULL;

	if (last && last->type == type && last->base + last->size == base)
		last->size += size;
	else
		plan->e820[plan->e820_count++] = (struct e820_entry){ base, size, type };
}

static void append(struct boot_mem *list, uint32_t *count, const struct map_entry *e, uint32_t kind)
{
	struct boot_mem *last = *count ? &list[*count - 1] : NULL;

	if (last && last->kind == kind && last->base + last->pages * PAGE_SIZE == e->base)
		last->pages += e->pages;
	else
		list[(*count)++] = (struct boot_mem){ e->base, e->pages, kind, 0 };
}

static void add_mem(struct plan *plan, const struct map_entry *e, uint32_t kind)
{
	if (kind == BOOT_MEM_CONTROL)
		plan->control_bytes += e->pages * PAGE_SIZE;
	else if (kind == BOOT_MEM_POOL)
		plan->pool_bytes += e->pages * PAGE_SIZE;
	else if (kind == BOOT_MEM_DAIS)
		plan->dais_bytes += e->pages * PAGE_SIZE;
	append(plan->mem, &plan->mem_count, e, kind);
	if (kind == BOOT_MEM_CONTROL || kind == BOOT_MEM_FIRMWARE)
		append(plan->own, &plan->own_count, e, BOOT_MEM_CONTROL);
}

static uint32_t e820_type(uint32_t type)
{
	if (is_ram(type))
		return E820_RAM;
	switch (type) {
	case MAP_ACPI_RECLAIM:
		return E820_ACPI;
	case MAP_ACPI_NVS:
		return E820_NVS;
	case MAP_UNUSABLE:
		return E820_UNUSABLE;
	case MAP_PERSISTENT:
		return E820_PMEM;
	default:
		return E820_RESERVED;
	}
}

static bool holds_registers(const struct plan_request *r, const struct map_entry *e)
{
	for (uint32_t i = 0; i < r->register_count; i++)
		if (r->registers[i].base < end_of(e) && e->base < r->registers[i].base + r->registers[i].pages * PAGE_SIZE)
			return true;
	return false;
}

/* Firmware's own RAM. A reserved range that is not write-back is registers
 * (the ECAM, say): device memory, which no kind names. So is one that holds what Dais
 * knows to be registers: mapped at once, they would not trap. */
static bool is_firmware(const struct plan_request *r, const struct map_entry *e)
{
	switch (e->type) {
	case MAP_RUNTIME_CODE:
	case MAP_RUNTIME_DATA:
	case MAP_ACPI_RECLAIM:
	case MAP_ACPI_NVS:
	case MAP_PAL:
		return true;
	case MAP_RESERVED:
		return e->attributes & MAP_ATTR_WB && !holds_registers(r, e);
	default:
		return false;
	}
}

static void give_control(struct plan *plan, const struct plan_request *r, const struct map_entry *e)
{
	add_efi(plan, e);
	add_e820(plan, e->base, e->pages * PAGE_SIZE, e820_type(e->type));
	if (is_ram(e->type))
		add_mem(plan, e, BOOT_MEM_CONTROL);
	else if (is_firmware(r, e))
		add_mem(plan, e, BOOT_MEM_FIRMWARE);
}

/* Linux sees a reserved range: there it neither allocates nor puts a BAR. */
static void take_from_control(struct plan *plan, const struct map_entry *e, uint32_t kind)
{
	struct map_entry hidden = *e;

	hidden.type = MAP_RESERVED;
	add_efi(plan, &hidden);
	add_e820(plan, e->base, e->pages * PAGE_SIZE, E820_RESERVED);
	add_mem(plan, e, kind);
}

/* --- The plan --------------------------------------------------------------- */

/* Cuts the first pages off e into the result. */
static struct map_entry cut(struct map_entry *e, uint64_t pages)
{
	struct map_entry head = *e;

	head.pages = pages;
	e->base += pages * PAGE_SIZE;
	e->pages -= pages;
	return head;
}

static bool sort_map(const struct plan_request *r, struct map_entry *out, struct error *err)
{
	struct map_entry e;
	uint32_t j;

	for (uint32_t i = 0; i < r->map_count; i++) {
		e = r->map[i];
		if (e.base % PAGE_SIZE || e.pages > (UINT64_MAX - e.base) / PAGE_SIZE)
			return refuse(err, "the firmware's memory map has an impossible entry at "
				      "0x%llx",
				      (unsigned long long)e.base);
		for (j = i; j > 0 && out[j - 1].base > e.base; j--)
			out[j] = out[j - 1];
		out[j] = e;
	}
	for (j = 1; j < r->map_count; j++) {
		if (end_of(&out[j - 1]) > out[j].base)
			return refuse(err, "the firmware's memory map has overlapping entries at "
				      "0x%llx",
				      (unsigned long long)out[j].base);
	}
	return true;
}

/* The span that e's base lies in, or the next one inside e. */
static const struct span *next_span(const struct plan_request *r, const struct map_entry *e)
{
	const struct span *best = NULL;

	for (uint32_t i = 0; i < r->dais_count; i++) {
		if (r->dais[i].base >= e->base && r->dais[i].base < end_of(e) &&
		    (!best || r->dais[i].base < best->base))
			best = &r->dais[i];
	}
	return best;
}

static uint64_t dais_pages(const struct plan_request *r)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < r->dais_count; i++)
		pages += r->dais[i].pages;
	return pages;
}

/* Pages of conventional memory from 1 MiB up that the control domain still
 * needs, beyond what is its own in any case. */
static uint64_t control_share(const struct plan_request *r, uint64_t wanted)
{
	uint64_t have = 0;

	for (uint32_t i = 0; i < r->map_count; i++) {
		if (is_usable(r->map[i].type) ||
		    (r->map[i].type == MAP_CONVENTIONAL && r->map[i].base < LOW_END))
			have += r->map[i].pages;
	}
	have -= dais_pages(r) < have ? dais_pages(r) : have;
	return wanted > have ? wanted - have : 0;
}

/* One conventional piece: first what the control domain still needs, the rest
 * in large pages to the pool, crumbs to the control domain. */
static void share_out(struct plan *plan, const struct plan_request *r, struct map_entry e, uint64_t *share)
{
	struct map_entry head;
	uint64_t first = e.base / PAGE_SIZE, n;

	if (e.base < LOW_END)
		n = e.pages;
	else if (*share >= e.pages)
		n = e.pages;
	else
		n = (first + *share + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN - first;
	if (n > e.pages)
		n = e.pages;
	if (e.base >= LOW_END)
		*share -= n < *share ? n : *share;
	if (n > 0) {
		head = cut(&e, n);
		give_control(plan, r, &head);
	}
	n = e.pages / POOL_ALIGN * POOL_ALIGN;
	if (n > 0) {
		head = cut(&e, n);
		take_from_control(plan, &head, BOOT_MEM_POOL);
	}
	if (e.pages > 0)
		give_control(plan, r, &e);
}

static void place_entry(struct plan *plan, const struct plan_request *r, struct map_entry e,
			uint64_t *share)
{
	const struct span *span;
	struct map_entry piece;

	while (e.pages > 0) {
		span = next_span(r, &e);
		if (span && span->base == e.base) {
			piece = cut(&e, span->pages);
			take_from_control(plan, &piece, BOOT_MEM_DAIS);
			continue;
		}
		piece = cut(&e, span ? (span->base - e.base) / PAGE_SIZE : e.pages);
		if (piece.type == MAP_CONVENTIONAL)
			share_out(plan, r, piece, share);
		else
			give_control(plan, r, &piece);
	}
}

static bool check_spans(const struct plan_request *r, struct error *err)
{
	const struct map_entry *e;
	uint32_t i, j;

	for (i = 0; i < r->dais_count; i++) {
		for (j = 0; j < r->map_count; j++) {
			e = &r->map[j];
			if (is_ram(e->type) && r->dais[i].base >= e->base &&
			    r->dais[i].base + r->dais[i].pages * PAGE_SIZE <= end_of(e))
				break;
		}
		if (j == r->map_count)
			return refuse(err, "the firmware's memory map does not hold the memory it "
				      "gave Dais at 0x%llx", (unsigned long long)r->dais[i].base);
	}
	return true;
}

/* How much the control domain shall get; refuses what the machine lacks. */
static bool control_size(const struct plan_request *r, uint64_t *bytes, struct error *err)
{
	uint64_t total = memory_total(r->map, r->map_count);
	uint64_t rest = dais_pages(r) * PAGE_SIZE + POOL_MIN;

	*bytes = r->control_bytes;
	if (*bytes == 0)
		*bytes = total / 4 > CONTROL_MIN ? total / 4 : CONTROL_MIN;
	if (total > rest && *bytes <= total - rest)
		return true;
	return refuse(err, "control_memory: the control domain shall have %llu MiB, but this "
		      "machine has %llu MiB, of which Dais and its guests need %llu; lower "
		      "control_memory in dais.conf%s", (unsigned long long)(*bytes / MIB),
		      (unsigned long long)(total / MIB), (unsigned long long)(rest / MIB),
		      total < CONTROL_MIN ? " or add memory" : "");
}

bool memory_plan(const struct plan_request *request, struct plan *plan, struct error *err)
{
	struct map_entry *sorted;
	uint64_t bytes, share;

	plan->efi_count = plan->e820_count = plan->mem_count = plan->own_count = 0;
	plan->control_bytes = plan->pool_bytes = plan->dais_bytes = 0;
	if (plan->capacity < PLAN_CAPACITY(request->map_count, request->dais_count))
		return refuse(err, "the firmware's memory map grew while it was read (%u entries)",
			      request->map_count);
	/* The output's tail serves to sort: output never overtakes it, since every piece
	 * yields at most three entries and a span adds a piece and itself. */
	sorted = plan->efi + plan->capacity - request->map_count;
	if (!sort_map(request, sorted, err) || !check_spans(request, err) ||
	    !control_size(request, &bytes, err))
		return false;
	share = control_share(request, bytes / PAGE_SIZE);
	for (uint32_t i = 0; i < request->map_count; i++)
		place_entry(plan, request, sorted[i], &share);
	if (plan->pool_bytes < POOL_MIN / 2)
		return refuse(err, "control_memory: %llu MiB for the control domain leave no "
			      "large pages for Dais and its guests; lower control_memory in "
			      "dais.conf",
			      (unsigned long long)(bytes / MIB));
	return true;
}
