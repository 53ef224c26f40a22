/* SPDX-License-Identifier: GPL-2.0-only */
/* Linux bzImage by the 64-bit boot protocol (Documentation/arch/x86/boot.rst). */
#include <asm/bootparam.h>
#include <string.h>

#include "boot.h"
#include "layout.h"

#define SETUP_HEADER	0x1f1
#define BOOT_FLAG	0xaa55
#define HEADER_MAGIC	0x53726448	/* "HdrS" */
#define MIN_VERSION	0x020c
#define SECTOR		512
#define ENTRY_64	0x200
#define LOADER_TYPE	0xff		/* none that has a number */
#define INITRD_LIMIT	HOLE_START

static struct setup_header header_of(const struct file *k)
{
	struct setup_header h;
	size_t size = k->size - SETUP_HEADER;

	memset(&h, 0, sizeof(h));
	memcpy(&h, k->data + SETUP_HEADER, size < sizeof(h) ? size : sizeof(h));
	return h;
}

bool linux_probe(const struct file *k)
{
	struct setup_header h;

	if (k->size < SETUP_HEADER + offsetof(struct setup_header, realmode_swtch))
		return false;
	h = header_of(k);
	return h.boot_flag == BOOT_FLAG && h.header == HEADER_MAGIC;
}

/* pref_address when there is room for init_size bytes; else the lowest allowed address. */
static uint64_t load_address(const struct setup_header *h, uint64_t ram_end)
{
	uint64_t align = h->kernel_alignment, low;

	if (h->pref_address + h->init_size <= ram_end || !h->relocatable_kernel)
		return h->pref_address;
	low = (HIGH_RAM_START + align - 1) & ~(align - 1);
	return low < h->pref_address ? low : h->pref_address;
}

static int check(const struct file *k, const struct setup_header *h, struct fault *err)
{
	uint32_t align = h->kernel_alignment;

	if (h->version < MIN_VERSION || !(h->xloadflags & XLF_KERNEL_64))
		return fault_set(err, "kernel %s: a Linux kernel, but not a 64-bit one of version 3.8 or later; take an amd64 kernel",
				 k->path);
	if (!align || (align & (align - 1)) || align > GIB || h->pref_address > HOLE_START ||
	    !h->init_size)
		return fault_set(err, "kernel %s: damaged: its boot header makes no sense; copy the file again",
				 k->path);
	return 0;
}

int linux_plan(struct boot_plan *plan, uint64_t ram_end, struct fault *err)
{
	const struct file *k = plan->kernel;
	struct setup_header h = header_of(k);
	size_t offset = ((h.setup_sects ? h.setup_sects : 4) + 1) * SECTOR;
	size_t size = (size_t)h.syssize * 16;
	struct boot_segment s;

	if (check(k, &h, err))
		return -1;
	if (offset > k->size || size > k->size - offset)
		return fault_set(err, "kernel %s: truncated: %zu bytes, its header promises %zu; copy the file again",
				 k->path, k->size, offset + size);
	if (strlen(plan->cmdline) > h.cmdline_size)
		return fault_set(err, "cmdline: %zu bytes, this kernel takes %u; shorten it",
				 strlen(plan->cmdline), h.cmdline_size);
	s.gpa = load_address(&h, ram_end);
	s.memory_size = h.init_size;
	s.offset = offset;
	s.file_size = size;
	if (boot_add_segment(plan, &s, err))
		return -1;
	plan->kind = BOOT_LINUX;
	plan->entry = s.gpa + ENTRY_64;
	/* Above initrd_addr_max only a kernel with XLF_CAN_BE_LOADED_ABOVE_4G can find it. */
	if (!(h.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) && h.initrd_addr_max < INITRD_LIMIT)
		plan->module_limit = (uint64_t)h.initrd_addr_max + 1;
	return 0;
}

static void write_e820(struct boot_params *zero, const struct guest_memory *mem)
{
	struct memory_range map[MEMORY_RANGES];
	unsigned int i, n = memory_map(mem, map);

	for (i = 0; i < n; i++) {
		zero->e820_table[i].addr = map[i].start;
		zero->e820_table[i].size = map[i].size;
		zero->e820_table[i].type = map[i].type;
	}
	zero->e820_entries = n;
}

/* Identity map of the first 4 GiB: PML4, PDPT, four page directories of 2 MiB pages. */
static void write_page_tables(const struct guest_memory *mem)
{
	uint64_t *t = memory_at(mem, BOOT_TABLES_GPA, 6 * 4096);
	unsigned int i;

	t[0] = (BOOT_TABLES_GPA + 4096) | 3;
	for (i = 0; i < 4; i++)
		t[512 + i] = (BOOT_TABLES_GPA + (2 + i) * 4096) | 3;
	for (i = 0; i < 4 * 512; i++)
		t[1024 + i] = (uint64_t)i << 21 | 0x83;
}

/* The descriptors that the protocol asks for: __BOOT_CS 0x10, __BOOT_DS 0x18. */
static void write_gdt(const struct guest_memory *mem)
{
	static const uint64_t gdt[6] = {
		0, 0, 0x00af9b000000ffffULL, 0x00cf93000000ffffULL, 0x00008b0000000067ULL, 0
	};

	memcpy(memory_at(mem, GDT_GPA, sizeof(gdt)), gdt, sizeof(gdt));
}

struct boot_cpu linux_write(const struct boot_plan *plan, const struct guest_memory *mem,
			    uint64_t rsdp)
{
	struct boot_params *zero = memory_at(mem, ZERO_PAGE_GPA, sizeof(*zero));
	const struct file *k = plan->kernel;

	/* The header's end is named by the jump over it: offset 0x202 + byte at 0x201. */
	memcpy(&zero->hdr, k->data + SETUP_HEADER,
	       0x202 + k->data[0x201] - SETUP_HEADER < (int)sizeof(zero->hdr) ?
	       0x202 + k->data[0x201] - SETUP_HEADER : (int)sizeof(zero->hdr));
	zero->hdr.type_of_loader = LOADER_TYPE;
	zero->hdr.cmd_line_ptr = CMDLINE_GPA;
	if (plan->modules) {
		zero->hdr.ramdisk_image = plan->module[0].gpa;
		zero->hdr.ramdisk_size = plan->module[0].file->size;
		zero->ext_ramdisk_size = (uint64_t)plan->module[0].file->size >> 32;
	}
	zero->acpi_rsdp_addr = rsdp;
	write_e820(zero, mem);
	write_page_tables(mem);
	write_gdt(mem);
	return (struct boot_cpu){ .long_mode = true, .rip = plan->entry, .rsi = ZERO_PAGE_GPA };
}
