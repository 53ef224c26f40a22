/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the parts of the control domain's fuzzing programs. */
#ifndef FUZZ_HOST_H
#define FUZZ_HOST_H

#include "generate.h"
#include "mgmt/libdais/libdais.h"

/* One raw hypercall; ends the program when there is no way to make one. */
uint64_t raw(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t *value);
/* Prints the table; 1: a call succeeded less than `least` times, a status is missing, or too few succeeded. */
#define LEAST_PER_MILLION 1000
int report(const struct fuzz *f, uint64_t least, uint32_t least_percent);
/* Gives a guest a few capabilities and watches the invariants until it is dead. */
int grant(struct dais_conn *conn, const char *guest);

#endif
