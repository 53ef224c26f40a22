/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/boot_info.h"
#include "boot/load.h"

#define CONFIG_FILE     "\\EFI\\dais\\dais.conf"
#define CONFIG_FILE_MAX (64 * 1024)
#define FILE_MAX        (1ULL << 31)

/* Reads a whole file into pages of its own. */
static bool read_whole(struct firmware *fw, const char *path, uint64_t *address, uint64_t *size,
		       struct error *err)
{
	if (!file_size(fw, path, size, err))
		return false;
	if (*size > FILE_MAX)
		return refuse(err, "%s: is larger than 2 GiB", path);
	if (!pages_alloc(fw, PAGES_HIGH, EfiLoaderData, *size, PAGE_SIZE, MIB, BELOW_4G, path,
			 address, err))
		return false;
	return file_read(fw, path, (void *)*address, *size, err);
}

/* hash: what the file's must be, "" = any */
static bool verify(const char *path, const void *data, uint64_t size, const char *hash, struct error *err)
{
	char found[SHA256_HEX + 1];

	if (!hash[0])
		return true;
	sha256_hex(data, size, found);
	return text_equal(found, hash) ||
	       refuse(err, "%s: is not the file that this loader was made for (its SHA-256 is another). If you changed "
		      "it, run dais-boot update from the plain system", path);
}

static bool load_embedded(struct load *load, const char *text, size_t length, struct error *err)
{
	struct error why;

	if (!config_parse(&load->config, text, length, &why))
		return refuse(err, "the configuration in the loader, %s", why.text);
	security_measure(PCR_COMMANDS, "dais.conf", text, length);
	return true;
}

static bool load_config_file(struct firmware *fw, struct load *load, struct error *err)
{
	uint64_t address, size;
	struct error why;
	bool sound;

	if (!read_whole(fw, CONFIG_FILE, &address, &size, err))
		return false;
	if (size > CONFIG_FILE_MAX)
		return refuse(err, CONFIG_FILE ": is larger than 64 KiB");
	sound = config_parse(&load->config, (const char *)address, size, &why);
	if (sound)
		security_measure(PCR_COMMANDS, CONFIG_FILE, (void *)address, size);
	pages_free(fw, address);
	return sound || refuse(err, CONFIG_FILE ", %s", why.text);
}

bool load_config(struct firmware *fw, struct load *load, struct error *err)
{
	bool secure = security_state(fw) == SECURE_BOOT_ON;
	struct error why;
	size_t length;
	const char *text = embedded_config(&length);

	config_defaults(&load->config);
	if (!text && secure)
		return refuse(err, "Secure Boot is on, and this loader carries no configuration with the hashes of what it "
			      "loads. dais-boot makes and signs one; or switch Secure Boot off in the firmware's set-up");
	if (!(text ? load_embedded(load, text, length, err) : load_config_file(fw, load, err)))
		return false;
	return !secure || config_hashes_all(&load->config, &why) ||
	       refuse(err, "Secure Boot is on: %s. Run dais-boot update", why.text);
}

/* High below 4 GiB: away from the control domain's RAM, which begins low. */
bool load_hypervisor(struct firmware *fw, struct load *load, struct error *err)
{
	const char *path = load->config.hypervisor;
	uint64_t file, size;
	struct error why;

	if (!read_whole(fw, path, &file, &size, err))
		return false;
	if (!verify(path, (void *)file, size, load->config.hypervisor_sha256, err))
		return false;
	if (!elf_check((void *)file, size, &load->hypervisor, &why))
		return refuse(err, "%s: %s", path, why.text);
	security_measure(PCR_FILES, path, (void *)file, size);
	if (!pages_alloc(fw, PAGES_HIGH, EfiLoaderData, load->hypervisor.size, BOOT_IMAGE_ALIGN,
			 MIB, BELOW_4G, path, &load->hypervisor_base, err))
		return false;
	elf_load((void *)file, (void *)load->hypervisor_base, &load->hypervisor);
	pages_free(fw, file);
	say("dais boot: hypervisor %s, %llu KiB in memory\n", path,
	    (unsigned long long)load->hypervisor.size / 1024);
	return true;
}

