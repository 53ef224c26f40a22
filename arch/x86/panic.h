/* SPDX-License-Identifier: GPL-2.0-only */
/* Dais's own end: report, backtrace, stop or reboot. */
#ifndef DAIS_PANIC_H
#define DAIS_PANIC_H

#include "kernel/types.h"

/* As entry.asm pushes it. */
struct trap_frame {
	u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

void panic_at(const struct trap_frame *f, const char *fmt, ...) __noreturn __printf(2, 3);
void panic_nmi(void);  /* another CPU panicked: stops this one, or returns */

#endif
