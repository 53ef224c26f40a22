/* SPDX-License-Identifier: GPL-2.0-only */
/* The flags of scheduling: OPT_SCHED + enum dais_sched_param. */
#ifndef DAIS_COMMAND_SCHED_OPTIONS_H
#define DAIS_COMMAND_SCHED_OPTIONS_H

#include "../monitor/sched_config.h"

#define OPT_SCHED 512
#define SCHED_OPTIONS \
	{ "weight", required_argument, NULL, OPT_SCHED + DAIS_SCHED_WEIGHT }, \
	{ "cap", required_argument, NULL, OPT_SCHED + DAIS_SCHED_CAP }, \
	{ "reserve", required_argument, NULL, OPT_SCHED + DAIS_SCHED_RESERVE }, \
	{ "slice", required_argument, NULL, OPT_SCHED + DAIS_SCHED_SLICE }, \
	{ "cpus", required_argument, NULL, OPT_SCHED + DAIS_SCHED_CPUS }, \
	{ "core-sched", required_argument, NULL, OPT_SCHED + DAIS_SCHED_CORE }

#endif
