/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen's PVH start information (public header arch-x86/hvm/start_info.h). */
#include <string.h>

#include "boot.h"
#include "layout.h"

#define START_INFO_MAGIC 0x336ec578

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, memory_map;
	uint32_t memory_ranges, reserved;
};

struct start_module { uint64_t address, size, cmdline, reserved; };
struct start_range { uint64_t address, size; uint32_t type, reserved; };

struct start_page {
	struct start_info info;
	struct start_range range[MEMORY_RANGES];
	struct start_module module[BOOT_MODULES];
};

_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info, version 1");
_Static_assert(sizeof(struct start_page) <= START_INFO_SIZE, "start information fits its page");

struct boot_cpu pvh_write(const struct boot_plan *plan, const struct guest_memory *mem,
			  uint64_t rsdp)
{
	struct start_page *p = memory_at(mem, START_INFO_GPA, sizeof(*p));
	struct memory_range map[MEMORY_RANGES];
	unsigned int i, n = memory_map(mem, map);

	p->info = (struct start_info){
		.magic = START_INFO_MAGIC, .version = 1, .modules = plan->modules,
		.module_list = START_INFO_GPA + offsetof(struct start_page, module),
		.cmdline = CMDLINE_GPA, .rsdp = rsdp,
		.memory_map = START_INFO_GPA + offsetof(struct start_page, range),
		.memory_ranges = n,
	};
	for (i = 0; i < n; i++)
		p->range[i] = (struct start_range){ map[i].start, map[i].size, map[i].type, 0 };
	for (i = 0; i < plan->modules; i++) {
		const struct boot_module *m = &plan->module[i];

		p->module[i] = (struct start_module){ m->gpa, m->file->size,
						      boot_args_gpa(plan, i), 0 };
	}
	return (struct boot_cpu){ .rip = plan->entry, .rbx = START_INFO_GPA };
}
