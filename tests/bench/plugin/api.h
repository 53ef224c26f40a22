/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's interface for plugins, declared here as Debian ships no header of it: PLUGIN_VERSION 1 (QEMU 7.2) or 3
 * (10.0), of what differs between them that which counts an instruction and looks at it.
 */
#ifndef BENCH_PLUGIN_API_H
#define BENCH_PLUGIN_API_H

#include <stdbool.h>
#include <stdint.h>
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
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned int, void *), int flags,
					    void *arg);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#if PLUGIN_VERSION < 3

void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *ptr, uint64_t add);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

static uint64_t all_cpus;

/* There is no counter of a CPU's own: one CPU is presumed. */
static inline void count_by_cpu(struct qemu_plugin_insn *insn)
{
	qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &all_cpus, 1);
}

static inline uint64_t counted(unsigned int cpu)
{
	return cpu ? 0 : all_cpus;
}

static inline bool is_code(const struct qemu_plugin_insn *insn, const unsigned char *code)
{
	return !memcmp(qemu_plugin_insn_data(insn), code, MARK_LENGTH);
}

#else

size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);

static uint64_t each_cpu[MAX_CPUS];

/* By a call each: QEMU 10.0's counters that it adds to itself crash where there is more than one CPU. */
static void count_one(unsigned int cpu, void *unused)
{
	(void)unused;
	each_cpu[cpu % MAX_CPUS]++;
}

static inline void count_by_cpu(struct qemu_plugin_insn *insn)
{
	qemu_plugin_register_vcpu_insn_exec_cb(insn, count_one, CB_NO_REGS, NULL);
}

static inline uint64_t counted(unsigned int cpu)
{
	return each_cpu[cpu];
}

static inline bool is_code(const struct qemu_plugin_insn *insn, const unsigned char *code)
{
	unsigned char bytes[MARK_LENGTH];

	return qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) == sizeof(bytes) && !memcmp(bytes, code, sizeof(bytes));
}

#endif

#endif
