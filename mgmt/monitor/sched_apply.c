/* SPDX-License-Identifier: GPL-2.0-only */
#include <libdais.h>
#include <stdio.h>
#include <string.h>

#include "sched_config.h"

static int refused(const struct sched_config *s, unsigned int param, int ret, uint64_t left, struct fault *err)
{
	char text[SCHED_TEXT];

	sched_config_text(s, param, text, sizeof(text));
	if (dais_last_status() == DAIS_NO_SPACE)
		return fault_set(err, "%s = %s: no CPU that it may use can promise so much: at most %llu.%llu %% of one are left",
				 sched_names[param], text, (unsigned long long)left / 10000,
				 (unsigned long long)left / 1000 % 10);
	if (dais_last_status() == DAIS_BAD_STATE)
		return fault_set(err, "%s: the guest is hosted: the control domain's Linux schedules it (nice, cgroups, taskset)",
				 sched_names[param]);
	if (param == DAIS_SCHED_CPUS && dais_last_status() == DAIS_BAD_ARG)
		return fault_set(err, "cpus = %s: this machine has none of these CPUs (see dais info)", text);
	return fault_set(err, "%s = %s: %s", sched_names[param], text, dais_strerror(ret));
}

/* CPUs first: a reservation is admitted by those. */
int sched_config_apply(const struct sched_config *s, struct dais_vcpu *vcpu, struct fault *err)
{
	static const unsigned int order[] = {
		DAIS_SCHED_CPUS, DAIS_SCHED_WEIGHT, DAIS_SCHED_CAP, DAIS_SCHED_RESERVE, DAIS_SCHED_SLICE, DAIS_SCHED_CORE,
	};
	unsigned int i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		unsigned int param = order[i];
		uint64_t left = 0;
		int ret;

		if (!(s->given >> param & 1))
			continue;
		ret = param == DAIS_SCHED_CPUS ? dais_sched_set_cpus(vcpu, s->cpus, &left) :
						 dais_sched_set(vcpu, param, s->value[param], &left);
		if (ret)
			return refused(s, param, ret, left, err);
	}
	return 0;
}

int sched_config_get(struct sched_config *s, struct dais_vcpu *vcpu, struct fault *err)
{
	unsigned int i;
	int ret = 0;

	memset(s, 0, sizeof(*s));
	for (i = 0; !ret && i < DAIS_SCHED_PARAMS; i++)
		if (i != DAIS_SCHED_CPUS)
			ret = dais_vcpu_stat(vcpu, DAIS_STAT_VCPU_SCHED + i, &s->value[i]);
	for (i = 0; !ret && i < DAIS_MAX_CPUS / 64; i++)
		ret = dais_vcpu_stat(vcpu, DAIS_STAT_VCPU_CPUS + i, &s->cpus[i]);
	s->given = (1U << DAIS_SCHED_PARAMS) - 1;
	if (ret && dais_last_status() == DAIS_BAD_ARG)
		return fault_set(err, "the guest is hosted: the control domain's Linux schedules it (nice, cgroups, taskset)");
	return ret ? fault_set(err, "%s", dais_strerror(ret)) : 0;
}
