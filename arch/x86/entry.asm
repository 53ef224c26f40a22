; SPDX-License-Identifier: GPL-2.0-only
; Exceptions and interrupts of host mode: one stub per vector, one frame (struct trap_frame in trap.c).

bits 64
default rel

extern trap_entry

section .text

%macro STUB 1
stub_%1:
%if %1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21 || %1 == 29 || %1 == 30
%else
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

trap_common:
	push r15
	push r14
	push r13
	push r12
	push r11
	push r10
	push r9
	push r8
	push rdi
	push rsi
	push rbp
	push rbx
	push rdx
	push rcx
	push rax
	cld
	mov rdi, rsp
	mov rbx, rsp
	and rsp, -16
	call trap_entry
	mov rsp, rbx
	pop rax
	pop rcx
	pop rdx
	pop rbx
	pop rbp
	pop rsi
	pop rdi
	pop r8
	pop r9
	pop r10
	pop r11
	pop r12
	pop r13
	pop r14
	pop r15
	add rsp, 16
	iretq

; Interrupts are on for one instruction's shadow only: what is pending comes here.
global irq_window
irq_window:
	sti
	nop
	nop
	cli
	ret

global idle_wait
idle_wait:
	sti
	hlt
	cli
	ret
