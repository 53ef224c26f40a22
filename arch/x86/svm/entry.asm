; SPDX-License-Identifier: GPL-2.0-only
; One world switch (APM vol. 2 §15.5). GIF is clear from CLGI to STGI: an NMI or
; interrupt in between waits, while FS, GS and TR are the guest's.
; RAX and RSP go by the VMCB.

%include "arch/x86/virt/gprs.inc"

bits 64
default rel
section .text

; svm_enter_guest(vmcb_hpa, gpr, host_vmcb_hpa, shadow)
global svm_enter_guest
svm_enter_guest:
	PUSH_SAVED
	push rdx                        ; host VMCB
	push rsi                        ; gpr
	clgi
	sti                             ; host IF = 1 lets physical interrupts end guest mode; its shadow ends long before VMRUN
	mov rax, rdi
	vmload
	test ecx, ecx
	LOAD rsi, GPRS, rdi, 7, rsi, 6
	jnz .shadow
	vmrun
.out:	cli
	vmsave                          ; RAX is as at VMRUN: the guest's VMCB
	mov rax, [rsp + 8]
	vmload
	pop rax
	STORE rax, GPRS, rsi, 6, rdi, 7
	ZERO ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	stgi
	add rsp, 8
	POP_SAVED
	ret
.shadow:                                ; TCG does not load INT_STATE: the shadow of this STI stands for the guest's
	cli
	sti
	vmrun
	jmp .out
