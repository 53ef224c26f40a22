; SPDX-License-Identifier: GPL-2.0-only
; One world switch (APM vol. 2 §15.5). GIF is clear from CLGI to STGI: an NMI or
; interrupt in between waits, while FS, GS and TR are the guest's.
; struct xvcpu's gpr[]: rax rcx rdx rbx rsp rbp rsi rdi r8-r15; RAX and RSP go by the VMCB.

bits 64
default rel
section .text

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
	mov rcx, [rsi + 8]
	mov rdx, [rsi + 16]
	mov rbx, [rsi + 24]
	mov rbp, [rsi + 40]
	mov rdi, [rsi + 56]
	mov r8,  [rsi + 64]
	mov r9,  [rsi + 72]
	mov r10, [rsi + 80]
	mov r11, [rsi + 88]
	mov r12, [rsi + 96]
	mov r13, [rsi + 104]
	mov r14, [rsi + 112]
	mov r15, [rsi + 120]
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
	mov [rax + 8], rcx
	mov [rax + 16], rdx
	mov [rax + 24], rbx
	mov [rax + 40], rbp
	mov [rax + 48], rsi
	mov [rax + 56], rdi
	mov [rax + 64], r8
	mov [rax + 72], r9
	mov [rax + 80], r10
	mov [rax + 88], r11
	mov [rax + 96], r12
	mov [rax + 104], r13
	mov [rax + 112], r14
	mov [rax + 120], r15
	; nothing of the guest's stays in registers for host mode to speculate with
	xor ecx, ecx
	xor edx, edx
	xor ebx, ebx
	xor esi, esi
	xor edi, edi
	xor r8d, r8d
	xor r9d, r9d
	xor r10d, r10d
	xor r11d, r11d
	stgi
	add rsp, 24
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret
