; SPDX-License-Identifier: GPL-2.0-only
; Exceptions and interrupts of host mode: one stub per vector, one frame (struct trap_frame, cpu.h).

bits 64
default rel

extern trap_entry

section .text

%macro STUB 1
stub_%1:
%if !(%1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21 || %1 == 29 || %1 == 30)
	push 0
%endif
	push %1
	jmp near trap_common
	align 16
%endmacro

align 16
global trap_stubs
trap_stubs:
%assign i 0
%rep 256
	STUB i
%assign i i+1
%endrep

%define REGISTERS r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax

%macro PUSH 1-*
%rep %0
	push %1
%rotate 1
%endrep
%endmacro

%macro POP 1-* ; from the last to the first
%rep %0
%rotate -1
	pop %1
%endrep
%endmacro

trap_common:
	PUSH REGISTERS
	cld
	mov rdi, rsp
	mov rbx, rsp
	and rsp, -16
	call trap_entry
	mov rsp, rbx
	POP REGISTERS
	add rsp, 16
	iretq
