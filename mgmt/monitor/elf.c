/* SPDX-License-Identifier: GPL-2.0-only */
/* ELF kernels, 32 or 64 bits: started by their PVH note or their Multiboot header. */
#include <elf.h>
#include <string.h>

#include "boot.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18	/* Xen's public elfnote.h */

/* The fields that matter, of either class. */
struct segment_header {
	uint32_t type;
	uint64_t offset, vaddr, paddr, file_size, memory_size;
};

struct elf {
	const struct file *file;
	bool is64;
	uint64_t entry, table;
	unsigned int count, entry_size;
};

bool elf_probe(const struct file *k)
{
	return k->size >= EI_NIDENT && !memcmp(k->data, ELFMAG, SELFMAG);
}

static int read_header(struct elf *e, const struct file *k, struct fault *err)
{
	Elf64_Ehdr h64;
	Elf32_Ehdr h32;

	e->file = k;
	e->is64 = k->data[EI_CLASS] == ELFCLASS64;
	if (k->size < (e->is64 ? sizeof(h64) : sizeof(h32)))
		return fault_set(err, "kernel %s: truncated: not even its ELF header is whole; copy the file again",
				 k->path);
	memcpy(&h64, k->data, e->is64 ? sizeof(h64) : 0);
	memcpy(&h32, k->data, sizeof(h32));
	if ((e->is64 ? h64.e_machine != EM_X86_64 : h32.e_machine != EM_386) ||
	    k->data[EI_DATA] != ELFDATA2LSB)
		return fault_set(err, "kernel %s: an ELF file, but not for x86", k->path);
	e->entry = e->is64 ? h64.e_entry : h32.e_entry;
	e->table = e->is64 ? h64.e_phoff : h32.e_phoff;
	e->count = e->is64 ? h64.e_phnum : h32.e_phnum;
	e->entry_size = e->is64 ? h64.e_phentsize : h32.e_phentsize;
	if (e->entry_size < (e->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) || !e->count)
		return fault_set(err, "kernel %s: an ELF file without program headers: no kernel", k->path);
	if (e->table > k->size || (uint64_t)e->count * e->entry_size > k->size - e->table)
		return fault_set(err, "kernel %s: truncated: its program headers are missing; copy the file again",
				 k->path);
	return 0;
}

static struct segment_header read_segment(const struct elf *e, unsigned int i)
{
	const uint8_t *at = e->file->data + e->table + (size_t)i * e->entry_size;
	Elf64_Phdr p64;
	Elf32_Phdr p32;

	if (e->is64) {
		memcpy(&p64, at, sizeof(p64));
		return (struct segment_header){ p64.p_type, p64.p_offset, p64.p_vaddr, p64.p_paddr,
						p64.p_filesz, p64.p_memsz };
	}
	memcpy(&p32, at, sizeof(p32));
	return (struct segment_header){ p32.p_type, p32.p_offset, p32.p_vaddr, p32.p_paddr,
					p32.p_filesz, p32.p_memsz };
}

/* Walks one PT_NOTE; true and *entry when it holds Xen's 32-bit entry point. */
static bool find_note(const struct elf *e, const struct segment_header *p, uint64_t *entry)
{
	const struct file *k = e->file;
	uint64_t at = p->offset, end = p->offset + p->file_size;
	Elf32_Nhdr n;

	if (p->offset > k->size || p->file_size > k->size - p->offset)
		return false;
	while (end - at >= sizeof(n)) {
		uint64_t name = at + sizeof(n), desc;

		memcpy(&n, k->data + at, sizeof(n));
		desc = name + (((uint64_t)n.n_namesz + 3) & ~3ULL);
		at = desc + (((uint64_t)n.n_descsz + 3) & ~3ULL);
		if (desc > end || n.n_descsz > end - desc || at > end)
			return false;
		if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == 4 && n.n_descsz >= 4 &&
		    !memcmp(k->data + name, "Xen", 4)) {
			*entry = 0;
			memcpy(entry, k->data + desc, n.n_descsz < 8 ? 4 : 8);
			return true;
		}
	}
	return false;
}

static int plan_segments(const struct elf *e, struct boot_plan *plan, bool *pvh, struct fault *err)
{
	unsigned int i;

	for (i = 0; i < e->count; i++) {
		struct segment_header p = read_segment(e, i);
		struct boot_segment s = { p.paddr, p.memory_size, p.offset, p.file_size };

		if (p.type == PT_NOTE && !*pvh)
			*pvh = find_note(e, &p, &plan->entry);
		if (p.type != PT_LOAD || !p.memory_size)
			continue;
		if (boot_add_segment(plan, &s, err))
			return -1;
	}
	if (!plan->segments)
		return fault_set(err, "kernel %s: an ELF file with nothing to load: no kernel",
				 plan->kernel->path);
	return 0;
}

/* The ELF entry point is a virtual address; the guest starts without paging. */
static uint64_t physical_entry(const struct elf *e)
{
	unsigned int i;

	for (i = 0; i < e->count; i++) {
		struct segment_header p = read_segment(e, i);

		if (p.type == PT_LOAD && e->entry >= p.vaddr && e->entry - p.vaddr < p.memory_size)
			return e->entry - p.vaddr + p.paddr;
	}
	return e->entry;
}

static bool entry_is_loaded(const struct boot_plan *plan)
{
	unsigned int i;

	for (i = 0; i < plan->segments; i++) {
		const struct boot_segment *s = &plan->segment[i];

		if (plan->entry >= s->gpa && plan->entry - s->gpa < s->memory_size)
			return true;
	}
	return false;
}

int elf_plan(struct boot_plan *plan, struct fault *err)
{
	struct elf e;
	bool pvh = false;

	if (read_header(&e, plan->kernel, err) || plan_segments(&e, plan, &pvh, err))
		return -1;
	if (!pvh && !multiboot_probe(plan->kernel))
		return fault_set(err, "kernel %s: an ELF file with neither a PVH note nor a Multiboot header; is it a program, not a kernel?",
				 plan->kernel->path);
	plan->kind = pvh ? BOOT_PVH : BOOT_MULTIBOOT;
	if (!pvh)
		plan->entry = physical_entry(&e);
	if (!entry_is_loaded(plan))
		return fault_set(err, "kernel %s: its entry point %#llx is outside all its segments",
				 plan->kernel->path, (unsigned long long)plan->entry);
	return 0;
}
