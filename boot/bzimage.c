/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/bzimage.h"

/* Offsets in the file and, being the same, in boot_params: boot.rst, "The real-mode kernel
 * header", and zero-page.rst. */
enum {
	SCREEN_INFO = 0x000, ACPI_RSDP = 0x070, EXT_RAMDISK_IMAGE = 0x0c0,
	EXT_RAMDISK_SIZE = 0x0c4, EXT_CMD_LINE = 0x0c8, EFI_INFO = 0x1c0, E820_ENTRIES = 0x1e8,
	SECURE_BOOT = 0x1ec, SETUP_HEADER = 0x1f1, BOOT_FLAG = 0x1fe, JUMP_LENGTH = 0x201,
	HEADER_MAGIC = 0x202, VERSION = 0x206, TYPE_OF_LOADER = 0x210, CODE32_START = 0x214,
	RAMDISK_IMAGE = 0x218, RAMDISK_SIZE = 0x21c, CMD_LINE = 0x228, KERNEL_ALIGNMENT = 0x230,
	RELOCATABLE = 0x234, XLOADFLAGS = 0x236, CMDLINE_SIZE = 0x238, SETUP_DATA = 0x250,
	SYSSIZE = 0x1f4, PREF_ADDRESS = 0x258, INIT_SIZE = 0x260, E820_TABLE = 0x2d0,
	HEADER_END = 0x268,
};

enum { XLF_KERNEL_64 = 1 << 0, XLF_CAN_BE_LOADED_ABOVE_4G = 1 << 1 };
enum { SETUP_E820_EXT = 1, VIDEO_TYPE_EFI = 0x70 };

#define HEADER_MAGIC_VALUE 0x53726448u /* "HdrS" */
#define VERSION_2_12       0x20c
#define INIT_SIZE_MAX      (1ULL << 30)

static uint32_t get(const uint8_t *base, unsigned int offset, unsigned int bytes)
{
	uint32_t value = 0;

	memcpy(&value, base + offset, bytes);
	return value;
}

static uint64_t get64(const uint8_t *base, unsigned int offset)
{
	uint64_t value;

	memcpy(&value, base + offset, sizeof(value));
	return value;
}

static void put16(uint8_t *base, unsigned int offset, uint32_t value)
{
	memcpy(base + offset, &value, 2);
}

static void put32(uint8_t *base, unsigned int offset, uint32_t value)
{
	memcpy(base + offset, &value, sizeof(value));
}

static void put64(uint8_t *base, unsigned int offset, uint64_t value)
{
	memcpy(base + offset, &value, sizeof(value));
}

static bool check_place(const struct bzimage *image, struct error *err)
{
	if (image->align < 4096 || (image->align & (image->align - 1)) != 0 ||
	    image->align > INIT_SIZE_MAX)
		return refuse(err, "has an impossible alignment in its header");
	if (image->init_size > INIT_SIZE_MAX || image->init_size < image->payload_size)
		return refuse(err, "has an impossible init_size in its header");
	return true;
}

bool bzimage_check(const void *file, size_t length, struct bzimage *image, struct error *err)
{
	const uint8_t *head = file;
	uint64_t setup, size;
	uint32_t flags;

	if (length < HEADER_END || get(head, BOOT_FLAG, 2) != 0xaa55 ||
	    get(head, HEADER_MAGIC, 4) != HEADER_MAGIC_VALUE)
		return refuse(err, "is not a Linux bzImage");
	if (get(head, VERSION, 2) < VERSION_2_12)
		return refuse(err, "has boot protocol %x; 2.12 (Linux 3.8) or later is needed",
			      get(head, VERSION, 2));
	flags = get(head, XLOADFLAGS, 2);
	if (!(flags & XLF_KERNEL_64))
		return refuse(err, "has no 64-bit entry point: give an amd64 kernel");
	setup = head[SETUP_HEADER] ? head[SETUP_HEADER] : 4;
	size = (uint64_t)get(head, SYSSIZE, 4) * 16;
	image->payload = (setup + 1) * 512;
	if (image->payload > length || size > length - image->payload)
		return refuse(err, "is truncated: %llu bytes, its header says %llu",
			      (unsigned long long)length,
			      (unsigned long long)(image->payload + size));
	image->file = file;
	image->payload_size = size;
	image->pref_address = get64(head, PREF_ADDRESS);
	image->align = get(head, KERNEL_ALIGNMENT, 4);
	image->init_size = get(head, INIT_SIZE, 4);
	image->cmdline_max = get(head, CMDLINE_SIZE, 4);
	image->relocatable = head[RELOCATABLE];
	image->above_4g = flags & XLF_CAN_BE_LOADED_ABOVE_4G;
	return check_place(image, err);
}

