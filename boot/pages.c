/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/efi.h"

/* Entries that the map may grow by, through our own allocations and the
 * firmware's, from its first reading to the last. */
#define MAP_SLACK 128

static uint64_t pages_of(uint64_t size)
{
	return (size + PAGE_SIZE - 1) / PAGE_SIZE;
}

bool pages_init(struct firmware *fw, struct error *err)
{
	UINTN size = 0, key;

	fw->bs->GetMemoryMap(&size, NULL, &key, &fw->entry_size, &fw->entry_version);
	if (size == 0 || fw->entry_size < sizeof(EFI_MEMORY_DESCRIPTOR))
		return refuse(err, "the firmware gives no memory map");
	fw->map_capacity = size / fw->entry_size + MAP_SLACK;
	fw->raw_capacity = fw->map_capacity * fw->entry_size;
	if (fw->bs->AllocatePool(EfiLoaderData, fw->raw_capacity, &fw->raw) != EFI_SUCCESS ||
	    fw->bs->AllocatePool(EfiLoaderData, fw->map_capacity * sizeof(*fw->map),
				 (void **)&fw->map) != EFI_SUCCESS)
		return refuse(err, "the firmware has no memory for its memory map");
	return pages_read_map(fw, err);
}

/* Allocates nothing: ExitBootServices() needs the map as it is. */
bool pages_read_map(struct firmware *fw, struct error *err)
{
	const EFI_MEMORY_DESCRIPTOR *d;

	fw->raw_size = fw->raw_capacity;
	if (fw->bs->GetMemoryMap(&fw->raw_size, fw->raw, &fw->map_key, &fw->entry_size,
				 &fw->entry_version) != EFI_SUCCESS)
		return refuse(err, "the firmware's memory map cannot be read");
	fw->map_count = fw->raw_size / fw->entry_size;
	for (uint32_t i = 0; i < fw->map_count; i++) {
		d = (const void *)((const char *)fw->raw + i * fw->entry_size);
		fw->map[i] = (struct map_entry){
			d->Type, d->PhysicalStart, d->NumberOfPages, d->Attribute,
		};
	}
	return true;
}

static bool take(struct firmware *fw, EFI_MEMORY_TYPE type, uint64_t address, uint64_t pages)
{
	EFI_PHYSICAL_ADDRESS at = address;

	if (fw->allocation_count == ALLOCATIONS_MAX ||
	    fw->bs->AllocatePages(AllocateAddress, type, pages, &at) != EFI_SUCCESS)
		return false;
	fw->allocations[fw->allocation_count++] = (struct span){ address, pages };
	return true;
}

/* The firmware itself hands out memory from the top; the control domain's
 * lies at the bottom, so the places are chosen here. */
bool pages_alloc(struct firmware *fw, enum pages_end end, EFI_MEMORY_TYPE type, uint64_t size,
		 uint64_t align, uint64_t min, uint64_t max, const char *what, uint64_t *address,
		 struct error *err)
{
	uint64_t bytes = pages_of(size) * PAGE_SIZE;

	if (!pages_read_map(fw, err))
		return false;
	*address = end == PAGES_LOW ?
		memory_find_low(fw->map, fw->map_count, bytes, align, min, max) :
		memory_find_high(fw->map, fw->map_count, bytes, align, min, max);
	if (*address == 0 || !take(fw, type, *address, bytes / PAGE_SIZE))
		return refuse(err, "%s: no %llu KiB of free memory in one piece below 0x%llx", what,
			      (unsigned long long)(bytes / 1024), (unsigned long long)max);
	return true;
}

bool pages_alloc_at(struct firmware *fw, uint64_t address, uint64_t size)
{
	return take(fw, EfiLoaderData, address, pages_of(size));
}

void pages_free(struct firmware *fw, uint64_t address)
{
	for (uint32_t i = 0; i < fw->allocation_count; i++) {
		if (fw->allocations[i].base != address)
			continue;
		fw->bs->FreePages(address, fw->allocations[i].pages);
		fw->allocations[i] = fw->allocations[--fw->allocation_count];
		return;
	}
}

void pages_free_all(struct firmware *fw)
{
	while (fw->allocation_count > 0)
		pages_free(fw, fw->allocations[0].base);
	if (fw->map)
		fw->bs->FreePool(fw->map);
	if (fw->raw)
		fw->bs->FreePool(fw->raw);
}
