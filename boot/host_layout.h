/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host mode's address space, built by the loader (boot/host.c). Nothing else is
 * mapped: no guest RAM, no identity.
 *
 *   PML4 256  DIRECT   Dais's own memory at DIRECT_BASE + physical (heap, tables)
 *   PML4 384  STACKS   64 KiB per CPU: stacks, data, descriptors, with guard pages between
 *   PML4 416  WINDOWS  8 pages per CPU: tables, nothing in them yet
 *   PML4 511  IMAGE    text RX, rodata R, data RW; the local APIC's page in its last 2 MiB
 */
#ifndef DAIS_HOST_LAYOUT_H
#define DAIS_HOST_LAYOUT_H

#define DIRECT_BASE   0xffff800000000000ULL
#define STACKS_BASE   0xffffc00000000000ULL
#define STACKS_STRIDE 0x10000ULL
#define WINDOW_BASE   0xffffd00000000000ULL
#define WINDOW_STRIDE 0x8000ULL
#define IMAGE_BASE    0xffffffff80000000ULL
#define APIC_VIRT     0xffffffffbfe00000ULL /* the local APIC's page */

/* Of CPU n, in pages of its 64 KiB; what is not named is a guard page */
#define CPU_AREA(n)      (STACKS_BASE + (n) * STACKS_STRIDE)
#define CPU_MAIN_PAGE    1
#define CPU_MAIN_PAGES   4
#define CPU_FAULT_PAGE   6  /* double fault, page fault */
#define CPU_NMI_PAGE     8
#define CPU_MC_PAGE      10
#define CPU_DATA_PAGE    12 /* struct boot_percpu, and struct cpu behind it */
#define CPU_TABLES_PAGE  14 /* GDT and TSS, whose IST 1 to 3 are the stacks of fault, NMI, machine check */

#define CPU_STACK_TOP(n) (CPU_AREA(n) + (CPU_MAIN_PAGE + CPU_MAIN_PAGES) * 4096)

/* Selectors */
#define CPU_CODE 0x08
#define CPU_DATA 0x10
#define CPU_TSS  0x18

#endif
