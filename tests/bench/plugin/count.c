// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCG plugin: instructions executed between the marks of what is measured, by CPU, and by address within a range.
 * Arguments: out=file [from=hex size=hex [only=1]]; only: those of the range, which is faster. For each pair of marks: "MARK n", "CPU index instructions"…,
 * "AT address instructions"….
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api.h"

EXPORT int qemu_plugin_version = PLUGIN_VERSION;

static const unsigned char mark[2][MARK_LENGTH] = {
	{ 0x0f, 0x1f, 0x84, 0x00, 0x01, 0x5b, 0xa1, 0x0d }, { 0x0f, 0x1f, 0x84, 0x00, 0x02, 0x5b, 0xa1, 0x0d },
};
static uint64_t cpu_before[MAX_CPUS], *by_address, *address_before, from, size;
static bool only;
static unsigned int marks;
static FILE *out;

static void count_address(unsigned int cpu, void *counter)
{
	(void)cpu;
	++*(uint64_t *)counter;
}

static void on_mark(unsigned int cpu, void *end)
{
	(void)cpu;
	if (!end) {
		for (unsigned int i = 0; i < MAX_CPUS; i++)
			cpu_before[i] = counted(i);
		if (size)
			memcpy(address_before, by_address, size * sizeof(*by_address));
		return;
	}
	fprintf(out, "MARK %u\n", ++marks);
	for (unsigned int i = 0; i < MAX_CPUS; i++)
		if (counted(i) != cpu_before[i])
			fprintf(out, "CPU %u %" PRIu64 "\n", i, counted(i) - cpu_before[i]);
	for (uint64_t i = 0; i < size; i++)
		if (by_address[i] != address_before[i])
			fprintf(out, "AT %" PRIx64 " %" PRIu64 "\n", from + i, by_address[i] - address_before[i]);
	fflush(out);
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);

		if (!only)
			count_by_cpu(insn);
		if (at - from < size)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, count_address, CB_NO_REGS, &by_address[at - from]);
		if (qemu_plugin_insn_size(insn) != MARK_LENGTH)
			continue;
		for (uintptr_t m = 0; m < 2; m++)
			if (is_code(insn, mark[m]))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS, (void *)m);
	}
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "from=", 5))
			from = strtoull(argv[i] + 5, NULL, 16);
		else if (!strncmp(argv[i], "size=", 5))
			size = strtoull(argv[i] + 5, NULL, 16);
		else if (!strncmp(argv[i], "only=", 5))
			only = argv[i][5] == '1';
	}
	by_address = calloc(size + 1, sizeof(*by_address));
	address_before = calloc(size + 1, sizeof(*address_before));
	if (!out || !by_address || !address_before)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
