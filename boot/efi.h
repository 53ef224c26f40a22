/* SPDX-License-Identifier: GPL-2.0-only */
/* The loader's use of UEFI: console, files, memory, measurement. */
#ifndef DAIS_BOOT_EFI_H
#define DAIS_BOOT_EFI_H

#include <efi.h>
#include <efilib.h>
#include "boot/config.h"
#include "boot/memory.h"

#define ALLOCATIONS_MAX 32

/* One boot's state. Everything allocated is given back if the boot fails. */
struct firmware {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_FILE_HANDLE root;      /* of the volume that the loader came from */
	struct span allocations[ALLOCATIONS_MAX];
	uint32_t allocation_count;

	/* The latest memory map: as the firmware gave it, and in memory.h's form. */
	void *raw;
	UINTN raw_capacity, raw_size, map_key, entry_size;
	UINT32 entry_version;
	struct map_entry *map;
	uint32_t map_capacity, map_count;
};

/* --- console.c: messages on the firmware's console and on the serial port --- */
void console_init(struct firmware *fw);
void console_use(const struct config *config);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console_wait(struct firmware *fw, uint32_t seconds); /* for a key, no longer than that */

/* --- file.c --- */
bool file_open_volume(struct firmware *fw, struct error *err);
void file_close_volume(struct firmware *fw);
bool file_size(struct firmware *fw, const char *path, uint64_t *size, struct error *err);
bool file_read(struct firmware *fw, const char *path, void *to, uint64_t size,
	       struct error *err);

/* --- pages.c --- */
bool pages_init(struct firmware *fw, struct error *err);
bool pages_read_map(struct firmware *fw, struct error *err);

enum pages_end { PAGES_LOW, PAGES_HIGH };

/* Pages, not zeroed, for size bytes in [min, max), from that end; `what` names them in err. */
bool pages_alloc(struct firmware *fw, enum pages_end end, EFI_MEMORY_TYPE type, uint64_t size,
		 uint64_t align, uint64_t min, uint64_t max, const char *what, uint64_t *address,
		 struct error *err);

/* Just there: pages at this address, false when they are taken. */
bool pages_alloc_at(struct firmware *fw, uint64_t address, uint64_t size);
void pages_free(struct firmware *fw, uint64_t address);
void pages_free_all(struct firmware *fw);

/* --- security.c: Secure Boot and the TPM --- */
enum secure_boot { SECURE_BOOT_UNKNOWN, SECURE_BOOT_OFF, SECURE_BOOT_ON };
enum secure_boot security_state(struct firmware *fw);

/* Measures into the TPM as GRUB does: commands to PCR 8, files to PCR 9. No TPM: 0 of 0. */
void security_init(struct firmware *fw);
void security_measure(uint32_t pcr, const char *name, const void *data, uint64_t size);
bool security_measured_all(void);
/* The TPM's event log to Linux, as it is now. */
void security_give_log(struct firmware *fw);

enum { PCR_COMMANDS = 8, PCR_FILES = 9 };

#endif
