/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/tpm_log.h"

#define DIGESTS_MAX 16 /* banks of a TPM */

static uint32_t get(const uint8_t *p, uint32_t bytes)
{
	uint32_t value = 0;

	memcpy(&value, p, bytes);
	return value;
}

/* TCG Algorithm Registry §6.10 */
static uint32_t digest_size(uint32_t algorithm)
{
	switch (algorithm) {
	case 0x04: return 20; /* SHA-1 */
	case 0x0b: return 32; /* SHA-256 */
	case 0x0c: return 48; /* SHA-384 */
	case 0x0d: return 64; /* SHA-512 */
	case 0x12: return 32; /* SM3-256 */
	default: return 0;
	}
}

/* PCR and type, the digests' count, for each its algorithm and itself, the size of the text, the text. */
uint32_t tpm_event_size(const uint8_t *event)
{
	uint32_t count = get(event + 8, 4), at = 12, size;

	if (count > DIGESTS_MAX)
		return 0;
	for (; count > 0; count--, at += 2 + size) {
		size = digest_size(get(event + at, 2));
		if (!size)
			return 0;
	}
	return at + 4 + get(event + at, 4);
}

uint64_t tpm_events_size(const uint8_t *events, uint64_t count)
{
	uint64_t total = 0;
	uint32_t size;

	for (; count > 0; count--, total += size) {
		size = tpm_event_size(events + total);
		if (!size)
			return 0;
	}
	return total;
}
