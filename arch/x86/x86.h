/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions and register bits, as the manuals name them. */
#ifndef DAIS_X86_H
#define DAIS_X86_H

#include "kernel/types.h"

#define CR0_PE (1ULL << 0)
#define CR0_MP (1ULL << 1)
#define CR0_ET (1ULL << 4)
#define CR0_NE (1ULL << 5)
#define CR0_WP (1ULL << 16)
#define CR0_NW (1ULL << 29)
#define CR0_CD (1ULL << 30)
#define CR0_PG (1ULL << 31)
#define CR4_PSE (1ULL << 4)
#define CR4_PAE (1ULL << 5)
#define CR4_MCE (1ULL << 6)
#define CR4_OSFXSR (1ULL << 9)
#define CR4_OSXMMEXCPT (1ULL << 10)
#define CR4_UMIP (1ULL << 11)
#define CR4_LA57 (1ULL << 12)
#define CR4_FSGSBASE (1ULL << 16)
#define CR4_PCIDE (1ULL << 17)
#define CR4_OSXSAVE (1ULL << 18)
#define CR4_SMEP (1ULL << 20)
#define CR4_SMAP (1ULL << 21)
#define CR4_PKE (1ULL << 22)
#define EFER_SCE (1ULL << 0)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define EFER_NXE (1ULL << 11)
#define EFER_SVME (1ULL << 12)
#define RFLAGS_TF (1ULL << 8)
#define RFLAGS_IF (1ULL << 9)
#define RFLAGS_RF (1ULL << 16)
#define RFLAGS_VM (1ULL << 17)

#define VEC_DB 1
#define VEC_NMI 2
#define VEC_BP 3
#define VEC_UD 6
#define VEC_DF 8
#define VEC_GP 13
#define VEC_PF 14
#define VEC_AC 17
#define VEC_MC 18

#define MSR_TSC             0x10
#define MSR_APIC_BASE       0x1b
#define APIC_BASE_EXTD      (1ULL << 10)
#define MSR_SPEC_CTRL       0x48
#define MSR_PRED_CMD        0x49
#define MSR_FLUSH_CMD       0x10b
#define MSR_MCG_CAP         0x179
#define MSR_MCG_STATUS      0x17a
#define MSR_MCG_CTL         0x17b
#define MCG_CTL_P           0x100ULL /* in MCG_CAP: it is there */
#define MSR_PAT             0x277
#define MSR_MC0_CTL         0x400
#define MC_BANKS            32ULL /* there: 0x480 is another register, AMD's further banks are elsewhere */
#define MSR_MC0_STATUS      0x401
#define MSR_TSC_DEADLINE    0x6e0
#define MSR_X2APIC          0x800
#define MSR_EFER            0xc0000080
#define MSR_STAR            0xc0000081
#define MSR_FS_BASE         0xc0000100
#define MSR_KERNEL_GS_BASE  0xc0000102
#define MSR_TSC_AUX         0xc0000103
#define MSR_DE_CFG          0xc0011029 /* bit 1: LFENCE serializes */

/* Registers with a number, in EDX:EAX: each access is named by its instruction. */
#define NUMBERED_ACCESS(read, write) \
	static inline u64 read(u32 n) { u32 lo, hi; __asm__ volatile(#read : "=a"(lo), "=d"(hi) : "c"(n)); return (u64)hi << 32 | lo; } \
	static inline void write(u32 n, u64 v) { __asm__ volatile(#write : : "c"(n), "a"((u32)v), "d"((u32)(v >> 32)) : "memory"); }
NUMBERED_ACCESS(rdmsr, wrmsr) NUMBERED_ACCESS(xgetbv, xsetbv)

static inline u64 rdtsc(void) { return __builtin_ia32_rdtsc(); }

#define CR_ACCESS(n) \
	static inline u64 read_cr##n(void) { u64 v; __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)); return v; } \
	static inline void write_cr##n(u64 v) { __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory"); }
CR_ACCESS(0) CR_ACCESS(2) CR_ACCESS(3) CR_ACCESS(4)

#define DR_ACCESS(n) \
	static inline u64 read_dr##n(void) { u64 v; __asm__ volatile("mov %%db" #n ", %0" : "=r"(v)); return v; } \
	static inline void write_dr##n(u64 v) { __asm__ volatile("mov %0, %%db" #n : : "r"(v)); }
DR_ACCESS(0) DR_ACCESS(1) DR_ACCESS(2) DR_ACCESS(3) DR_ACCESS(6) DR_ACCESS(7)

static inline void invlpg(const void *p) { __asm__ volatile("invlpg (%0)" : : "r"(p) : "memory"); }

#endif
