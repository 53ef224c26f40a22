; SPDX-License-Identifier: GPL-2.0-only
; One world switch (SDM vol. 3 ch. 27, 28). struct xvcpu's gpr[]: rax rcx rdx rbx rsp rbp rsi
; rdi r8-r15; RSP goes by the VMCS. Interrupts stay off: external-interrupt exiting ends
; guest mode whatever IF is.

bits 64
default rel
section .text

HOST_RSP equ 0x6c14

; bool vmx_enter_guest(gpr, launched, host_rsp)
global vmx_enter_guest
vmx_enter_guest:
	push rbp
	mov rbp, rsp
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rdi
	cmp rsp, [rdx]
	je .same
	mov [rdx], rsp
	mov eax, HOST_RSP
	vmwrite rax, rsp
.same:
	test esi, esi
	mov rax, [rdi]
	mov rcx, [rdi + 8]
	mov rdx, [rdi + 16]
	mov rbx, [rdi + 24]
	mov rbp, [rdi + 40]
	mov rsi, [rdi + 48]
	mov r8,  [rdi + 64]
	mov r9,  [rdi + 72]
	mov r10, [rdi + 80]
	mov r11, [rdi + 88]
	mov r12, [rdi + 96]
	mov r13, [rdi + 104]
	mov r14, [rdi + 112]
	mov r15, [rdi + 120]
	mov rdi, [rdi + 56]
	jnz .resume
	vmlaunch
	jmp .failed
.resume:
	vmresume
.failed:
	pop rdi
	xor eax, eax
	jmp leave_guest

global vmx_exit
vmx_exit:
	push rdi
	mov rdi, [rsp + 8]
	mov [rdi], rax
	mov [rdi + 8], rcx
	mov [rdi + 16], rdx
	mov [rdi + 24], rbx
	mov [rdi + 40], rbp
	mov [rdi + 48], rsi
	mov [rdi + 64], r8
	mov [rdi + 72], r9
	mov [rdi + 80], r10
	mov [rdi + 88], r11
	mov [rdi + 96], r12
	mov [rdi + 104], r13
	mov [rdi + 112], r14
	mov [rdi + 120], r15
	pop rax
	mov [rdi + 56], rax
	add rsp, 8
	mov eax, 1
leave_guest:
	; nothing of the guest's stays in registers for host mode to speculate with
	xor ecx, ecx
	xor edx, edx
	xor esi, esi
	xor edi, edi
	xor r8d, r8d
	xor r9d, r9d
	xor r10d, r10d
	xor r11d, r11d
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret
