/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/efi.h"
#include "boot/tpm_log.h"

/* TCG EFI Protocol Specification 1.0 §6 */
#define TCG2_GUID { 0x607f766c, 0x7455, 0x42be, \
	{ 0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f } }

#define TCG2_FORMAT 2 /* of the log: with a digest for each bank */

/* Events since the first reading of the log, which is that of boot services and ends with them (§7). */
#define FINAL_EVENTS_GUID { 0x1e2ed096, 0x30e2, 0x4254, \
	{ 0xbd, 0x89, 0x86, 0x3b, 0xbe, 0xf8, 0x23, 0x25 } }

struct final_events {
	uint64_t version, count;
	uint8_t events[];
};

/* Linux takes the log from this configuration table, which its own EFI stub would make. */
#define LINUX_LOG_GUID { 0xb7799cb0, 0xeca2, 0x4943, \
	{ 0x96, 0x67, 0x1f, 0xae, 0x07, 0xb7, 0x47, 0xfa } }

struct linux_log {
	uint32_t size, final_size; /* final_size: of final events that are in this log too */
	uint8_t version;
	uint8_t log[];
} __attribute__((packed));

struct tcg2_capability {
	uint8_t size;
	uint8_t structure_major, structure_minor, protocol_major, protocol_minor;
	uint32_t hash_bitmap, event_logs;
	uint8_t tpm_present;
	uint16_t max_command, max_response;
	uint32_t manufacturer, banks, active_banks;
};

struct tcg2_event {
	uint32_t size;
	uint32_t header_size;
	uint16_t header_version;
	uint32_t pcr, type;
	char text[CONFIG_CMDLINE_MAX];
} __attribute__((packed));

#define EVENT_TEXT_OFFSET 18
#define EVENT_HEADER_SIZE 14
#define EV_IPL            0xd

struct tcg2 {
	EFI_STATUS (EFIAPI *get_capability)(struct tcg2 *self, struct tcg2_capability *out);
	EFI_STATUS (EFIAPI *get_event_log)(struct tcg2 *self, uint32_t format, EFI_PHYSICAL_ADDRESS *first,
					   EFI_PHYSICAL_ADDRESS *last, uint8_t *truncated);
	EFI_STATUS (EFIAPI *hash_log_extend)(struct tcg2 *self, uint64_t flags,
					     EFI_PHYSICAL_ADDRESS data, uint64_t size,
					     struct tcg2_event *event);
};

static struct tcg2 *tcg2; /* NULL: no TPM */
static uint32_t failures;

void security_init(struct firmware *fw)
{
	static EFI_GUID guid = TCG2_GUID;
	struct tcg2_capability capability = { .size = sizeof(capability) };
	void *found;

	if (fw->bs->LocateProtocol(&guid, NULL, &found) != EFI_SUCCESS)
		return;
	tcg2 = found;
	if (tcg2->get_capability(tcg2, &capability) != EFI_SUCCESS || !capability.tpm_present)
		tcg2 = NULL;
}

void security_measure(uint32_t pcr, const char *name, const void *data, uint64_t size)
{
	static struct tcg2_event event;

	if (!tcg2)
		return;
	text_format(event.text, sizeof(event.text), "dais: %s", name);
	event.size = EVENT_TEXT_OFFSET + text_length(event.text) + 1;
	event.header_size = EVENT_HEADER_SIZE;
	event.header_version = 1;
	event.pcr = pcr;
	event.type = EV_IPL;
	if (tcg2->hash_log_extend(tcg2, 0, (uintptr_t)data, size, &event) != EFI_SUCCESS) {
		failures++;
		say("dais boot: warning: the TPM refused the measurement of %s\n", name);
	}
}

bool security_measured_all(void)
{
	return tcg2 && failures == 0;
}

static uint64_t final_events_size(struct firmware *fw)
{
	static EFI_GUID guid = FINAL_EVENTS_GUID;
	const EFI_CONFIGURATION_TABLE *t = fw->st->ConfigurationTable;
	const struct final_events *f;

	for (UINTN i = 0; i < fw->st->NumberOfTableEntries; i++) {
		f = t[i].VendorTable;
		if (!memcmp(&t[i].VendorGuid, &guid, sizeof(guid)))
			return tpm_events_size(f->events, f->count);
	}
	return 0;
}

/* In memory that survives a boot that fails after this: a few KiB, and the next system's loader replaces the table. */
static EFI_STATUS give_log(struct firmware *fw, const uint8_t *first, uint64_t size)
{
	static EFI_GUID guid = LINUX_LOG_GUID;
	struct linux_log *table;
	void *memory;
	EFI_STATUS status = fw->bs->AllocatePool(EfiACPIReclaimMemory, sizeof(*table) + size, &memory);

	if (status != EFI_SUCCESS)
		return status;
	table = memory;
	table->size = size;
	table->final_size = final_events_size(fw);
	table->version = TCG2_FORMAT;
	memcpy(table->log, first, size);
	status = fw->bs->InstallConfigurationTable(&guid, table);
	if (status != EFI_SUCCESS)
		fw->bs->FreePool(memory);
	return status;
}

void security_give_log(struct firmware *fw)
{
	EFI_PHYSICAL_ADDRESS first = 0, last = 0;
	uint8_t truncated;
	uint32_t size;

	if (!tcg2)
		return;
	if (tcg2->get_event_log(tcg2, TCG2_FORMAT, &first, &last, &truncated) == EFI_SUCCESS && last > first) {
		size = tpm_event_size((const uint8_t *)last);
		if (size && give_log(fw, (const uint8_t *)first, last - first + size) == EFI_SUCCESS)
			return;
	}
	say("dais boot: warning: the TPM's event log cannot be given to Linux\n");
}

static int read_flag(struct firmware *fw, CHAR16 *name)
{
	static EFI_GUID global = EFI_GLOBAL_VARIABLE;
	uint8_t value = 0;
	UINTN size = sizeof(value);

	if (fw->st->RuntimeServices->GetVariable(name, &global, NULL, &size, &value) != EFI_SUCCESS)
		return -1;
	return value;
}

/* In set-up mode the firmware verifies nothing (UEFI 2.9 §32.3). */
enum secure_boot security_state(struct firmware *fw)
{
	int secure = read_flag(fw, (CHAR16 *)u"SecureBoot");
	int setup = read_flag(fw, (CHAR16 *)u"SetupMode");

	if (secure < 0)
		return SECURE_BOOT_UNKNOWN;
	return secure == 1 && setup != 1 ? SECURE_BOOT_ON : SECURE_BOOT_OFF;
}
