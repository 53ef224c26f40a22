/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/clock.h"

int64_t clock_epoch(int64_t year, int month, int day, int hour, int minute, int second)
{
	/* Years that begin in March, so that the leap day is their last. */
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;

	return ((days * 24 + hour) * 60 + minute) * 60 + second;
}
