/* SPDX-License-Identifier: GPL-2.0-only */
/* Cases, expectations and the result line. */
#include "rt.h"

#define FAILURES_SHOWN 20

static char case_name[80];
static u32 case_number;
static volatile u32 failures;

static void copy_name(const char *format, va_list ap);

/*
 * Begins the next numbered case; false: it was not asked for ("from=", "only=").
 */
bool test_case(const char *format, ...)
{
	u64 from = argument_number("from", 0), only = argument_number("only", ~0UL);
	u32 number = case_number++;
	va_list ap;

	if (number < from || (only != ~0UL && number != only))
		return false;
	va_start(ap, format);
	copy_name(format, ap);
	va_end(ap);
	print("CASE %u %s\n", number, case_name);
	return true;
}

/* Only %s and plain characters: a name, not a report. */
static void copy_name(const char *f, va_list ap)
{
	size_t n = 0;

	for (; *f && n < sizeof(case_name) - 1; f++) {
		const char *s;

		if (f[0] != '%') {
			case_name[n++] = *f;
			continue;
		}
		f++;
		for (s = va_arg(ap, const char *); *s && n < sizeof(case_name) - 1; s++)
			case_name[n++] = *s;
	}
	case_name[n] = 0;
}

void expect_failed(const char *format, ...)
{
	u32 n = __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	va_list ap;

	if (n > FAILURES_SHOWN)
		return;
	print("FAIL %s: %s: ", test_name, case_name);
	va_start(ap, format);
	vprint(format, ap);
	va_end(ap);
	print("\n");
}

bool native(void)
{
	struct cpuid r = cpuid(0x40000000, 0);

	return r.ebx != 0x4b4d564b || r.ecx != 0x564b4d56; /* "KVMKVMKVM": Dais looks like KVM */
}

void finish(void)
{
	if (failures > FAILURES_SHOWN)
		print("FAIL %s: %u more\n", test_name, failures - FAILURES_SHOWN);
	if (!failures)
		print("PASS %s\n", test_name);
	power_off();
}

void guest_main(void);
void guest_main(void)
{
	platform_setup();
	cpu_setup(0);
	apic_enable();
	test();
	finish();
}
