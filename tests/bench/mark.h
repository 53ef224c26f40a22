/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

/* For tests/bench/plugin, which counts between them: NOPs that nothing else holds. */
#define MARK(id) asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long %c0" :: "i"(id) : "memory")
#define BEGIN 0x0da15b01
#define END 0x0da15b02

#endif
