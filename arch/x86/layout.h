/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host mode's address space. Nothing else is mapped: no guest RAM, no identity.
 *
 *   PML4 256  DIRECT   Dais's own memory at DIRECT_BASE + physical (heap, tables)
 *   PML4 384  STACKS   64 KiB per CPU: stacks with guard pages between
 *   PML4 416  WINDOWS  8 pages per CPU, and 2 MiB per CPU for scrubbing
 *   PML4 511  IMAGE    text RX, rodata R, data RW; device pages in its last 2 MiB
 */
#ifndef DAIS_LAYOUT_H
#define DAIS_LAYOUT_H

#define DIRECT_BASE   0xffff800000000000ULL
#define STACKS_BASE   0xffffc00000000000ULL
#define STACKS_STRIDE 0x10000ULL
#define WINDOW_BASE   0xffffd00000000000ULL
#define WINDOW_STRIDE 0x8000ULL
#define SCRUB_BASE    0xffffd04000000000ULL /* 2 MiB per CPU, 1 GiB-aligned, other PDPT entries than WINDOW_BASE */
#define IMAGE_BASE    0xffffffff80000000ULL
#define APIC_VIRT     0xffffffffbfe00000ULL /* the local APIC's page */

/* Inside a CPU's stack area, in pages: guards are the pages between */
#define STACK_MAIN_PAGE 1
#define STACK_MAIN_PAGES 4
#define STACK_DF_PAGE 6
#define STACK_NMI_PAGE 8
#define STACK_MC_PAGE 10
#define STACK_IST_PAGES 1

#endif
