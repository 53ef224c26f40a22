/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "boot.h"
#include "layout.h"

#define PAGE 4096ULL

static uint64_t page_up(uint64_t x)
{
	return (x + PAGE - 1) & ~(PAGE - 1);
}

static unsigned long long mib_up(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

int boot_add_segment(struct boot_plan *plan, const struct boot_segment *s, struct fault *err)
{
	const struct file *k = plan->kernel;

	if (s->offset > k->size || s->file_size > k->size - s->offset)
		return fault_set(err, "kernel %s: truncated: a segment needs the bytes up to %llu, the file has %zu; copy the file again",
				 k->path, (unsigned long long)s->offset + s->file_size, k->size);
	if (s->file_size > s->memory_size)
		return fault_set(err, "kernel %s: damaged: a segment is larger in the file than in memory",
				 k->path);
	if (s->gpa < HIGH_RAM_START || s->gpa >= HOLE_START || s->memory_size > HOLE_START - s->gpa)
		return fault_set(err, "kernel %s: wants to be at %#llx; Dais loads kernels between 1 MiB and 3 GiB: link it there",
				 k->path, (unsigned long long)s->gpa);
	if (plan->segments == BOOT_SEGMENTS)
		return fault_set(err, "kernel %s: more than %d segments", k->path, BOOT_SEGMENTS);
	plan->segment[plan->segments++] = *s;
	if (plan->end < s->gpa + s->memory_size)
		plan->end = s->gpa + s->memory_size;
	return 0;
}

static int plan_kernel(struct boot_plan *plan, uint64_t ram_end, struct fault *err)
{
	const struct file *k = plan->kernel;

	if (linux_probe(k))
		return linux_plan(plan, ram_end, err);
	if (elf_probe(k))
		return elf_plan(plan, err);
	if (multiboot_probe(k))
		return multiboot_plan(plan, err);
	return fault_set(err, "kernel %s: %s; give a Linux bzImage (vmlinuz), an ELF kernel with a PVH note, or one with a Multiboot header",
			 k->path, file_is_text(k) ? "a text file, no kernel" : "no kernel that Dais can start");
}

static int place_modules(struct boot_plan *plan, const struct boot_module *modules,
			 unsigned int count, struct fault *err)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct boot_module *m = &plan->module[i];

		*m = modules[i];
		m->gpa = page_up(plan->end);
		if (m->gpa > plan->module_limit || m->file->size > plan->module_limit - m->gpa)
			return fault_set(err, "%s: does not fit below %#llx, the highest address that this kernel takes",
					 m->file->path, (unsigned long long)plan->module_limit);
		plan->end = m->gpa + m->file->size;
	}
	plan->modules = count;
	return 0;
}

static int check_strings(const struct boot_plan *plan, struct fault *err)
{
	uint64_t room = CMDLINE_ROOM;
	unsigned int i;

	for (i = 0; i <= plan->modules; i++) {
		size_t n = strlen(i < plan->modules ? plan->module[i].args : plan->cmdline) + 1;

		if (n > room)
			return fault_set(err, "cmdline: all command lines together are longer than %llu bytes; shorten them",
					 (unsigned long long)CMDLINE_ROOM);
		room -= n;
	}
	return 0;
}

int boot_make_plan(struct boot_plan *plan, const struct file *kernel, const char *cmdline,
		   const struct boot_module *modules, unsigned int count, bool has_initrd,
		   const struct guest_memory *mem, struct fault *err)
{
	memset(plan, 0, sizeof(*plan));
	plan->kernel = kernel;
	plan->cmdline = cmdline;
	plan->end = HIGH_RAM_START;
	plan->module_limit = HOLE_START;
	if (count > BOOT_MODULES)
		return fault_set(err, "module: more than %d modules", BOOT_MODULES);
	if (plan_kernel(plan, mem->region[0].size, err))
		return -1;
	if (plan->kind == BOOT_LINUX && count > (has_initrd ? 1U : 0U))
		return fault_set(err, "module: a Linux bzImage takes no modules; use --initrd");
	if (place_modules(plan, modules, count, err) || check_strings(plan, err))
		return -1;
	plan->end = page_up(plan->end);
	if (plan->end > mem->region[0].size)
		return fault_set(err, "memory: %llu MiB are not enough: kernel %s%s need%s at least %llu MiB; give more with --memory",
				 (unsigned long long)(mem->total / MIB), kernel->path,
				 count ? " and its modules" : "", count ? "" : "s", mib_up(plan->end));
	return 0;
}

uint64_t boot_args_gpa(const struct boot_plan *plan, unsigned int i)
{
	uint64_t gpa = CMDLINE_GPA + strlen(plan->cmdline) + 1;
	unsigned int j;

	for (j = 0; j < i; j++)
		gpa += strlen(plan->module[j].args) + 1;
	return gpa;
}

static void write_at(const struct guest_memory *mem, uint64_t gpa, const void *data, size_t size)
{
	memcpy(memory_at(mem, gpa, size), data, size);
}

/*
 * Linux on a hardware-reduced machine prefers EFI's reset to ACPI's; without EFI
 * it jumps to the BIOS's entry point. There it finds: mov $POWER_RESET, %dx;
 * mov $RESET_VALUE, %al; out %al, %dx; 1: hlt; jmp 1b.
 */
static void write_reset_code(const struct guest_memory *mem)
{
	static const uint8_t code[] = {
		0xba, POWER_RESET & 0xff, POWER_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb,
		0xfd
	};

	write_at(mem, RESET_VECTOR_GPA, code, sizeof(code));
}

struct boot_cpu boot_load(const struct boot_plan *plan, const struct guest_memory *mem,
			  uint64_t rsdp)
{
	unsigned int i;

	for (i = 0; i < plan->segments; i++) {
		const struct boot_segment *s = &plan->segment[i];

		write_at(mem, s->gpa, plan->kernel->data + s->offset, s->file_size);
	}
	write_reset_code(mem);
	write_at(mem, CMDLINE_GPA, plan->cmdline, strlen(plan->cmdline) + 1);
	for (i = 0; i < plan->modules; i++) {
		const struct boot_module *m = &plan->module[i];

		write_at(mem, m->gpa, m->file->data, m->file->size);
		write_at(mem, boot_args_gpa(plan, i), m->args, strlen(m->args) + 1);
	}
	switch (plan->kind) {
	case BOOT_PVH:
		return pvh_write(plan, mem, rsdp);
	case BOOT_MULTIBOOT:
		return multiboot_write(plan, mem);
	default:
		return linux_write(plan, mem, rsdp);
	}
}
