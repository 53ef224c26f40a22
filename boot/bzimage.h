/* SPDX-License-Identifier: GPL-2.0-only */
/* Linux's bzImage and its 64-bit boot protocol (Documentation/arch/x86/boot.rst). */
#ifndef DAIS_BOOT_BZIMAGE_H
#define DAIS_BOOT_BZIMAGE_H

#include "boot/memory.h"
#include "boot/text.h"

#define BZIMAGE_ENTRY_64    0x200 /* from the load address */
#define BZIMAGE_PARAMS_SIZE 4096
#define BZIMAGE_E820_MAX    128   /* entries that fit in boot_params */

struct bzimage {
	const uint8_t *file;
	uint64_t payload, payload_size; /* protected-mode code: offset in the file, bytes */
	uint64_t pref_address, align;
	uint64_t init_size;             /* bytes the kernel needs from its load address */
	uint32_t cmdline_max;
	bool relocatable, above_4g;     /* above_4g: initrd and parameters may lie there */
};

/* Checks the file's header; the file stays referenced. */
bool bzimage_check(const void *file, size_t length, struct bzimage *image, struct error *err);

struct bzimage_screen { /* base 0: none */
	uint64_t base;
	uint32_t width, height, pitch;
	bool rgbx;
};

/* boot_params.secure_boot, as Linux's own EFI stub sets it; with ON Debian's kernel locks itself down. */
enum bzimage_secure_boot { BZIMAGE_SECURE_UNKNOWN = 1, BZIMAGE_SECURE_OFF = 2, BZIMAGE_SECURE_ON = 3 };

/* All that goes into boot_params; addresses are physical. */
struct bzimage_params {
	uint64_t load, initrd, initrd_size, cmdline, rsdp;
	uint64_t efi_system_table, efi_map;
	uint32_t efi_map_size, efi_entry_size, efi_map_version;
	struct bzimage_screen screen;
	const struct e820_entry *e820;
	uint32_t e820_count;
	uint64_t e820_ext; /* room for a setup_data node: BZIMAGE_EXT_SIZE(e820_count) bytes */
	enum bzimage_secure_boot secure_boot;
};

#define BZIMAGE_EXT_SIZE(count) (16 + (count) * sizeof(struct e820_entry))

/* Fills the zero page, and the node at ext (e820_ext as mapped) if entries are left over. */
void bzimage_fill(uint8_t *params, const struct bzimage *image, const struct bzimage_params *p,
		  void *ext);

#endif