static void fill_screen(uint8_t *params, const struct bzimage_screen *screen)
{
	/* struct screen_info: 8 bits each, blue first unless RGBX */
	static const uint8_t bgrx[8] = { 8, 16, 8, 8, 8, 0, 8, 24 };
	static const uint8_t rgbx[8] = { 8, 0, 8, 8, 8, 16, 8, 24 };
	uint8_t *info = params + SCREEN_INFO;
	uint64_t size = (uint64_t)screen->pitch * screen->height;

	if (screen->base == 0)
		return;
	info[0x0f] = VIDEO_TYPE_EFI;
	put16(info, 0x12, screen->width);
	put16(info, 0x14, screen->height);
	put16(info, 0x16, 32);
	put32(info, 0x18, (uint32_t)screen->base);
	put32(info, 0x1c, (uint32_t)size);
	put16(info, 0x24, screen->pitch);
	memcpy(info + 0x26, screen->rgbx ? rgbx : bgrx, 8);
	put16(info, 0x32, 1);                             /* pages */
	put32(info, 0x36, 1 | 2);                         /* skip quirks, 64-bit base */
	put32(info, 0x3a, (uint32_t)(screen->base >> 32));
}

static void fill_efi(uint8_t *params, const struct bzimage_params *p)
{
	uint8_t *info = params + EFI_INFO;

	memcpy(info, "EL64", 4);
	put32(info, 0x04, (uint32_t)p->efi_system_table);
	put32(info, 0x08, p->efi_entry_size);
	put32(info, 0x0c, p->efi_map_version);
	put32(info, 0x10, (uint32_t)p->efi_map);
	put32(info, 0x14, p->efi_map_size);
	put32(info, 0x18, (uint32_t)(p->efi_system_table >> 32));
	put32(info, 0x1c, (uint32_t)(p->efi_map >> 32));
}

static void fill_e820(uint8_t *params, const struct bzimage_params *p, uint8_t *ext)
{
	uint32_t first = p->e820_count;
	uint32_t rest;

	if (first > BZIMAGE_E820_MAX)
		first = BZIMAGE_E820_MAX;
	params[E820_ENTRIES] = (uint8_t)first;
	memcpy(params + E820_TABLE, p->e820, first * sizeof(p->e820[0]));
	rest = p->e820_count - first;
	if (rest == 0)
		return;
	put64(ext, 0, 0);
	put32(ext, 8, SETUP_E820_EXT);
	put32(ext, 12, rest * sizeof(p->e820[0]));
	memcpy(ext + 16, p->e820 + first, rest * sizeof(p->e820[0]));
	put64(params, SETUP_DATA, p->e820_ext);
}

void bzimage_fill(uint8_t *params, const struct bzimage *image, const struct bzimage_params *p,
		  void *ext)
{
	memset(params, 0, BZIMAGE_PARAMS_SIZE);
	/* The header ends where the jump at 0x200 says. */
	memcpy(params + SETUP_HEADER, image->file + SETUP_HEADER,
	       HEADER_MAGIC + image->file[JUMP_LENGTH] - SETUP_HEADER);
	params[TYPE_OF_LOADER] = 0xff; /* no number assigned */
	put32(params, CODE32_START, (uint32_t)p->load);
	put32(params, RAMDISK_IMAGE, (uint32_t)p->initrd);
	put32(params, RAMDISK_SIZE, (uint32_t)p->initrd_size);
	put32(params, EXT_RAMDISK_IMAGE, (uint32_t)(p->initrd >> 32));
	put32(params, EXT_RAMDISK_SIZE, (uint32_t)(p->initrd_size >> 32));
	put32(params, CMD_LINE, (uint32_t)p->cmdline);
	put32(params, EXT_CMD_LINE, (uint32_t)(p->cmdline >> 32));
	put64(params, SETUP_DATA, 0);
	put64(params, ACPI_RSDP, p->rsdp);
	params[SECURE_BOOT] = p->secure_boot;
	fill_screen(params, &p->screen);
	fill_efi(params, p);
	fill_e820(params, p, ext);
}
