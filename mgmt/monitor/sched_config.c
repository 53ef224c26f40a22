/* SPDX-License-Identifier: GPL-2.0-only */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched_config.h"

const char *const sched_names[DAIS_SCHED_PARAMS] = { "weight", "cap", "reserve", "slice", "cpus", "core_sched" };

/* What the hypercall takes, for the message of a value that it would refuse. */
static const struct { uint64_t min, max; } range[] = {
	[DAIS_SCHED_WEIGHT] = { 1, 10000 }, [DAIS_SCHED_CAP] = { 0, 99 }, [DAIS_SCHED_SLICE] = { 100, 100000 },
};

/* "2ms", "500us", "1s", in microseconds; what follows is at *end. */
static bool parse_time(const char *text, const char **end, uint64_t *us)
{
	static const struct { const char *unit; uint64_t us; } units[] = { { "us", 1 }, { "ms", 1000 }, { "s", 1000000 } };
	char *rest;
	uint64_t n = strtoul(text, &rest, 10);
	unsigned int i;

	if (!isdigit((unsigned char)text[0]))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t length = strlen(units[i].unit);

		if (strncmp(rest, units[i].unit, length))
			continue;
		*us = n > 1000000000 ? UINT64_MAX : n * units[i].us;
		*end = rest + length;
		return true;
	}
	return false;
}

static int parse_number(const char *name, const char *text, unsigned int param, uint64_t *value, struct fault *err)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || *value < range[param].min || *value > range[param].max)
		return fault_set(err, "%s: \"%s\" is not a number from %llu to %llu", name, text,
				 (unsigned long long)range[param].min, (unsigned long long)range[param].max);
	return 0;
}

static int parse_slice(const char *text, uint64_t *value, struct fault *err)
{
	const char *end;

	if (parse_time(text, &end, value) && !*end && *value >= range[DAIS_SCHED_SLICE].min &&
	    *value <= range[DAIS_SCHED_SLICE].max)
		return 0;
	return fault_set(err, "slice: \"%s\" is not a time from 100us to 100ms", text);
}

static int parse_reserve(const char *text, uint64_t *value, struct fault *err)
{
	uint64_t budget, period;
	const char *end;

	*value = 0;
	if (!strcmp(text, "none"))
		return 0;
	if (!parse_time(text, &end, &budget) || *end != '/' || !parse_time(end + 1, &end, &period) || *end)
		return fault_set(err, "reserve: \"%s\" is not BUDGET/PERIOD, like 2ms/10ms, or none", text);
	if (period < DAIS_SCHED_PERIOD_MIN || period > DAIS_SCHED_PERIOD_MAX)
		return fault_set(err, "reserve: a period of %llu us is out of range; give one from %llu us to %llu ms",
				 (unsigned long long)period, DAIS_SCHED_PERIOD_MIN, DAIS_SCHED_PERIOD_MAX / 1000);
	if (budget < DAIS_SCHED_BUDGET_MIN || budget > period)
		return fault_set(err, "reserve: a budget of %llu us is out of range; give one from %llu us to the period",
				 (unsigned long long)budget, DAIS_SCHED_BUDGET_MIN);
	*value = budget << 32 | period;
	return 0;
}

static int parse_cpus(const char *text, uint64_t *cpus, struct fault *err)
{
	const char *p = text;
	char *end;

	memset(cpus, 0, DAIS_MAX_CPUS / 8);
	for (;;) {
		unsigned long first = strtoul(p, &end, 10), last = first;

		if (!isdigit((unsigned char)*p))
			break;
		if (*end == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		if (first > last || last >= DAIS_MAX_CPUS)
			break;
		for (; first <= last; first++)
			cpus[first / 64] |= 1ULL << first % 64;
		if (!*end)
			return 0;
		if (*end != ',')
			break;
		p = end + 1;
	}
	return fault_set(err, "cpus: \"%s\" is no list of CPUs, like 1-3 or 0,2, up to %u", text, DAIS_MAX_CPUS - 1);
}

static int parse_switch(const char *name, const char *text, uint64_t *value, struct fault *err)
{
	*value = !strcmp(text, "on");
	return *value || !strcmp(text, "off") ? 0 : fault_set(err, "%s: \"%s\" is neither on nor off", name, text);
}

/* For the hypercall each of cap and reserve ends the other, even as 0: the later one holds (an option's over a guest
 * file's), unless it is none; then the other does. */
static void settle(struct sched_config *s, enum dais_sched_param later, enum dais_sched_param other)
{
	if (s->value[later])
		s->given &= ~(1U << other);
	else if ((s->given >> other & 1) && s->value[other])
		s->given &= ~(1U << later);
}

int sched_config_parse(struct sched_config *s, enum dais_sched_param param, const char *text, struct fault *err)
{
	uint64_t *value = &s->value[param];
	int ret;

	switch (param) {
	case DAIS_SCHED_RESERVE:
		ret = parse_reserve(text, value, err);
		break;
	case DAIS_SCHED_SLICE:
		ret = parse_slice(text, value, err);
		break;
	case DAIS_SCHED_CPUS:
		ret = parse_cpus(text, s->cpus, err);
		break;
	case DAIS_SCHED_CORE:
		ret = parse_switch(sched_names[param], text, value, err);
		break;
	default:
		ret = parse_number(sched_names[param], text, param, value, err);
	}
	if (ret)
		return ret;
	s->given |= 1U << param;
	if (param == DAIS_SCHED_CAP)
		settle(s, param, DAIS_SCHED_RESERVE);
	if (param == DAIS_SCHED_RESERVE)
		settle(s, param, DAIS_SCHED_CAP);
	return 0;
}

static const char *time_text(uint64_t us, char buf[32])
{
	if (us % 1000)
		snprintf(buf, 32, "%lluus", (unsigned long long)us);
	else
		snprintf(buf, 32, "%llums", (unsigned long long)us / 1000);
	return buf;
}

static bool has_cpu(const struct sched_config *s, unsigned int cpu)
{
	return cpu < DAIS_MAX_CPUS && s->cpus[cpu / 64] >> cpu % 64 & 1;
}

static void cpus_text(const struct sched_config *s, char *text, size_t size)
{
	size_t used = 0;
	unsigned int i, last;

	text[0] = 0;
	for (i = 0; i < DAIS_MAX_CPUS && used < size; i++) {
		if (!has_cpu(s, i))
			continue;
		for (last = i; has_cpu(s, last + 1); last++)
			;
		used += snprintf(text + used, size - used, last > i ? "%s%u-%u" : "%s%u", used ? "," : "", i, last);
		i = last;
	}
}

void sched_config_text(const struct sched_config *s, enum dais_sched_param param, char *text, size_t size)
{
	uint64_t value = s->value[param];
	char a[32], b[32];

	if (param == DAIS_SCHED_CPUS)
		cpus_text(s, text, size);
	else if (param == DAIS_SCHED_RESERVE && value)
		snprintf(text, size, "%s/%s", time_text(value >> 32, a), time_text(value & 0xffffffff, b));
	else if (param == DAIS_SCHED_RESERVE)
		snprintf(text, size, "none");
	else if (param == DAIS_SCHED_SLICE)
		snprintf(text, size, "%s", time_text(value, a));
	else if (param == DAIS_SCHED_CORE)
		snprintf(text, size, "%s", value ? "on" : "off");
	else
		snprintf(text, size, "%llu", (unsigned long long)value);
}
