/* SPDX-License-Identifier: GPL-2.0-only */
/* \EFI\dais\dais.conf, explained in docs/boot.md. */
#ifndef DAIS_BOOT_CONFIG_H
#define DAIS_BOOT_CONFIG_H

#include "boot/sha256.h"
#include "boot/text.h"

#define CONFIG_PATH_MAX    160
#define CONFIG_CMDLINE_MAX 2048
#define CONFIG_INITRDS_MAX 8
#define CONFIG_CPUS_MAX    4096

enum config_console { CONSOLE_NONE, CONSOLE_UART_IO };

struct config {
	char hypervisor[CONFIG_PATH_MAX];
	char kernel[CONFIG_PATH_MAX];
	char initrd[CONFIG_INITRDS_MAX][CONFIG_PATH_MAX];
	char cmdline[CONFIG_CMDLINE_MAX];
	uint32_t initrd_count;
	/* What the files' SHA-256 must be, "" = not asked for. */
	char hypervisor_sha256[SHA256_HEX + 1], kernel_sha256[SHA256_HEX + 1];
	char initrd_sha256[CONFIG_INITRDS_MAX][SHA256_HEX + 1];
	uint32_t initrd_hashes;
	uint64_t control_memory; /* bytes, 0 = the default share of the machine's */
	uint32_t control_vcpus;  /* 0 = as many as CPUs */
	uint32_t cpus;           /* 0 = all */
	uint32_t log_level;      /* 0 error .. 3 debug */
	uint32_t console;        /* enum config_console */
	uint32_t console_port, console_baud;
	uint32_t panic;          /* enum boot_panic */
	bool mitigations, x2apic, apicv, iommu;
};

void config_defaults(struct config *config);

/* Reads the whole text; on a bad line err names it by number, what is wrong and what is allowed. */
bool config_parse(struct config *config, const char *text, size_t length, struct error *err);

/* Under Secure Boot every file must be named with its hash; err names what is not. */
bool config_hashes_all(const struct config *config, struct error *err);

#endif
