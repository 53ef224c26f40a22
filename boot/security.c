/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/efi.h"

/* TCG EFI Protocol Specification 1.0 §6 */
#define TCG2_GUID { 0x607f766c, 0x7455, 0x42be, \
	{ 0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f } }

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
	void *get_event_log;
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
