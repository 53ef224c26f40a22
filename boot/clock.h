/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DAIS_BOOT_CLOCK_H
#define DAIS_BOOT_CLOCK_H

#include <stdint.h>

/* Seconds since 1970 of a date in the Gregorian calendar (month, day from 1). */
int64_t clock_epoch(int64_t year, int month, int day, int hour, int minute, int second);

#endif
