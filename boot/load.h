/* SPDX-License-Identifier: GPL-2.0-only */
/* What is loaded, and where; made by load.c, handed over by handover.c. */
#ifndef DAIS_BOOT_LOAD_H
#define DAIS_BOOT_LOAD_H

#include "boot/acpi.h"
#include "boot/bzimage.h"
#include "boot/efi.h"
#include "boot/elf.h"

#define EMBEDDED_MAX 16000
#define BELOW_4G (1ULL << 32)

struct load {
	struct config config;
	struct elf_image hypervisor;
	uint64_t hypervisor_base;
	struct bzimage kernel;
	uint64_t kernel_file;              /* as read, needed until the parameters are made */
	uint64_t kernel_base;
	uint64_t initrd, initrd_size;
	struct acpi_tables tables;
};

/* The configuration in the loader's own image, NULL: there is none. */
const char *embedded_config(size_t *length);

/* That, else \EFI\dais\dais.conf; messages name it. Under Secure Boot only the former will do, with a hash
 * for each file: then the loader's signature covers all that is loaded. */
bool load_config(struct firmware *fw, struct load *load, struct error *err);
bool load_hypervisor(struct firmware *fw, struct load *load, struct error *err);
bool load_kernel(struct firmware *fw, struct load *load, struct error *err);
bool load_initrd(struct firmware *fw, struct load *load, struct error *err);
bool load_acpi(struct firmware *fw, struct load *load, struct error *err);

#endif
