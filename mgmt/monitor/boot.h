/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting a guest's kernel without firmware. In two steps: planning reads the
 * files, finds every place and may fail; loading writes to the guest's memory
 * and may not.
 */
#ifndef MONITOR_BOOT_H
#define MONITOR_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "file.h"
#include "memory.h"

#define BOOT_SEGMENTS	32
#define BOOT_MODULES	32	/* the initrd is the first of them */

enum boot_kind { BOOT_LINUX, BOOT_PVH, BOOT_MULTIBOOT };

struct boot_segment {
	uint64_t gpa, memory_size;
	size_t offset, file_size;
};

struct boot_module {
	const struct file *file;
	const char *args;	/* "" for none */
	uint64_t gpa;
};

struct boot_plan {
	enum boot_kind kind;
	const struct file *kernel;
	const char *cmdline;
	uint64_t entry;
	uint64_t end;		/* everything to be written lies below */
	uint64_t module_limit;	/* modules must end below */
	unsigned int segments, modules;
	struct boot_segment segment[BOOT_SEGMENTS];
	struct boot_module module[BOOT_MODULES];
};

/* What the first vCPU starts with. */
struct boot_cpu {
	bool long_mode;		/* else 32-bit protected mode without paging */
	uint64_t rip, rax, rbx, rsi;
};

/* Formats: each fills segment[], entry, end and module_limit, or says what is wrong. */
bool linux_probe(const struct file *kernel);
int linux_plan(struct boot_plan *plan, uint64_t ram_end, struct fault *err);
bool elf_probe(const struct file *kernel);
int elf_plan(struct boot_plan *plan, struct fault *err);
bool multiboot_probe(const struct file *kernel);
int multiboot_plan(struct boot_plan *plan, struct fault *err);

/* Adds a segment after checking it against the file. */
int boot_add_segment(struct boot_plan *plan, const struct boot_segment *s, struct fault *err);

/*
 * kernel, modules' files and strings must outlive the plan. modules[]: file and
 * args filled in; has_initrd: the first of them is the initrd.
 */
int boot_make_plan(struct boot_plan *plan, const struct file *kernel, const char *cmdline,
		   const struct boot_module *modules, unsigned int count, bool has_initrd,
		   const struct guest_memory *mem, struct fault *err);

/* Writes all of it; [0, plan->end) must be there, zeroed. rsdp: address of the ACPI tables. */
struct boot_cpu boot_load(const struct boot_plan *plan, const struct guest_memory *mem,
			  uint64_t rsdp);

/* The formats' own start information; return the vCPU's registers. */
struct boot_cpu linux_write(const struct boot_plan *plan, const struct guest_memory *mem,
			    uint64_t rsdp);
struct boot_cpu pvh_write(const struct boot_plan *plan, const struct guest_memory *mem,
			  uint64_t rsdp);
struct boot_cpu multiboot_write(const struct boot_plan *plan, const struct guest_memory *mem);

/* Where boot_load put the command line of module i (the kernel's is at CMDLINE_GPA). */
uint64_t boot_args_gpa(const struct boot_plan *plan, unsigned int i);

#endif