/* At the address it was linked for if that is free, else wherever it may be moved. */
static bool place_kernel(struct firmware *fw, struct load *load, struct error *err)
{
	const struct bzimage *kernel = &load->kernel;

	load->kernel_base = kernel->pref_address;
	if (kernel->pref_address < BELOW_4G - kernel->init_size &&
	    pages_alloc_at(fw, kernel->pref_address, kernel->init_size))
		return true;
	if (!kernel->relocatable)
		return refuse(err, "%s: the memory at 0x%llx, where it must lie, is not free",
			      load->config.kernel, (unsigned long long)kernel->pref_address);
	return pages_alloc(fw, PAGES_LOW, EfiLoaderData, kernel->init_size, kernel->align, MIB,
			   BELOW_4G, load->config.kernel, &load->kernel_base, err);
}

bool load_kernel(struct firmware *fw, struct load *load, struct error *err)
{
	const char *path = load->config.kernel;
	uint64_t size;
	struct error why;

	if (!read_whole(fw, path, &load->kernel_file, &size, err))
		return false;
	if (!verify(path, (void *)load->kernel_file, size, load->config.kernel_sha256, err))
		return false;
	if (!bzimage_check((void *)load->kernel_file, size, &load->kernel, &why))
		return refuse(err, "%s: %s", path, why.text);
	if (text_length(load->config.cmdline) > load->kernel.cmdline_max)
		return refuse(err, CONFIG_FILE ": cmdline is longer than the %u characters that %s "
			      "takes", load->kernel.cmdline_max, path);
	security_measure(PCR_FILES, path, (void *)load->kernel_file, size);
	security_measure(PCR_COMMANDS, "cmdline", load->config.cmdline,
			 text_length(load->config.cmdline));
	if (!place_kernel(fw, load, err))
		return false;
	memcpy((void *)load->kernel_base, load->kernel.file + load->kernel.payload,
	       load->kernel.payload_size);
	say("dais boot: kernel %s at 0x%llx\n", path, (unsigned long long)load->kernel_base);
	return true;
}

/* Archives may follow each other with zeros between, at multiples of four
 * (Documentation/driver-api/early-userspace/buffer-format.rst). */
static uint64_t padded(uint64_t size)
{
	return (size + 3) & ~3ULL;
}

bool load_initrd(struct firmware *fw, struct load *load, struct error *err)
{
	const struct config *config = &load->config;
	uint64_t sizes[CONFIG_INITRDS_MAX], total = 0;
	uint8_t *to;

	for (uint32_t i = 0; i < config->initrd_count; i++) {
		if (!file_size(fw, config->initrd[i], &sizes[i], err))
			return false;
		total += padded(sizes[i]);
	}
	load->initrd_size = total;
	if (total == 0)
		return true;
	if (total > FILE_MAX)
		return refuse(err, "initrd: the files are larger than 2 GiB together");
	if (!pages_alloc(fw, PAGES_LOW, EfiLoaderData, total, PAGE_SIZE, MIB,
			 load->kernel.above_4g ? BELOW_4G : BELOW_4G / 2, "initrd", &load->initrd,
			 err))
		return false;
	to = (void *)load->initrd;
	for (uint32_t i = 0; i < config->initrd_count; i++) {
		if (!file_read(fw, config->initrd[i], to, sizes[i], err))
			return false;
		if (!verify(config->initrd[i], to, sizes[i], config->initrd_sha256[i], err))
			return false;
		security_measure(PCR_FILES, config->initrd[i], to, sizes[i]);
		memset(to + sizes[i], 0, padded(sizes[i]) - sizes[i]);
		to += padded(sizes[i]);
	}
	say("dais boot: initrd, %llu KiB\n", (unsigned long long)total / 1024);
	return true;
}

/* The firmware maps all tables one to one. */
static const void *map_physical(uint64_t address, uint64_t length)
{
	return address < 4096 || address + length < address ? NULL : (const void *)address;
}

bool load_acpi(struct firmware *fw, struct load *load, struct error *err)
{
	static EFI_GUID acpi2 = ACPI_20_TABLE_GUID, acpi1 = ACPI_TABLE_GUID;
	const EFI_CONFIGURATION_TABLE *t = fw->st->ConfigurationTable;
	uint64_t rsdp = 0;

	for (UINTN i = 0; i < fw->st->NumberOfTableEntries; i++) {
		if (memcmp(&t[i].VendorGuid, &acpi2, sizeof(acpi2)) == 0 ||
		    (rsdp == 0 && memcmp(&t[i].VendorGuid, &acpi1, sizeof(acpi1)) == 0))
			rsdp = (uintptr_t)t[i].VendorTable;
	}
	if (rsdp == 0)
		return refuse(err, "the firmware gives no ACPI tables; Dais needs them");
	return acpi_find(&load->tables, map_physical, rsdp, err);
}
