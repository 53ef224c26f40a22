; SPDX-License-Identifier: GPL-2.0-only
; One world switch (SDM vol. 3 ch. 27, 28). Interrupts stay off: external-interrupt exiting
; ends guest mode whatever IF is.

%include "arch/x86/virt/gprs.inc"

bits 64
default rel
section .text

HOST_RSP equ 0x6c14

; bool vmx_enter_guest(gpr, launched, host_rsp)
global vmx_enter_guest
vmx_enter_guest:
	PUSH_SAVED
	push rdi
	cmp rsp, [rdx]
	je .same
	mov [rdx], rsp
	mov eax, HOST_RSP
	vmwrite rax, rsp
.same:
	test esi, esi
	LOAD rdi, GPRS, rax, 0, rsi, 6, rdi, 7
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
	STORE rdi, GPRS, rax, 0, rsi, 6
	pop rax
	mov [rdi + 56], rax
	add rsp, 8
	mov eax, 1
leave_guest:
	ZERO ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	POP_SAVED
	ret
