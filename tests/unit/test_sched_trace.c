/* SPDX-License-Identifier: GPL-2.0-only */
/* dais trace --sched: the file that a viewer opens. */
/* links: mgmt/dais/sched_trace.c mgmt/dais/json.c */
/* flags: -Imgmt/libdais */
/* libs: -ljson-c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <json-c/json.h>

#include "mgmt/dais/sched_trace.h"

#define VCPU(domain, index) ((domain) << 16 | (index))
#define ODD 9
#define HZ 1000000000ULL /* a tick is a nanosecond */

static struct json_object *root, *events;

static const char *name(void *ctx, uint32_t domain)
{
	(void)ctx;
	return domain == ODD ? "a \"b\"\\\x80" : domain ? "web" : "control";
}

static void convert(const struct dais_trace_entry *list, size_t count)
{
	struct dais_trace_entry *copy = malloc(count * sizeof(*copy) + 1);
	size_t size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	if (count)
		memcpy(copy, list, count * sizeof(*copy));
	assert_int_equal(sched_trace_write(f, copy, count, HZ, 7, name, NULL), 0);
	fclose(f);
	root = json_tokener_parse(text);
	assert_non_null(root);
	assert_true(json_object_object_get_ex(root, "traceEvents", &events));
	free(text);
	free(copy);
}

static double number(struct json_object *o, const char *key)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	return json_object_get_double(v);
}

static const char *string(struct json_object *o, const char *key)
{
	struct json_object *v;

	assert_true(json_object_object_get_ex(o, key, &v));
	return json_object_get_string(v);
}

/* The only span of that name in that track, or NULL. */
static struct json_object *span(const char *what, int pid, int tid)
{
	struct json_object *found = NULL;

	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *e = json_object_array_get_idx(events, i);

		if (strcmp(string(e, "ph"), "X") || strcmp(string(e, "name"), what) || number(e, "pid") != pid ||
		    number(e, "tid") != tid)
			continue;
		assert_null(found);
		found = e;
	}
	return found;
}

static void assert_span(const char *what, int pid, int tid, double begin, double length)
{
	struct json_object *s = span(what, pid, tid);

	assert_non_null(s);
	assert_true(number(s, "ts") == begin);
	assert_true(number(s, "dur") == length);
}

static void who_runs_and_who_waits(void **state)
{
	/* not in order: CPUs write beside each other */
	static const struct dais_trace_entry list[] = {
		{ 1000000, DAIS_TRACE_SWITCH, 1, VCPU(3, 0), 0, 0 },
		{ 1050000, DAIS_TRACE_OFF, 1, VCPU(3, 0), DAIS_ACT_RUNNABLE, 0 }, /* pre-empted */
		{ 1050500, DAIS_TRACE_SWITCH, 1, VCPU(0, 1), 0, 0 },
		{ 1080000, DAIS_TRACE_OFF, 1, VCPU(0, 1), DAIS_ACT_HALTED, 0 },
		{ 1080500, DAIS_TRACE_SWITCH, 2, VCPU(3, 0), 0, 0 },
		{ 1070000, DAIS_TRACE_WAKE, 1, VCPU(3, 0), 1, 0 }, /* waits already */
		{ 1090000, DAIS_TRACE_WAKE, 0, VCPU(0, 1), 1, 0 },
		{ 1095000, DAIS_TRACE_EXIT, 0, VCPU(0, 1), 1, 0 }, /* no matter of ours */
	};

	(void)state;
	convert(list, sizeof(list) / sizeof(list[0]));
	assert_span("web/0", 0, 1, 0, 50);
	assert_span("control/1", 0, 1, 50.5, 29.5);
	assert_span("web/0", 0, 2, 80.5, 14.5); /* it still runs at the end */
	assert_span("waits", 4, 0, 50, 30.5);
	assert_null(span("waits", 1, 1)); /* still waiting: not told */
	assert_span("runs", 1, 1, 50.5, 29.5);
	json_object_put(root);
}

static void what_is_no_switch(void **state)
{
	static const struct dais_trace_entry list[] = {
		{ 500, DAIS_TRACE_OFF, 0, VCPU(0, 0), DAIS_ACT_HALTED, 0 }, /* ran since before */
		{ 5000, DAIS_TRACE_SWITCH, 0, VCPU(0, 0), 0, 0 },
		{ 9000, DAIS_TRACE_OFF, 0, VCPU(0, 0), DAIS_ACT_RUNNABLE, 0 },
		{ 9500, DAIS_TRACE_SWITCH, 0, VCPU(0, 0), 0, 0 }, /* it was only looked after */
		{ 20000, DAIS_TRACE_OFF, 0, VCPU(0, 0), DAIS_ACT_RUNNABLE, 1 }, /* lends its time: does not wait */
		{ 20100, DAIS_TRACE_SWITCH, 0, VCPU(1, 5), 0, 0 },
		{ 30000, DAIS_TRACE_OFF, 0, VCPU(1, 5), DAIS_ACT_HALTED, 0 },
		{ 40000, DAIS_TRACE_SWITCH, 0, VCPU(0, 0), 0, 0 },
		{ 40100, DAIS_TRACE_OFF, 0, VCPU(0, 0), DAIS_ACT_HALTED, 0 },
	};
	size_t runs = 0;

	(void)state;
	convert(list, sizeof(list) / sizeof(list[0]));
	for (size_t i = 0; i < json_object_array_length(events); i++)
		runs += !strcmp(string(json_object_array_get_idx(events, i), "name"), "runs");
	assert_int_equal(runs, 4);
	assert_null(span("waits", 1, 0));
	assert_span("web/5", 0, 0, 19.6, 9.9);
	json_object_put(root);
}

static void an_empty_trace(void **state)
{
	struct json_object *other;

	(void)state;
	convert(NULL, 0);
	assert_int_equal(json_object_array_length(events), 1); /* the CPUs' name */
	assert_true(json_object_object_get_ex(root, "otherData", &other));
	assert_true(number(other, "lost") == 7);
	json_object_put(root);
}

/* Other programs of libdais's may call a guest anything. */
static void a_name_is_escaped(void **state)
{
	static const struct dais_trace_entry list[] = {
		{ 0, DAIS_TRACE_SWITCH, 0, VCPU(ODD, 1), 0, 0 }, { 1000, DAIS_TRACE_OFF, 0, VCPU(ODD, 1), DAIS_ACT_HALTED, 0 },
	};

	(void)state;
	convert(list, sizeof(list) / sizeof(list[0]));
	assert_span("a \"b\"\\?/1", 0, 0, 0, 1);
	json_object_put(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_runs_and_who_waits), cmocka_unit_test(what_is_no_switch),
		cmocka_unit_test(an_empty_trace), cmocka_unit_test(a_name_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
