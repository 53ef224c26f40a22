/* SPDX-License-Identifier: GPL-2.0-only */
/* How an autonomous guest's vCPUs are scheduled: from flags, guest files and `dais sched`. */
#ifndef MONITOR_SCHED_CONFIG_H
#define MONITOR_SCHED_CONFIG_H

#include <dais/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct dais_vcpu;

struct sched_config {
	unsigned int given;			/* bits by enum dais_sched_param */
	uint64_t value[DAIS_SCHED_PARAMS];	/* as the hypercall takes them */
	uint64_t cpus[DAIS_MAX_CPUS / 64];
};

#define SCHED_TEXT 4096				/* longest text of a parameter: a list of CPUs */

/* In guest files and, with - for _, as a flag: "weight", "cap", "reserve", "slice", "cpus", "core_sched" */
extern const char *const sched_names[DAIS_SCHED_PARAMS];
/* Takes "200", "50", "2ms/10ms", "500us", "0,2-3", "on". 0, or -1 with the message. */
int sched_config_parse(struct sched_config *s, enum dais_sched_param param, const char *text, struct fault *err);
/* What was given, as sched_config_parse takes it. */
void sched_config_text(const struct sched_config *s, enum dais_sched_param param, char *text, size_t size);
/* Sets what was given, of one vCPU; reads all. */
int sched_config_apply(const struct sched_config *s, struct dais_vcpu *vcpu, struct fault *err);
int sched_config_get(struct sched_config *s, struct dais_vcpu *vcpu, struct fault *err);

#endif
