/* SPDX-License-Identifier: GPL-2.0-only */
/* The firmware's log of what was measured into the TPM (TCG PC Client Platform Firmware Profile 1.05 §10.2.2). */
#ifndef DAIS_BOOT_TPM_LOG_H
#define DAIS_BOOT_TPM_LOG_H

#include <stdint.h>

/* Bytes of an event (TCG_PCR_EVENT2), 0: it has a digest of an unknown kind. */
uint32_t tpm_event_size(const uint8_t *event);
/* Bytes of so many events, 0 also when one of them is of unknown size. */
uint64_t tpm_events_size(const uint8_t *events, uint64_t count);

#endif
