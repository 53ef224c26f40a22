/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypervisor's file: a static ELF64 whose p_paddr are offsets from its base. */
#ifndef DAIS_BOOT_ELF_H
#define DAIS_BOOT_ELF_H

#include "boot/text.h"

#define ELF_PARTS_MAX 8

/* A segment: whole pages from the base on, of one protection. */
struct elf_part {
	uint64_t offset, size;
	bool writable, executable;
};

struct elf_image {
	uint64_t size;  /* bytes in memory, bss included, whole pages */
	uint64_t entry; /* offset of the entry point from the base */
	uint32_t segment_count;
	struct elf_part segment[ELF_PARTS_MAX];
};

/* Checks the whole file, so that elf_load() cannot fail. */
bool elf_check(const void *file, size_t length, struct elf_image *image, struct error *err);

/* Copies the checked file's segments to base, which has image.size bytes. */
void elf_load(const void *file, void *base, const struct elf_image *image);

#endif
