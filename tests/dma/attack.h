/* SPDX-License-Identifier: GPL-2.0-only */
/* The edu device told to go for what is not its owner's. Needs dais.ko with raw_calls=1, and /dev/mem. */
#ifndef ATTACK_H
#define ATTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "edu.h"
#include "libdais.h"

#define BYTES       64u            /* that an attack goes for */
#define BEYOND      (1ULL << 38)   /* of any RAM here, within what 3-level tables reach */

extern struct dais_conn *conn;
extern bool open_machine;          /* nothing protects it: each attack must succeed, or the test proves nothing */
extern bool counts_faults;
extern uint32_t fn;                /* edu's */
extern int failures;

void verdict(bool good, const char *text);
/* A hypercall of the control domain's; its status. */
uint64_t raw(uint64_t nr, const uint64_t args[6], uint64_t *value);
#define RAW(name, value, ...) raw(DAIS_NR_##name, (const uint64_t[6]){ __VA_ARGS__ }, value)
uint64_t faults(void);             /* of edu, as Dais counts them */
/* A page as the control domain's CPUs see it there. */
uint8_t *view(uint64_t address, bool writable);
void fill(uint8_t *buffer);        /* EDU_BUFFER_SIZE bytes */
/* Since then there were more. */
void check_faults(const char *what, uint64_t before);
/* Writes there and reads from there. seen: the same memory as this process sees it, not all zeros, or NULL. */
void attack(const char *what, uint64_t address, const uint8_t *seen);
void forged_messages(bool amd);

#endif
