/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_SHA256_H
#define DAIS_BOOT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX 64 /* characters of a hash in hexadecimal */

/* The hash of size bytes (FIPS 180-4 §6.2), in lower-case hexadecimal with a terminator. */
void sha256_hex(const void *data, uint64_t size, char out[SHA256_HEX + 1]);

#endif
