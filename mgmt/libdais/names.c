// SPDX-License-Identifier: MIT
/* Texts of the numbers in the ABI. */
#include "internal.h"

#define NAME(table, n) ((n) < sizeof(table) / sizeof((table)[0]) && (table)[n] ? (table)[n] : "?")

const char *dais_state_name(unsigned int state)
{
	static const char *const names[] = {
		[DAIS_DOM_CONFIG] = "created", [DAIS_DOM_RUNNING] = "running",
		[DAIS_DOM_PAUSED] = "paused", [DAIS_DOM_DEAD] = "dead",
	};

	return NAME(names, state);
}

const char *dais_death_name(unsigned int death)
{
	static const char *const names[] = {
		[DAIS_DEATH_NONE] = "none", [DAIS_DEATH_POWEROFF] = "powered off",
		[DAIS_DEATH_REBOOT] = "rebooted", [DAIS_DEATH_DESTROYED] = "destroyed",
		[DAIS_DEATH_TRIPLE_FAULT] = "triple fault",
		[DAIS_DEATH_BAD_STATE] = "impossible CPU state",
		[DAIS_DEATH_EMULATION] = "an instruction that Dais does not emulate",
		[DAIS_DEATH_MEMORY] = "Dais out of memory", [DAIS_DEATH_MONITOR] = "monitor gone",
		[DAIS_DEATH_MACHINE_CHECK] = "machine check",
	};

	return NAME(names, death);
}

const char *dais_activity_name(unsigned int activity)
{
	static const char *const names[] = {
		[DAIS_ACT_WAIT_SIPI] = "waiting for SIPI", [DAIS_ACT_RUNNABLE] = "runnable",
		[DAIS_ACT_HALTED] = "halted", [DAIS_ACT_PARKED] = "parked",
	};

	return NAME(names, activity);
}

const char *dais_call_name(unsigned int nr)
{
	static const char *const names[] = {
#define DAIS_CALL(nr, name, args) [nr] = #name,
#include <dais/calls.def>
#undef DAIS_CALL
	};

	return NAME(names, nr);
}
