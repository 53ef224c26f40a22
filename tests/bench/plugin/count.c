// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TCG plugin: instructions executed between the payload's marks, by CPU, and by address within a range.
 * Arguments: out=file [from=hex size=hex]. For each pair of marks: "MARK n", "CPU index instructions"…,
 * "AT address instructions"…. The interface, version 1, is declared here: Debian ships no header of it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_CPUS 64
#define MARK_LENGTH 8

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
enum { CB_NO_REGS = 0 };
enum { INLINE_ADD_U64 = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned int, void *), int flags, void *arg);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned int, void *), int flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *ptr, uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

static const unsigned char mark[2][MARK_LENGTH] = {
	{ 0x0f, 0x1f, 0x84, 0x00, 0x01, 0x5b, 0xa1, 0x0d }, { 0x0f, 0x1f, 0x84, 0x00, 0x02, 0x5b, 0xa1, 0x0d },
};
static uint64_t by_cpu[MAX_CPUS], cpu_before[MAX_CPUS], *by_address, *address_before, from, size;
static unsigned int marks;
static FILE *out;

static void count_block(unsigned int cpu, void *instructions)
{
	by_cpu[cpu % MAX_CPUS] += (uintptr_t)instructions;
}

static void on_mark(unsigned int cpu, void *end)
{
	(void)cpu;
	if (!end) {
		memcpy(cpu_before, by_cpu, sizeof(by_cpu));
		if (size)
			memcpy(address_before, by_address, size * sizeof(*by_address));
		return;
	}
	fprintf(out, "MARK %u\n", ++marks);
	for (unsigned int i = 0; i < MAX_CPUS; i++)
		if (by_cpu[i] != cpu_before[i])
			fprintf(out, "CPU %u %" PRIu64 "\n", i, by_cpu[i] - cpu_before[i]);
	for (uint64_t i = 0; i < size; i++)
		if (by_address[i] != address_before[i])
			fprintf(out, "AT %" PRIx64 " %" PRIu64 "\n", from + i, by_address[i] - address_before[i]);
	fflush(out);
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, count_block, CB_NO_REGS, (void *)(uintptr_t)n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t at = qemu_plugin_insn_vaddr(insn);

		if (at - from < size)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &by_address[at - from], 1);
		if (qemu_plugin_insn_size(insn) != MARK_LENGTH)
			continue;
		for (uintptr_t m = 0; m < 2; m++)
			if (!memcmp(qemu_plugin_insn_data(insn), mark[m], MARK_LENGTH))
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
	}
	by_address = calloc(size + 1, sizeof(*by_address));
	address_before = calloc(size + 1, sizeof(*address_before));
	if (!out || !by_address || !address_before)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
