; SPDX-License-Identifier: GPL-2.0-only
; One world switch (APM vol. 2 §15.5). GIF is clear from CLGI to STGI: an NMI or
; interrupt in between waits, while FS, GS and TR are the guest's.
; struct xvcpu's gpr[]: rax rcx rdx rbx rsp rbp rsi rdi r8-r15; RAX and RSP go by the VMCB.

bits 64
default rel
section .text

; LOAD or STORE the registers whose numbers are given, from or to gpr[] at [rsi] or [rax]
%macro LOAD 2-*
%rep %0 / 2
	mov %1, [rsi + %2 * 8]
%rotate 2
%endrep
%endmacro
%macro STORE 2-*
%rep %0 / 2
	mov [rax + %2 * 8], %1
%rotate 2
%endrep
%endmacro
%macro ZERO 1-*
%rep %0
	xor %1, %1
%rotate 1
%endrep
%endmacro
%define GPRS rcx, 1, rdx, 2, rbx, 3, rbp, 5, rdi, 7, r8, 8, r9, 9, r10, 10, r11, 11, r12, 12, r13, 13, r14, 14, r15, 15

; svm_enter_guest(vmcb_hpa, gpr, host_vmcb_hpa, sti_first)
global svm_enter_guest
svm_enter_guest:
	push rbp
	mov rbp, rsp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdx                        ; host VMCB
	push rsi                        ; gpr
	push rdi                        ; guest VMCB
	clgi
	test ecx, ecx
	mov rax, rdi
	vmload
	LOAD GPRS
	mov rsi, [rsi + 48]
	jnz .shadow
	sti                             ; host IF = 1 lets physical interrupts end guest mode
	nop                             ; STI's own shadow ends here
	vmrun
	jmp .out
.shadow:
	sti                             ; quirk: the shadow of this STI stands for the guest's
	vmrun
.out:	cli
	mov rax, [rsp]
	vmsave
	mov rax, [rsp + 16]
	vmload
	mov rax, [rsp + 8]
	STORE GPRS, rsi, 6
	; nothing of the guest's stays in registers for host mode to speculate with
	ZERO ecx, edx, ebx, esi, edi, r8d, r9d, r10d, r11d
	stgi
	add rsp, 24
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret
