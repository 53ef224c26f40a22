/* SPDX-License-Identifier: GPL-2.0-only */
/* Multiboot specification 0.6.96: header in the first 8 KiB, ELF or address fields. */
#include <string.h>

#include "boot.h"
#include "layout.h"

#define HEADER_MAGIC	0x1badb002
#define LOADER_MAGIC	0x2badb002
#define SEARCH		8192
#define HEADER_SIZE	12
#define ADDRESS_SIZE	32	/* with the address fields */

#define WANT_ADDRESSES	(1U << 16)
#define WANT_UNKNOWN	0xfff8U	/* mandatory features but page alignment, memory, video */

#define INFO_MEMORY	(1U << 0)
#define INFO_CMDLINE	(1U << 2)
#define INFO_MODULES	(1U << 3)
#define INFO_MAP	(1U << 6)
#define INFO_LOADER	(1U << 9)

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4], mmap_length, mmap_addr, drives_length, drives_addr, config_table;
	uint32_t boot_loader_name;
};

struct info_module { uint32_t start, end, string, reserved; };
struct info_range {
	uint32_t size;
	uint64_t address, length;
	uint32_t type;
} __attribute__((packed));

struct info_page {
	struct info info;
	struct info_range range[MEMORY_RANGES];
	char loader[8];
	struct info_module module[BOOT_MODULES] __attribute__((aligned(8)));
};

_Static_assert(sizeof(struct info_page) <= START_INFO_SIZE, "multiboot information fits its page");

/* Finds the header; returns its offset or -1. */
static long find(const struct file *k, struct header *h)
{
	size_t at, end = k->size < SEARCH ? k->size : SEARCH;

	for (at = 0; at + HEADER_SIZE <= end; at += 4) {
		memset(h, 0, sizeof(*h));
		memcpy(h, k->data + at, HEADER_SIZE);
		if (h->magic != HEADER_MAGIC || h->magic + h->flags + h->checksum)
			continue;
		if ((h->flags & WANT_ADDRESSES) && at + ADDRESS_SIZE <= k->size)
			memcpy(h, k->data + at, ADDRESS_SIZE);
		return at;
	}
	return -1;
}

bool multiboot_probe(const struct file *k)
{
	struct header h;

	return find(k, &h) >= 0;
}

/* A kernel that is no ELF file says itself where it belongs. */
int multiboot_plan(struct boot_plan *plan, struct fault *err)
{
	const struct file *k = plan->kernel;
	struct header h;
	long at = find(k, &h);
	struct boot_segment s;

	if (h.flags & WANT_UNKNOWN)
		return fault_set(err, "kernel %s: its Multiboot header asks for features that do not exist (flags %#x)",
				 k->path, h.flags);
	if (!(h.flags & WANT_ADDRESSES))
		return fault_set(err, "kernel %s: its Multiboot header has no addresses and it is no ELF file; link it as ELF",
				 k->path);
	if (h.load_addr > h.header_addr || h.header_addr - h.load_addr > (uint64_t)at)
		return fault_set(err, "kernel %s: its Multiboot header lies outside what it loads", k->path);
	s.gpa = h.load_addr;
	s.offset = at - (h.header_addr - h.load_addr);
	s.file_size = k->size - s.offset;
	if (h.load_end_addr) {
		if (h.load_end_addr < h.load_addr)
			return fault_set(err, "kernel %s: its Multiboot header ends before it begins", k->path);
		s.file_size = h.load_end_addr - h.load_addr;
	}
	s.memory_size = s.file_size;
	if (h.bss_end_addr > h.load_addr + s.file_size)
		s.memory_size = h.bss_end_addr - h.load_addr;
	plan->kind = BOOT_MULTIBOOT;
	plan->entry = h.entry_addr;
	if (boot_add_segment(plan, &s, err))
		return -1;
	if (h.entry_addr < s.gpa || h.entry_addr - s.gpa >= s.memory_size)
		return fault_set(err, "kernel %s: its entry point %#x is outside what it loads",
				 k->path, h.entry_addr);
	return 0;
}

struct boot_cpu multiboot_write(const struct boot_plan *plan, const struct guest_memory *mem)
{
	struct info_page *p = memory_at(mem, START_INFO_GPA, sizeof(*p));
	struct memory_range map[MEMORY_RANGES];
	unsigned int i, n = memory_map(mem, map);

	memcpy(p->loader, "Dais", 5);
	p->info = (struct info){
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_LOADER,
		.mem_lower = LOW_RAM_END / KIB,
		.mem_upper = (mem->region[0].size - HIGH_RAM_START) / KIB,
		.cmdline = CMDLINE_GPA,
		.mods_count = plan->modules,
		.mods_addr = START_INFO_GPA + offsetof(struct info_page, module),
		.mmap_length = n * sizeof(struct info_range),
		.mmap_addr = START_INFO_GPA + offsetof(struct info_page, range),
		.boot_loader_name = START_INFO_GPA + offsetof(struct info_page, loader),
	};
	for (i = 0; i < n; i++)
		p->range[i] = (struct info_range){ sizeof(struct info_range) - 4, map[i].start,
						   map[i].size, map[i].type };
	for (i = 0; i < plan->modules; i++) {
		const struct boot_module *m = &plan->module[i];

		p->module[i] = (struct info_module){ m->gpa, m->gpa + m->file->size,
						     boot_args_gpa(plan, i), 0 };
	}
	return (struct boot_cpu){ .rip = plan->entry, .rax = LOADER_MAGIC, .rbx = START_INFO_GPA };
}
